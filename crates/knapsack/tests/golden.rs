//! Problems with known optima: all of them proved, by every solver that should.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use handaxe_knapsack::{Limits, Problem, Solution, Spec, Status, read, solver};

/// Values in debug builds are the same, but the largest problems would take long.
const LARGEST: Option<usize> = if cfg!(debug_assertions) { Some(100_000) } else { None };

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The shared data, where it is.
fn shared() -> Option<PathBuf> {
    let shared = root().join("../shared/golden/knapsack");
    if shared.exists() {
        return Some(shared);
    }
    println!("SKIPPED: shared data absent");
    None
}

fn fixture(name: &str) -> String {
    fs::read_to_string(root().join("fixtures/knapsack").join(name)).unwrap()
}

fn solve(name: &str, problem: &Problem<'_>) -> Solution {
    let solution = solver(name).unwrap().solve(problem, &Limits::default()).unwrap();
    assert!(problem.fits(&solution.keep));
    solution
}

#[track_caller]
fn assert_optimal(what: &str, solution: &Solution, optimum: f64) {
    assert_eq!((solution.value, solution.status), (optimum, Status::Optimal), "{what}");
    assert_eq!((solution.bound, solution.gap()), (optimum, 0.0), "{what}");
}

#[test]
fn proves_every_pruning_spec() {
    for line in fixture("specs.txt").lines() {
        let (spec, optimum) = line.split_once(' ').unwrap();
        let spec: Spec = spec.parse().unwrap();
        if LARGEST.is_none_or(|largest| spec.items <= largest) {
            let problem = spec.problem().unwrap();
            assert_optimal(line, &solve("auto", &problem), optimum.parse().unwrap());
        }
    }
}

#[test]
fn proves_families_and_traps() {
    let mut folders = vec![root().join("fixtures/knapsack")];
    folders.extend(shared());
    for line in fixture("optima.txt").lines() {
        let (file, optimum) = line.split_once(' ').unwrap();
        let paths = folders.iter().map(|folder| folder.join(file));
        let Some(path) = paths.into_iter().find(|path| path.exists()) else { continue };
        let instance = read(&fs::read_to_string(path).unwrap()).unwrap().remove(0);
        assert_optimal(line, &solve("auto", &instance.problem), optimum.parse().unwrap());
    }
}

#[test]
fn branch_and_bound_proves_the_or_library() {
    for (at, instance) in read(&fixture("mknapcb1.txt")).unwrap().iter().enumerate() {
        let solution = solve("auto", &instance.problem);
        assert_optimal(&format!("problem {at}"), &solution, instance.stated.unwrap());
    }
}

/// HiGHS behind `mip` finds every optimum that it comes to the end of; `cargo xtask highs` runs this.
#[cfg(feature = "highs")]
#[test]
fn highs_finds_the_optima() {
    let minute = Limits { time: Some(Duration::from_secs(60)), ..Limits::default() };
    let check = |what: &str, problem: &Problem<'_>, optimum: f64, small: bool| {
        let solution = solver("mip").unwrap().solve(problem, &minute).unwrap();
        assert!(problem.fits(&solution.keep), "{what}");
        assert!(solution.value <= optimum && optimum <= solution.bound, "{what}");
        if small {
            assert_eq!(solution.value, optimum, "{what}");
        } else {
            assert!(solution.gap() < 1e-3, "{what}: {}", solution.gap());
        }
    };
    for line in fixture("specs.txt").lines() {
        let (spec, optimum) = line.split_once(' ').unwrap();
        let spec: Spec = spec.parse().unwrap();
        if spec.items <= 10_000 {
            let small = spec.items <= 1000 || spec.resources < 3;
            check(line, &spec.problem().unwrap(), optimum.parse().unwrap(), small);
        }
    }
    for line in fixture("optima.txt").lines() {
        let (file, optimum) = line.split_once(' ').unwrap();
        let path = root().join("fixtures/knapsack").join(file);
        if path.exists() {
            let instance = read(&fs::read_to_string(path).unwrap()).unwrap().remove(0);
            check(line, &instance.problem, optimum.parse().unwrap(), true);
        }
    }
    for (at, instance) in read(&fixture("mknapcb1.txt")).unwrap().iter().enumerate() {
        check(&format!("mknapcb1 {at}"), &instance.problem, instance.stated.unwrap(), true);
    }
}

#[test]
fn exact_solvers_agree() {
    for seed in 0..20u64 {
        let resources = 1 + (seed % 3) as usize;
        let spec = Spec { seed, items: 60, classes: 1 + (seed % 7) as usize, resources };
        let problem = spec.problem().unwrap();
        let optimum = solve("class", &problem).value;
        assert_optimal(&format!("branch_bound {spec}"), &solve("branch_bound", &problem), optimum);
        if resources == 1 {
            assert_optimal(&format!("dynamic {spec}"), &solve("dynamic", &problem), optimum);
        }
        for name in ["greedy", "mip"] {
            let solution = solve(name, &problem);
            assert!(solution.value <= optimum && optimum <= solution.bound, "{name} {spec}");
        }
    }
}

/// Any other order of the same items has the same value, to the last bit, also if it is not whole.
#[test]
fn equal_input_gives_equal_answers() {
    let values: Vec<f64> = (1..4000).map(|k| 1.0 / f64::from(k % 1999 + 1)).collect();
    let savings: Vec<Vec<u64>> =
        vec![(1..4000).map(|k| 1 + k % 7).collect(), (1..4000).map(|k| k % 5).collect()];
    let problem = Problem::new(&values, &savings, &[3000, 2500]).unwrap();
    let (first, second) = (solve("auto", &problem), solve("auto", &problem));
    assert_eq!(first.status, Status::Optimal);
    assert_eq!((&first.keep, first.effort), (&second.keep, second.effort));
    let reversed: Vec<f64> = values.iter().rev().copied().collect();
    let rows: Vec<Vec<u64>> =
        savings.iter().map(|row| row.iter().rev().copied().collect()).collect();
    let turned = Problem::new(&reversed, &rows, &[3000, 2500]).unwrap();
    assert_eq!(first.value.to_bits(), solve("auto", &turned).value.to_bits());
}

#[test]
fn a_limit_leaves_a_selection_that_fits_and_a_bound() {
    let large = "1,100000,30,3".parse::<Spec>().unwrap().problem().unwrap();
    let small = read(&fixture("mknapcb1.txt")).unwrap().remove(0).problem;
    let cancelled = Limits { cancel: Some(Arc::new(AtomicBool::new(true))), ..Limits::default() };
    let timed = |micros| Limits { time: Some(Duration::from_micros(micros)), ..Limits::default() };
    let tight = Limits { memory: 20_000, ..Limits::default() };
    let wide = Limits { gap: 0.01, ..Limits::default() };
    for (problem, optimum) in [(large, 1820559804682.0), (small, 42009.0)] {
        for limits in [&cancelled, &timed(0), &timed(1000), &timed(20_000), &tight, &wide] {
            for name in ["auto", "class", "greedy", "branch_bound"] {
                if name == "branch_bound" && limits.time.is_none() && problem.len() > 1000 {
                    continue; // Would go on for ever, if not for a limit that it looks at.
                }
                let solution = solver(name).unwrap().solve(&problem, limits).unwrap();
                assert!(problem.fits(&solution.keep), "{name}");
                assert!(
                    solution.value <= optimum && optimum <= solution.bound,
                    "{name} {limits:?}"
                );
                let proven = solution.status == Status::Optimal;
                assert_eq!(proven, proven && solution.value == optimum, "{name} {limits:?}");
            }
        }
    }
}
