//! Bounds against a linear programme solved by another crate.
#![allow(clippy::unwrap_used)]

use handaxe_knapsack::{Limits, Problem, solver};
use minilp::{ComparisonOp, OptimizationDirection};
use proptest::{prelude::*, test_runner::RngSeed};

fn relaxation(values: &[f64], savings: &[Vec<u64>], capacity: &[i64]) -> f64 {
    let mut model = minilp::Problem::new(OptimizationDirection::Maximize);
    let items: Vec<_> = values.iter().map(|&value| model.add_var(value, (0.0, 1.0))).collect();
    for (row, &capacity) in savings.iter().zip(capacity) {
        let load: Vec<_> =
            items.iter().zip(row).map(|(&item, &need)| (item, need as f64)).collect();
        model.add_constraint(&load[..], ComparisonOp::Le, capacity as f64);
    }
    model.solve().unwrap().objective()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, rng_seed: RngSeed::Fixed(3), failure_persistence: None, ..ProptestConfig::default() })]

    /// The optimum is at most the relaxation, and no bound of ours is below the optimum.
    #[test]
    fn bounds_hold(
        values in prop::collection::vec(1u32..1000, 20),
        savings in prop::collection::vec(prop::collection::vec(1u64..100, 20), 1..5),
        share in 0.1..0.9f64,
    ) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let capacity: Vec<i64> =
            savings.iter().map(|row| (row.iter().sum::<u64>() as f64 * share) as i64).collect();
        let bound = relaxation(&values, &savings, &capacity);
        let problem = Problem::new(&values, &savings, &capacity).unwrap();
        let solve = |name: &str| solver(name).unwrap().solve(&problem, &Limits::default()).unwrap();
        let optimum = solve("branch_bound").value;
        prop_assert!(optimum <= bound * (1.0 + 1e-9), "{optimum} above the relaxation {bound}");
        for name in ["auto", "greedy", "mip"] {
            let solution = solve(name);
            prop_assert!(solution.value <= optimum && optimum <= solution.bound, "{name}");
        }
    }
}
