//! The selection once more, stated as naively as possible, and with the reference's defects to be switched on.

use handaxe_graph::Structure;
use handaxe_knapsack::{Limits, Problem, solver};
use handaxe_prune::Groups;

use crate::case::{Case, Kernel};
use crate::reference::{self, Attributes, Told, how};

const SCALE: &str = "3";
const UNSAVABLE: &str = "7 (capacity of section 1)";
const TRUNCATION: &str = "8";
const CHANNELS: &str = "section 4 (norm of a filter)";
const CURVATURE: &str = "section 4 (negative curvature)";
const SHARING: &str = "3 (sharing, on the scale of section 4)";
const OWN: [&str; 6] = [SCALE, UNSAVABLE, TRUNCATION, CHANNELS, CURVATURE, SHARING];

/// All defects: of the objectives and of the selection.
pub(crate) fn defects() -> Vec<&'static str> {
    [&reference::DEFECTS[..], &OWN].concat()
}

/// What is done to a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    Kept,
    Pruned,
    Shared(f32),
}

/// A group to decide about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    layer: String,
    members: Vec<usize>,
    pub(crate) value: f64,
    pub(crate) savings: Vec<u64>,
    /// What is done to it if it is not kept.
    cut: Fate,
}

/// One knapsack problem.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stated {
    pub(crate) items: Vec<Item>,
    pub(crate) capacity: Vec<i64>,
}

/// A layer's items, and what it costs.
struct Part {
    items: Vec<Item>,
    cost: Vec<u64>,
}

/// The reference's values are sums of f32, cut to a few digits for its solver.
pub(crate) fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-5 * a.max(b).max(1.0)
}

/// How the layer is optimised under some defects; the last layer's neurons stay.
pub(crate) fn optimised(case: &Case, kernel: &Kernel<'_>, wrong: &[&str]) -> Option<Attributes> {
    match kernel.by_hand {
        Some(given) => Some(given.clone()),
        None => Told::new(&kernel.stated, wrong)
            .optimisable(case.objective())
            .filter(|how| !(kernel.attributes.is_last && how.structure_type == "structured")),
    }
}

/// The problems of a case under some defects; `None` where these raise.
pub(crate) fn problems(case: &Case, kernels: &[Kernel<'_>], wrong: &[&str]) -> Option<Vec<Stated>> {
    let mut parts = Vec::new();
    for kernel in kernels {
        if let Some(how) = optimised(case, kernel, wrong) {
            parts.push(part(case, kernel, &how, wrong)?);
        }
    }
    let chunk = if case.local { 1 } else { parts.len().max(1) };
    Some(parts.chunks(chunk).map(|parts| stated(case, parts, wrong)).collect())
}

fn stated(case: &Case, parts: &[Part], wrong: &[&str]) -> Stated {
    let items: Vec<Item> = parts.iter().flat_map(|part| part.items.clone()).collect();
    let capacity = |resource: usize| {
        let cost: u64 = parts.iter().map(|part| part.cost[resource]).sum();
        let savable: u64 = items.iter().map(|item| item.savings[resource]).sum();
        let allowed = (1.0 - case.sparsity) * cost as f64;
        let allowed =
            if wrong.contains(&TRUNCATION) { allowed.floor() } else { (allowed + 1e-6).floor() };
        let unsavable = if wrong.contains(&UNSAVABLE) { 0 } else { cost - savable };
        (allowed as i64 - unsavable as i64).max(0)
    };
    let capacity = (0..parts[0].cost.len()).map(capacity).collect();
    Stated { items, capacity }
}

fn part(case: &Case, kernel: &Kernel<'_>, given: &Attributes, wrong: &[&str]) -> Option<Part> {
    let told = Told::new(&kernel.stated, wrong);
    let how = how(given);
    let groups = Groups::of(&kernel.attributes, &how.structure).ok()?;
    let size = groups.weights() as u64;
    let mock = case.objective() == "mock";
    let cost = if mock { vec![size] } else { told.resources(case.objective())? };
    let savings = |group| match mock {
        true => Some(vec![groups.size(group) as u64]),
        false => saved_by_last(&groups, group, &told, case, given, &cost),
    };
    let losses: Vec<[f64; 2]> = (0..groups.count())
        .map(|group| losses(case, kernel, &how.structure, &groups, group, wrong))
        .collect();
    let largest = losses.iter().map(|[pruned, _]| *pruned).fold(0.0, f64::max);
    let pattern = matches!(how.structure, Structure::Pattern { .. });
    let raw = case.local || largest == 0.0 || (pattern && wrong.contains(&SCALE));
    let scale = if raw { 1.0 } else { largest };
    let item = |(group, [pruned, shared]): (usize, [f64; 2])| {
        let members: Vec<usize> = groups.members(group).collect();
        let (mean, variance) = moments(&kernel.tensors.kernel, &members);
        let (pruned, shared) = if wrong.contains(&SHARING) {
            (
                pruned / scale,
                if case.local || wrong.contains(&SCALE) { variance } else { variance / scale },
            )
        } else {
            (pruned / scale, shared / scale)
        };
        let shares = how.weight_sharing && (!how.pruning || shared < pruned);
        let (value, cut) =
            if shares { (shared, Fate::Shared(mean)) } else { (pruned, Fate::Pruned) };
        Some(Item { layer: kernel.name.to_owned(), members, value, savings: savings(group)?, cut })
    };
    let items = losses.into_iter().enumerate().map(item).collect::<Option<Vec<_>>>()?;
    Some(Part { items, cost })
}

/// What a group saves; the last one, where it is shorter, what is left of the resources.
fn saved_by_last(
    groups: &Groups,
    group: usize,
    told: &Told<'_>,
    case: &Case,
    given: &Attributes,
    cost: &[u64],
) -> Option<Vec<u64>> {
    let full = told.savings(case.objective(), given)?;
    if groups.size(group) == groups.size(0) {
        return Some(full);
    }
    let before = group as u64;
    Some(cost.iter().zip(full).map(|(cost, saved)| cost - before * saved).collect())
}

fn moments(kernel: &[f32], members: &[usize]) -> (f32, f64) {
    let weights = || members.iter().map(|&index| f64::from(kernel[index]));
    let mean = weights().sum::<f64>() / members.len() as f64;
    let variance =
        weights().map(|weight| (weight - mean).powi(2)).sum::<f64>() / members.len() as f64;
    (mean as f32, variance)
}

/// The losses of pruning and of sharing a group.
fn losses(
    case: &Case,
    kernel: &Kernel<'_>,
    structure: &Structure,
    groups: &Groups,
    group: usize,
    wrong: &[&str],
) -> [f64; 2] {
    let members: Vec<usize> = groups.members(group).collect();
    let (mean, _) = moments(&kernel.tensors.kernel, &members);
    let shape = &kernel.attributes.weight_shape;
    let filter = shape.len() == 4 && *structure == Structure::Structured;
    [0.0, mean].map(|becomes| {
        let term = |index: usize| {
            let change = f64::from(becomes - kernel.tensors.kernel[index]).abs();
            match case.metric.as_str() {
                "oracle" => change * f64::from(kernel.tensors.gradient[index]).abs(),
                "saliency" => {
                    let bend = f64::from(kernel.tensors.hessian[index]);
                    let bend = if wrong.contains(&CURVATURE) { bend.abs() } else { bend.max(0.0) };
                    change * change * bend
                }
                _ => change,
            }
        };
        let l2 = |members: &mut dyn Iterator<Item = usize>| {
            members.map(|index| term(index).powi(2)).sum::<f64>().sqrt()
        };
        if case.metric == "l2" {
            l2(&mut members.iter().copied())
        } else if filter && wrong.contains(&CHANNELS) {
            // A filter's members are in row-major order, channels innermost.
            let channels = shape[2];
            let channel = |c| l2(&mut members.iter().copied().skip(c).step_by(channels));
            (0..channels).map(channel).sum()
        } else {
            members.iter().map(|&index| term(index)).sum()
        }
    })
}

impl Stated {
    pub(crate) fn problem(&self) -> Problem<'static> {
        let values: Vec<f64> = self.items.iter().map(|item| item.value).collect();
        solvable(&values, &self.items, &self.capacity)
    }

    /// The best value, by our exact solver, and a selection that has it.
    pub(crate) fn best(&self) -> (f64, Vec<bool>) {
        best(&self.problem())
    }

    /// Whether the best selection is the only one of its value: in every set of items that save the same, neither leaving
    /// out the worst that it keeps nor keeping the best that it leaves out gives as much.
    pub(crate) fn is_unique(&self) -> bool {
        let (value, keep) = &self.best();
        let mut columns: Vec<&Vec<u64>> = self.items.iter().map(|item| &item.savings).collect();
        columns.sort();
        columns.dedup();
        columns.into_iter().all(|column| {
            let of = |kept: bool| {
                (0..keep.len())
                    .filter(move |&i| keep[i] == kept && self.items[i].savings == *column)
            };
            let by_value =
                |a: &usize, b: &usize| self.items[*a].value.total_cmp(&self.items[*b].value);
            let without = of(true).min_by(by_value).map(|item| self.forced(item, false));
            let with = of(false).max_by(by_value).map(|item| self.forced(item, true));
            [without, with].into_iter().flatten().flatten().all(|other| !close(other, *value))
        })
    }

    /// The best value with an item kept or left out; `None` where it does not fit.
    fn forced(&self, item: usize, kept: bool) -> Option<f64> {
        let mut values: Vec<f64> = self.items.iter().map(|item| item.value).collect();
        let own = std::mem::take(&mut values[item]);
        if !kept {
            return Some(best(&solvable(&values, &self.items, &self.capacity)).0);
        }
        let saved = &self.items[item].savings;
        let left = self.capacity.iter().zip(saved).map(|(&all, &saved)| all - saved as i64);
        let left: Vec<i64> = left.collect();
        left.iter()
            .all(|&left| left >= 0)
            .then(|| own + best(&solvable(&values, &self.items, &left)).0)
    }

    /// Which items a treatment of the weights keeps; `None` where it does not treat an item as a whole, or not in the way
    /// that the item is cut.
    pub(crate) fn kept(&self, fate: impl Fn(&str, usize) -> Fate) -> Option<Vec<bool>> {
        let same = |a: Fate, b: Fate| match (a, b) {
            (Fate::Shared(a), Fate::Shared(b)) => (a - b).abs() <= 1e-5,
            _ => a == b,
        };
        let kept = |item: &Item| {
            let treated_as = |as_whole: Fate| {
                item.members.iter().all(|&index| same(fate(&item.layer, index), as_whole))
            };
            if treated_as(Fate::Kept) { Some(true) } else { treated_as(item.cut).then_some(false) }
        };
        self.items.iter().map(kept).collect()
    }
}

fn solvable(values: &[f64], items: &[Item], capacity: &[i64]) -> Problem<'static> {
    let row = |resource: usize| items.iter().map(|item| item.savings[resource]).collect();
    let savings: Vec<Vec<u64>> = (0..capacity.len()).map(row).collect();
    Problem::new(values, &savings, capacity).unwrap()
}

fn best(problem: &Problem<'_>) -> (f64, Vec<bool>) {
    let solution = solver("auto").unwrap().solve(problem, &Limits::default()).unwrap();
    assert_eq!(solution.status.as_str(), "optimal");
    (solution.value, solution.keep)
}
