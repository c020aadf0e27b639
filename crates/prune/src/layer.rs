//! A layer while its groups are being decided.

use std::borrow::Cow;

use handaxe_graph::Mask;
use handaxe_knapsack::Class;

use crate::candidate::Action;
use crate::{Candidate, Error, Ranking};

/// What becomes of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Kept in any case.
    Reserved,
    /// For the solver to decide.
    Open,
    Kept,
    Cut,
}

/// Open groups of a layer that save the same, in order.
pub(crate) struct Alike<'a> {
    savings: &'a [u64],
    pub(crate) groups: Vec<usize>,
}

/// A candidate, what losing each of its groups costs, how each would be cut, and whether it is.
pub(crate) struct Layer<'a> {
    pub(crate) candidate: &'a Candidate<'a>,
    /// The loss of pruning each group.
    pruned: Vec<f64>,
    /// The loss of sharing each group, where that is allowed.
    shared: Option<Vec<f64>>,
    /// What a loss is divided by to be compared across layers.
    scale: f64,
    /// How each group is cut if it is.
    pub(crate) action: Vec<Action>,
    pub(crate) fate: Vec<Fate>,
}

impl<'a> Layer<'a> {
    pub(crate) fn new(candidate: &'a Candidate<'a>, ranking: &dyn Ranking) -> Result<Self, Error> {
        let pruned = candidate.losses(ranking, Action::Prune)?;
        let shared = candidate.sharing.as_ref().map(|_| candidate.losses(ranking, Action::Share));
        let (action, fate) = (vec![Action::Prune; pruned.len()], vec![Fate::Open; pruned.len()]);
        Ok(Self { candidate, pruned, shared: shared.transpose()?, scale: 1.0, action, fate })
    }

    /// Values as shares of the layer's largest loss by pruning, so that no layer wins by the scale of its weights
    /// (correction 3). Both ways of cutting stay on one scale.
    pub(crate) fn normalise(&mut self) {
        let largest = self.pruned.iter().copied().fold(0.0, f64::max);
        if largest > 0.0 {
            self.scale = largest;
        }
    }

    /// What the group is worth: the loss of cutting it in this way.
    pub(crate) fn value_under(&self, action: Action, group: usize) -> f64 {
        self.loss(action, group) / self.scale
    }

    pub(crate) fn value(&self, group: usize) -> f64 {
        self.value_under(self.action[group], group)
    }

    fn loss(&self, action: Action, group: usize) -> f64 {
        match (action, &self.shared) {
            (Action::Share, Some(shared)) => shared[group],
            _ => self.pruned[group],
        }
    }

    /// What cutting the group saves of each resource.
    pub(crate) fn saved(&self, group: usize) -> &'a [u64] {
        self.candidate.saved_by(self.action[group], group)
    }

    /// What the group saves if it is cut as it saves most, and whether that is another way than `action` says.
    pub(crate) fn most_saved(&self, group: usize) -> (&'a [u64], bool) {
        let (now, other) =
            (self.saved(group), self.candidate.saved_by(self.action[group].other(), group));
        let more = now != other && now.iter().zip(other).all(|(now, other)| now <= other);
        if more { (other, true) } else { (now, false) }
    }

    /// Decides how each group is cut if it is: the way that loses less, or where the two don't save the same, that loses
    /// less for a unit saved, each resource in units of what may be kept of it.
    pub(crate) fn choose_actions(&mut self, capacity: &[u64]) {
        if self.shared.is_none() {
            return;
        }
        let units = |saved: &[u64]| match saved {
            // Of one resource any unit will do: this one is exact, so that ties are.
            [saved] => *saved as f64,
            _ => saved.iter().zip(capacity).map(|(&s, &all)| s as f64 / all.max(1) as f64).sum(),
        };
        for group in 0..self.action.len() {
            let [prune, share] =
                [Action::Prune, Action::Share].map(|action| self.candidate.saved_by(action, group));
            let (pruned, shared) =
                (self.loss(Action::Prune, group), self.loss(Action::Share, group));
            let shares = if prune == share {
                shared < pruned
            } else if units(prune) == 0.0 {
                true
            } else {
                shared * units(prune) < pruned * units(share)
            };
            self.action[group] = if shares { Action::Share } else { Action::Prune };
        }
    }

    /// Keeps in any case what saves nothing, and the groups of largest value, `floor` of them.
    pub(crate) fn reserve(&mut self, floor: usize) {
        for group in 0..self.fate.len() {
            if self.saved(group).iter().all(|&saving| saving == 0) {
                self.fate[group] = Fate::Reserved;
            }
        }
        self.best(floor).into_iter().for_each(|group| self.fate[group] = Fate::Reserved);
    }

    /// The groups of largest value, `count` of them; of equal ones the first.
    fn best(&self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.fate.len()).collect();
        if count > 0 && count < order.len() {
            order.select_nth_unstable_by(count - 1, |&a, &b| {
                self.value(b).total_cmp(&self.value(a)).then(a.cmp(&b))
            });
        }
        order.truncate(count);
        order
    }

    pub(crate) fn groups(&self, fate: Fate) -> impl Iterator<Item = usize> + '_ {
        (0..self.fate.len()).filter(move |&group| self.fate[group] == fate)
    }

    /// The open groups by what they save.
    pub(crate) fn alike(&self) -> Vec<Alike<'a>> {
        let mut classes: Vec<Alike<'_>> = Vec::new();
        for group in self.groups(Fate::Open) {
            let savings = self.saved(group);
            match classes.iter_mut().find(|class| class.savings == savings) {
                Some(class) => class.groups.push(group),
                None => classes.push(Alike { savings, groups: vec![group] }),
            }
        }
        classes
    }

    /// A class of the knapsack problem.
    pub(crate) fn class(&self, alike: &Alike<'_>) -> Class<'static> {
        let values: Vec<f64> = alike.groups.iter().map(|&group| self.value(group)).collect();
        Class { savings: alike.savings.to_vec(), values: Cow::Owned(values) }
    }

    pub(crate) fn mask(&self) -> Mask {
        let groups = &self.candidate.groups;
        let mut keep = vec![true; groups.weights()];
        let cut = self.groups(Fate::Cut);
        cut.flat_map(|group| groups.members(group)).for_each(|index| keep[index] = false);
        let mut mask = Mask::new(keep);
        for group in self.groups(Fate::Cut).filter(|&group| self.action[group] == Action::Share) {
            let mean = self.candidate.mean(group);
            mask.share(groups.members(group).collect(), mean);
        }
        mask
    }
}
