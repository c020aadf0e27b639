//! Every knapsack solver, and the class solver beside sorting the same values.
//!
//! `cargo bench -p handaxe-benches --bench knapsack`
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use handaxe_knapsack::{Instance, Limits, Problem, Spec, read, solver};

fn made(spec: &str) -> Problem<'static> {
    spec.parse::<Spec>().unwrap().problem().unwrap()
}

fn solve(c: &mut Criterion, group: &str, name: &str, what: &str, problem: &Problem<'_>) {
    let solver = solver(name).unwrap();
    let mut group = c.benchmark_group(group);
    group.sample_size(10);
    group.bench_function(format!("{name}/{what}"), |b| {
        b.iter(|| black_box(solver.solve(problem, &Limits::default()).unwrap().value));
    });
    group.finish();
}

/// The bars of the class solver: at a million items no more than 1, 2 and 4 times the sort.
fn class(c: &mut Criterion) {
    for spec in ["1,10000,10,2", "1,100000,20,2", "1,100000,30,3"] {
        solve(c, "class", "class", spec, &made(spec));
    }
    let million = |seed| (1..=3).map(move |resources| format!("{seed},1000000,50,{resources}"));
    for spec in (1..=5).flat_map(million) {
        let problem = made(&spec);
        solve(c, "class", "class", &spec, &problem);
        let values = || (0..problem.classes()).flat_map(|k| problem.values(k).iter().copied());
        let mut group = c.benchmark_group("class");
        group.sample_size(10);
        group.bench_function(format!("sort/{spec}"), |b| {
            let sort = |mut values: Vec<f64>| {
                values.sort_unstable_by(f64::total_cmp);
                values
            };
            b.iter_batched(|| values().collect(), sort, BatchSize::LargeInput);
        });
        group.finish();
    }
}

fn others(c: &mut Criterion) {
    let small = made("1,1000,5,1");
    for name in ["auto", "class", "dynamic", "greedy", "branch_bound"] {
        solve(c, "one resource", name, "1,1000,5,1", &small);
    }
    solve(c, "many items", "greedy", "1,100000,20,3", &made("1,100000,20,3"));
    solve(c, "three resources", "mip", "2,60,3,3", &made("2,60,3,3"));
    let text = include_str!("../fixtures/knapsack/mknapcb1.txt");
    for (at, Instance { problem, .. }) in read(text).unwrap().iter().enumerate() {
        solve(c, "Chu and Beasley 5x100", "branch_bound", &at.to_string(), problem);
    }
}

criterion_group!(benches, class, others);
criterion_main!(benches);
