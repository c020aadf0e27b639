//! One resource and many different savings: dynamic programming over a core that grows both ways.

mod cardinality;
mod grow;
mod line;

use self::{
    cardinality::{Cardinality, Row},
    grow::Core,
    line::{Item, Line},
};
use crate::{
    Problem,
    exact::Units,
    limits::Watch,
    reduce::{Reduced, gcd},
};

/// The best selection found, and what is proven about it.
pub(crate) struct Answer {
    /// What is in.
    pub(crate) kept: Vec<u32>,
    /// A bound on the value in units, if the selection is not proven to be the best.
    pub(crate) bound: Option<i128>,
    /// Whether a limit of time or memory cut in.
    pub(crate) stopped: bool,
    pub(crate) states: u64,
}

/// The best selection so far.
struct Incumbent {
    value: i128,
    /// Numbers of its items.
    kept: Vec<u32>,
}

/// States of the first search, which has no row for the number of items.
const FEW: usize = 1 << 18;

/// Solves a problem of one row; nothing if its numbers are too large.
///
/// First comes a search with few states. Where it leaves a doubt, the linear relaxation most often takes part of an
/// item: a selection has no more items than that, or at least one more. Each case is a row that makes for a better bound,
/// and is searched by itself, unless no selection is like that: so many items do not fit, or so few are not worth as
/// much as the best known. All numbers are integers.
///
/// References: D. Pisinger, "A minimal algorithm for the 0-1 knapsack problem", Operations Research 45 (1997), for
/// the core; S. Martello, D. Pisinger, P. Toth, "Dynamic programming and strong bounds for the 0-1 knapsack
/// problem", Management Science 45 (1999), for bounds on the number of items.
pub(crate) fn solve(
    problem: &Problem<'_>,
    reduced: &Reduced,
    units: &Units,
    watch: &Watch<'_>,
) -> Option<Answer> {
    let (items, step) = whole(problem, reduced, units)?;
    let capacity = i128::from(reduced.capacity[0]);
    let most = watch.memory() / 2 / Core::BYTES;
    let mut best = Incumbent { value: -1, kept: Vec::new() };
    let mut states = 0;
    // Searches what meets a row, and returns the bound that is left.
    let mut search = |row: Row, most: usize, best: &mut Incumbent, done: &dyn Fn(i128) -> bool| {
        let line = Line::new(&items, capacity, row);
        let mut core = Core::new(&line, watch.gap(), best.value);
        let proven = core.run(most, watch, done);
        states += core.states_made;
        let relaxation = line.relaxation();
        let bound = relaxation.min(if proven { core.best + core.tolerance() } else { relaxation });
        if let Some(kept) = core.selection() {
            *best = Incumbent { value: core.best, kept };
        }
        bound
    };
    let mut bound = search(Row::NONE, most.min(FEW), &mut best, &|_| false);
    if bound > best.value + tolerance(best.value, watch.gap()) && !watch.stop() {
        let cardinality = Cardinality::new(&items, capacity);
        let mut rows: Vec<Row> =
            cardinality.rows(&items, capacity, best.value).into_iter().flatten().collect();
        if rows.iter().all(|row| row.price == 0) && !rows.is_empty() {
            rows = vec![Row::NONE]; // Nothing to gain from two searches.
        }
        let mut left = best.value;
        for row in rows {
            let done = |value| row != Row::NONE && cardinality.excludes(row, value);
            if !done(best.value) {
                left = left.max(search(row, most, &mut best, &done));
            }
        }
        bound = bound.min(left.max(best.value));
    }
    let stopped = bound > best.value + tolerance(best.value, watch.gap());
    let bound = (bound > best.value).then_some(bound * step);
    Some(Answer { kept: best.kept, bound, stopped, states })
}

/// How much better a selection must be to be looked for, with the gap that is allowed.
fn tolerance(best: i128, gap: f64) -> i128 {
    (best.max(0) as f64 * gap.min(1.0)) as i128
}

/// The items with whole values, which are divided by their common divisor; that is returned as well.
fn whole(problem: &Problem<'_>, reduced: &Reduced, units: &Units) -> Option<(Vec<Item>, i128)> {
    let mut items = Vec::with_capacity(reduced.items());
    let (mut step, mut total, mut load) = (0i128, 0i128, 0i128);
    for (k, group) in reduced.groups.iter().enumerate() {
        let need = i128::from(group.column[0]);
        for (number, value) in reduced.members(problem, k) {
            let value = units.exactly(value)?;
            step = gcd(value, step);
            total += value;
            load += need;
            items.push(Item { number: number as u32, value, need });
        }
    }
    let step = step.max(1);
    items.iter_mut().for_each(|item| item.value /= step);
    ((total / step) >> line::BITS == 0 && load >> line::BITS == 0).then_some((items, step))
}
