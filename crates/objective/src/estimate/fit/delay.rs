use std::collections::BTreeMap;

use handaxe_graph::{IoType, Strategy};

use super::super::figure::Quantity;
use super::super::network::is_design;
use super::super::profile::{Family, Tool};
use super::super::rules;
use super::super::table::{Delay, Table};
use super::super::unit::{Regime, Work};
use super::spread::median;
use super::{COMMON, FEWEST, Row, round};

/// Steps of the grid, in nanoseconds, and how many.
const START: (f64, u32) = (0.5, 24);
const LEVEL: (f64, u32) = (0.125, 48);
/// Errors beyond this many cycles count alike: a design that the tool built in another way.
const MOST: u64 = 4;
/// Levels of additions that a step of a softmax takes as long as, where none is known.
const SOFTMAX: f64 = 2.0;

/// The delays under which the fewest cycles of unshared logic are wrong, by tool and parts; those of the common profile first.
pub(super) fn fit(rows: &[&Row]) -> Vec<Delay> {
    let mut cases: BTreeMap<(Tool, Family), Vec<Case<'_>>> = BTreeMap::new();
    for row in rows {
        let (Some(&cycles), [unit]) = (row.figures.get(&Quantity::Latency), row.units.as_slice())
        else {
            continue;
        };
        let Work::Matrix(matrix) = &unit.work else { continue };
        let unshared = matches!(matrix.regime(), Regime::Latency | Regime::LatencyNarrow);
        if unshared && matrix.turns == 1 && matrix.buffered == 0 {
            let product = matrix.product_bits(unit.input_bits, &row.profile);
            let case = Case { row, product, terms: matrix.codes.deepest, cycles };
            cases.entry((row.profile.tool, row.profile.family)).or_default().push(case);
        }
    }
    let enough = cases.iter().filter(|(_, cases)| cases.len() >= FEWEST);
    let mut delays: Vec<Delay> = enough.map(|(&key, cases)| best(key, cases)).collect();
    delays.sort_by_key(|delay| (delay.tool, delay.family) != (COMMON.tool, COMMON.family));
    for place in 0..delays.len() {
        let of_kind = |row: &&&Row| {
            let profile = &row.profile;
            (profile.tool, profile.family) == (delays[place].tool, delays[place].family)
        };
        let own: Vec<&Row> = rows.iter().filter(of_kind).copied().collect();
        delays[place].softmax_ns = softmax(&own).unwrap_or(SOFTMAX * delays[place].level_ns);
        let table = Table { delays: delays.clone(), ..Table::default() };
        delays[place].between = between(&own, &table).unwrap_or(1.0);
    }
    delays
}

struct Case<'a> {
    row: &'a Row,
    product: f64,
    terms: u64,
    cycles: u64,
}

/// The point of the grid with the fewest cycles wrong; of several, the one in their middle.
fn best((tool, family): (Tool, Family), cases: &[Case<'_>]) -> Delay {
    let points = (0..=START.1).flat_map(|start| (1..=LEVEL.1).map(move |level| (start, level)));
    let delay = |(start, level): (u32, u32)| Delay {
        tool,
        family,
        start_ns: f64::from(start) * START.0,
        level_ns: f64::from(level) * LEVEL.0,
        softmax_ns: 0.0,
        between: 1.0,
    };
    let wrong = |delay: &Delay| {
        let of_case = |case: &Case<'_>| {
            let cycles = delay.cycles(&case.row.profile, case.product, case.terms);
            cycles.abs_diff(case.cycles).min(MOST)
        };
        cases.iter().map(of_case).sum::<u64>()
    };
    let scored: Vec<(u64, Delay)> = points.map(delay).map(|delay| (wrong(&delay), delay)).collect();
    let least = scored.iter().map(|(wrong, _)| *wrong).min().unwrap_or(0);
    let equal: Vec<&Delay> =
        scored.iter().filter(|(wrong, _)| *wrong == least).map(|(_, delay)| delay).collect();
    equal.get(equal.len() / 2).map_or(delay((0, 1)), |delay| **delay)
}

/// Nanoseconds of a step, half of the softmaxes above; a cycle that is not full counts half.
fn softmax(rows: &[&Row]) -> Option<f64> {
    let of_row = |row: &&Row| {
        let [unit] = row.units.as_slice() else { return None };
        let parallel = matches!(unit.work, Work::Softmax) && unit.io_type == IoType::IoParallel;
        let cycles = *row.figures.get(&Quantity::Latency).filter(|_| parallel)? as f64 + 0.5;
        Some(cycles * row.profile.clock_ns / Delay::softmax_steps(unit.outputs))
    };
    median(rows.iter().filter_map(of_row).collect()).map(round)
}

/// Cycles that each matrix of an unrolled design adds beside its own, half of the designs above.
fn between(rows: &[&Row], table: &Table) -> Option<f64> {
    let of_row = |row: &&Row| {
        let cycles = *row.figures.get(&Quantity::Latency)? as f64;
        let matrices = row.units.iter().filter_map(|unit| match &unit.work {
            Work::Matrix(matrix) => Some(matrix.strategy.nearest_basic()),
            _ => None,
        });
        let matrices: Vec<Strategy> = matrices.collect();
        let parallel = row.units.iter().all(|unit| unit.io_type == IoType::IoParallel);
        if !is_design(&row.units) || !parallel || !matrices.contains(&Strategy::Latency) {
            return None;
        }
        let profile = &row.profile;
        let own = row
            .units
            .iter()
            .map(|unit| rules::cycles(unit, profile, unit.depth(profile, table)).0 as f64);
        Some((cycles - own.sum::<f64>() - 1.0) / matrices.len() as f64)
    };
    median(rows.iter().filter_map(of_row).collect()).map(|cycles| round(cycles.max(0.0)))
}
