//! Every constant from rows of synthesis results.
//!
//! Look-up tables and flip-flops are fitted by least squares of relative errors, weighted again and again so that a row
//! that is like no other pulls little. Weights of terms that stand for logic are not negative. What is known of all rows is
//! the start for a tool, and that for a profile (shrinkage): a profile keeps constants of its own only as far as they
//! foretell rows of folds left out. Intervals are quantiles of left-out errors, never of fitted ones: of folds of the same
//! profile, or, for profiles without rows, of whole sources. There are so few designs that most profiles have none: theirs fall
//! together with those of the tool on the same parts, whatever multiplications are bound to, before those on other parts are asked.
//! What is bound to what changes the figures of layers, each by its own rows, and hardly how far off their sum is; on other parts
//! the clock cuts elsewhere, so that flip-flops are off by other factors.

mod delay;
mod designs;
mod groups;
mod solve;
mod spread;
mod sum;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::figure::Quantity;
use super::profile::{Family, Multipliers, Profile, Tool};
use super::rules;
use super::table::{Key, Shrink, Table};
use super::terms::{Terms, terms};
use super::unit::{Regime, Unit, Work};
use groups::Ends;
use spread::{ends, median};
use sum::Sample;

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
/// Fewest rows for a spread, or a multiple, of a profile's own.
const FEWEST: usize = 3;

/// Fits all constants.
pub fn fit(rows: &[Row]) -> Table {
    let rows = different(rows);
    let mut table = parts(&rows, Ends::Measured);
    table.groups.extend(designs::groups(&rows));
    table.shrink = shrink(&rows);
    table
}

/// The constants of single layers, and how they follow one another.
fn parts(rows: &[&Row], ends: Ends) -> Table {
    let mut table = Table { delays: delay::fit(rows), ..Table::default() };
    for regime in Regime::ALL {
        for quantity in Quantity::ALL {
            let samples = samples(rows, regime, quantity, &table);
            table.groups.extend(groups::groups(regime, quantity, &samples, ends));
        }
    }
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

/// The rows of one layer of a regime that have a figure.
fn samples<'a>(
    rows: &[&'a Row],
    regime: Regime,
    quantity: Quantity,
    table: &Table,
) -> Vec<Sample<'a>> {
    let of_row = |row: &&'a Row| {
        let [unit] = row.units.as_slice() else { return None };
        (unit.regime().pooled(quantity, row.profile.tool) == regime)
            .then(|| Sample::of(row, quantity, table, unit_terms(unit, quantity, row, table)))?
    };
    rows.iter().filter_map(of_row).collect()
}

fn unit_terms(unit: &Unit, quantity: Quantity, row: &Row, table: &Table) -> Terms {
    let profile = &row.profile;
    let tree = unit.tree_by(profile, &table.delay(profile));
    let (latency, interval) = rules::cycles(unit, profile, tree.depth);
    let rule = match quantity {
        Quantity::Dsp => rules::dsp(unit, profile),
        Quantity::Bram18 => rules::bram18(unit, profile),
        Quantity::Latency => latency,
        Quantity::Interval => interval,
        Quantity::Uram => 0,
        Quantity::Lut | Quantity::Ff => {
            let copies = if let Work::Matrix(matrix) = &unit.work { matrix.copies } else { 1 };
            let mut terms = terms(unit, quantity, profile, tree);
            terms.iter_mut().for_each(|(_, value)| *value *= copies as f64);
            return terms;
        }
    };
    vec![("rule", rule as f64)]
}

/// What implementation leaves of the figures of C synthesis.
fn shrink(rows: &[&Row]) -> Vec<Shrink> {
    let of_quantity = |quantity: &Quantity| {
        let ratios = rows.iter().filter_map(|row| {
            let (before, after) = (row.figures.get(quantity)?, row.implemented.get(quantity)?);
            let some = quantity.some_implemented();
            (*before > 0).then(|| (*after as f64 + some) / (*before as f64 + some))
        });
        let ratios: Vec<f64> = ratios.collect();
        let rows = ratios.len();
        let scale = round(median(ratios.clone())?);
        let (low, high) = ends(ratios, rows);
        Some(Shrink { quantity: *quantity, scale, low: round(low), high: round(high), rows })
    };
    Quantity::ALL.iter().filter_map(of_quantity).collect()
}

/// Six significant digits: more would differ from machine to machine, and mean nothing.
fn round(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}
