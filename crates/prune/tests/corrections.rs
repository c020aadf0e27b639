//! The corrections of spec/optimization.md section 10 that are this crate's, one by one, and what is refused.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

mod ids;
mod network;

use handaxe_graph::Structure;
use handaxe_knapsack::{Limits, Problem, Solution, Solver, solver};
use handaxe_prune::{Candidate, Error, Group, Needs, Ranking, Scope, Settings, ranking, select};
use network::{Layer, candidates, choose, choose_by, kept};

/// One weight a group, each saving 1 and costing nothing else.
fn plain(kernel: &[f32]) -> Layer {
    let (one, none) = (vec![1], vec![0]);
    let shape = vec![kernel.len()];
    Layer {
        kernel: kernel.to_vec(),
        shape,
        structure: Structure::Unstructured,
        full: one.clone(),
        last: one,
        fixed: none,
    }
}

/// Correction 3: a layer of large weights does not win by its scale.
#[test]
fn correction_3_layers_are_compared_by_shares() {
    let small = Layer {
        shape: vec![4],
        structure: Structure::Pattern { offset: 4, consecutive: 1 },
        ..plain(&[0.01, 0.02, 0.03, 0.04])
    };
    let large = Layer {
        kernel: small.kernel.iter().map(|weight| weight * 100.0).collect(),
        ..small.clone()
    };
    let layers = [small, large];
    let selection = choose(&layers, &[0.5], Scope::Global, 0).unwrap();
    assert_eq!(kept(&layers, &selection), [[false, false, true, true]; 2]);
}

/// Correction 7: what no group can free uses up capacity, so that the asked-for sparsity is met.
#[test]
fn correction_7_unsavable_costs_count() {
    let layers = [Layer { fixed: vec![5], ..plain(&[1.0, 2.0, 3.0, 4.0, 5.0]) }];
    let selection = choose(&layers, &[0.3], Scope::Global, 0).unwrap();
    assert_eq!(kept(&layers, &selection), [[false, false, false, true, true]]);
    assert_eq!(selection.resources[0].achieved, 0.3);
    let beyond = choose(&layers, &[0.6], Scope::Global, 0).unwrap().resources[0];
    assert_eq!((beyond.feasible, beyond.achieved), (0.5, 0.5));
}

/// Correction 8: a tenth of ten weights is one, not none.
#[test]
fn correction_8_a_tenth_of_ten_is_one() {
    let kernel: Vec<f32> = (1..11u8).map(f32::from).collect();
    let layers = [plain(&kernel)];
    let selection = choose(&layers, &[0.9], Scope::Local, 0).unwrap();
    assert_eq!(kept(&layers, &selection)[0].iter().filter(|&&kept| kept).count(), 1);
    assert_eq!(selection.resources[0].achieved, 0.9);
}

/// Keeps the last of equal items.
struct Backwards;

impl Solver for Backwards {
    fn name(&self) -> &'static str {
        "backwards"
    }
    fn solve(
        &self,
        problem: &Problem<'_>,
        limits: &Limits,
    ) -> Result<Solution, handaxe_knapsack::Error> {
        let mut solution = solver("auto")?.solve(problem, limits)?;
        solution.keep.reverse();
        Ok(solution)
    }
}

/// Correction 9: of equal groups those of lower layer and index stay, whatever the solver does.
#[test]
fn correction_9_ties() {
    let (l1, limits) = (ranking("l1").unwrap(), Limits::default());
    for resources in 1..3 {
        let ones = vec![1; resources];
        let layer =
            Layer { full: ones.clone(), last: ones, fixed: vec![0; resources], ..plain(&[0.5; 4]) };
        let layers = [layer.clone(), layer];
        for solver in [&Backwards as &dyn Solver, &*solver("auto").unwrap()] {
            let settings =
                Settings { scope: Scope::Global, floor: 0, ranking: &*l1, solver, limits: &limits };
            let selection =
                select(&candidates(&layers), &vec![0.25; resources], &settings).unwrap();
            assert_eq!(kept(&layers, &selection), [[true; 4], [true, true, false, false]]);
        }
    }
}

/// Correction 10: a network that is asked for everything keeps a group of each layer, and says what that costs.
#[test]
fn correction_10_a_floor_under_every_layer() {
    let layers = [plain(&[0.1, 0.9, 0.9]), plain(&[4.0])];
    let selection = choose(&layers, &[1.0], Scope::Global, 1).unwrap();
    assert_eq!(kept(&layers, &selection), [vec![false, true, false], vec![true]]);
    assert_eq!((selection.resources[0].feasible, selection.resources[0].achieved), (0.5, 0.5));
    let dead = choose(&layers, &[1.0], Scope::Global, 0).unwrap();
    assert_eq!(dead.resources[0].achieved, 1.0);
}

/// Where one layer cannot give its share, the others are not asked for more.
#[test]
fn local_scope_says_what_the_layers_reach() {
    let layers = [plain(&[1.0, 2.0, 3.0, 4.0]), Layer { fixed: vec![3], ..plain(&[1.0]) }];
    let sparsity = choose(&layers, &[0.5], Scope::Local, 0).unwrap().resources[0];
    assert_eq!((sparsity.feasible, sparsity.achieved), (0.375, 0.375)); // 2 of 4, and 1 of 4
    let less = choose(&layers, &[0.25], Scope::Local, 0).unwrap().resources[0];
    assert_eq!((less.feasible, less.achieved), (0.625, 0.25));
}

#[test]
fn a_resource_that_nothing_uses_is_met() {
    let unused =
        Layer { full: vec![1, 0], last: vec![1, 0], fixed: vec![0, 0], ..plain(&[1.0, 2.0]) };
    let resources = choose(&[unused], &[0.5, 0.5], Scope::Global, 1).unwrap().resources;
    assert_eq!((resources[1].feasible, resources[1].achieved), (1.0, 1.0));
}

/// Asks for the gradient, and gives what it must not.
struct Odd(f64);

impl Ranking for Odd {
    fn name(&self) -> &str {
        "odd"
    }
    fn needs(&self) -> Needs {
        if self.0.is_nan() { Needs::Nothing } else { Needs::Gradients }
    }
    fn loss(&self, group: &Group<'_>) -> f64 {
        self.0 * f64::from(group.gradient.map_or(1.0, |gradient| gradient[0] * group.change[0]))
    }
}

#[test]
fn gradients_reach_the_ranking() {
    let layers = [plain(&[1.0, 2.0, 3.0])];
    assert!(matches!(
        choose_by(&layers, &[0.5], Scope::Global, 0, &Odd(1.0)),
        Err(Error::Missing { what: "gradient", .. })
    ));
    let gradient = [-9.0, -1.0, -2.0];
    let with_gradient: Vec<Candidate<'_>> = candidates(&layers)
        .into_iter()
        .map(|c| Candidate { gradient: Some(&gradient), ..c })
        .collect();
    let (solver, limits) = (solver("auto").unwrap(), Limits::default());
    let settings = Settings {
        scope: Scope::Global,
        floor: 0,
        ranking: &Odd(1.0),
        solver: &*solver,
        limits: &limits,
    };
    let selection = select(&with_gradient, &[0.3], &settings).unwrap();
    assert_eq!(kept(&layers, &selection), [[true, false, true]]); // g * -w = 9, 2, 6
}

#[test]
fn bad_input_is_refused_by_name() {
    let good = plain(&[1.0, 2.0]);
    let refused = |layer: &Layer, sparsity: &[f64]| {
        choose(std::slice::from_ref(layer), sparsity, Scope::Global, 1).unwrap_err()
    };
    for given in [-0.1, 50.0, f64::NAN] {
        assert!(matches!(refused(&good, &[given]), Error::Sparsity { resource: 0, .. }));
    }
    let broken = Layer { kernel: vec![1.0, f32::NAN], ..good.clone() };
    assert_eq!(
        refused(&broken, &[0.5]).to_string(),
        "layer `layer`: the kernel holds NaN at element 1: the model is broken or diverged"
    );
    let short = Layer { kernel: vec![1.0], ..good.clone() };
    assert!(matches!(
        refused(&short, &[0.5]),
        Error::Length { what: "weights", given: 1, expected: 2, .. }
    ));
    assert!(matches!(refused(&good, &[0.5, 0.5]), Error::Length { given: 1, expected: 2, .. }));
    let mut greedy = candidates(std::slice::from_ref(&good));
    greedy[0].resources = vec![1];
    let (l1, solver, limits) = (ranking("l1").unwrap(), solver("auto").unwrap(), Limits::default());
    let settings = Settings {
        scope: Scope::Global,
        floor: 1,
        ranking: &*l1,
        solver: &*solver,
        limits: &limits,
    };
    assert!(matches!(
        select(&greedy, &[0.5], &settings),
        Err(Error::SavingsExceedCost { savings: 2, cost: 1, .. })
    ));
    assert!(matches!(select(&[], &[0.5], &settings), Err(Error::NoCandidates)));
    assert!(matches!(
        choose_by(&[good], &[0.5], Scope::Global, 0, &Odd(f64::NAN)),
        Err(Error::Value { group: 0, .. })
    ));
    assert!(
        ranking("l3").err().unwrap().to_string().contains("there are l1, l2, oracle, saliency")
    );
}

/// Keeps everything, or leaves items undecided.
struct Greedy {
    items: Option<usize>,
}

impl Solver for Greedy {
    fn name(&self) -> &'static str {
        "greedy"
    }
    fn solve(
        &self,
        problem: &Problem<'_>,
        limits: &Limits,
    ) -> Result<Solution, handaxe_knapsack::Error> {
        let keep = vec![true; self.items.unwrap_or(problem.len())];
        Ok(Solution { keep, ..solver("auto")?.solve(problem, limits)? })
    }
}

#[test]
fn a_solver_that_cheats_is_found_out() {
    let (layers, l1, limits) =
        ([plain(&[1.0, 2.0, 3.0])], ranking("l1").unwrap(), Limits::default());
    let refused = |items, sparsity: f64| {
        let solver = Greedy { items };
        let settings = Settings {
            scope: Scope::Global,
            floor: 0,
            ranking: &*l1,
            solver: &solver,
            limits: &limits,
        };
        select(&candidates(&layers), &[sparsity], &settings).err().map(|error| error.to_string())
    };
    let exceeds = "solver `greedy` returned a selection that exceeds a capacity";
    let undecided = "solver `greedy` returned a selection that does not decide every item";
    assert_eq!(refused(None, 0.5).as_deref(), Some(exceeds));
    assert_eq!(refused(Some(2), 0.0).as_deref(), Some(undecided));
    assert_eq!(refused(None, 0.0), None);
}
