//! Better selections without proof: kicks and exchanges among the items near the margin.

use super::model::Model;
use crate::{limits::Watch, random::SplitMix64};

/// Items in doubt: so many, and so many more for each row.
const CORE: (usize, usize) = (50, 5);
/// Kicks without a gain after which the search goes back to the best.
const PATIENCE: u64 = 300;
/// Most items that a kick takes out.
const KICK: usize = 6;

/// An iterated local search that is taken up again and again as the tree grows.
///
/// A kick takes a few items out, fills up by reduced costs with noise, and exchanges one item for another while that
/// gains. Only the items whose reduced cost is nearest to 0 take part.
///
/// Reference: H. R. Lourenco, O. C. Martin, T. Stuetzle, "Iterated Local Search", Handbook of Metaheuristics (2003).
#[derive(Debug)]
pub(super) struct Polish {
    /// Items of the model in doubt, with their reduced costs, the most valuable first.
    core: Vec<(usize, f64)>,
    /// A typical reduced cost among them.
    noise: f64,
    random: SplitMix64,
    current: Selection,
    idle: u64,
    /// The order in which a kick fills up.
    order: Vec<(f64, usize)>,
}

#[derive(Debug, Clone)]
struct Selection {
    kept: Vec<bool>,
    value: i128,
    left: Vec<u64>,
}

impl Polish {
    /// `costs` are the reduced costs of all items, `kept` is where to start.
    pub(super) fn new(model: &Model<'_>, costs: &[f64], kept: &[bool]) -> Self {
        let size = CORE.0 + CORE.1 * model.capacity.len();
        let mut core: Vec<(usize, f64)> = costs.iter().copied().enumerate().collect();
        core.sort_by(|a, b| a.1.abs().total_cmp(&b.1.abs()).then(a.0.cmp(&b.0)));
        core.truncate(size);
        let noise = core.get(core.len() / 2).map_or(0.0, |(_, cost)| cost.abs());
        core.sort_by_key(|&(at, _)| (std::cmp::Reverse(model.items[at].value), at));
        Self {
            core,
            noise,
            random: SplitMix64(1),
            current: Selection::new(model, kept),
            idle: 0,
            order: Vec::new(),
        }
    }

    /// Goes on for so many kicks; `best` and its value are replaced by what is better.
    pub(super) fn run(
        &mut self,
        model: &Model<'_>,
        kicks: u64,
        best: &mut Vec<bool>,
        value: &mut i128,
        watch: &Watch<'_>,
    ) {
        for _ in 0..kicks {
            if watch.stop() {
                return;
            }
            let mut next = self.current.clone();
            self.kick(model, &mut next);
            while self.exchange(model, &mut next) {}
            self.idle += 1;
            if next.value > *value {
                *value = next.value;
                best.clone_from(&next.kept);
                self.idle = 0;
            }
            if next.value >= self.current.value || self.random.below(20) == 0 {
                self.current = next;
            }
            if self.idle >= PATIENCE {
                self.current = Selection::new(model, best);
                self.idle = 0;
            }
        }
    }

    /// Takes some items out, one of them for good, and fills up.
    fn kick(&mut self, model: &Model<'_>, selection: &mut Selection) {
        let mut banned = usize::MAX;
        for _ in 0..1 + self.random.below(KICK) {
            let (at, _) = self.core[self.random.below(self.core.len())];
            if selection.kept[at] {
                selection.drop(model, at);
                banned = at;
            }
        }
        let (random, noise) = (&mut self.random, self.noise);
        self.order.clear();
        let out = self.core.iter().filter(|(at, _)| !selection.kept[*at] && *at != banned);
        self.order.extend(out.map(|&(at, cost)| (cost + noise * random.unit(), at)));
        self.order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        for &(_, at) in &self.order {
            if model.items[at].fits(&selection.left) {
                selection.take(model, at);
            }
        }
    }

    /// Makes the best exchange for each item in turn that gains value; false if there is none.
    fn exchange(&self, model: &Model<'_>, selection: &mut Selection) -> bool {
        let mut gained = false;
        for &(out, _) in &self.core {
            if !selection.kept[out] {
                continue;
            }
            selection.drop(model, out);
            // The first that fits is the most valuable.
            let value = model.items[out].value;
            let better =
                self.core.iter().map(|&(at, _)| at).take_while(|&at| model.items[at].value > value);
            let mut fit =
                better.filter(|&at| !selection.kept[at] && model.items[at].fits(&selection.left));
            let best = fit.next().unwrap_or(out);
            selection.take(model, best);
            gained |= best != out;
        }
        for &(at, _) in &self.core {
            if !selection.kept[at] && model.items[at].fits(&selection.left) {
                selection.take(model, at);
                gained = true;
            }
        }
        gained
    }
}

impl Selection {
    fn new(model: &Model<'_>, kept: &[bool]) -> Self {
        let mut left = model.capacity.to_vec();
        let items = model.items.iter().zip(kept).filter(|(_, kept)| **kept);
        items.for_each(|(item, _)| item.take(&mut left));
        Self { kept: kept.to_vec(), value: model.value(kept), left }
    }

    fn take(&mut self, model: &Model<'_>, at: usize) {
        model.items[at].take(&mut self.left);
        self.value += model.items[at].value;
        self.kept[at] = true;
    }

    fn drop(&mut self, model: &Model<'_>, at: usize) {
        model.items[at].give_back(&mut self.left);
        self.value -= model.items[at].value;
        self.kept[at] = false;
    }
}
