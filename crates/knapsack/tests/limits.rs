//! Cancellation at any moment: what is left fits, and its bound holds.
#![allow(clippy::unwrap_used)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use handaxe_knapsack::{Limits, Problem, SOLVERS, Status, solver};

/// Forty items, no two of which cost the same, over so many resources.
fn problem(resources: u64) -> Problem<'static> {
    let values: Vec<f64> = (1..41u64).map(|k| (k * k % 83 + 7) as f64).collect();
    let savings: Vec<Vec<u64>> = (0..resources)
        .map(|row| (1..41).map(|k| (k * (31 + 7 * row) + k * k) % 97 + 5).collect())
        .collect();
    let capacity: Vec<i64> = savings.iter().map(|row| row.iter().sum::<u64>() as i64 / 2).collect();
    Problem::new(&values, &savings, &capacity).unwrap()
}

#[test]
fn cancellation_at_any_moment_leaves_an_answer() {
    for resources in [1, 3] {
        let problem = problem(resources);
        let best = solver("class").unwrap().solve(&problem, &Limits::default()).unwrap();
        assert_eq!(best.status, Status::Optimal);
        let names = SOLVERS.iter().map(|(name, _)| *name);
        for name in names.filter(|name| *name != "dynamic" || resources == 1) {
            for micros in [0, 30, 100, 300, 1000, 5000] {
                let cancel = Arc::new(AtomicBool::new(false));
                let set = Arc::clone(&cancel);
                let timer = thread::spawn(move || {
                    thread::sleep(Duration::from_micros(micros));
                    set.store(true, Ordering::Relaxed);
                });
                let limits = Limits { cancel: Some(cancel), ..Limits::default() };
                let solution = solver(name).unwrap().solve(&problem, &limits).unwrap();
                timer.join().unwrap();
                assert!(problem.fits(&solution.keep), "{name}");
                let (value, bound) = (solution.value, solution.bound);
                assert!(value <= best.value && best.value <= bound, "{name}: {value} {bound}");
                assert!(solution.status != Status::Optimal || value == best.value, "{name}");
            }
        }
    }
}
