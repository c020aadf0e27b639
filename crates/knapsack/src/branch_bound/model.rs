use crate::{Problem, exact::Units, lp::Lp, reduce::Reduced};

/// The items to decide, as whole numbers.
#[derive(Debug)]
pub(crate) struct Model<'a> {
    pub(crate) items: Vec<Item<'a>>,
    pub(crate) capacity: &'a [u64],
    /// Every value is a multiple of this many units.
    pub(crate) step: i128,
    pub(crate) units: Units,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'a> {
    pub(crate) number: usize,
    pub(crate) worth: f64,
    /// The worth in units, rounded down.
    pub(crate) value: i128,
    pub(crate) column: &'a [u64],
}

/// A linear relaxation over some of the items, with a last column that counts them.
#[derive(Debug)]
pub(crate) struct Relaxation {
    pub(crate) lp: Lp,
    /// The items of the model that its columns stand for.
    pub(crate) items: Vec<usize>,
    /// Its objective times this is a value.
    pub(crate) scale: f64,
    /// Its loads times these are loads of the rows.
    pub(crate) units: Vec<f64>,
}

impl<'a> Model<'a> {
    pub(crate) fn new(problem: &'a Problem<'_>, reduced: &'a Reduced) -> Self {
        let units = Units::new(problem, reduced);
        let mut items = Vec::with_capacity(reduced.items());
        for (k, group) in reduced.groups.iter().enumerate() {
            for (number, worth) in reduced.members(problem, k) {
                let value = units.of(worth) as i128;
                items.push(Item { number, worth, value, column: &group.column });
            }
        }
        items.sort_unstable_by_key(|item| item.number);
        let step = items.iter().fold(0, |step, item| gcd(step, item.value)).max(1);
        Self { items, capacity: &reduced.capacity, step, units }
    }

    /// The relaxation over `items`, where `left` of the capacities is left for them.
    pub(crate) fn relax(&self, items: Vec<usize>, left: &[u64]) -> Relaxation {
        let largest = items.iter().map(|&item| self.items[item].worth).fold(0.0, f64::max);
        let scale = power_of_two(largest);
        let columns = items.len() + 1;
        let mut values: Vec<f64> =
            items.iter().map(|&item| self.items[item].worth / scale).collect();
        values.push(0.0);
        let rows = left.len();
        let mut matrix = Vec::with_capacity(columns * (rows + 1));
        let mut capacity = Vec::with_capacity(rows + 1);
        let mut units = Vec::with_capacity(rows);
        for (row, &left) in left.iter().enumerate() {
            // Powers of two scale without rounding.
            let entries = items.iter().map(|&item| self.items[item].column[row] as f64);
            let mean = power_of_two(entries.clone().sum::<f64>() / items.len().max(1) as f64);
            matrix.extend(entries.map(|entry| entry / mean));
            matrix.push(0.0);
            capacity.push(left as f64 / mean);
            units.push(mean);
        }
        matrix.extend(std::iter::repeat_n(1.0, items.len()));
        matrix.push(-1.0);
        capacity.push(0.0);
        let mut lp = Lp::new(values, matrix, capacity);
        lp.bound(columns - 1, 0.0, items.len() as f64);
        lp.bound(columns + rows, 0.0, 0.0);
        Relaxation { lp, items, scale, units }
    }

    /// The Lagrangian of a relaxation at its current prices and bounds, exactly, in units.
    pub(crate) fn lagrangian(&self, relaxation: &Relaxation, left: &[u64]) -> i128 {
        let Relaxation { lp, items, scale, units } = relaxation;
        // No price of use makes a capacity worth more than everything, which has fewer bits.
        let whole = |price: f64| self.units.of(price.max(0.0) * scale).min(1 << 112) as i128;
        let prices: Vec<f64> = lp.prices().collect();
        let rows = prices.iter().zip(units).zip(left);
        let prices_of_rows: Vec<i128> = rows
            .map(|((price, unit), &left)| {
                whole(price / unit).min((1 << 112) / i128::from(left.max(1)))
            })
            .collect();
        let count = prices[units.len()];
        let count = if count < 0.0 { -whole(-count) } else { whole(count) };
        let best = |cost: i128, (lower, upper): (f64, f64)| {
            (cost * lower as i128).max(cost * upper as i128)
        };
        let mut total: i128 =
            prices_of_rows.iter().zip(left).map(|(price, &left)| price * i128::from(left)).sum();
        total += best(count, lp.bounds(items.len()));
        for (at, &item) in items.iter().enumerate() {
            let Item { value, column, .. } = self.items[item];
            let needs = prices_of_rows.iter().zip(column);
            // What does not fit by itself costs more than it is worth, however much more.
            let cost = needs
                .fold(0i128, |sum, (p, &need)| sum.saturating_add(p.saturating_mul(need.into())));
            total += best((value - count).saturating_sub(cost).max(-(1 << 120)), lp.bounds(at));
        }
        total
    }

    /// The value of a selection of items of the model.
    pub(crate) fn value(&self, kept: &[bool]) -> i128 {
        let items = self.items.iter().zip(kept);
        items.filter(|(_, kept)| **kept).map(|(item, _)| item.value).sum()
    }
}

impl Item<'_> {
    pub(crate) fn fits(&self, left: &[u64]) -> bool {
        self.column.iter().zip(left).all(|(need, left)| need <= left)
    }

    pub(crate) fn take(&self, left: &mut [u64]) {
        self.column.iter().zip(left).for_each(|(need, left)| *left -= need);
    }

    pub(crate) fn give_back(&self, left: &mut [u64]) {
        self.column.iter().zip(left).for_each(|(need, left)| *left += need);
    }
}

/// The power of two just below a positive number; 1 for 0.
fn power_of_two(number: f64) -> f64 {
    if number < f64::MIN_POSITIVE { 1.0 } else { f64::from_bits(number.to_bits() & (0x7ff << 52)) }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
