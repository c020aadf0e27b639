//! Better selections without proof: a population of selections of the items near the margin.

use super::model::Model;
use crate::{limits::Watch, random::SplitMix64};

/// Items in doubt: so many, and so many more for each row.
const CORE: (usize, usize) = (50, 5);
/// Selections in the population.
const MEMBERS: usize = 100;
/// Items that a child decides at random.
const MUTATIONS: usize = 2;
/// Children without a new best member after which the population starts anew.
const PATIENCE: u64 = 15_000;

/// A genetic search that is taken up again and again as the tree grows.
///
/// A child takes each item as one of its two parents has it, but for a few at random, as they fit, then whatever
/// else fits, both in the order of value per priced use; it replaces the worst member if there is none like it.
/// Only the items whose reduced cost is nearest to 0 take part.
///
/// Reference: P. C. Chu, J. E. Beasley, "A Genetic Algorithm for the Multidimensional Knapsack Problem", J. Heuristics
/// 4 (1998).
#[derive(Debug)]
pub(super) struct Genetic {
    /// Items of the model in doubt, the one of most value per priced use first.
    core: Vec<usize>,
    /// What all other items are, and what they leave.
    others: Vec<bool>,
    left: Vec<u64>,
    worth: i128,
    population: Vec<Member>,
    random: SplitMix64,
    /// The most valuable member since the population began, and the children since.
    first: i128,
    idle: u64,
}

/// Which items of the core are kept, and the value of all that is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    value: i128,
    kept: Vec<bool>,
}

impl Genetic {
    /// `costs` are the reduced costs of all items, `kept` is where to start.
    pub(super) fn new(model: &Model<'_>, costs: &[f64], kept: &[bool]) -> Self {
        let mut core: Vec<usize> = (0..costs.len()).collect();
        core.sort_by(|&a, &b| costs[a].abs().total_cmp(&costs[b].abs()).then(a.cmp(&b)));
        core.truncate(CORE.0 + CORE.1 * model.capacity.len());
        let share = |at: usize| costs[at] / model.items[at].worth;
        core.sort_by(|&a, &b| share(b).total_cmp(&share(a)).then(a.cmp(&b)));
        let mut others = kept.to_vec();
        core.iter().for_each(|&at| others[at] = false);
        let mut left = model.capacity.to_vec();
        let items = model.items.iter().zip(&others).filter(|(_, kept)| **kept);
        items.for_each(|(item, _)| item.take(&mut left));
        let worth = model.value(&others);
        Self {
            core,
            others,
            left,
            worth,
            population: Vec::new(),
            random: SplitMix64(1),
            idle: 0,
            first: 0,
        }
    }

    /// Goes on for so many children; `best` and its value are replaced by what is better.
    pub(super) fn run(
        &mut self,
        model: &Model<'_>,
        children: u64,
        best: &mut Vec<bool>,
        value: &mut i128,
        watch: &Watch<'_>,
    ) {
        for child in 0..children {
            if child % 16 == 0 && watch.stop() {
                return;
            }
            let mut member = if self.population.len() < MEMBERS {
                let kept = (0..self.core.len()).map(|_| self.random.below(2) == 0).collect();
                Member { value: 0, kept }
            } else {
                self.child()
            };
            self.fit(model, &mut member);
            self.idle += 1;
            if member.value > self.first {
                self.first = member.value;
                self.idle = 0;
            }
            if member.value > *value {
                *value = member.value;
                best.clone_from(&self.others);
                self.core.iter().zip(&member.kept).for_each(|(&at, &kept)| best[at] = kept);
            }
            self.admit(member);
            if self.idle > PATIENCE {
                self.population.clear();
                self.first = 0;
                self.idle = 0;
            }
        }
    }

    /// Each item as one of two parents has it, but for a few.
    fn child(&mut self) -> Member {
        let (one, other) = (self.parent(), self.parent());
        let mut kept = self.population[one].kept.clone();
        let random = &mut self.random;
        for (kept, &other) in kept.iter_mut().zip(&self.population[other].kept) {
            if *kept != other {
                *kept = random.below(2) == 0;
            }
        }
        for _ in 0..MUTATIONS {
            let at = random.below(kept.len());
            kept[at] = !kept[at];
        }
        Member { value: 0, kept }
    }

    /// The better of two members.
    fn parent(&mut self) -> usize {
        let [a, b] = [(); 2].map(|()| self.random.below(MEMBERS));
        if self.population[a].value >= self.population[b].value { a } else { b }
    }

    /// Leaves out what does not fit, and fills up.
    fn fit(&self, model: &Model<'_>, member: &mut Member) {
        let mut left = self.left.clone();
        let wanted = member.kept.clone();
        member.value = self.worth;
        for pass in [true, false] {
            for ((&at, kept), &wanted) in self.core.iter().zip(&mut member.kept).zip(&wanted) {
                if wanted == pass {
                    *kept = model.items[at].fits(&left);
                    if *kept {
                        model.items[at].take(&mut left);
                        member.value += model.items[at].value;
                    }
                }
            }
        }
    }

    /// Puts a member in the place of the worst, if it is new.
    fn admit(&mut self, member: Member) {
        if self.population.contains(&member) {
            return;
        }
        if self.population.len() < MEMBERS {
            self.population.push(member);
            return;
        }
        let worst = self.population.iter_mut().min_by_key(|member| member.value);
        if let Some(worst) = worst.filter(|worst| worst.value < member.value) {
            *worst = member;
        }
    }
}
