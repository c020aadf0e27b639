//! Many items of equal cost and value, as quantised networks have them: the exact solvers against trying all counts.
//!
//! `PROPTEST_CASES=100000 cargo test --release -p handaxe-knapsack --test ties` looks longer.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use handaxe_knapsack::{Class, Limits, Problem, Solution, Status, solver};
use proptest::{prelude::*, test_runner::RngSeed};

/// So many items of this column and value.
#[derive(Debug, Clone)]
struct Kind {
    column: Vec<u64>,
    value: f64,
    items: usize,
}

fn kinds(rows: usize) -> impl Strategy<Value = Vec<Kind>> {
    let saving = prop_oneof![2 => Just(0u64), 8 => 1u64..5, 2 => 5u64..40];
    let column = prop::collection::vec(saving, rows);
    let value = prop_oneof![
        3 => (0u32..9).prop_map(|k| f64::from(k) * 0.5),
        2 => (0u32..9).prop_map(|k| f64::from(k) / 3.0),
        2 => (0u32..128).prop_map(f64::from),
        1 => 0.0..1.0f64,
    ];
    (
        prop::collection::vec(column, 1..4),
        prop::collection::vec((0usize..4, value, 1usize..9), 1..5),
    )
        .prop_map(|(columns, kinds)| {
            let kind = |(column, value, items): (usize, f64, usize)| Kind {
                column: columns[column % columns.len()].clone(),
                value,
                items,
            };
            kinds.into_iter().map(kind).collect()
        })
}

/// Kinds of items, and capacities: tiny ones, or a share of everything.
fn instance() -> impl Strategy<Value = (Vec<Kind>, Vec<u64>)> {
    (1usize..4).prop_flat_map(|rows| {
        let capacity = prop_oneof![1 => (0u64..7).prop_map(Ok), 2 => (0.0..1.1f64).prop_map(Err)];
        (kinds(rows), prop::collection::vec(capacity, rows)).prop_map(|(kinds, capacity)| {
            let total =
                |row: usize| kinds.iter().map(|k| k.column[row] * k.items as u64).sum::<u64>();
            let capacity = capacity.into_iter().enumerate();
            let capacity = capacity
                .map(|(row, given)| {
                    given.unwrap_or_else(|share| (total(row) as f64 * share) as u64)
                })
                .collect();
            (kinds, capacity)
        })
    })
}

fn problem(kinds: &[Kind], capacity: &[u64]) -> Problem<'static> {
    let class =
        |k: &Kind| Class { savings: k.column.clone(), values: vec![k.value; k.items].into() };
    Problem::from_classes(kinds.iter().map(class).collect(), capacity.to_vec()).unwrap()
}

/// The best value over all counts of all kinds.
fn best(kinds: &[Kind], problem: &Problem<'_>) -> f64 {
    let mut counts = vec![0; kinds.len()];
    let (mut near, mut best) = (0.0, 0.0f64);
    loop {
        let load =
            |row: usize| kinds.iter().zip(&counts).map(move |(k, &c)| k.column[row] * c as u64);
        let mut rows = problem.capacity().iter().enumerate();
        if rows.all(|(row, &most)| load(row).sum::<u64>() <= most) {
            let value: f64 = kinds.iter().zip(&counts).map(|(k, &c)| k.value * c as f64).sum();
            if value > near - 1e-9 {
                near = value.max(near);
                let keep: Vec<bool> = kinds
                    .iter()
                    .zip(&counts)
                    .flat_map(|(k, &count)| (0..k.items).map(move |at| at < count))
                    .collect();
                best = best.max(problem.value(&keep));
            }
        }
        let Some(next) = (0..kinds.len()).find(|&at| counts[at] < kinds[at].items) else {
            return best;
        };
        counts[..next].fill(0);
        counts[next] += 1;
    }
}

fn solve(name: &str, problem: &Problem<'_>, limits: &Limits) -> Solution {
    let solution = solver(name).unwrap().solve(problem, limits).unwrap();
    assert!(problem.fits(&solution.keep), "{name}");
    assert_eq!(solution.value, problem.value(&solution.keep), "{name}");
    solution
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(3), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn exact_solvers_agree_with_all_counts((kinds, capacity) in instance()) {
        let problem = problem(&kinds, &capacity);
        let best = best(&kinds, &problem);
        let mut names = vec!["class", "branch_bound"];
        names.extend((capacity.len() == 1).then_some("dynamic"));
        for name in names {
            let solution = solve(name, &problem, &Limits::default());
            prop_assert_eq!((solution.value, solution.status), (best, Status::Optimal), "{}", name);
        }
    }

    /// Whatever limit cuts in: a bound that holds, an answer no worse than the greedy one, the gap kept.
    #[test]
    fn limits_leave_the_best_known((kinds, capacity) in instance(), gap in 0.0..0.2f64) {
        let problem = problem(&kinds, &capacity);
        let best = best(&kinds, &problem);
        let greedy = solve("greedy", &problem, &Limits::default()).value;
        let memory = Limits { memory: 2000, ..Limits::default() };
        let time = Limits { time: Some(Duration::ZERO), ..Limits::default() };
        let wide = Limits { gap, ..Limits::default() };
        let mut names = vec!["class", "branch_bound", "mip"];
        names.extend((capacity.len() == 1).then_some("dynamic"));
        for name in names {
            for limits in [&memory, &time, &wide] {
                if name == "dynamic" && limits.memory == 2000 {
                    continue; // Refuses what it has no memory for.
                }
                let solution = solve(name, &problem, limits);
                let (value, bound) = (solution.value, solution.bound);
                prop_assert!(value <= best && best <= bound, "{name} {limits:?}: {value} {best} {bound}");
                let stopped = limits.gap == 0.0;
                prop_assert!(!stopped || value >= greedy, "{name} {limits:?}: {value} {greedy}");
                prop_assert!(stopped || name == "mip" || solution.gap() <= gap, "{name}: {}", solution.gap());
                prop_assert!(solution.status != Status::Optimal || value == best, "{name}");
            }
        }
    }
}

/// Eight bits, forty layers, half of everything: once more than any memory could hold.
#[test]
fn proves_quantised_weights() {
    let mut state = 1u64;
    let mut random = move |range: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % range
    };
    let class = |_| {
        let savings = vec![1 + random(8), random(4), 8 + random(256)];
        let values: Vec<f64> = (0..5000).map(|_| random(128) as f64 / 128.0).collect();
        Class { savings, values: values.into() }
    };
    let classes: Vec<Class<'_>> = (0..40).map(class).collect();
    let half = |row: usize| classes.iter().map(|c| c.savings[row] * 5000).sum::<u64>() / 2;
    let capacity = (0..3).map(half).collect();
    let problem = Problem::from_classes(classes, capacity).unwrap();
    let solution = solve("class", &problem, &Limits::default());
    assert_eq!(solution.status, Status::Optimal);
    let tight = Limits { memory: 1 << 14, ..Limits::default() };
    let stopped = solve("class", &problem, &tight);
    assert!(stopped.value <= solution.value && solution.value <= stopped.bound);
    assert!(stopped.gap() < 1e-4, "{}", stopped.gap());
}

/// Prices of 23/13 and 4/13 make the reduced cost of the first two items a rounding error, and not 0.
#[test]
fn a_reduced_cost_of_a_rounding_error_is_none() {
    let kinds = [
        Kind { column: vec![4, 3], value: 8.0, items: 2 },
        Kind { column: vec![1, 4], value: 3.0, items: 4 },
    ];
    let solution = solve("class", &problem(&kinds, &[9, 12]), &Limits::default());
    assert_eq!((solution.value, solution.status), (19.0, Status::Optimal));
}
