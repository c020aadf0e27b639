//! Selections from states: what they lack is looked for among the items outside of the core.

use super::grow::{Core, State};

/// Items of a fitting size that are looked at for one outside of the core.
const NEAR: usize = 64;
/// States, and items tied with the split item, from which on two changes are looked for at once.
const TWO: usize = 256;
const MANY: usize = 8;
/// The most steps that this may take at a time.
const STEPS: usize = 1 << 21;

impl Core<'_> {
    /// Completes each state with the one item outside of the core that fits best.
    ///
    /// Where all items are worth the same for their size no bound cuts states off, and only a filling without
    /// a gap ends the search: a thousand states and as many items hold a million fillings.
    pub(super) fn change_one(&mut self) {
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

    /// Completes the states nearest to the capacity with the best two changes outside of the core: where many items are
    /// tied, there are far more pairs than items.
    pub(super) fn change_two(&mut self) {
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
}
