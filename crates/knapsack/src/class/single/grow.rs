//! The core: states of a dynamic programme over the items around the split.

use super::{line::Line, tolerance};
use crate::limits::Watch;

/// A partial selection: what is kept of the core, with everything before it and nothing after it.
#[derive(Debug, Clone, Copy)]
struct State {
    need: i64,
    value: i64,
    /// Items more than before the split.
    more: i32,
    way: u32,
}

const NONE: u32 = u32::MAX;
/// Items of a fitting size that are looked at for one outside of the core.
const NEAR: usize = 64;
/// States from which on they are first paired with items outside of the core.
const PAIRED: usize = 32;
/// States, and items tied with the split item, from which on two changes are looked for at once.
const TWO: usize = 256;
const MANY: usize = 8;
/// The most steps that this may take at a time.
const STEPS: usize = 1 << 21;

/// A core that grows around the split item: the next item after it is added to the states and the last one
/// before it removed, by turns.
///
/// A state survives while its own bound, filling up at the value for money of the next item or emptying at that of the
/// last one, is above the best value known; when none survives, that value is the optimum.
pub(super) struct Core<'a> {
    line: &'a Line,
    /// Value and need of what is before the split.
    before: (i128, i128),
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
    pub(super) best: i128,
    /// The way to the best, if it was found here.
    best_way: Option<u32>,
    /// The core is `from..to`.
    from: usize,
    to: usize,
    pub(super) states_made: u64,
}

impl<'a> Core<'a> {
    /// Bytes for each state and each way that is kept.
    pub(super) const BYTES: usize = 2 * size_of::<State>() + size_of::<(u32, u32)>();

    /// Looks for selections worth more than `best`.
    pub(super) fn new(line: &'a Line, gap: f64, best: i128) -> Self {
        let before @ (value, need) = line.before();
        let state = State { need: need as i64, value: value as i64, more: 0, way: NONE };
        let items = line.items.iter().zip(0..);
        let mut by_need: Vec<(i128, u32)> = items.map(|(item, at)| (item.need, at)).collect();
        by_need.sort_unstable();
        Self {
            line,
            before,
            gap,
            states: vec![state],
            spare: Vec::new(),
            ways: Vec::new(),
            by_need,
            paired: PAIRED,
            best,
            best_way: None,
            from: line.split,
            to: line.split,
            states_made: 1,
        }
    }

    /// Grows the core until no state is left, or the best value is such that there is nothing to look for: then no
    /// selection is better by more than the tolerance. False if a limit cuts in.
    pub(super) fn run(
        &mut self,
        most: usize,
        watch: &Watch<'_>,
        done: &dyn Fn(i128) -> bool,
    ) -> bool {
        self.cut();
        while !self.states.is_empty() {
            if watch.stop() || self.states.len() + self.ways.len() > most {
                return false;
            }
            if self.states.len() >= 2 * self.paired {
                self.paired = self.states.len();
                self.pair();
                self.change_two();
                if done(self.best) {
                    return true;
                }
                self.cut();
            }
            if self.to < self.line.items.len() {
                self.to += 1;
                if !self.hopeless(self.to - 1, 1) {
                    self.change(self.to - 1, 1);
                }
                self.cut();
            }
            if let Some(at) = self.from.checked_sub(1) {
                self.from = at;
                if !self.hopeless(at, -1) {
                    self.change(at, -1);
                }
                self.cut();
            }
        }
        true
    }

    /// Whether nothing better is left once item `at` is decided against the relaxation, by the bound of Dembo and
    /// Hammer.
    fn hopeless(&self, at: usize, sign: i128) -> bool {
        let line = self.line;
        let (value, need) = self.before;
        let short =
            (value << line.shift) + line.row_gain(0) + sign * line.margins[at] - self.wanted();
        match line.items.get(line.split) {
            Some(split) => {
                let left = line.capacity - need - sign * line.items[at].need;
                short * split.need + left * line.margins[line.split].max(0) < 0
            }
            None => short < 0,
        }
    }

    /// What a selection must be worth to be looked for, in parts.
    fn wanted(&self) -> i128 {
        (self.best + self.tolerance() + 1) << self.line.shift
    }

    /// Completes the states nearest to the capacity with the best two changes outside of the core: where many items are
    /// tied, there are far more pairs than items.
    fn change_two(&mut self) {
        if self.paired < TWO || self.line.tied < MANY {
            return;
        }
        // Needs and values of the changes by rising need: items before the core go out, those after it come in.
        let change = |sign: i128, at: u32| {
            let item = &self.line.items[at as usize];
            (sign * item.need, sign * item.value, at)
        };
        let out = self.by_need.iter().rev().filter(|(_, at)| (*at as usize) < self.from);
        let out = out.map(|&(_, at)| change(-1, at));
        let into = self.by_need.iter().filter(|(_, at)| *at as usize >= self.to);
        let changes: Vec<(i128, i128, u32)> =
            out.chain(into.map(|&(_, at)| change(1, at))).collect();
        let count = STEPS / (changes.len() + 1);
        let middle = self.states.partition_point(|s| i128::from(s.need) <= self.line.capacity);
        let nearest = middle.saturating_sub(count)..(middle + count).min(self.states.len());
        for &State { need, value, way, .. } in &self.states[nearest] {
            let left = self.line.capacity - i128::from(need);
            let (mut low, mut high) = (0, changes.len().saturating_sub(1));
            while low < high {
                let (first, second) = (changes[low], changes[high]);
                if first.0 + second.0 > left {
                    high -= 1;
                    continue;
                }
                let whole = i128::from(value) + first.1 + second.1;
                if whole > self.best {
                    self.best = whole;
                    self.ways.extend([(first.2, way), (second.2, self.ways.len() as u32)]);
                    self.best_way = Some(self.ways.len() as u32 - 1);
                }
                low += 1;
            }
        }
    }

    /// How much better a selection must be to be looked for, with the gap that is allowed.
    pub(super) fn tolerance(&self) -> i128 {
        tolerance(self.best, self.gap)
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
        while go < old.len() {
            let going = old[go];
            let (need, value) = (going.need + need, going.value + value);
            let staying =
                old.get(stay).filter(|s| s.need < need || (s.need == need && s.value >= value));
            if let Some(&state) = staying {
                if state.value > top {
                    top = state.value;
                    merged.push(state);
                }
                stay += 1;
            } else {
                if value > top {
                    top = value;
                    ways.push((at as u32, going.way));
                    let way = ways.len() as u32 - 1;
                    merged.push(State { need, value, more: going.more + sign as i32, way });
                }
                go += 1;
            }
        }
        merged.extend(old[stay..].iter().filter(|state| {
            let better = state.value > top;
            top = top.max(state.value);
            better
        }));
        self.states_made += (merged.len() - self.states.len().min(merged.len())) as u64;
        self.spare = std::mem::replace(&mut self.states, merged);
    }

    /// Completes each state with the one item outside of the core that fits best.
    ///
    /// Where all items are worth the same for their size no bound cuts states off, and only a filling without
    /// a gap ends the search: a thousand states and as many items hold a million fillings.
    fn pair(&mut self) {
        for at in 0..self.states.len() {
            let State { need, value, way, .. } = self.states[at];
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
                self.best_way = Some(self.ways.len() as u32 - 1);
            }
        }
    }

    /// Notes the best state that fits, and drops those that cannot lead above it.
    fn cut(&mut self) {
        let line = self.line;
        let fits = self.states.partition_point(|state| i128::from(state.need) <= line.capacity);
        if let Some(last) = fits.checked_sub(1).map(|at| self.states[at])
            && i128::from(last.value) > self.best
        {
            self.best = i128::from(last.value);
            self.best_way = Some(last.way);
        }
        // Only items with a margin gain anything, so filling up with the others gains nothing.
        let rate = |at: usize| Some((line.items.get(at)?.need, line.margins[at].max(0)));
        let next = rate(self.to);
        let last = self.from.checked_sub(1).and_then(rate);
        let wanted = self.wanted();
        self.states.retain(|state| {
            let left = line.capacity - i128::from(state.need);
            let whole = i128::from(state.value) << line.shift;
            let short = whole + line.row_gain(state.more.into()) - wanted;
            let rate = if left >= 0 { next } else { last };
            rate.is_some_and(|(need, margin)| short * need + left * margin >= 0)
        });
    }

    /// The items of the best selection, if it was found here.
    pub(super) fn selection(&self) -> Option<Vec<u32>> {
        let mut way = self.best_way?;
        let mut kept: Vec<bool> =
            (0..self.line.items.len()).map(|at| at < self.line.split).collect();
        while let Some(&(item, before)) = self.ways.get(way as usize) {
            kept[item as usize] = !kept[item as usize];
            way = before;
        }
        let items = self.line.items.iter().zip(kept);
        Some(items.filter(|(_, kept)| *kept).map(|(item, _)| item.number).collect())
    }
}
