//! What holds of every search: the same trials for the same seed, wherever it was cut off, and values better than chance.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use handaxe_search::{Dimension, Error, Kind, Method, Outcome, Search, Settings, Trial, best};
use proptest::prelude::*;

fn space(dimensions: usize) -> Vec<Dimension> {
    (0..dimensions)
        .map(|n| Dimension::logarithmic(format!("layer{n}"), 1e-6, 1e-2, 16).unwrap())
        .collect()
}

fn build(kind: Kind, seed: u64) -> Box<dyn Search> {
    Settings { kind, seed, ..Settings::default() }.build(space(2), 9).unwrap()
}

/// Best at 1e-4 in both dimensions, and better the longer it trains.
fn score(trial: &Trial) -> f64 {
    let distance: f64 = trial.values.iter().map(|value| (value.log10() + 4.0).powi(2)).sum();
    -distance - 1.0 / trial.epochs as f64
}

fn run(search: &dyn Search, mut done: Vec<Outcome>) -> Vec<Outcome> {
    loop {
        let round = search.round(&done).unwrap();
        if round.is_empty() {
            return done;
        }
        done.extend(round.into_iter().map(|trial| Outcome { score: score(&trial), trial }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cut_off_anywhere_it_ends_the_same(seed: u64, cut in 0usize..40, hyperband: bool) {
        let search = build(if hyperband { Kind::Hyperband } else { Kind::Bayesian }, seed);
        let whole = run(&*search, Vec::new());
        prop_assert_eq!(whole.len(), search.trials());
        let numbers: Vec<usize> = whole.iter().map(|outcome| outcome.trial.number).collect();
        prop_assert_eq!(numbers, (0..whole.len()).collect::<Vec<_>>());
        let part = whole[..cut.min(whole.len())].to_vec();
        prop_assert_eq!(run(&*search, part), whole);
    }

    #[test]
    fn a_foreign_record_is_found_out(seed: u64, which in 0usize..10, hyperband: bool) {
        let search = build(if hyperband { Kind::Hyperband } else { Kind::Bayesian }, seed);
        let mut done = run(&*search, Vec::new());
        done[which].trial.values[1] = 0.5;
        let number = which;
        prop_assert_eq!(search.round(&done), Err(Error::Record { number }));
    }
}

#[test]
fn more_outcomes_than_trials_are_found_out() {
    for kind in Kind::ALL {
        let search = build(kind, 1);
        let mut done = run(&*search, Vec::new());
        let mut surplus = done[0].clone();
        surplus.trial.number = done.len();
        done.push(surplus);
        assert_eq!(search.round(&done), Err(Error::Record { number: done.len() - 1 }));
    }
}

/// Over many seeds, the estimator's later trials are better than its drawn ones, and its best beats that of as many draws.
#[test]
fn the_estimator_learns() {
    let (mut drawn, mut learnt) = (0.0, 0.0);
    for seed in 0..200 {
        let settings = Settings { trials: 20, seed, ..Settings::default() };
        let done = run(&*settings.build(space(2), 1).unwrap(), Vec::new());
        drawn += done[..2].iter().map(|outcome| outcome.score).sum::<f64>() / 2.0;
        learnt += done[10..].iter().map(|outcome| outcome.score).sum::<f64>() / 10.0;
    }
    assert!(learnt > 0.6 * drawn, "mean score of draws {drawn}, of later trials {learnt}");
}

#[test]
fn of_each_rung_the_best_go_on() {
    let search = build(Kind::Hyperband, 7);
    let done = run(&*search, Vec::new());
    // 9 epochs, factor 3: the first bracket has 9 trials of 1 epoch, 3 of 3, 1 of 9.
    let mut first: Vec<&Outcome> = done[..9].iter().collect();
    first.sort_by(|a, b| b.score.total_cmp(&a.score));
    for (index, next) in done[9..12].iter().enumerate() {
        assert_eq!((next.trial.epochs, &next.trial.values), (3, &first[index].trial.values));
    }
    assert_eq!(best(&done).unwrap().trial.epochs, 9);
}

#[test]
fn training_that_diverged_is_worst() {
    for kind in Kind::ALL {
        let search = build(kind, 3);
        let mut done = Vec::new();
        loop {
            let round = search.round(&done).unwrap();
            if round.is_empty() {
                break;
            }
            for trial in round {
                let diverged = trial.number % 2 == 0;
                let score = if diverged { f64::NAN } else { score(&trial) };
                done.push(Outcome { trial, score });
            }
        }
        assert!(!best(&done).unwrap().score.is_nan());
    }
    assert!(best(&[]).is_none());
}

#[test]
fn settings_that_cannot_work_say_why() {
    let build = |settings: Settings, dimensions, epochs| {
        settings.build(space(dimensions), epochs).err().map(|error| error.to_string())
    };
    let bayesian = Settings::default();
    let hyperband = Settings { kind: Kind::Hyperband, ..Settings::default() };
    assert!(build(bayesian.clone(), 0, 3).unwrap().contains("nothing to search"));
    assert!(build(hyperband.clone(), 1, 0).unwrap().contains("1 epoch"));
    assert!(build(Settings { trials: 0, ..bayesian }, 1, 3).unwrap().contains("10"));
    assert!(build(Settings { factor: 1, ..hyperband }, 1, 3).unwrap().contains("at least 2"));
    assert_eq!("hyperband".parse(), Ok(Kind::Hyperband));
    assert!("grid".parse::<Kind>().unwrap_err().to_string().contains("bayesian, hyperband"));
}
