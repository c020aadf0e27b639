//! Every constant from rows of synthesis results.
//!
//! Look-up tables and flip-flops are fitted by least squares of relative errors, weighted again and again so that a row
//! that is like no other pulls little. Weights of terms that stand for logic are not negative: the most negative is left
//! out until none is. Each profile keeps constants of its own only where they foretell rows of folds left out better than a
//! multiple of the common ones does. Intervals are quantiles of such left-out errors, never of fitted ones.

mod delay;
mod solve;
mod spread;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::figure::Quantity;
use super::network::{compose, registers};
use super::profile::{Family, Multipliers, Profile, Tool};
use super::rules;
use super::table::{Group, Key, Shrink, Table};
use super::terms::{Terms, terms};
use super::unit::{Regime, Unit, Work};
use solve::solve;
use spread::{ends, median};

/// One synthesis result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Where it is from.
    pub source: String,
    /// Rows of one fold are left out together: they are of one network, or of one shape.
    pub fold: String,
    /// What it was built with.
    pub profile: Profile,
    /// Whether it is a design of its own, not a part of one: only that has registers at its ports.
    pub whole: bool,
    /// What was built; several units are a design.
    pub units: Vec<Unit>,
    /// What the report of C synthesis says.
    pub figures: BTreeMap<Quantity, u64>,
    /// What the same design's report says after implementation, if there is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub implemented: BTreeMap<Quantity, u64>,
}

/// The profile with the most rows, whose constants the others start from.
const COMMON: Key =
    Key { tool: Tool::Vivado, family: Family::Ultrascale, multipliers: Multipliers::Auto };
/// Fewest rows of the common profile for common constants.
const FEWEST_COMMON: usize = 8;
/// Share of a figure that a term must count for one to tell its weight from the figure.
const SEEN: f64 = 0.01;
/// Fewest rows for a spread, or a multiple, of a profile's own.
const FEWEST: usize = 3;

/// One row and what a regime makes of it.
struct Sample<'a> {
    fold: &'a str,
    key: Key,
    /// The report's figure.
    actual: f64,
    /// What is added before ratios are taken.
    some: f64,
    /// What is known of it beforehand.
    fixed: f64,
    /// Terms of the sum; one called `rule` where a rule gives the figure.
    terms: Terms,
}

/// Fits all constants.
pub fn fit(rows: &[Row]) -> Table {
    let rows = different(rows);
    let mut table = Table { delays: delay::fit(&rows), ..Table::default() };
    for regime in Regime::ALL {
        for quantity in Quantity::ALL {
            let samples = samples(&rows, regime, quantity, &table);
            groups(regime, quantity, &samples, &mut table);
        }
    }
    table.shrink = shrink(&rows);
    table
}

/// Rows that say the same of the same once: many reports were committed twice.
fn different(rows: &[Row]) -> Vec<&Row> {
    let mut seen = BTreeSet::new();
    let mut last = Vec::new();
    for row in rows {
        let shape: Vec<_> = row.units.iter().map(|unit| (unit.inputs, unit.outputs)).collect();
        let clock = row.profile.clock_ns.to_bits();
        if seen.insert((&row.source, Key::from(&row.profile), clock, shape, &row.figures)) {
            last.push(row);
        }
    }
    last
}

/// The rows of a regime that have a figure.
fn samples<'a>(
    rows: &[&'a Row],
    regime: Regime,
    quantity: Quantity,
    table: &Table,
) -> Vec<Sample<'a>> {
    let of_row = |row: &&'a Row| {
        let actual = *row.figures.get(&quantity)? as f64;
        let registered = quantity == Quantity::Ff && row.whole;
        let fixed =
            if registered { registers(&row.units, &row.profile, table) as f64 } else { 0.0 };
        let (profile, key) = (&row.profile, Key::from(&row.profile));
        let terms = match (regime, row.units.as_slice()) {
            (Regime::Design, [_, _, ..]) => {
                let parts = row.units.iter().map(|unit| unit.figures_by(profile, table).0);
                let parts: Vec<_> = parts.collect();
                let whole = compose(&row.units, &parts);
                vec![("rule", whole.get(quantity).value as f64)]
            }
            (_, [unit]) if unit.regime().pooled(quantity) == regime && regime != Regime::Design => {
                unit_terms(unit, quantity, profile, table)
            }
            _ => return None,
        };
        let some = quantity.some();
        Some(Sample { fold: row.fold.as_str(), key, actual, some, fixed, terms })
    };
    rows.iter().filter_map(of_row).collect()
}

fn unit_terms(unit: &Unit, quantity: Quantity, profile: &Profile, table: &Table) -> Terms {
    let depth = unit.depth(profile, table);
    let (latency, interval) = rules::cycles(unit, profile, depth);
    let rule = match quantity {
        Quantity::Dsp => rules::dsp(unit, profile),
        Quantity::Bram18 => rules::bram18(unit, profile),
        Quantity::Latency => latency,
        Quantity::Interval => interval,
        Quantity::Uram => 0,
        Quantity::Lut | Quantity::Ff => {
            let copies = if let Work::Matrix(matrix) = &unit.work { matrix.copies } else { 1 };
            let mut terms = terms(unit, quantity, profile, depth);
            terms.iter_mut().for_each(|(_, value)| *value *= copies as f64);
            return terms;
        }
    };
    vec![("rule", rule as f64)]
}

/// A fitted sum: the weights, and what they are multiplied by.
#[derive(Clone)]
struct Sum {
    weights: BTreeMap<String, f64>,
    scale: f64,
}

impl Sum {
    /// The rule's figure as it is.
    fn rule() -> Self {
        Self { weights: [("rule".to_owned(), 1.0)].into(), scale: 1.0 }
    }

    fn value(&self, sample: &Sample<'_>) -> f64 {
        let parts = sample
            .terms
            .iter()
            .map(|(name, value)| self.weights.get(*name).copied().unwrap_or(0.0) * value);
        sample.fixed + (self.scale * parts.sum::<f64>()).max(0.0)
    }

    /// With weights for the terms that the rows it was fitted on lack or hardly have: what others leave unexplained, half of them
    /// above.
    fn completed(mut self, samples: &[&Sample<'_>]) -> Self {
        let names: BTreeSet<&'static str> =
            samples.iter().flat_map(|sample| &sample.terms).map(|(name, _)| *name).collect();
        let lacks = |name: &&str| self.weights.get(*name).is_none_or(|&weight| weight == 0.0);
        let lacking: Vec<&str> = names.into_iter().filter(lacks).collect();
        for name in lacking {
            let share = |sample: &&&Sample<'_>| {
                let (_, value) = sample.terms.iter().find(|(known, _)| *known == name)?;
                (*value > SEEN * sample.actual)
                    .then(|| (sample.actual - self.value(sample)) / value)
            };
            let shares: Vec<f64> = samples.iter().filter_map(|sample| share(&sample)).collect();
            if let Some(weight) = median(shares) {
                self.weights.insert(name.to_owned(), weight.max(0.0));
            }
        }
        self
    }

    /// Multiplied so that half of the rows lie above.
    fn scaled(&self, samples: &[&Sample<'_>]) -> Self {
        let common = Self { scale: 1.0, ..self.clone() };
        let ratios = samples.iter().filter_map(|sample| {
            let (value, rest) = (common.value(sample) - sample.fixed, sample.actual - sample.fixed);
            (value > 0.0 && rest > 0.0).then(|| rest / value)
        });
        Self { scale: median(ratios.collect()).unwrap_or(1.0), ..common }
    }

    /// The true number over the estimate, some added to both.
    fn ratio(&self, sample: &Sample<'_>) -> f64 {
        (sample.actual + sample.some) / (self.value(sample) + sample.some)
    }
}

/// The groups of one figure of one regime: one for each profile that has rows, and one for the others.
fn groups(regime: Regime, quantity: Quantity, samples: &[Sample<'_>], table: &mut Table) {
    if samples.is_empty() {
        return;
    }
    let all: Vec<&Sample<'_>> = samples.iter().collect();
    let common: Vec<&Sample<'_>> =
        all.iter().copied().filter(|sample| sample.key == COMMON).collect();
    let ruled = samples.iter().any(|sample| sample.terms.iter().any(|(name, _)| *name == "rule"));
    let base = if common.len() >= FEWEST_COMMON { &common } else { &all };
    let sum = if ruled { Sum::rule() } else { solve(base).completed(&all) };
    let mut add = |key, sum: &Sum, ratios: Vec<f64>, rows| {
        let (low, high) = ends(ratios);
        let weights = if ruled { BTreeMap::new() } else { round_all(&sum.weights) };
        let scale = round(sum.scale);
        let (low, high) = (round(low), round(high));
        table.groups.push(Group { regime, quantity, key, weights, scale, low, high, rows });
    };
    let keys: BTreeSet<Key> = all.iter().map(|sample| sample.key).collect();
    for &key in &keys {
        let own: Vec<&Sample<'_>> =
            all.iter().copied().filter(|sample| sample.key == key).collect();
        if own.len() < FEWEST {
            continue;
        }
        let scaled = |rest: &[&Sample<'_>]| {
            // A rule is multiplied by nothing: it is right, or the spread says how wrong. A design's sum may lack or
            // count twice what lies between its layers.
            let fixed = ruled && (regime != Regime::Design || is_rule(quantity));
            if fixed { sum.clone() } else { sum.scaled(rest) }
        };
        let refitted = |rest: &[&Sample<'_>]| match rest {
            [] => sum.clone(),
            rest if key == COMMON => solve(rest).completed(&all),
            rest => solve(rest),
        };
        let by_scale = left_out(&own, &scaled);
        if ruled {
            add(Some(key), &scaled(&own), by_scale, own.len());
            continue;
        }
        let enough = own.len() > own[0].terms.len() + 1;
        let by_own = if enough { left_out(&own, &refitted) } else { Vec::new() };
        if enough && (key == COMMON || typical(&by_own) < typical(&by_scale)) {
            add(Some(key), &refitted(&own), by_own, own.len());
        } else {
            add(Some(key), &scaled(&own), by_scale, own.len());
        }
    }
    // Those of other profiles show how far the common constants carry.
    let strangers: Vec<f64> = all
        .iter()
        .filter(|sample| sample.key != COMMON || base.len() == all.len())
        .map(|sample| sum.ratio(sample))
        .collect();
    let ratios = if strangers.is_empty() {
        let doubt = [0.5, 2.0];
        all.iter().map(|sample| sum.ratio(sample)).chain(doubt).collect()
    } else {
        strangers
    };
    add(None, &sum, ratios, base.len());
}

/// Figures that a rule of a whole design gives, not a sum of uncertain parts.
fn is_rule(quantity: Quantity) -> bool {
    matches!(quantity, Quantity::Dsp | Quantity::Bram18 | Quantity::Uram | Quantity::Interval)
}

/// Ratios of rows whose fold was left out; rows one by one where there is a single fold.
fn left_out<'a>(samples: &[&Sample<'a>], fitted: &impl Fn(&[&Sample<'a>]) -> Sum) -> Vec<f64> {
    let folds: BTreeSet<&str> = samples.iter().map(|sample| sample.fold).collect();
    let mut ratios = Vec::with_capacity(samples.len());
    let mut without = |leaves: &dyn Fn(usize) -> bool| {
        let places = || samples.iter().enumerate();
        let rest: Vec<&Sample<'a>> =
            places().filter(|(place, _)| !leaves(*place)).map(|(_, sample)| *sample).collect();
        let sum = fitted(&rest);
        let left = places().filter(|(place, _)| leaves(*place));
        ratios.extend(left.map(|(_, sample)| sum.ratio(sample)));
    };
    if folds.len() > 1 {
        folds.iter().for_each(|fold| without(&|place: usize| samples[place].fold == *fold));
    } else {
        (0..samples.len()).for_each(|left| without(&|place| place == left));
    }
    ratios
}

/// The error that half of the rows stay below.
fn typical(ratios: &[f64]) -> f64 {
    median(ratios.iter().map(|ratio| ratio.ln().abs()).collect()).unwrap_or(f64::INFINITY)
}

/// What implementation leaves of the figures of C synthesis.
fn shrink(rows: &[&Row]) -> Vec<Shrink> {
    let of_quantity = |quantity: &Quantity| {
        let ratios = rows.iter().filter_map(|row| {
            let (before, after) = (row.figures.get(quantity)?, row.implemented.get(quantity)?);
            let some = quantity.some();
            (*before > 0).then(|| (*after as f64 + some) / (*before as f64 + some))
        });
        let ratios: Vec<f64> = ratios.collect();
        let rows = ratios.len();
        let scale = round(median(ratios.clone())?);
        let (low, high) = ends(ratios);
        Some(Shrink { quantity: *quantity, scale, low: round(low), high: round(high), rows })
    };
    Quantity::ALL.iter().filter_map(of_quantity).collect()
}

/// Six significant digits: more would differ from machine to machine, and mean nothing.
fn round(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

fn round_all(weights: &BTreeMap<String, f64>) -> BTreeMap<String, f64> {
    weights.iter().map(|(name, &weight)| (name.clone(), round(weight))).collect()
}
