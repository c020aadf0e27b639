use std::collections::BTreeMap;

use super::spread::median;
use super::sum::{Sample, Sum};

/// Rounds of reweighting.
const ROUNDS: usize = 25;
/// Relative error beyond which a row loses weight: in the first round, as a share of the round before's, and in the last.
const FIRST_ERROR: f64 = 1.0;
const NEXT_ERROR: f64 = 0.7;
const LAST_ERROR: f64 = 3e-3;
/// Errors of so many times the middle one are still like the others.
const LIKE_OTHERS: f64 = 2.0;
/// Figures below this are as good as wrong by so many: a report of 3 is not three times one of 1.
const FLOOR: f64 = 20.0;
/// Terms whose weight may be negative: they correct others.
const SIGNED: [&str; 3] = ["constant", "counter", "turns"];

/// As how many rows what is known beforehand counts.
const BELIEF: f64 = 10.0;

/// The weights that fit the samples best.
pub(super) fn solve(samples: &[&Sample<'_>]) -> Sum {
    let mut names = names(samples);
    let mut left_out: Vec<&'static str> = Vec::new();
    loop {
        let weights = reweighted(samples, &names, None);
        let negative =
            |(name, weight): &(&&'static str, &f64)| **weight < 0.0 && !SIGNED.contains(*name);
        let worst = names
            .iter()
            .zip(&weights)
            .filter(negative)
            .min_by(|a, b| share(samples, a).total_cmp(&share(samples, b)))
            .map(|(name, _)| *name);
        let Some(worst) = worst else {
            let named = names.iter().map(|name| (*name).to_owned()).zip(weights);
            let useless = left_out.iter().map(|name| ((*name).to_owned(), 0.0));
            let weights = named.chain(useless).collect::<BTreeMap<_, _>>();
            return Sum { weights, scale: 1.0 };
        };
        left_out.push(worst);
        names.retain(|name| *name != worst);
    }
}

/// The weights that fit the samples without straying far from `base` (ridge regression towards it; Hoerl and Kennard 1970).
pub(super) fn solve_near(samples: &[&Sample<'_>], base: &Sum) -> Sum {
    let names = names(samples);
    let known = |name: &&str| base.weights.get(*name).map_or(0.0, |weight| weight * base.scale);
    let beliefs: Vec<f64> = names.iter().map(known).collect();
    let weights = reweighted(samples, &names, Some(&beliefs));
    let mut sum = Sum { weights: base.weights.clone(), scale: 1.0 };
    sum.weights.values_mut().for_each(|weight| *weight *= base.scale);
    for (name, weight) in names.iter().zip(weights) {
        let weight = if SIGNED.contains(name) { weight } else { weight.max(0.0) };
        sum.weights.insert((*name).to_owned(), weight);
    }
    sum
}

/// Terms that some sample has.
fn names(samples: &[&Sample<'_>]) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for (name, value) in samples.iter().flat_map(|sample| &sample.terms) {
        if *value != 0.0 && !names.contains(name) {
            names.push(name);
        }
    }
    names
}

/// What a term adds to all samples, relative to them.
fn share(samples: &[&Sample<'_>], (name, weight): &(&&'static str, &f64)) -> f64 {
    let values = samples.iter().map(|sample| sample.term(name) / sample.actual.max(FLOOR));
    **weight * values.sum::<f64>()
}

/// Least squares of relative errors; rows whose error is large beside that of most count less and less, so that what was built in
/// another way does not bend what fits the others. Beliefs are weights that count as much as some rows whose terms are the mean ones.
fn reweighted(
    samples: &[&Sample<'_>],
    names: &[&'static str],
    beliefs: Option<&[f64]>,
) -> Vec<f64> {
    let rows: Vec<(Vec<f64>, f64)> = samples
        .iter()
        .map(|sample| {
            let size = sample.actual.max(FLOOR);
            let terms = names.iter().map(|name| sample.term(name) / size).collect();
            (terms, (sample.actual - sample.fixed) / size)
        })
        .collect();
    let mean = |column: usize| {
        rows.iter().map(|(terms, _)| terms[column]).sum::<f64>() / rows.len().max(1) as f64
    };
    let means: Vec<f64> = (0..names.len()).map(mean).collect();
    let mut trust = vec![1.0; rows.len()];
    let mut weights = vec![0.0; names.len()];
    let mut width = FIRST_ERROR;
    for _ in 0..ROUNDS {
        let most = trust.iter().copied().fold(0.0, f64::max);
        let believed: Vec<(f64, f64)> = match beliefs {
            Some(beliefs) => {
                let strength = means.iter().map(|mean| BELIEF * most * mean * mean);
                strength.zip(beliefs.iter().copied()).collect()
            }
            None => Vec::new(),
        };
        weights = least_squares(&rows, &trust, names.len(), &believed);
        let error = |(terms, target): &(Vec<f64>, f64)| {
            let sum: f64 = terms.iter().zip(&weights).map(|(term, weight)| term * weight).sum();
            (sum - target).abs()
        };
        let errors: Vec<f64> = rows.iter().map(error).collect();
        for (trust, error) in trust.iter_mut().zip(&errors) {
            *trust = 1.0 / (width * width + error * error);
        }
        let typical = median(errors).unwrap_or(0.0);
        width = (width * NEXT_ERROR).max(LIKE_OTHERS * typical).max(LAST_ERROR);
    }
    weights
}

/// Normal equations, with how strongly each weight is believed to be which, with columns brought to one length, by elimination with pivots on the diagonal; a column that the
/// others make up gets the weight 0.
fn least_squares(
    rows: &[(Vec<f64>, f64)],
    trust: &[f64],
    columns: usize,
    believed: &[(f64, f64)],
) -> Vec<f64> {
    let mut matrix = vec![vec![0.0; columns + 1]; columns];
    for ((terms, target), trust) in rows.iter().zip(trust) {
        for (line, term) in matrix.iter_mut().zip(terms) {
            let entries = line.iter_mut().zip(terms.iter().chain([target]));
            entries.for_each(|(entry, other)| *entry += trust * term * other);
        }
    }
    for (column, (strength, weight)) in believed.iter().enumerate() {
        matrix[column][column] += strength;
        matrix[column][columns] += strength * weight;
    }
    let lengths: Vec<f64> =
        (0..columns).map(|column| matrix[column][column].sqrt().max(f64::MIN_POSITIVE)).collect();
    for (line, length) in matrix.iter_mut().zip(&lengths) {
        let others = lengths.iter().chain([&1.0]);
        line.iter_mut().zip(others).for_each(|(entry, other)| *entry /= length * other);
    }
    let mut solved = vec![false; columns];
    for _ in 0..columns {
        let left = (0..columns).filter(|&column| !solved[column]);
        let pivot = left.max_by(|&a, &b| matrix[a][a].total_cmp(&matrix[b][b]));
        let Some(pivot) = pivot.filter(|&pivot| matrix[pivot][pivot] > 1e-9) else { break };
        solved[pivot] = true;
        let divisor = matrix[pivot][pivot];
        matrix[pivot].iter_mut().for_each(|entry| *entry /= divisor);
        let line = matrix[pivot].clone();
        for (other, target) in matrix.iter_mut().enumerate().filter(|(other, _)| *other != pivot) {
            debug_assert_ne!(other, pivot);
            let factor = target[pivot];
            target.iter_mut().zip(&line).for_each(|(entry, own)| *entry -= factor * own);
        }
    }
    let answer = |column: usize| {
        if solved[column] { matrix[column][columns] / lengths[column] } else { 0.0 }
    };
    (0..columns).map(answer).collect()
}
