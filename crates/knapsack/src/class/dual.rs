//! Prices that nearly minimise the Lagrangian, without sorting: from samples that grow as the brackets shrink.

use crate::{Problem, lp::Lp, reduce::Reduced};

/// An item whose fate the prices leave open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open {
    pub(crate) value: f64,
    pub(crate) group: u32,
    pub(crate) item: u32,
}

/// For each group an interval of values: above it items are in, below out, inside they are open.
#[derive(Debug, Clone)]
pub(crate) struct Bracket {
    pub(crate) low: Vec<f64>,
    pub(crate) high: Vec<f64>,
}

/// The items sorted by a bracket.
#[derive(Debug)]
pub(crate) struct Split {
    /// Items above the bracket, for each group.
    pub(crate) above: Vec<u64>,
    pub(crate) open: Vec<Open>,
}

/// Where the dual ended: prices, and how many items of each group the linear relaxation keeps.
#[derive(Debug)]
pub(crate) struct Dual {
    pub(crate) prices: Vec<f64>,
    pub(crate) counts: Vec<f64>,
    pub(crate) bracket: Bracket,
    pub(crate) split: Split,
    pub(crate) pivots: u64,
}

/// Items in the first sample; each later one is this many times larger.
const SAMPLE: usize = 2048;
const GROWTH: usize = 8;
/// Half the width of a bracket in ranks, in standard deviations of a rank in the sample.
const DEVIATIONS: f64 = 4.0;

impl Dual {
    pub(crate) fn new(problem: &Problem<'_>, reduced: &Reduced) -> Self {
        let items = reduced.items();
        let stride = |size: usize| if size * 2 > items { 1 } else { items / size };
        let everything = Bracket::everything(reduced.groups.len());
        let (mut coarse, _) = Self::sampled(problem, reduced, everything, stride(SAMPLE));
        let mut size = SAMPLE;
        while stride(size) > 1 {
            let larger = size * GROWTH;
            let mut deviations = DEVIATIONS;
            coarse = loop {
                let bracket = coarse.narrow(reduced, size, deviations);
                let (fine, held) = Self::sampled(problem, reduced, bracket, stride(larger));
                coarse.pivots += fine.pivots;
                if held {
                    break Self { pivots: coarse.pivots, ..fine };
                }
                // Misled by the sample: in the end the bracket holds everything.
                deviations *= 3.0;
            };
            size = larger;
        }
        coarse
    }

    /// The dual of every `stride`-th item; false if the prices left the bracket.
    fn sampled(
        problem: &Problem<'_>,
        reduced: &Reduced,
        bracket: Bracket,
        stride: usize,
    ) -> (Self, bool) {
        let split = bracket.split(problem, reduced, stride);
        let (prices, counts, pivots) = relax(problem, reduced, &split, stride);
        let held = reduced.groups.iter().enumerate().all(|(k, group)| {
            let cost = cost(&prices, &group.column);
            // A bracket with nothing on the far side cannot be wrong there.
            bracket.low[k] <= cost && cost <= bracket.high[k]
        });
        (Self { prices, counts, bracket, split, pivots }, held)
    }

    /// Around the prices, as wide as the sample leaves them in doubt.
    fn narrow(&self, reduced: &Reduced, size: usize, deviations: f64) -> Bracket {
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); reduced.groups.len()];
        for open in &self.split.open {
            values[open.group as usize].push(open.value);
        }
        let mut bracket = self.bracket.clone();
        for (k, values) in values.iter_mut().enumerate() {
            values.sort_unstable_by(f64::total_cmp);
            let cost = cost(&self.prices, &reduced.groups[k].column);
            let at = values.partition_point(|&value| value < cost);
            let share = reduced.groups[k].size as f64 / reduced.items() as f64;
            let ranks = 2 + (deviations * (size as f64).sqrt() * share) as usize;
            // Past the end of the sample the old bracket stands, unless it has misled before.
            let misled = deviations > DEVIATIONS;
            match at.checked_sub(ranks) {
                Some(low) => bracket.low[k] = values[low].min(cost),
                None if misled => bracket.low[k] = f64::NEG_INFINITY,
                None => {}
            }
            match values.get(at + ranks) {
                Some(high) => bracket.high[k] = high.max(cost),
                None if misled => bracket.high[k] = f64::INFINITY,
                None => {}
            }
        }
        bracket
    }
}

impl Bracket {
    fn everything(groups: usize) -> Self {
        Self { low: vec![f64::NEG_INFINITY; groups], high: vec![f64::INFINITY; groups] }
    }

    /// One pass over every `stride`-th item of each class.
    pub(crate) fn split(&self, problem: &Problem<'_>, reduced: &Reduced, stride: usize) -> Split {
        let mut above = Vec::with_capacity(reduced.groups.len());
        let mut open = Vec::new();
        for (k, group) in reduced.groups.iter().enumerate() {
            let (low, high) = (self.low[k], self.high[k]);
            let inside = |value: f64| (value >= low) & (value <= high);
            let mut count = 0;
            for &class in &group.classes {
                let values = problem.values(class);
                let mut sort = |position: usize, value: f64| {
                    if inside(value) {
                        let item = problem.item(class, position) as u32;
                        open.push(Open { value, group: k as u32, item });
                    }
                };
                if stride > 1 {
                    for (position, &value) in values.iter().enumerate().step_by(stride) {
                        count += u64::from(value > high);
                        sort(position, value);
                    }
                    continue;
                }
                for (chunk, first) in values.chunks(32).zip((0..).step_by(32)) {
                    // Few stretches have open items: two comparisons a value tell, and vectorise.
                    let over =
                        |bound: f64| chunk.iter().map(|&v| u64::from(v > bound)).sum::<u64>();
                    let under = chunk.iter().map(|&v| u64::from(v < low)).sum::<u64>();
                    count += over(high);
                    if over(high) + under < chunk.len() as u64 {
                        chunk.iter().enumerate().for_each(|(at, &value)| sort(first + at, value));
                    }
                }
            }
            above.push(count);
        }
        Split { above, open }
    }
}

/// What an item of this column costs at these prices.
pub(crate) fn cost(prices: &[f64], column: &[u64]) -> f64 {
    prices.iter().zip(column).map(|(price, &need)| price * need as f64).sum()
}

/// The linear relaxation over the open items, the capacities scaled down to the sample.
fn relax(
    problem: &Problem<'_>,
    reduced: &Reduced,
    split: &Split,
    stride: usize,
) -> (Vec<f64>, Vec<f64>, u64) {
    let sampled = |k: usize| {
        let classes = reduced.groups[k].classes.iter();
        classes.map(|&class| problem.values(class).len().div_ceil(stride)).sum::<usize>()
    };
    let rows = reduced.capacity.len();
    let mut full = vec![0.0; rows];
    let mut sample = vec![0.0; rows];
    let mut inside = vec![0.0; rows];
    for (k, group) in reduced.groups.iter().enumerate() {
        for (row, &need) in group.column.iter().enumerate() {
            full[row] += need as f64 * group.size as f64;
            sample[row] += need as f64 * sampled(k) as f64;
            inside[row] += need as f64 * split.above[k] as f64;
        }
    }
    // Rows divided by their mean entry and values by the largest: all numbers near 1.
    let mean: Vec<f64> = full.iter().map(|total| total / reduced.items() as f64).collect();
    let largest = split.open.iter().map(|open| open.value).fold(f64::MIN_POSITIVE, f64::max);
    let capacity = (0..rows).map(|row| {
        let scaled = reduced.capacity[row] as f64 * (sample[row] / full[row]);
        (scaled - inside[row]) / mean[row]
    });
    let values = split.open.iter().map(|open| open.value / largest).collect();
    let mut matrix = Vec::with_capacity(rows * split.open.len());
    for (row, mean) in mean.iter().enumerate() {
        let column = |open: &Open| reduced.groups[open.group as usize].column[row] as f64 / mean;
        matrix.extend(split.open.iter().map(column));
    }
    let mut lp = Lp::new(values, matrix, capacity.collect());
    lp.solve(f64::NEG_INFINITY);
    let mut counts: Vec<f64> = split.above.iter().map(|&above| above as f64).collect();
    for (at, open) in split.open.iter().enumerate() {
        counts[open.group as usize] += lp.at(at);
    }
    for (item, level) in lp.fractional() {
        counts[split.open[item].group as usize] += level;
    }
    let prices =
        lp.prices().zip(&mean).map(|(price, mean)| price.max(0.0) * largest / mean).collect();
    (prices, counts, lp.pivots())
}
