//! The search where many items of a class are worth the same: some counts are solved for instead of tried.
//!
//! Equal items make long ranges of counts that cost next to nothing, and trying them in several classes at
//! once fills any memory. But loads and slacks must add up: once the others are chosen, as many of them as there
//! are rows follow from linear equations. So those with most choices stay out of the dynamic programme, and
//! each of its states is completed by solving for them, where the solution is whole.

mod range;
mod system;

use self::{
    range::{Range, independent, ranges},
    system::{Fields, System},
};
use super::{
    core::{Core, Count},
    search::{Choice, Layer},
    table::{Full, Table},
};
use crate::{limits::Watch, reduce::Reduced};

/// Losses that the search is about: more than `above`, at most `most`, and `step` apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) above: i128,
    pub(crate) most: i128,
    pub(crate) step: i128,
}

/// What the search found.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The number of items to take more than in the base, for each group, where the loss is least so far.
    pub(crate) more: Option<Vec<i64>>,
    /// Whether every selection that loses less would lose no more than the window excludes.
    pub(crate) complete: bool,
}

/// Finds the least loss in a window; nothing if the numbers are too large.
pub(crate) fn eliminate(
    core: &Core,
    reduced: &Reduced,
    window: Window,
    states: &mut u64,
    watch: &Watch<'_>,
) -> Option<Answer> {
    let ranges = ranges(core, reduced, window.most);
    let mut order: Vec<usize> = (0..ranges.len()).filter(|&at| ranges[at].len() > 1).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(ranges[at].len()), at));
    let (solved, tried) = independent(&ranges, &order, core.left.len())?;
    let system = System::new(solved.iter().map(|&at| &ranges[at].column[..]).collect())?;

    let mut target = core.left.clone();
    for range in &ranges {
        let first = i128::from(range.first());
        target.iter_mut().zip(&range.column).for_each(|(left, need)| *left -= first * need);
    }
    if target.iter().any(|left| left.unsigned_abs() >> 63 != 0) {
        return None;
    }
    let choices: Vec<Vec<Count>> =
        tried.iter().map(|&at| ranges[at].choices()).collect::<Option<_>>()?;
    let fields = Fields::new(tried.iter().map(|&at| &ranges[at]).zip(&choices), target.len())?;
    let mut best = Best { window, most: window.most, found: None };
    let solve = |key: u128, loss: u128, node: u32, best: &mut Best| {
        best.offer(&ranges, &solved, &system, &fields.rest(key, &target), loss as i128, node)
    };

    let mut table = Table::<u128>::new(watch.memory());
    let mut end = solve(0, 0, 0, &mut best).map(|_| ());
    for (layer, (&at, choices)) in tried.iter().zip(&choices).enumerate() {
        let range = &ranges[at];
        let choice = |count: &Count| Choice {
            key: fields.key(&range.column, i128::from(count.more - range.first())),
            loss: count.loss as u128,
        };
        let choices: Layer<u128> = choices.iter().map(choice).collect();
        let most = best.most as u128;
        end = end.and_then(|()| {
            let visit = |key, loss, node| solve(key, loss, node, &mut best);
            table.extend_with(&choices, layer, most, watch, visit)
        });
    }
    *states += table.len() as u64;
    let complete = end.is_ok() || best.most <= window.above;
    let more = best.found.map(|(node, whole)| {
        let mut more: Vec<i64> = ranges.iter().map(Range::first).collect();
        let mut chosen = vec![0; tried.len()];
        table.trace(node, &mut chosen);
        for ((&at, choices), chosen) in tried.iter().zip(&choices).zip(chosen) {
            more[at] = choices[chosen].more;
        }
        solved.iter().zip(whole).for_each(|(&at, count)| more[at] = count);
        more.truncate(reduced.groups.len());
        more
    });
    Some(Answer { more, complete })
}

/// The least loss so far.
struct Best {
    window: Window,
    /// What the next one may lose.
    most: i128,
    /// The state, and the counts that were solved for.
    found: Option<(u32, Vec<i64>)>,
}

impl Best {
    /// Completes a state, and returns the new limit where that improves the best; an error ends the search.
    fn offer(
        &mut self,
        ranges: &[Range],
        solved: &[usize],
        system: &System,
        rest: &[i128],
        loss: i128,
        node: u32,
    ) -> Result<Option<u128>, Full> {
        let mut loss = loss;
        let mut whole = Vec::new();
        for (&at, weights) in solved.iter().zip(&system.inverse) {
            let times: i128 = weights.iter().zip(rest).map(|(w, r)| w * r).sum();
            if times % system.determinant != 0 {
                return Ok(None);
            }
            // The target already has the first choice of every range in it.
            let count = times / system.determinant + i128::from(ranges[at].first());
            let Some(lost) = ranges[at].loss(count) else { return Ok(None) };
            loss += lost;
            whole.push(count as i64);
        }
        if loss > self.most {
            return Ok(None);
        }
        self.found = Some((node, whole));
        self.most = loss - self.window.step;
        if self.most <= self.window.above { Err(Full) } else { Ok(Some(self.most as u128)) }
    }
}
