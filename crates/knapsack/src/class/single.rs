//! One resource and many different savings: dynamic programming over a core that grows both ways.

use std::cmp::Ordering;

use crate::{
    Problem,
    exact::Units,
    limits::Watch,
    reduce::{Reduced, gcd},
};

/// The items of a problem with one row, by falling value for money.
struct Line {
    items: Vec<Item>,
    capacity: i128,
    /// Items before this one fit together, with it they do not.
    split: usize,
}

#[derive(Debug, Clone, Copy)]
struct Item {
    number: u32,
    value: i128,
    need: i128,
}

/// A partial selection: what is kept of the core, with everything before it and nothing after it.
#[derive(Debug, Clone, Copy)]
struct State {
    need: i64,
    value: i64,
    way: u32,
}

const NONE: u32 = u32::MAX;
/// Items of a fitting size that are looked at for one outside of the core.
const NEAR: usize = 64;

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

/// Solves a problem of one row; nothing if its numbers are too large.
///
/// Starting from the items that the linear relaxation takes, the next item after the core is added to the states
/// and the last one before it removed, by turns. A state survives while its own bound, filling up at the
/// value for money of the next item or emptying at that of the last one, is above the best value known; when none
/// survives, that value is the optimum. All numbers are integers.
///
/// Reference: D. Pisinger, "A minimal algorithm for the 0-1 knapsack problem", Operations Research 45 (1997).
pub(crate) fn solve(
    problem: &Problem<'_>,
    reduced: &Reduced,
    units: &Units,
    watch: &Watch<'_>,
) -> Option<Answer> {
    let (line, step) = Line::new(problem, reduced, units)?;
    let mut core = Core::new(&line, watch.gap());
    let most = watch.memory() / 2 / (2 * size_of::<State>() + size_of::<(u32, u32)>());
    let proven = core.run(most, watch);
    let most = line.relaxation();
    let bound = if proven { most.min(core.best + core.tolerance()) } else { most };
    let bound = (!proven || bound > core.best).then_some(bound * step);
    Some(Answer { kept: core.selection(), bound, stopped: !proven, states: core.states_made })
}

impl Line {
    /// The items, values over their common divisor, which is returned as well.
    fn new(problem: &Problem<'_>, reduced: &Reduced, units: &Units) -> Option<(Self, i128)> {
        let mut items = Vec::with_capacity(reduced.items());
        let (mut step, mut total) = (0i128, 0i128);
        let mut load = 0i128;
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
        if (total / step) >> 62 != 0 || load >> 62 != 0 {
            return None;
        }
        items.iter_mut().for_each(|item| item.value /= step);
        items.sort_unstable_by(Item::order);
        let capacity = i128::from(reduced.capacity[0]);
        let mut left = capacity;
        let split = items.iter().position(|item| {
            left -= item.need;
            left < 0
        });
        let split = split.unwrap_or(items.len());
        Some((Self { items, capacity, split }, step))
    }

    /// Value and need of the items before the split.
    fn before(&self) -> (i128, i128) {
        let items = self.items[..self.split].iter();
        items.fold((0, 0), |(value, need), item| (value + item.value, need + item.need))
    }

    /// Dantzig's bound.
    fn relaxation(&self) -> i128 {
        let (value, need) = self.before();
        let split = self.items.get(self.split);
        value + split.map_or(0, |item| (self.capacity - need) * item.value / item.need)
    }
}

impl Item {
    /// Falling value for money, then falling need, then the number.
    fn order(&self, other: &Self) -> Ordering {
        let density = (other.value * self.need).cmp(&(self.value * other.need));
        density.then(other.need.cmp(&self.need)).then(self.number.cmp(&other.number))
    }
}

struct Core<'a> {
    line: &'a Line,
    gap: f64,
    /// Undominated states by rising need and rising value.
    states: Vec<State>,
    spare: Vec<State>,
    /// Changes against the items before the split: the item and the way before it.
    ways: Vec<(u32, u32)>,
    /// Needs of all items, rising, with their places in the line.
    by_need: Vec<(i128, u32)>,
    /// States when they were last paired with items outside.
    paired: usize,
    best: i128,
    best_way: u32,
    /// The core is `from..to`.
    from: usize,
    to: usize,
    states_made: u64,
}

impl<'a> Core<'a> {
    fn new(line: &'a Line, gap: f64) -> Self {
        let (value, need) = line.before();
        let state = State { need: need as i64, value: value as i64, way: NONE };
        let items = line.items.iter().zip(0..);
        let mut by_need: Vec<(i128, u32)> = items.map(|(item, at)| (item.need, at)).collect();
        by_need.sort_unstable();
        Self {
            line,
            gap,
            states: vec![state],
            spare: Vec::new(),
            ways: Vec::new(),
            by_need,
            paired: 32,
            best: -1,
            best_way: NONE,
            from: line.split,
            to: line.split,
            states_made: 1,
        }
    }

    /// Grows the core until no state is left: then the best is proven.
    fn run(&mut self, most: usize, watch: &Watch<'_>) -> bool {
        let line = self.line;
        let (value, need) = line.before();
        let split = line.items.get(line.split);
        self.cut();
        // What the change of one item at most leads to, by the bound of Dembo and Hammer.
        let hopeless = |item: Item, sign: i128, best: i128| {
            let Some(split) = split else { return sign > 0 };
            let short = value + sign * item.value - best - 1;
            let left = line.capacity - need - sign * item.need;
            short * split.need + left * split.value < 0
        };
        while !self.states.is_empty() {
            if watch.stop() || self.states.len() + self.ways.len() > most {
                return false;
            }
            if self.states.len() >= 2 * self.paired {
                self.paired = self.states.len();
                self.pair();
                self.cut();
            }
            if let Some(&item) = self.line.items.get(self.to) {
                self.to += 1;
                if !hopeless(item, 1, self.best + self.tolerance()) {
                    self.change(self.to - 1, 1);
                }
                self.cut();
            }
            if let Some(at) = self.from.checked_sub(1) {
                self.from = at;
                if !hopeless(self.line.items[at], -1, self.best + self.tolerance()) {
                    self.change(at, -1);
                }
                self.cut();
            }
        }
        true
    }

    /// Adds to every state the one with item `at` changed, and keeps what is undominated.
    fn change(&mut self, at: usize, sign: i64) {
        let item = self.line.items[at];
        let (need, value) = (sign * item.need as i64, sign * item.value as i64);
        let mut merged = std::mem::take(&mut self.spare);
        merged.clear();
        merged.reserve(2 * self.states.len());
        let (old, ways) = (&self.states, &mut self.ways);
        let (mut stay, mut go) = (0, 0);
        let mut top = i64::MIN;
        while stay < old.len() || go < old.len() {
            let staying = old.get(stay);
            let going = old.get(go).map(|s| (s.need + need, s.value + value, s.way));
            let take_stay = match (staying, going) {
                (Some(s), Some((need, value, _))) => {
                    s.need < need || (s.need == need && s.value >= value)
                }
                (Some(_), None) => true,
                _ => false,
            };
            if take_stay {
                if old[stay].value > top {
                    top = old[stay].value;
                    merged.push(old[stay]);
                }
                stay += 1;
            } else if let Some((need, value, way)) = going {
                if value > top {
                    top = value;
                    ways.push((at as u32, way));
                    merged.push(State { need, value, way: ways.len() as u32 - 1 });
                }
                go += 1;
            }
        }
        self.states_made += (merged.len() - self.states.len().min(merged.len())) as u64;
        self.spare = std::mem::replace(&mut self.states, merged);
    }

    /// Completes each state with the one item outside of the core that fits best.
    ///
    /// Where all items are worth the same for their size no bound cuts states off, and only a filling without
    /// a gap ends the search: a thousand states and as many items hold a million fillings.
    fn pair(&mut self) {
        for at in 0..self.states.len() {
            let State { need, value, way } = self.states[at];
            let left = self.line.capacity - i128::from(need);
            let place = self.by_need.partition_point(|&(need, _)| need <= left.abs());
            let (found, sign) = if left >= 0 {
                let outside = |&&(_, item): &&(i128, u32)| item as usize >= self.to;
                (self.by_need[..place].iter().rev().take(NEAR).find(outside), 1)
            } else {
                let place = self.by_need.partition_point(|&(need, _)| need < -left);
                let outside = |&&(_, item): &&(i128, u32)| (item as usize) < self.from;
                (self.by_need[place..].iter().take(NEAR).find(outside), -1)
            };
            let Some(&(_, item)) = found else { continue };
            let whole = i128::from(value) + sign * self.line.items[item as usize].value;
            if whole > self.best {
                self.best = whole;
                self.ways.push((item, way));
                self.best_way = self.ways.len() as u32 - 1;
            }
        }
    }

    /// How much better a selection must be to be looked for, with the gap that is allowed.
    fn tolerance(&self) -> i128 {
        (self.best.max(0) as f64 * self.gap.min(1.0)) as i128
    }

    /// Notes the best state that fits, and drops those that cannot lead above it.
    fn cut(&mut self) {
        let capacity = self.line.capacity;
        let fits = self.states.partition_point(|state| i128::from(state.need) <= capacity);
        if let Some(last) = fits.checked_sub(1).map(|at| self.states[at])
            && i128::from(last.value) > self.best
        {
            self.best = i128::from(last.value);
            self.best_way = last.way;
        }
        let next = self.line.items.get(self.to);
        let last = self.from.checked_sub(1).map(|at| self.line.items[at]);
        let wanted = self.best + self.tolerance() + 1;
        self.states.retain(|state| {
            let left = capacity - i128::from(state.need);
            let short = i128::from(state.value) - wanted;
            let at = if left >= 0 { next } else { last.as_ref() };
            at.is_some_and(|item| short * item.need + left * item.value >= 0)
        });
    }

    /// The items of the best selection.
    fn selection(&self) -> Vec<u32> {
        let mut kept: Vec<bool> =
            (0..self.line.items.len()).map(|at| at < self.line.split).collect();
        let mut way = self.best_way;
        while let Some(&(item, before)) = self.ways.get(way as usize) {
            kept[item as usize] = !kept[item as usize];
            way = before;
        }
        let items = self.line.items.iter().zip(kept);
        items.filter(|(_, kept)| *kept).map(|(item, _)| item.number).collect()
    }
}
