//! What happens at a node of the tree: bound, round, fix, branch.

use super::{super::model::Relaxation, Node, Tree};
use crate::lp::End;

/// Distance from a whole number at which a level counts as one.
const WHOLE: f64 = 1e-7;

impl Tree<'_> {
    pub(super) fn node(&mut self) -> Node {
        self.nodes += 1;
        let target = self.target() - self.base;
        let target = self.model.units.at_most(target);
        let end = self.relaxation.lp.solve(target / self.relaxation.scale);
        let mut bound = self.prove(end);
        if self.hopeless(bound) {
            return Node::Cut;
        }
        if end == End::Cutoff {
            // Within rounding of the cutoff: go on to the optimum.
            let end = self.relaxation.lp.solve(f64::NEG_INFINITY);
            bound = self.prove(end);
        }
        if (self.round() && self.hopeless(bound)) || self.tied(bound) {
            return Node::Cut;
        }
        self.fix(bound);
        self.branch(bound)
    }

    /// Rounds the relaxation to a selection; true if it is the best so far.
    fn round(&mut self) -> bool {
        let Relaxation { lp, items, .. } = &self.relaxation;
        let mut left = self.left.clone();
        let mut value = self.base;
        let mut kept = vec![false; items.len()];
        let mut take = |at: usize, kept: &mut [bool]| {
            let item = &self.model.items[items[at]];
            if !kept[at] && item.fits(&left) {
                item.take(&mut left);
                value += item.value;
                kept[at] = true;
            }
        };
        let mut basic: Vec<(usize, f64)> = lp.fractional().filter(|f| f.0 < items.len()).collect();
        basic.sort_by(|a, b| b.1.total_cmp(&a.1));
        (0..items.len()).filter(|&at| lp.at(at) > 0.5).for_each(|at| take(at, &mut kept));
        basic.iter().for_each(|&(at, _)| take(at, &mut kept));
        (0..items.len()).for_each(|at| take(at, &mut kept));
        if value <= self.best {
            return false;
        }
        let items = items.clone();
        self.adopt(&items, &kept, value);
        true
    }

    fn adopt(&mut self, items: &[usize], kept: &[bool], value: i128) {
        self.best = value;
        // Whoever is not in doubt is as the base has it.
        let mut doubt = vec![false; self.kept.len()];
        items.iter().for_each(|&item| doubt[item] = true);
        for (item, keep) in self.kept.iter_mut().enumerate() {
            if !doubt[item] {
                *keep = self.sure[item];
            }
        }
        items.iter().zip(kept).for_each(|(&item, &kept)| self.kept[item] = kept);
    }

    /// Fixes the columns that would lose too much on their other side.
    fn fix(&mut self, bound: f64) {
        for column in 0..self.relaxation.items.len() {
            let cost = self.costs[column];
            let (lower, upper) = self.relaxation.lp.bounds(column);
            if lower < upper && cost != 0.0 && self.hopeless(bound - cost.abs()) {
                let side = if cost > 0.0 { upper } else { lower };
                self.set(column, (side, side));
            }
        }
    }

    /// The column to decide next: where both halves lose most.
    fn branch(&mut self, bound: f64) -> Node {
        let lp = &mut self.relaxation.lp;
        let mut chosen = None;
        let mut most = -1.0;
        for row in 0..lp.rows() {
            let (column, value) = lp.basic(row);
            let (lower, upper) = lp.bounds(column);
            // An infeasible relaxation may have a level outside of its bounds, which splits nothing.
            let inside = lower < value && value < upper;
            if column >= lp.items() || !inside || (value - value.round()).abs() < WHOLE {
                continue;
            }
            let (down, up) = lp.penalties(row);
            let score = down.min(up).min(bound) + 0.1 * down.max(up).min(bound);
            if score > most {
                most = score;
                chosen = Some((column, value, down < up));
            }
        }
        if let Some((column, value, down_first)) = chosen {
            let (lower, upper) = lp.bounds(column);
            let halves = [(lower, value.floor()), (value.ceil(), upper)];
            let halves = if down_first { halves } else { [halves[1], halves[0]] };
            return Node::Branch { column, halves, bound };
        }
        self.undecided(bound)
    }

    /// Where the relaxation is whole but its value not proven: split on the surest column.
    fn undecided(&self, bound: f64) -> Node {
        let lp = &self.relaxation.lp;
        let open = (0..lp.items()).filter(|&column| lp.bounds(column).0 < lp.bounds(column).1);
        let surest = open.max_by(|&a, &b| self.costs[a].abs().total_cmp(&self.costs[b].abs()));
        let Some(column) = surest else { return Node::Cut };
        let (lower, upper) = lp.bounds(column);
        let split = ((lower + upper) / 2.0).floor();
        let halves = [(split + 1.0, upper), (lower, split)];
        let halves = if self.costs[column] > 0.0 { halves } else { [halves[1], halves[0]] };
        Node::Branch { column, halves, bound }
    }
}
