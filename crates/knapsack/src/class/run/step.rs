//! The search with one budget of loss.

use super::{
    super::{
        core::{Core, Count},
        eliminate::{Answer, Window, eliminate},
        lattice::Lattice,
        search::{Choice, Layer, Outcome, search},
        table::Word,
    },
    Run, SLACKS, Step,
};
use crate::reduce::Group;

impl Run<'_> {
    /// Looks for the best selection that loses at most `budget`, where many items are worth the same.
    pub(super) fn solve_for_counts(&mut self, core: &Core, budget: i128) -> Step {
        // Losses are whole steps apart, so that there may be none between the last budget and this one.
        let step = core.step(self.reduced);
        let most = budget - (budget - core.loss_of_base()).rem_euclid(step);
        if most <= self.excluded {
            return Step::Deeper;
        }
        let window = Window { above: self.excluded, most, step };
        let states = &mut self.effort.states;
        match eliminate(core, self.reduced, window, states, self.watch) {
            Some(Answer { more: Some(more), complete: true }) => Step::Found(more),
            Some(Answer { more: None, complete: true }) => Step::Deeper,
            Some(Answer { more: Some(more), complete: false }) => {
                self.keep(self.finish(core, &more).keep);
                Step::Stopped
            }
            _ => Step::Stopped,
        }
    }

    /// Looks for the best selection among those that lose at most `least + budget`.
    pub(super) fn step(&mut self, core: &Core, budget: i128, least: i128) -> Step {
        let groups = &self.reduced.groups;
        let counts: Vec<Vec<Count>> = (0..groups.len()).map(|k| core.counts(k, budget)).collect();
        let rows = core.prices.len();
        // What deviations can add to and take from the load of each row.
        let mut more = vec![0i128; rows];
        let mut fewer = vec![0i128; rows];
        for (group, counts) in groups.iter().zip(&counts) {
            let most = counts.iter().map(|c| c.more).max().unwrap_or(0).max(0);
            let least = counts.iter().map(|c| c.more).min().unwrap_or(0).min(0);
            for (row, &need) in group.column.iter().enumerate() {
                more[row] += i128::from(most) * i128::from(need);
                fewer[row] -= i128::from(least) * i128::from(need);
            }
        }
        let reach: Vec<i128> = (0..rows)
            .map(|row| {
                (core.left[row] + fewer[row]).clamp(-1, i128::from(self.reduced.capacity[row]))
            })
            .collect();
        if reach.iter().any(|&reach| reach < 0) {
            return Step::Deeper;
        }
        let lattice = Lattice::new(moving(groups, &counts), rows);
        // Counts that must change from the base move the target.
        let Some(slacks) = core.slacks(&lattice, &reach, least + budget, SLACKS) else {
            return Step::Stopped;
        };
        let Some(&(floor, _)) = slacks.first() else { return Step::Deeper };

        let mut strides = Vec::with_capacity(rows);
        let mut stride = 1i128;
        for row in 0..rows {
            strides.push(stride);
            let span = more[row] + fewer[row] + reach[row] + core.left[row].abs();
            let Some(next) = stride.checked_mul(2 * span + 1) else { return Step::Stopped };
            stride = next;
        }
        let key = |vector: &[i128]| -> i128 {
            vector.iter().zip(&strides).map(|(v, s)| v.wrapping_mul(*s)).fold(0, i128::wrapping_add)
        };
        let keys: Vec<i128> = groups
            .iter()
            .map(|group| key(&group.column.iter().map(|&a| i128::from(a)).collect::<Vec<_>>()))
            .collect();
        let target = key(&core.left);
        let slack_layer: Vec<(i128, i128)> =
            slacks.iter().map(|(loss, slack)| (key(slack), loss - floor)).collect();
        if stride <= i128::from(u64::MAX) && (least + budget) >> 62 == 0 {
            self.search::<u64>(&counts, &keys, &slack_layer, target, least + budget - floor)
        } else {
            self.search::<u128>(&counts, &keys, &slack_layer, target, least + budget - floor)
        }
    }

    fn search<W: Word>(
        &mut self,
        counts: &[Vec<Count>],
        keys: &[i128],
        slacks: &[(i128, i128)],
        target: i128,
        budget: i128,
    ) -> Step {
        // Groups whose count is certain only move the target.
        let mut target = target;
        let mut more: Vec<i64> = counts.iter().map(|counts| counts[0].more).collect();
        let mut order: Vec<usize> = Vec::new();
        for (k, counts) in counts.iter().enumerate() {
            target = target.wrapping_sub(keys[k].wrapping_mul(i128::from(more[k])));
            if counts.len() > 1 {
                order.push(k);
            }
        }
        order.sort_by_key(|&k| (std::cmp::Reverse(counts[k].len()), k));
        let mut layers: Vec<Layer<W>> = order
            .iter()
            .map(|&k| {
                let choice = |count: &Count| Choice {
                    key: W::wrap(keys[k].wrapping_mul(i128::from(count.more - more[k]))),
                    loss: W::wrap(count.loss),
                };
                counts[k].iter().map(choice).collect()
            })
            .collect();
        let first = slacks[0].0;
        target = target.wrapping_sub(first);
        layers.push(
            slacks
                .iter()
                .map(|&(key, loss)| Choice {
                    key: W::wrap(key.wrapping_sub(first)),
                    loss: W::wrap(loss),
                })
                .collect(),
        );
        let memory = self.watch.memory();
        let states = &mut self.effort.states;
        match search(&layers, W::wrap(target), W::wrap(budget), memory, states, self.watch) {
            Outcome::Found(_, chosen) => {
                for (&k, choice) in order.iter().zip(chosen) {
                    more[k] = counts[k][choice].more;
                }
                Step::Found(more)
            }
            Outcome::None => Step::Deeper,
            Outcome::Stopped => Step::Stopped,
        }
    }
}

/// The columns of the groups that have a choice.
fn moving<'a>(groups: &'a [Group], counts: &'a [Vec<Count>]) -> impl Iterator<Item = &'a [u64]> {
    let choices = groups
        .iter()
        .zip(counts)
        .filter(|(_, counts)| counts.len() > 1 || counts.iter().any(|count| count.more != 0));
    choices.map(|(group, _)| &group.column[..])
}
