//! What may vary: the counts of the groups and the slacks of the rows.

use super::super::core::{Core, Count};
use crate::reduce::{Reduced, gcd};

/// Most choices of a slack that is tried.
const SLACKS: i128 = 1 << 20;

/// The counts of a group, or the slacks of a row, that lose no more than the window allows.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) column: Vec<i128>,
    kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Counts by rising loss, and their losses by rising count from `least`.
    Group {
        counts: Vec<Count>,
        least: i64,
        losses: Vec<i128>,
    },
    Slack {
        price: i128,
        most: i128,
    },
}

pub(super) fn ranges(core: &Core, reduced: &Reduced, most: i128) -> Vec<Range> {
    let group = |k: usize| {
        let counts = core.counts(k, most);
        let mut sorted: Vec<&Count> = counts.iter().collect();
        sorted.sort_by_key(|count| count.more);
        let (least, losses) = (sorted[0].more, sorted.iter().map(|count| count.loss).collect());
        let column = reduced.groups[k].column.iter().map(|&need| i128::from(need)).collect();
        Range { column, kind: Kind::Group { counts, least, losses } }
    };
    let rows = core.prices.len();
    let slack = |row: usize| {
        let last = most.checked_div(core.prices[row]).unwrap_or(i128::MAX);
        let most = last.min(i128::from(reduced.capacity[row]));
        let column = (0..rows).map(|at| i128::from(at == row)).collect();
        Range { column, kind: Kind::Slack { price: core.prices[row], most } }
    };
    (0..reduced.groups.len()).map(group).chain((0..rows).map(slack)).collect()
}

impl Range {
    /// How many choices there are.
    pub(super) fn len(&self) -> i128 {
        match &self.kind {
            Kind::Group { counts, .. } => counts.len() as i128,
            Kind::Slack { most, .. } => most + 1,
        }
    }

    /// The choice that loses nothing.
    pub(super) fn first(&self) -> i64 {
        match &self.kind {
            Kind::Group { counts, .. } => counts[0].more,
            Kind::Slack { .. } => 0,
        }
    }

    pub(super) fn loss(&self, count: i128) -> Option<i128> {
        match &self.kind {
            Kind::Group { least, losses, .. } => {
                let place = usize::try_from(count - i128::from(*least)).ok()?;
                losses.get(place).copied()
            }
            Kind::Slack { price, most } => (0..=*most).contains(&count).then(|| price * count),
        }
    }

    /// All choices by rising loss; nothing if there are too many.
    pub(super) fn choices(&self) -> Option<Vec<Count>> {
        match &self.kind {
            Kind::Group { counts, .. } => Some(counts.clone()),
            Kind::Slack { most, .. } if *most >= SLACKS => None,
            Kind::Slack { price, most } => {
                Some((0..=*most).map(|s| Count { more: s as i64, loss: s * price }).collect())
            }
        }
    }
}

/// As many of the ranges as there are rows, in this order, with independent columns; and the others.
///
/// Those that have but one choice may be needed too; the unit columns of the slacks complete any set.
pub(super) fn independent(
    ranges: &[Range],
    order: &[usize],
    rows: usize,
) -> Option<(Vec<usize>, Vec<usize>)> {
    let (mut solved, mut tried) = (Vec::new(), Vec::new());
    let mut echelon: Vec<(usize, Vec<i128>)> = Vec::new();
    let slacks = (ranges.len() - rows..ranges.len()).filter(|at| !order.contains(at));
    for at in order.iter().copied().chain(slacks) {
        let mut column = ranges[at].column.clone();
        for (lead, basis) in &echelon {
            let (own, other) = (basis[*lead], column[*lead]);
            for (entry, b) in column.iter_mut().zip(basis) {
                *entry = own.checked_mul(*entry)?.checked_sub(other.checked_mul(*b)?)?;
            }
            let divisor = column.iter().fold(0, |g, entry| gcd(g, entry.unsigned_abs()));
            if divisor > 1 {
                column.iter_mut().for_each(|entry| *entry /= divisor as i128);
            }
        }
        match column.iter().position(|&entry| entry != 0) {
            Some(lead) => {
                echelon.push((lead, column));
                solved.push(at);
            }
            None if ranges[at].len() > 1 => tried.push(at),
            None => {}
        }
    }
    Some((solved, tried))
}
