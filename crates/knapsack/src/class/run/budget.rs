//! How much loss to look for first, and which items that may concern.

use super::{
    super::{
        core::{Core, dot},
        dual::{self, Bracket, Dual},
        lattice::Lattice,
    },
    SLACKS,
};
use crate::{exact::Units, reduce::Reduced};

/// Open items for each different value, on average, from which on counts are solved for.
const TIED: usize = 4;

/// The least that any slack in the lattice loses.
pub(super) fn least_slack_loss(core: &Core, lattice: &Lattice, reduced: &Reduced) -> i128 {
    let reach: Vec<i128> = reduced.capacity.iter().map(|&c| i128::from(c)).collect();
    let mut most = core.prices.iter().copied().min().unwrap_or(0).max(1);
    loop {
        match core.slacks(lattice, &reach, most, SLACKS) {
            None => return 0,
            Some(slacks) => {
                if let Some(&(loss, _)) = slacks.first() {
                    return loss;
                }
            }
        }
        most *= 2;
    }
}

/// A little more than the smallest reduced costs together, and whether many of the open items are worth the same.
pub(super) fn first_budget(dual: &Dual, reduced: &Reduced, units: &Units) -> (i128, bool) {
    let cost = |k: u32| dual::cost(&dual.prices, &reduced.groups[k as usize].column);
    let mut open: Vec<(u32, f64)> =
        dual.split.open.iter().map(|open| (open.group, open.value)).collect();
    open.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    open.dedup();
    let tied = open.len() * TIED <= dual.split.open.len();
    let mut costs: Vec<f64> = open.iter().map(|&(k, value)| (value - cost(k)).abs()).collect();
    let few = (2 * reduced.capacity.len() + 2).min(costs.len());
    if few < costs.len() {
        costs.select_nth_unstable_by(few, f64::total_cmp);
        costs.truncate(few);
    }
    ((units.of(costs.iter().sum()) as i128).max(1), tied)
}

/// Whether every item with a reduced cost of at most `width` is in the bracket.
pub(super) fn covers(
    bracket: &Bracket,
    reduced: &Reduced,
    prices: &[i128],
    width: i128,
    units: &Units,
) -> bool {
    let need = around(reduced, prices, width, units);
    let low = bracket.low.iter().zip(&need.low).all(|(have, need)| have <= need);
    low && bracket.high.iter().zip(&need.high).all(|(have, need)| have >= need)
}

/// The bracket of all items with a reduced cost of at most `width`.
pub(super) fn around(reduced: &Reduced, prices: &[i128], width: i128, units: &Units) -> Bracket {
    let costs: Vec<i128> = reduced.groups.iter().map(|g| dot(prices, &g.column)).collect();
    Bracket {
        low: costs.iter().map(|cost| units.at_most(cost - width)).collect(),
        high: costs.iter().map(|cost| units.at_least(cost + width)).collect(),
    }
}
