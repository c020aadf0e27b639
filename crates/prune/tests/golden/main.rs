//! All masks of the reference: ours are the same, or differ by a correction, or are worth more.
//!
//! The problem is stated once more, with the reference's defects to be switched on. With all of them it is the reference's
//! instance to the digit; the smallest set of them under which the reference's masks are the best explains a difference.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

mod case;
#[path = "../ids/mod.rs"]
mod ids;
mod ours;
#[path = "../../../objective/tests/reference/mod.rs"]
mod reference;
mod stated;

use std::collections::BTreeMap;

use case::{Capacity, Case, Kernel};
use ours::{Masks, ours};
use stated::{Fate, Stated, close, defects, optimised, problems};

/// What the masks of the reference do to a weight.
fn golden(case: &Case) -> impl Fn(&str, usize) -> Fate + '_ {
    |layer, index| {
        let zero =
            case.mask_zeros.get(layer).is_some_and(|zeros| zeros.binary_search(&index).is_ok());
        let offset = case.offsets.get(layer).and_then(|offsets| {
            offsets
                .binary_search_by_key(&index, |offset| offset.0)
                .ok()
                .map(|place| offsets[place].1)
        });
        match (zero, offset) {
            (false, _) => Fate::Kept,
            (true, None) => Fate::Pruned,
            (true, Some(mean)) => Fate::Shared(mean),
        }
    }
}

/// The value of a treatment of the weights in these problems, if it fits them.
fn value(problems: &[Stated], fate: &impl Fn(&str, usize) -> Fate) -> Option<f64> {
    let of_one = |stated: &Stated| {
        let (keep, problem) = (stated.kept(fate)?, stated.problem());
        problem.fits(&keep).then(|| problem.value(&keep))
    };
    problems.iter().map(of_one).sum()
}

fn optimum(problems: &[Stated]) -> f64 {
    problems.iter().map(|stated| stated.best().0).sum()
}

fn is_best(problems: &[Stated], fate: &impl Fn(&str, usize) -> Fate) -> bool {
    value(problems, fate).is_some_and(|value| close(value, optimum(problems)))
}

/// With all defects the statement is the reference's instance, and its solver's answer is not better than ours.
fn check_statement(case: &Case, kernels: &[Kernel<'_>], stated: &[Stated], place: &str) {
    for kernel in kernels {
        assert_eq!(optimised(case, kernel, &defects()).as_ref(), kernel.golden, "{place}");
    }
    assert_eq!(stated.len(), case.knapsack.len(), "{place}");
    for (stated, golden) in stated.iter().zip(&case.knapsack) {
        let Capacity::Each(capacity) = &golden.capacity else { panic!("{place}") };
        assert_eq!(stated.capacity, *capacity, "{place}");
        if let Some(values) = &golden.values {
            assert_eq!(stated.items.len(), values.len(), "{place}");
            for (place_of, (item, value)) in stated.items.iter().zip(values).enumerate() {
                assert!(
                    (item.value - value).abs() <= 1e-9 + 3e-5 * value,
                    "{place}: {item:?} {value}"
                );
                let column: Vec<u64> = golden.weights.iter().map(|row| row[place_of]).collect();
                assert_eq!(item.savings, column, "{place}");
            }
        }
        let (Some(theirs), (best, keep)) = (golden.optimal, stated.best()) else { continue };
        assert!(theirs <= best || close(theirs, best), "{place}: {theirs} against {best}");
        if let Some(selected) = &golden.selected
            && close(theirs, best)
            && stated.is_unique()
        {
            let ours = (0..keep.len()).filter(|&item| keep[item]).collect::<Vec<_>>();
            assert_eq!(ours, *selected, "{place}: the only best selection of its instance");
        }
    }
}

/// The smallest set of defects of which `explains` is true, of those that matter to this case at all.
fn smallest(
    relevant: &[&'static str],
    explains: impl Fn(&[&str]) -> bool,
) -> Option<Vec<&'static str>> {
    let set = |bits: u32| (0..relevant.len()).filter(move |defect| bits >> defect & 1 == 1);
    let sets =
        (0..1u32 << relevant.len()).map(|bits| set(bits).map(|defect| relevant[defect]).collect());
    let mut sets: Vec<Vec<&str>> = sets.collect();
    sets.sort_by_key(Vec::len);
    sets.into_iter().find(|set| explains(set))
}

/// The defects that change something when all others are there, or none.
fn relevant(case: &Case, kernels: &[Kernel<'_>]) -> Vec<&'static str> {
    let (all, none) = (problems(case, kernels, &defects()), problems(case, kernels, &[]));
    let matters = |defect: &&'static str| {
        let others: Vec<&str> = defects().into_iter().filter(|other| other != defect).collect();
        problems(case, kernels, &others) != all || problems(case, kernels, &[*defect]) != none
    };
    defects().into_iter().filter(matters).collect()
}

/// Why our masks are not the reference's, or that they are.
fn bucket(case: &Case, kernels: &[Kernel<'_>], ours: &Masks, place: &str) -> String {
    let golden = golden(case);
    let right = problems(case, kernels, &[]).unwrap();
    let told = problems(case, kernels, &defects()).unwrap();
    check_statement(case, kernels, &told, place);
    let fate = |layer: &str, index: usize| ours.fate(layer, index);
    assert!(is_best(&right, &fate), "{place}: ours is not the best");
    let same = |kernel: &Kernel<'_>| {
        (0..kernel.tensors.kernel.len()).all(|index| {
            match (golden(kernel.name, index), fate(kernel.name, index)) {
                (Fate::Shared(theirs), Fate::Shared(ours)) => (theirs - ours).abs() <= 1e-5,
                (theirs, ours) => theirs == ours,
            }
        })
    };
    if kernels.iter().all(same) {
        let unique = told.iter().all(Stated::is_unique);
        return if unique { "the same: the only best" } else { "the same: one of several best" }
            .to_owned();
    }
    let relevant = relevant(case, kernels);
    let under = |wrong: &[&str]| problems(case, kernels, wrong);
    if is_best(&told, &golden) {
        let explains =
            |wrong: &[&str]| under(wrong).is_some_and(|stated| is_best(&stated, &golden));
        return match smallest(&relevant, explains).unwrap().as_slice() {
            [] => "9 (another of several best)".to_owned(),
            causes => causes.join(" and "),
        };
    }
    // Its solver stopped short: ours is worth more in its own instance, and feasible there.
    let (theirs, best) = (value(&told, &golden).unwrap(), optimum(&told));
    assert!(theirs < best, "{place}");
    let causes =
        smallest(&relevant, |wrong| under(wrong).is_some_and(|stated| stated == told)).unwrap();
    let instance =
        if causes.is_empty() { String::new() } else { format!(", and {}", causes.join(" and ")) };
    format!("its solver ({}) stops short of the best{instance}", case.solver)
}

/// The correction that a failure of the reference stands for.
fn failure(case: &Case, error: &str) -> &'static str {
    match error.split(": ").nth(1).unwrap() {
        text if text.starts_with("Pattern offset needs") => {
            "raised: section 3, a pattern that does not fit; refused by ours too"
        }
        text if text.starts_with("Block sizes need") => {
            "raised: section 3, blocks that do not fit; refused by ours too"
        }
        text if text.starts_with("Consecutive patterns") => "raised: 4 (shorter last group)",
        text if text.starts_with("cannot reshape") => "raised: 5",
        text if text.starts_with("index 8 is out of bounds") => "raised: 11",
        text if text.starts_with("Current implementation") => {
            "raised: 12, nothing to optimise; ours says why"
        }
        text if text.starts_with("Solving Knapsack with dynamic") => {
            "raised: section 1, two resources for a solver of one; ours takes another"
        }
        text if text.starts_with("The truth value") => {
            "raised: section 1, two resources in its greedy solver"
        }
        other => panic!("{}: {other}", case.tag),
    }
}

#[test]
fn masks_of_the_reference() {
    let (cases, weights) = case::cases();
    assert_eq!(cases.len(), 2020);
    let mut tally = BTreeMap::<String, usize>::new();
    let mut floored = 0;
    for (number, case) in cases.iter().enumerate() {
        let place = format!("case {number}, {} {} {}", case.model, case.estimator, case.tag);
        let kernels = case.kernels(&weights);
        let ours_at = |floor| ours(case, &kernels, floor);
        let cause = match (&case.error, ours_at(0)) {
            (None, Ok(ours)) => {
                floored += usize::from(ours_at(1).unwrap() != ours);
                bucket(case, &kernels, &ours, &place)
            }
            (None, Err(why)) => {
                assert!(
                    why.contains("bits wide") && problems(case, &kernels, &[]) == Some(vec![]),
                    "{place}: {why}"
                );
                match case.mask_zeros.is_empty() {
                    true => "12, nothing to optimise; ours says why".to_owned(),
                    false => "18 and 12, nothing to optimise; ours says why".to_owned(),
                }
            }
            (Some(error), ours) => {
                let cause = failure(case, error);
                match ours {
                    Ok(ours) => {
                        let right = problems(case, &kernels, &[]).unwrap();
                        let fate = |layer: &str, index: usize| ours.fate(layer, index);
                        assert!(is_best(&right, &fate), "{place}: ours is not the best");
                        assert!(!cause.contains("refused") && !cause.contains("12"), "{place}");
                    }
                    Err(why) => {
                        let refused = why.contains("does not fit") || why.contains("do not fit");
                        assert!(refused == cause.contains("refused"), "{place}: {why}");
                        assert!(
                            refused || cause.contains("12") && why.contains("bits wide"),
                            "{place}: {why}"
                        );
                    }
                }
                cause.to_owned()
            }
        };
        *tally.entry(cause).or_default() += 1;
    }
    tally.iter().for_each(|(cause, count)| println!("{count:>6} {cause}"));
    println!("{floored:>6} of these cut a whole layer, or its best group: 10");
    assert_eq!(tally.values().sum::<usize>(), cases.len());
}
