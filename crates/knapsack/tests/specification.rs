//! The instances that a correct solver must survive (each was once answered wrongly by a well-known tool).
#![allow(clippy::unwrap_used, clippy::panic)]

use handaxe_knapsack::{Error, Limits, Problem, SOLVERS, Solution, solver};

/// What every solver that takes the problem answers.
fn answers(values: &[f64], savings: &[Vec<u64>], capacity: &[i64]) -> Vec<Solution> {
    let problem = Problem::new(values, savings, capacity).unwrap();
    let mut answers = Vec::new();
    for (name, _) in SOLVERS {
        match solver(name).unwrap().solve(&problem, &Limits::default()) {
            Ok(solution) => {
                assert!(problem.fits(&solution.keep), "{name}");
                assert!(solution.bound >= solution.value, "{name}");
                answers.push(solution);
            }
            Err(Error::Resources { .. } | Error::Memory { .. }) => assert_eq!(*name, "dynamic"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
    answers
}

/// Every exact solver (and here every other one, but perhaps greedy) must find one of these selections.
#[track_caller]
fn check(values: &[f64], savings: &[Vec<u64>], capacity: &[i64], right: &[&[usize]]) {
    for solution in answers(values, savings, capacity) {
        let selected: Vec<usize> = solution.selected().collect();
        let best = right.contains(&&selected[..]);
        assert!(best || solution.solver == "greedy", "{}: {selected:?}", solution.solver);
    }
}

#[test]
fn skips_an_item_too_large_to_fit() {
    check(&[100., 1., 1.], &[vec![50, 1, 1]], &[10], &[&[1, 2]]);
    check(&[100., 1., 1.], &[vec![50, 1, 1], vec![1, 1, 1]], &[10, 10], &[&[1, 2]]);
}

#[test]
fn goes_on_past_the_first_misfit() {
    check(&[10., 9., 1.], &[vec![5, 6, 1]], &[6], &[&[0, 2]]);
    let greedy = answers(&[10., 9., 1.], &[vec![5, 6, 1]], &[6]);
    assert!(greedy.iter().all(|solution| solution.value == 11.0));
}

#[test]
fn survives_rows_of_zeros_and_zero_capacities() {
    check(&[3., 2., 1.], &[vec![0, 0, 0], vec![2, 1, 3]], &[0, 3], &[&[0, 1]]);
    check(&[5., 3.], &[vec![0, 10]], &[0], &[&[0]]);
    check(&[], &[vec![]], &[0], &[&[]]);
    check(&[1., 2.], &[], &[], &[&[0, 1]]);
}

#[test]
fn weighs_fractions_exactly() {
    check(&[0.1, 0.2, 0.3, 0.4], &[vec![1, 2, 3, 4]], &[6], &[&[0, 1, 2], &[1, 3]]);
    check(&[9e-6, 2e-6], &[vec![3, 4]], &[4], &[&[0]]);
    check(&[1.000009, 1.000001, 1.], &[vec![3, 3, 2]], &[3], &[&[0]]);
}

#[test]
fn takes_huge_numbers() {
    check(&[1e15, 2.], &[vec![1, 2]], &[2], &[&[0]]);
    check(&[9., 8., 7.], &[vec![200, 200, 100]], &[255], &[&[0]]);
    check(&[3., 2., 2.], &[vec![u64::MAX, u64::MAX, 1]], &[i64::MAX], &[&[2]]);
    let large = i64::MAX as u64;
    check(&[3., 2., 2.], &[vec![large, large - 1, 1]], &[i64::MAX], &[&[1, 2]]);
    check(&[1e300, 1e300, 1e290], &[vec![2, 2, 1]], &[3], &[&[0, 2], &[1, 2]]);
}

#[test]
fn names_what_is_wrong() {
    let infeasible = Problem::new(&[1.], &[vec![1]], &[-1]).unwrap_err();
    assert_eq!(infeasible, Error::Infeasible { resource: 0, capacity: -1 });
    let rows = Problem::new(&[1.], &[vec![1], vec![1]], &[6]).unwrap_err();
    assert_eq!(rows, Error::Rows { rows: 2, capacities: 1 });
    let value = Problem::new(&[1., f64::NAN], &[vec![1, 1]], &[1]).unwrap_err();
    assert!(matches!(value, Error::Value { item: 1, given } if given.is_nan()));
    assert!(value.to_string().contains("item 1"));
    assert!(solver("simplex").err().unwrap().to_string().contains("branch_bound"));
}
