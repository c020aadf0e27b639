use std::collections::BTreeMap;

use super::super::figure::Quantity;
use super::super::table::{Delay, Key};
use super::super::unit::{Regime, Work};
use super::{COMMON, FEWEST, Row};

/// Steps of the grid, in nanoseconds, and how many.
const START: (f64, u32) = (0.5, 24);
const LEVEL: (f64, u32) = (0.125, 48);
/// Errors beyond this many cycles count alike: a design that the tool built in another way.
const MOST: u64 = 4;

/// The delays under which the fewest cycles of unshared logic are wrong, by profile; those of the common profile first.
pub(super) fn fit(rows: &[&Row]) -> Vec<Delay> {
    let mut cases: BTreeMap<Key, Vec<Case<'_>>> = BTreeMap::new();
    for row in rows {
        let (Some(&cycles), [unit]) = (row.figures.get(&Quantity::Latency), row.units.as_slice())
        else {
            continue;
        };
        let Work::Matrix(matrix) = &unit.work else { continue };
        let unshared = matches!(matrix.regime(), Regime::Latency | Regime::LatencyNarrow);
        if unshared && matrix.turns == 1 && matrix.buffered == 0 {
            let codes = &matrix.codes;
            let multiplied = codes.two_digits + codes.multiplications() > 0;
            let case = Case { row, multiplied, terms: codes.deepest, cycles };
            cases.entry(Key::from(&row.profile)).or_default().push(case);
        }
    }
    let enough = cases.iter().filter(|(_, cases)| cases.len() >= FEWEST);
    let mut delays: Vec<Delay> = enough.map(|(&key, cases)| best(key, cases)).collect();
    delays.sort_by_key(|delay| delay.key != COMMON);
    delays
}

struct Case<'a> {
    row: &'a Row,
    multiplied: bool,
    terms: u64,
    cycles: u64,
}

/// The point of the grid with the fewest cycles wrong; of several, the one in their middle.
fn best(key: Key, cases: &[Case<'_>]) -> Delay {
    let points = (0..=START.1).flat_map(|start| (1..=LEVEL.1).map(move |level| (start, level)));
    let delay = |(start, level): (u32, u32)| Delay {
        key,
        start_ns: f64::from(start) * START.0,
        level_ns: f64::from(level) * LEVEL.0,
    };
    let wrong = |delay: &Delay| {
        let of_case = |case: &Case<'_>| {
            let cycles = delay.cycles(&case.row.profile, case.multiplied, case.terms);
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
