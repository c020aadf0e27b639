//! Selections of the reference: ours are the same, or differ by a correction.
//!
//! The problem is stated once more, with the reference's defects to be switched on. With all of them it has the
//! reference's optimum; the smallest set of defects under which it has the reference's masks explains a difference.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

use std::collections::{BTreeMap, HashMap};

use handaxe_graph::{LayerId, Model, Op, Structure};
use handaxe_knapsack::{Limits, Problem, solver};
use handaxe_prune::{Candidate, Groups, Savings, Scope, Settings, ranking, select};
use serde::Deserialize;

const SCALE: &str = "3";
const UNSAVABLE: &str = "7 (capacity of section 1)";
const TRUNCATION: &str = "8";
const CHANNELS: &str = "section 4 (l1 of a filter)";
const DEFECTS: [&str; 4] = [SCALE, UNSAVABLE, TRUNCATION, CHANNELS];

type Weights = (Vec<usize>, Vec<f32>);

#[derive(Deserialize)]
struct Fixture {
    /// Model -> layer -> shape and weights.
    kernels: HashMap<String, HashMap<String, Weights>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    model: String,
    ranking: String,
    local: bool,
    sparsity: f64,
    layers: Vec<Layer>,
    zeros: Vec<Vec<usize>>,
    value: f64,
}

#[derive(Deserialize)]
struct Layer {
    name: String,
    structure: Vec<serde_json::Value>,
    cost: Vec<u64>,
    saved: Vec<u64>,
}

/// A layer of a case with its weights.
struct Kernel<'a> {
    layer: &'a Layer,
    shape: &'a [usize],
    weights: &'a [f32],
    structure: Structure,
    groups: Groups,
}

impl Case {
    fn kernels<'a>(&'a self, fixture: &'a Fixture) -> Vec<Kernel<'a>> {
        let kernel = |layer: &'a Layer| {
            let (shape, weights) = &fixture.kernels[&self.model][&layer.name];
            let number = |place: usize| layer.structure[place].as_u64().unwrap() as usize;
            let structure = match layer.structure[0].as_str().unwrap() {
                "unstructured" => Structure::Unstructured,
                "structured" => Structure::Structured,
                _ => Structure::Pattern { offset: number(1), consecutive: number(2) },
            };
            let groups = Groups::new(shape, &structure).unwrap();
            Kernel { layer, shape, weights, structure, groups }
        };
        self.layers.iter().map(kernel).collect()
    }

    /// The value of each group under some defects.
    fn values(&self, kernel: &Kernel<'_>, wrong: &[&str]) -> Vec<f64> {
        let channels = kernel.shape[kernel.shape.len().saturating_sub(2)];
        let filter = kernel.shape.len() == 4 && kernel.structure == Structure::Structured;
        let value = |group| {
            let members: Vec<usize> = kernel.groups.members(group).collect();
            let weight = |index: usize| f64::from(kernel.weights[index]);
            let l2 = |members: &mut dyn Iterator<Item = usize>| {
                members.map(|i| weight(i).powi(2)).sum::<f64>().sqrt()
            };
            match self.ranking.as_str() {
                "l1" if filter && wrong.contains(&CHANNELS) => {
                    // A filter's members are in row-major order, channels innermost.
                    let channel =
                        |c: usize| l2(&mut members.iter().copied().skip(c).step_by(channels));
                    (0..channels).map(channel).sum()
                }
                "l1" => members.iter().map(|&index| weight(index).abs()).sum(),
                _ => l2(&mut members.iter().copied()),
            }
        };
        let values: Vec<f64> = (0..kernel.groups.count()).map(value).collect();
        let pattern = matches!(kernel.structure, Structure::Pattern { .. });
        if self.local || (pattern && wrong.contains(&SCALE)) {
            return values;
        }
        let largest = values.iter().copied().fold(0.0, f64::max);
        values.into_iter().map(|value| value / largest).collect()
    }

    fn capacity(&self, kernels: &[Kernel<'_>], resource: usize, wrong: &[&str]) -> i64 {
        let cost: u64 = kernels.iter().map(|kernel| kernel.layer.cost[resource]).sum();
        let savable =
            |kernel: &Kernel<'_>| kernel.groups.count() as u64 * kernel.layer.saved[resource];
        let savable: u64 = kernels.iter().map(savable).sum();
        let allowed = (1.0 - self.sparsity) * cost as f64;
        let allowed =
            if wrong.contains(&TRUNCATION) { allowed.floor() } else { (allowed + 1e-6).floor() };
        let unsavable = if wrong.contains(&UNSAVABLE) { 0 } else { cost - savable };
        (allowed as i64 - unsavable as i64).max(0)
    }

    /// The problems of the case under some defects.
    fn problems(&self, kernels: &[Kernel<'_>], wrong: &[&str]) -> Vec<Problem<'static>> {
        let problem = |kernels: &[Kernel<'_>]| {
            let values: Vec<Vec<f64>> =
                kernels.iter().map(|kernel| self.values(kernel, wrong)).collect();
            let saved = |resource: usize| {
                let layer =
                    |kernel: &Kernel<'_>| vec![kernel.layer.saved[resource]; kernel.groups.count()];
                kernels.iter().flat_map(layer).collect::<Vec<_>>()
            };
            let resources = 0..kernels[0].layer.cost.len();
            let savings: Vec<Vec<u64>> = resources.clone().map(saved).collect();
            let capacity = |resource| self.capacity(kernels, resource, wrong);
            let capacity: Vec<i64> = resources.map(capacity).collect();
            Problem::new(&values.concat(), &savings, &capacity).unwrap()
        };
        kernels.chunks(if self.local { 1 } else { kernels.len() }).map(problem).collect()
    }

    /// What the best selections under some defects are worth.
    fn optimum(&self, kernels: &[Kernel<'_>], wrong: &[&str]) -> f64 {
        let best = |problem| solver("auto").unwrap().solve(problem, &Limits::default()).unwrap();
        self.problems(kernels, wrong).iter().map(|problem| best(problem).value).sum()
    }

    /// Whether these zeros are among the best selections under some defects.
    fn is_best(&self, kernels: &[Kernel<'_>], zeros: &[Vec<usize>], wrong: &[&str]) -> bool {
        let kept = |kernel: &Kernel<'_>, zeros: &Vec<usize>| {
            let kept = |group| kernel.groups.members(group).all(|index| !zeros.contains(&index));
            (0..kernel.groups.count()).map(kept).collect::<Vec<bool>>()
        };
        let mut keep = kernels.iter().zip(zeros).flat_map(|(kernel, zeros)| kept(kernel, zeros));
        let mut value = 0.0;
        for problem in self.problems(kernels, wrong) {
            let keep: Vec<bool> = keep.by_ref().take(problem.len()).collect();
            if !problem.fits(&keep) {
                return false;
            }
            value += problem.value(&keep);
        }
        close(value, self.optimum(kernels, wrong))
    }

    /// The zeros of our selection.
    fn ours<'a>(&self, kernels: &'a [Kernel<'a>], floor: usize) -> Vec<Vec<usize>> {
        let (ranking, solver) = (ranking(&self.ranking).unwrap(), solver("auto").unwrap());
        let ids = ids(kernels.len());
        let candidate = |(kernel, &layer): (&'a Kernel<'a>, &LayerId)| Candidate {
            layer,
            name: &kernel.layer.name,
            kernel: kernel.weights,
            gradient: None,
            curvature: None,
            groups: kernel.groups.clone(),
            resources: kernel.layer.cost.clone(),
            savings: Savings::of(&kernel.groups, |_| kernel.layer.saved.clone()),
            sharing: None,
        };
        let candidates: Vec<Candidate<'_>> = kernels.iter().zip(&ids).map(candidate).collect();
        let scope = if self.local { Scope::Local } else { Scope::Global };
        let (ranking, solver, limits) = (&*ranking, &*solver, &Limits::default());
        let settings = Settings { scope, floor, ranking, solver, limits };
        let asked = vec![self.sparsity; self.layers[0].cost.len()];
        let selection = select(&candidates, &asked, &settings).unwrap();
        let zeros = |id: &LayerId| {
            let keep = selection.masks.get(*id).unwrap().keep();
            (0..keep.len()).filter(|&index| !keep[index]).collect()
        };
        ids.iter().map(zeros).collect()
    }
}

fn ids(count: usize) -> Vec<LayerId> {
    let mut model = Model::new("ids");
    let mut add =
        |name: usize| model.add(&name.to_string(), Op::Input { shape: vec![1] }, &[]).unwrap();
    (0..count).map(&mut add).collect()
}

/// All sets of defects, smaller ones first.
fn sets_of_defects() -> Vec<Vec<&'static str>> {
    let set = |bits: u32| (0..DEFECTS.len()).filter(move |defect| bits >> defect & 1 == 1);
    let sets =
        (0..1 << DEFECTS.len()).map(|bits| set(bits).map(|defect| DEFECTS[defect]).collect());
    let mut sets: Vec<Vec<_>> = sets.collect();
    sets.sort_by_key(Vec::len);
    sets
}

/// The reference's values are sums of f32, cut to a few digits for its solver.
fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * a.max(b).max(1.0)
}

#[test]
fn masks_of_the_reference() {
    let file = include_bytes!("../../../fixtures/prune/mask_cases.json.gz");
    let fixture: Fixture =
        serde_json::from_reader(flate2::read::GzDecoder::new(&file[..])).unwrap();
    assert_eq!(fixture.cases.len(), 615);
    let mut tally = BTreeMap::<String, usize>::new();
    let mut floored = 0;
    for (number, case) in fixture.cases.iter().enumerate() {
        let kernels = case.kernels(&fixture);
        let stated = case.optimum(&kernels, &DEFECTS);
        assert!(
            close(stated, case.value),
            "case {number}: {stated} is not the reference's {}",
            case.value
        );
        let ours = case.ours(&kernels, 0);
        assert!(case.is_best(&kernels, &ours, &[]), "case {number}: ours is not the best");
        let explains = |wrong: &Vec<&str>| case.is_best(&kernels, &case.zeros, wrong);
        let cause = match sets_of_defects().into_iter().find(explains).as_deref() {
            Some([]) if ours == case.zeros => "equal".to_owned(),
            Some([]) => "9 (ties)".to_owned(),
            Some(causes) => causes.join(" and "),
            None => panic!("case {number} is not explained"),
        };
        *tally.entry(cause).or_default() += 1;
        floored += usize::from(case.ours(&kernels, 1) != ours);
    }
    tally.iter().for_each(|(cause, count)| println!("{count:>6} {cause}"));
    println!("{floored:>6} of these cut a whole layer, or its best group: 10");
}
