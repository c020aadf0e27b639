//! Every solver against trying all selections.
#![allow(clippy::unwrap_used, clippy::panic)]

use handaxe_knapsack::{Class, Error, Limits, Problem, SOLVERS, Status, solver};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Instance {
    values: Vec<f64>,
    savings: Vec<Vec<u64>>,
    capacity: Vec<i64>,
}

/// Up to 11 items and 4 resources, with zeros, ties, equal columns, huge and tiny values.
fn instance() -> impl Strategy<Value = Instance> {
    let value = prop_oneof![
        4 => (0u32..12).prop_map(f64::from),
        2 => 0.0..1.0f64,
        1 => (0u32..4).prop_map(|k| 1e15 * f64::from(k)),
        1 => 1e-9..1e-6f64,
    ];
    let saving = prop_oneof![1 => Just(0u64), 6 => 0u64..6, 2 => 0u64..60];
    (1usize..12, 0usize..5, 1usize..6).prop_flat_map(move |(items, rows, kinds)| {
        let columns = prop::collection::vec(prop::collection::vec(saving.clone(), rows), kinds);
        let values = prop::collection::vec(value.clone(), items);
        let kind = prop::collection::vec(0..kinds, items);
        let share = prop::collection::vec(0.0..1.1f64, rows);
        (values, columns, kind, share).prop_map(move |(values, columns, kind, share)| {
            let savings: Vec<Vec<u64>> =
                (0..rows).map(|row| kind.iter().map(|&k| columns[k][row]).collect()).collect();
            let total = |row: &Vec<u64>| row.iter().sum::<u64>() as f64;
            let capacity = savings.iter().zip(&share).map(|(r, s)| (total(r) * s) as i64).collect();
            Instance { values, savings, capacity }
        })
    })
}

fn best(problem: &Problem<'_>) -> f64 {
    let selections = (0u32..1 << problem.len())
        .map(|bits| (0..problem.len()).map(|item| bits >> item & 1 == 1).collect::<Vec<_>>());
    let fitting = selections.filter(|keep| problem.fits(keep));
    fitting.map(|keep| problem.value(&keep)).fold(0.0, f64::max)
}

/// The largest value over the smallest that is not 0.
fn spans(values: &[f64]) -> f64 {
    let positive = || values.iter().copied().filter(|&value| value > 0.0);
    positive().fold(0.0, f64::max) / positive().fold(f64::INFINITY, f64::min)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_brute_force(instance in instance()) {
        let Instance { values, savings, capacity } = &instance;
        let problem = Problem::new(values, savings, capacity).unwrap();
        let best = best(&problem);
        for (name, _) in SOLVERS {
            let solution = match solver(name).unwrap().solve(&problem, &Limits::default()) {
                Err(Error::Resources { .. }) if *name == "dynamic" => continue,
                answer => answer.unwrap(),
            };
            prop_assert!(problem.fits(&solution.keep), "{name}");
            prop_assert_eq!(solution.value, problem.value(&solution.keep), "{}", name);
            prop_assert!(solution.bound >= best, "{}: bound {} below {}", name, solution.bound, best);
            if !["greedy", "mip"].contains(name) {
                // Only values over 110 bits apart leave a doubt, and no more than in the last place.
                let doubt = if spans(values) > 1e15 { 1e-15 } else { 0.0 };
                prop_assert!(solution.gap() <= doubt, "{name}: gap {}", solution.gap());
                prop_assert!(solution.value >= best * (1.0 - doubt), "{name}: {}", solution.value);
                prop_assert!(solution.status == Status::Optimal || doubt > 0.0, "{name}");
            }
            if *name == "mip" {
                // The solver behind it takes what is so near for the best.
                prop_assert!(solution.value >= best * (1.0 - 1e-6), "mip: {} of {best}", solution.value);
            }
            if solution.status == Status::Optimal {
                prop_assert_eq!(solution.value, best, "{}", name);
            }
        }
    }

    /// The order of the items and the form of the problem change nothing about the value.
    #[test]
    fn value_does_not_depend_on_order(instance in instance()) {
        let Instance { values, savings, capacity } = &instance;
        let solve = |problem: &Problem<'_>| {
            solver("auto").unwrap().solve(problem, &Limits::default()).unwrap().value
        };
        let value = solve(&Problem::new(values, savings, capacity).unwrap());
        let back = |row: &[u64]| row.iter().rev().copied().collect::<Vec<_>>();
        let reversed: Vec<f64> = values.iter().rev().copied().collect();
        let rows: Vec<_> = savings.iter().map(|row| back(row)).collect();
        prop_assert_eq!(value, solve(&Problem::new(&reversed, &rows, capacity).unwrap()));
        let class = |item: usize| Class {
            savings: savings.iter().map(|row| row[item]).collect(),
            values: values[item..=item].into(),
        };
        let classes = (0..values.len()).map(class).collect();
        let capacity = capacity.iter().map(|&c| c as u64).collect();
        prop_assert_eq!(value, solve(&Problem::from_classes(classes, capacity).unwrap()));
    }
}
