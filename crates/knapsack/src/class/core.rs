//! What it costs, exactly, to keep other items than the prices say.

use super::{dual::Split, lattice::Lattice};
use crate::{
    exact::Units,
    reduce::{Reduced, gcd},
};

/// The open items of a group, by falling value.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Items that are surely in.
    pub(crate) above: u64,
    /// Reduced cost and number of each open item.
    pub(crate) items: Vec<(i128, u32)>,
    /// Open items kept in the base selection.
    pub(crate) base: usize,
}

/// The problem as deviations from a base selection, at prices that are whole numbers of units.
///
/// At these prices a selection is worth the Lagrangian less its loss: the prices of the capacity it leaves, and
/// the reduced costs of the items that it decides against their sign. Losses are exact.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) prices: Vec<i128>,
    /// The largest reduced cost, either way, of an open item.
    width: i128,
    pub(crate) members: Vec<Members>,
    /// Capacity that the base selection leaves; negative where it does not fit.
    pub(crate) left: Vec<i128>,
    /// Whether the values of the open items are whole numbers of units.
    pub(crate) exact: bool,
}

/// A number of open items to keep in a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    /// Items more than in the base selection.
    pub(crate) more: i64,
    pub(crate) loss: i128,
}

impl Core {
    /// Reduced costs of the items where they are at most `width`.
    ///
    /// `counts` are the numbers of items kept by the linear relaxation, and the base selection keeps about as many.
    pub(crate) fn new(
        reduced: &Reduced,
        split: &Split,
        units: &Units,
        prices: Vec<i128>,
        counts: &[f64],
        width: i128,
    ) -> Self {
        let mut members: Vec<Members> = Vec::new();
        members.resize_with(reduced.groups.len(), Members::default);
        members.iter_mut().zip(&split.above).for_each(|(members, &above)| members.above = above);
        let costs: Vec<i128> = reduced.groups.iter().map(|g| dot(&prices, &g.column)).collect();
        let mut exact = true;
        for open in &split.open {
            let k = open.group as usize;
            // Rounded down, so the lower comparison leaves room for the unit that may be missing.
            let cost = units.of(open.value) as i128 - costs[k];
            if cost > width {
                members[k].above += 1;
            } else if cost >= -width - 1 {
                exact &= units.exactly(open.value).is_some();
                members[k].items.push((cost, open.item));
            }
        }
        let mut left: Vec<i128> = reduced.capacity.iter().map(|&c| i128::from(c)).collect();
        for (k, members) in members.iter_mut().enumerate() {
            members.items.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
            let wanted = (counts[k].round() as u64).saturating_sub(members.above) as usize;
            members.base = wanted.min(members.items.len());
            let kept = i128::from(members.above) + members.base as i128;
            for (left, &need) in left.iter_mut().zip(&reduced.groups[k].column) {
                *left -= kept * i128::from(need);
            }
        }
        Self { prices, width, members, left, exact }
    }

    /// Tells the values of a group that are surely in from all others, exactly as the members were counted.
    pub(crate) fn above(&self, column: &[u64], units: &Units) -> impl Fn(f64) -> bool + use<> {
        let units = *units;
        let limit = dot(&self.prices, column) + self.width;
        let (low, high) = (units.at_most(limit), units.at_least(limit + 1));
        // Only next to the limit are whole units needed, which take longer.
        move |value| value > high || (value >= low && units.of(value) as i128 > limit)
    }

    /// The numbers of items of a group that cost at most `most`, least loss first.
    pub(crate) fn counts(&self, group: usize, most: i128) -> Vec<Count> {
        let Members { items, base, .. } = &self.members[group];
        let best = items.partition_point(|(cost, _)| *cost > 0);
        let count = |kept: usize, loss| Count { more: kept as i64 - *base as i64, loss };
        let mut counts = vec![count(best, 0)];
        let mut loss = 0i128;
        for (at, (cost, _)) in items.iter().enumerate().skip(best) {
            loss += -cost;
            if loss > most {
                break;
            }
            counts.push(count(at + 1, loss));
        }
        loss = 0;
        for (at, (cost, _)) in items[..best].iter().enumerate().rev() {
            loss += cost;
            if loss > most {
                break;
            }
            counts.push(count(at, loss));
        }
        counts.sort_by_key(|count| (count.loss, count.more.abs(), count.more));
        counts
    }

    /// What the base selection loses; a load beyond the capacity counts against it.
    ///
    /// The Lagrangian is the value of any selection and its loss, so losses are a multiple of [`Core::step`] apart.
    pub(crate) fn loss_of_base(&self) -> i128 {
        let slack: i128 = self.prices.iter().zip(&self.left).map(|(p, left)| p * left).sum();
        let wrong = |members: &Members| -> i128 {
            let (kept, dropped) = members.items.split_at(members.base);
            let kept = kept.iter().map(|(cost, _)| -cost.min(&0)).sum::<i128>();
            kept + dropped.iter().map(|(cost, _)| cost.max(&0)).sum::<i128>()
        };
        slack + self.members.iter().map(wrong).sum::<i128>()
    }

    /// The greatest common divisor of the values of the open items, at least 1.
    pub(crate) fn step(&self, reduced: &Reduced) -> i128 {
        let mut step = 0;
        for (members, group) in self.members.iter().zip(&reduced.groups) {
            let price = dot(&self.prices, &group.column);
            for (cost, _) in &members.items {
                step = gcd(step, cost + price);
                if step == 1 {
                    return 1;
                }
            }
        }
        step.max(1)
    }

    /// The slacks that cost at most `most` and leave a load in the lattice, least loss first; nothing if more
    /// than `limit`.
    ///
    /// `reach` is the most that can be left of each resource.
    pub(crate) fn slacks(
        &self,
        lattice: &Lattice,
        reach: &[i128],
        most: i128,
        limit: usize,
    ) -> Option<Vec<(i128, Vec<i128>)>> {
        // Row by row: the loss, the slack so far, and what the lattice still has to make up.
        let mut partial = vec![(0, Vec::new(), self.left.clone())];
        for (row, &price) in self.prices.iter().enumerate() {
            let mut longer = Vec::new();
            for (loss, slack, rest) in &partial {
                let affordable = (most - loss).checked_div(price).unwrap_or(reach[row]);
                let last = affordable.min(reach[row]);
                let (first, step) = lattice.slack(row, rest);
                let mut s = first;
                while s <= last && s >= 0 {
                    let mut slack: Vec<i128> = slack.clone();
                    slack.push(s);
                    longer.push((loss + s * price, slack, lattice.rest(row, rest, s)));
                    if longer.len() > limit {
                        return None;
                    }
                    if step == 0 {
                        break;
                    }
                    s += step;
                }
            }
            partial = longer;
        }
        let mut slacks: Vec<_> =
            partial.into_iter().map(|(loss, slack, _)| (loss, slack)).collect();
        slacks.sort();
        Some(slacks)
    }
}

/// The cost of a column at whole prices.
pub(crate) fn dot(prices: &[i128], column: &[u64]) -> i128 {
    prices.iter().zip(column).map(|(price, &need)| price * i128::from(need)).sum()
}
