use std::collections::{BTreeMap, BTreeSet};

use super::super::figure::Quantity;
use super::super::profile::Tool;
use super::super::table::{Group, Key, Scope};
use super::super::unit::Regime;
use super::solve::{solve, solve_near};
use super::spread::{DOUBT, STRANGENESS, Weighted, ends, median, weighted_ends};
use super::sum::{Sample, Sum};
use super::{COMMON, FEWEST, round};

/// Fewest rows of the common profile for common constants.
const FEWEST_COMMON: usize = 8;

/// Whether intervals are wanted, which take most of the time.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Ends {
    Measured,
    None,
}

/// The groups of one figure of one regime: one for each profile that has rows, one for each tool, and one for other tools.
pub(super) fn groups(
    regime: Regime,
    quantity: Quantity,
    samples: &[Sample<'_>],
    wanted: Ends,
) -> Vec<Group> {
    if samples.is_empty() {
        return Vec::new();
    }
    let all: Vec<&Sample<'_>> = samples.iter().collect();
    let ruled = all.iter().any(|sample| sample.terms.iter().any(|(name, _)| *name == "rule"));
    let group = |scope, sum: &Sum, (low, high): (f64, f64), rows| {
        let weights = if ruled { BTreeMap::new() } else { round_all(&sum.weights) };
        let (scale, low, high) = (round(sum.scale), round(low), round(high));
        Group { regime, quantity, scope, weights, scale, low, high, rows }
    };
    let mut found = Vec::new();
    for key in all.iter().map(|sample| sample.key).collect::<BTreeSet<Key>>() {
        let (own, others) = parted(&all, |sample| sample.key == key && sample.usual);
        if own.len() >= FEWEST {
            let (sum, ratios) = of_profile(key, &own, &others, wanted);
            let ends =
                ends(ratios, own.iter().map(|sample| sample.fold).collect::<BTreeSet<_>>().len());
            found.push(group(Scope::Profile(key), &sum, ends, own.len()));
        }
    }
    let doubt = if ruled { DOUBT } else { STRANGENESS };
    for tool in all.iter().map(|sample| sample.key.tool).collect::<BTreeSet<Tool>>() {
        let (own, others) = parted(&all, |sample| sample.key.tool == tool);
        let fitted = |rest: &[&Sample<'_>]| of_tool(tool, &joined(&others, rest));
        let ratios = transfer(&own, &|sample| sample.source, &fitted, wanted);
        let ends = weighted_ends(ratios, doubt);
        found.push(group(Scope::Tool(tool), &of_tool(tool, &all), ends, own.len()));
    }
    let profile = |key: Key| format!("{key:?}");
    let ratios = transfer(&all, &|sample| profile(sample.key), &general, wanted);
    found.push(group(Scope::All, &general(&all), weighted_ends(ratios, doubt), all.len()));
    found
}

/// Rows that are so, and the others.
fn parted<'a, 'b>(
    samples: &[&'b Sample<'a>],
    is: impl Fn(&Sample<'a>) -> bool,
) -> (Vec<&'b Sample<'a>>, Vec<&'b Sample<'a>>) {
    samples.iter().partition(|sample| is(sample))
}

fn joined<'a, 'b>(some: &[&'b Sample<'a>], more: &[&'b Sample<'a>]) -> Vec<&'b Sample<'a>> {
    some.iter().chain(more).copied().collect()
}

/// What all rows say: those of the common profile, where there are enough, and of the others what they lack.
fn general(samples: &[&Sample<'_>]) -> Sum {
    if samples.iter().any(|sample| sample.terms.iter().any(|(name, _)| *name == "rule")) {
        return Sum::rule();
    }
    let (common, _) = parted(samples, Sample::is_common);
    let base = if common.len() >= FEWEST_COMMON { &common } else { samples };
    solve(base).seen(base).completed(samples)
}

/// What the rows of a tool make of what all say.
fn of_tool(tool: Tool, samples: &[&Sample<'_>]) -> Sum {
    let base = general(samples);
    let (own, _) = parted(samples, |sample| sample.key.tool == tool);
    let common = own.iter().filter(|sample| sample.is_common()).count() >= FEWEST_COMMON;
    if common { base } else { solve_near(&own, &base) }
}

/// What the rows of a profile make of what their tool's say, in the way that foretells folds left out best, with the
/// ratios of those.
fn of_profile(
    key: Key,
    own: &[&Sample<'_>],
    others: &[&Sample<'_>],
    wanted: Ends,
) -> (Sum, Vec<f64>) {
    let base = |rest: &[&Sample<'_>]| of_tool(key.tool, &joined(others, rest));
    let refitted = |rest: &[&Sample<'_>]| match rest {
        [] => base(rest),
        rest => solve(rest).completed(&joined(others, rest)),
    };
    if own.iter().any(|sample| sample.terms.iter().any(|(name, _)| *name == "rule")) {
        // A rule is multiplied by nothing: it is right, or the spread says how wrong.
        return (Sum::rule(), left_out(own, &|_| Sum::rule()));
    }
    let enough = own.len() > own[0].terms.len() + 1;
    if key == COMMON && enough {
        let ratios = if wanted == Ends::None { Vec::new() } else { left_out(own, &refitted) };
        return (refitted(own), ratios);
    }
    let near = |rest: &[&Sample<'_>]| solve_near(rest, &base(rest));
    let scaled = |rest: &[&Sample<'_>]| base(rest).scaled(rest);
    let without = |way: &dyn Fn(&[&Sample<'_>]) -> Sum| left_out(own, way);
    let nowhere = Vec::new();
    let tried =
        [without(&near), without(&scaled), if enough { without(&refitted) } else { nowhere }];
    let tried = tried.into_iter().enumerate();
    let best = tried.min_by(|(_, a), (_, b)| typical(a).total_cmp(&typical(b)));
    let (way, ratios) = best.unwrap_or_default();
    let sum = match way {
        0 => near(own),
        1 => scaled(own),
        _ => refitted(own),
    };
    (sum, ratios)
}

/// Ratios of rows whose fold was left out; rows one by one where there is a single fold.
fn left_out<'a, 'b>(
    samples: &[&'b Sample<'a>],
    fitted: &dyn Fn(&[&'b Sample<'a>]) -> Sum,
) -> Vec<f64> {
    let folds: BTreeSet<&str> = samples.iter().map(|sample| sample.fold).collect();
    let single = folds.len() == 1;
    let places = 0..if single { samples.len() } else { 0 };
    let of_fold = |fold: &str| ratios_without(samples, &|_, sample| sample.fold == fold, fitted);
    let of_place = |left: usize| ratios_without(samples, &|place, _| place == left, fitted);
    if single {
        places.flat_map(of_place).collect()
    } else {
        folds.into_iter().flat_map(of_fold).collect()
    }
}

/// Ratios of the rows that are left out, by what the rest says.
fn ratios_without<'a, 'b>(
    samples: &[&'b Sample<'a>],
    leaves: &dyn Fn(usize, &Sample<'a>) -> bool,
    fitted: &dyn Fn(&[&'b Sample<'a>]) -> Sum,
) -> Vec<f64> {
    let places = || samples.iter().copied().enumerate();
    let rest: Vec<&Sample<'a>> = places()
        .filter(|(place, sample)| !leaves(*place, sample))
        .map(|(_, sample)| sample)
        .collect();
    let sum = fitted(&rest);
    places()
        .filter(|(place, sample)| leaves(*place, sample))
        .map(|(_, left)| sum.ratio(left))
        .collect()
}

/// Ratios of each group of rows, left out whole, all of which count alike. A group larger than the rest can't be foretold by it: it
/// is taken as it was fitted.
fn transfer<'a, 'b, K: Ord>(
    samples: &[&'b Sample<'a>],
    group: &dyn Fn(&Sample<'a>) -> K,
    fitted: &dyn Fn(&[&'b Sample<'a>]) -> Sum,
    wanted: Ends,
) -> Vec<Weighted> {
    if wanted == Ends::None {
        return Vec::new();
    }
    let whole = fitted(samples);
    let groups: BTreeSet<K> = samples.iter().map(|sample| group(sample)).collect();
    let of_group = |left: &K| {
        let (own, rest) = parted(samples, |sample| group(sample) == *left);
        let refitted = (rest.len() >= own.len()).then(|| fitted(&rest));
        let sum = refitted.as_ref().unwrap_or(&whole);
        Weighted::alike(own.iter().map(|sample| sum.ratio(sample)).collect())
    };
    groups.iter().map(of_group).collect()
}

/// The error that half of the rows stay below.
fn typical(ratios: &[f64]) -> f64 {
    median(ratios.iter().map(|ratio| ratio.ln().abs()).collect()).unwrap_or(f64::INFINITY)
}

fn round_all(weights: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    weights.iter().map(|(name, &weight)| (name.clone(), round(weight))).collect()
}
