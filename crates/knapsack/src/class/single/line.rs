//! The items of a problem with one row in the order in which the linear relaxation takes them.

use std::ops::Range;

use super::cardinality::Row;

/// Bits of the sum of all values, and of the sum of all needs.
pub(super) const BITS: u32 = 60;

#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) number: u32,
    pub(super) value: i128,
    pub(super) need: i128,
}

/// The items by falling value for money, where each costs the price of the row on their number as well.
///
/// What is left of a value is its *margin*, in parts of a value: `1 << shift` of them make one.
pub(super) struct Line {
    pub(super) items: Vec<Item>,
    /// The margin of each item; positive before the split.
    pub(super) margins: Vec<i128>,
    pub(super) capacity: i128,
    /// Items before this one fit together; with it they do not, or it has no margin.
    pub(super) split: usize,
    /// Items worth the same for money as the split item.
    pub(super) tied: usize,
    pub(super) shift: u32,
    row: Row,
}

impl Line {
    pub(super) fn new(items: &[Item], capacity: i128, row: Row) -> Self {
        let shift = row.shift;
        let margin = |item: &Item| (item.value << shift) - row.price;
        let mut items = items.to_vec();
        // Falling margin for money, then falling need, then the number.
        let order = |a: &Item, b: &Item| {
            (margin(b) * a.need)
                .cmp(&(margin(a) * b.need))
                .then(b.need.cmp(&a.need))
                .then(a.number.cmp(&b.number))
        };
        items.sort_unstable_by(order);
        let margins = items.iter().map(margin).collect();
        let mut line = Self { items, margins, capacity, split: 0, tied: 0, shift, row };
        line.split = line.find_split();
        let ties = line.ties();
        line.tied = ties.len();
        if row.price != 0 {
            line.gather(ties);
            line.split = line.find_split();
        }
        line
    }

    fn find_split(&self) -> usize {
        let mut left = self.capacity;
        let mut items = self.items.iter().zip(&self.margins);
        let split = items.position(|(item, &margin)| {
            left -= item.need;
            left < 0 || margin <= 0
        });
        split.unwrap_or(self.items.len())
    }

    /// The items that are worth the same for money as the split item.
    fn ties(&self) -> Range<usize> {
        let Some(split) = self.items.get(self.split) else { return self.split..self.split };
        let (margin, need) = (self.margins[self.split], split.need);
        let tied = |at: &usize| self.margins[*at] * need == margin * self.items[*at].need;
        let from = (0..self.split).rev().take_while(tied).last().unwrap_or(self.split);
        let to = (self.split..self.items.len()).take_while(tied).last().map_or(from, |at| at + 1);
        from..to
    }

    /// Puts ties in order: first those of which the right number nearly fills the capacity.
    ///
    /// The relaxation may take any of them. Where all are tied, only the number that the row says is of use.
    fn gather(&mut self, Range { start: from, end: to }: Range<usize>) {
        let number = usize::try_from(self.row.count - from as i128).unwrap_or(0).min(to - from);
        let left = self.capacity - self.items[..from].iter().map(|item| item.need).sum::<i128>();
        let ties = &mut self.items[from..to];
        ties.sort_unstable_by_key(|item| (item.need, item.number));
        // The last run of so many neighbours that fits.
        let mut load: i128 = ties[..number].iter().map(|item| item.need).sum();
        let mut first = 0;
        while first + number < ties.len() {
            load += ties[first + number].need - ties[first].need;
            if load > left {
                break;
            }
            first += 1;
        }
        let centre = 2 * first + number;
        let mut ranked: Vec<(usize, Item)> = ties.iter().copied().enumerate().collect();
        ranked.sort_unstable_by_key(|&(rank, _)| ((2 * rank + 1).abs_diff(centre), rank));
        ties.iter_mut().zip(ranked).for_each(|(tie, (_, item))| *tie = item);
        let margin = |item: &Item| (item.value << self.shift) - self.row.price;
        self.margins = self.items.iter().map(margin).collect();
    }

    /// Value and need of the items before the split.
    pub(super) fn before(&self) -> (i128, i128) {
        let items = self.items[..self.split].iter();
        items.fold((0, 0), |(value, need), item| (value + item.value, need + item.need))
    }

    /// What a selection with the items before the split, and `more` than those, gains from the row, in parts.
    pub(super) fn row_gain(&self, more: i128) -> i128 {
        self.row.price * (self.row.count - self.split as i128 - more)
    }

    /// Dantzig's bound, with the row.
    pub(super) fn relaxation(&self) -> i128 {
        let (value, need) = self.before();
        let filled = match self.items.get(self.split) {
            Some(item) => (self.capacity - need) * self.margins[self.split].max(0) / item.need,
            None => 0,
        };
        ((value << self.shift) + self.row_gain(0) + filled) >> self.shift
    }
}
