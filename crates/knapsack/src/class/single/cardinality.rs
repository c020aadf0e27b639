//! How many items a selection has: at most as many as the linear relaxation takes, or at least one more.

use super::line::{BITS, Item};

/// A row `number of items <= count` with its price, or `>=` with the price negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// In parts of a value.
    pub(super) price: i128,
    pub(super) count: i128,
    /// `1 << shift` parts make a value.
    pub(super) shift: u32,
}

impl Row {
    /// No row at all.
    pub(super) const NONE: Self = Self { price: 0, count: 0, shift: 0 };
}

/// What bounds the number of items.
pub(super) struct Cardinality {
    /// No more items than this fit.
    most: i128,
    /// Values of the most valuable items together: none, one, two and so on.
    richest: Vec<i128>,
    /// Items that the linear relaxation takes.
    taken: f64,
}

/// Steps of the search for the price; each halves the doubt at least.
const STEPS: usize = 100;

impl Cardinality {
    pub(super) fn new(items: &[Item], capacity: i128) -> Self {
        let mut needs: Vec<i128> = items.iter().map(|item| item.need).collect();
        needs.sort_unstable();
        let mut left = capacity;
        let fits = |need: &&i128| {
            left -= **need;
            left >= 0
        };
        let most = needs.iter().take_while(fits).count() as i128;
        let mut values: Vec<i128> = items.iter().map(|item| item.value).collect();
        values.sort_unstable_by(|a, b| b.cmp(a));
        let sum = |total: &mut i128, value| {
            *total += value;
            Some(*total)
        };
        let richest: Vec<i128> =
            std::iter::once(0).chain(values.into_iter().scan(0, sum)).collect();
        let taken = Relaxation::new(items, capacity).solve(0.0).1;
        Self { most, richest, taken }
    }

    /// The least number of items that are worth more than `value`.
    fn least(&self, value: i128) -> i128 {
        self.richest.partition_point(|&sum| sum <= value) as i128
    }

    /// The rows of which one holds for every selection worth more than `best`, each at its best price.
    ///
    /// Nothing for a row that no such selection meets.
    pub(super) fn rows(&self, items: &[Item], capacity: i128, best: i128) -> [Option<Row>; 2] {
        let taken = self.taken.floor() as i128;
        let fewer = (self.least(best) <= taken).then(|| self.row(items, capacity, taken));
        let more = (taken < self.most).then(|| self.row(items, capacity, taken + 1));
        [fewer, more]
    }

    fn row(&self, items: &[Item], capacity: i128, count: i128) -> Row {
        let free = Row { price: 0, count, shift: 0 };
        let price = Relaxation::new(items, capacity).price(count as f64);
        // Neither all values together nor the price of all items may take more than their bits.
        let total = self.richest.last().copied().unwrap_or(0) as f64;
        let largest = total.max(price.abs() * items.len() as f64).max(1.0);
        let Some(shift) = BITS.checked_sub(largest.log2() as u32 + 1) else { return free };
        // Where many items are tied the price is a whole value, most often; rounding must not part them.
        let whole = (price.round() as i128) << shift;
        let near = (price * 2f64.powi(shift as i32)) as i128;
        let price = if (near - whole).abs() <= whole.abs() >> 30 { whole } else { near };
        // A row the other way round would have a price of the other sign.
        let wrong = (count as f64 > self.taken) == (price > 0);
        if wrong { free } else { Row { price, count, shift } }
    }

    /// Whether no selection worth more than `value` meets this row.
    pub(super) fn excludes(&self, row: Row, value: i128) -> bool {
        row.count as f64 <= self.taken && self.least(value) > row.count
    }
}

/// The linear relaxation at some price of the number of items, in floating point: only the search for the price
/// depends on it.
struct Relaxation {
    /// Value and need.
    items: Vec<(f64, f64)>,
    order: Vec<(f64, u32)>,
    capacity: f64,
}

impl Relaxation {
    fn new(items: &[Item], capacity: i128) -> Self {
        let items: Vec<_> = items.iter().map(|i| (i.value as f64, i.need as f64)).collect();
        Self { order: Vec::with_capacity(items.len()), items, capacity: capacity as f64 }
    }

    /// Value (with the price) and number of the items taken.
    fn solve(&mut self, price: f64) -> (f64, f64) {
        let items = self.items.iter().zip(0..);
        self.order.clear();
        self.order.extend(items.map(|(&(value, need), at)| ((value - price) / need, at)));
        let (mut left, mut total, mut number) = (self.capacity, 0.0, 0.0);
        let mut rest = &mut self.order[..];
        // Halves that fit are taken whole, of those that do not the better half is looked into.
        while !rest.is_empty() {
            let middle = rest.len() / 2;
            rest.select_nth_unstable_by(middle, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let (better, worse) = rest.split_at_mut(middle.max(1));
            let gains = |at: &&(f64, u32)| at.0 > 0.0;
            let taken = || better.iter().filter(gains).map(|&(_, at)| self.items[at as usize]);
            let need: f64 = taken().map(|(_, need)| need).sum();
            if need <= left {
                left -= need;
                total += taken().map(|(value, _)| value - price).sum::<f64>();
                number += taken().count() as f64;
                rest = worse;
            } else if better.len() == 1 {
                total += left / need * taken().map(|(value, _)| value - price).sum::<f64>();
                return (total, number + left / need);
            } else {
                rest = better;
            }
        }
        (total, number)
    }

    /// The price that minimises the bound with a row for this number of items.
    ///
    /// The bound is convex in the price and linear in pieces: tangents from both sides meet below it.
    fn price(&mut self, count: f64) -> f64 {
        let mut at = |price: f64| {
            let (total, number) = self.solve(price);
            (price, total + price * count, count - number)
        };
        let mut low = at(0.0);
        let sign = -low.2.signum();
        let mut high = low;
        let mut reach = sign;
        while high.2 * sign < 0.0 && reach.abs() < 2f64.powi(BITS as i32) {
            low = high;
            high = at(reach);
            reach *= 4.0;
        }
        for _ in 0..STEPS {
            let meet = (high.1 - low.1 + low.0 * low.2 - high.0 * high.2) / (low.2 - high.2);
            let inside = (meet - low.0) * (meet - high.0) < 0.0;
            let middle = if inside { meet } else { break };
            let new = at(middle);
            let below = low.1 + (middle - low.0) * low.2;
            if new.1 <= below + below.abs() * 1e-15 {
                return middle;
            }
            if new.2 * sign < 0.0 { low = new } else { high = new }
        }
        if low.1 < high.1 { low.0 } else { high.0 }
    }
}
