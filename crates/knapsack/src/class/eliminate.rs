//! The search where many items of a class are worth the same: some counts are solved for instead of tried.
//!
//! Equal items make long ranges of counts that cost next to nothing, and trying them in several classes at
//! once fills any memory. But loads and slacks must add up: once the others are chosen, as many of them as there
//! are rows follow from linear equations. So those with most choices stay out of the dynamic programme, and
//! each of its states is completed by solving for them, where the solution is whole.

use super::{
    core::{Core, Count},
    search::{Choice, Layer},
    table::{Full, Table},
};
use crate::{
    limits::Watch,
    reduce::{Reduced, gcd},
};

/// Most choices of a slack that is tried.
const SLACKS: i128 = 1 << 20;

/// Losses that the search is about: more than `above`, at most `most`, and `step` apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) above: i128,
    pub(crate) most: i128,
    pub(crate) step: i128,
}

/// What the search found.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The number of items to take more than in the base, for each group, where the loss is least so far.
    pub(crate) more: Option<Vec<i64>>,
    /// Whether every selection that loses less would lose no more than the window excludes.
    pub(crate) complete: bool,
}

/// Finds the least loss in a window; nothing if the numbers are too large.
pub(crate) fn eliminate(
    core: &Core,
    reduced: &Reduced,
    window: Window,
    states: &mut u64,
    watch: &Watch<'_>,
) -> Option<Answer> {
    let ranges = ranges(core, reduced, window.most);
    let mut order: Vec<usize> = (0..ranges.len()).filter(|&at| ranges[at].len() > 1).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(ranges[at].len()), at));
    let (solved, tried) = independent(&ranges, &order, core.left.len())?;
    let system = System::new(solved.iter().map(|&at| &ranges[at].column[..]).collect())?;

    let mut target = core.left.clone();
    for range in &ranges {
        let first = i128::from(range.first());
        target.iter_mut().zip(&range.column).for_each(|(left, need)| *left -= first * need);
    }
    if target.iter().any(|left| left.unsigned_abs() >> 63 != 0) {
        return None;
    }
    let choices: Vec<Vec<Count>> =
        tried.iter().map(|&at| ranges[at].choices()).collect::<Option<_>>()?;
    let fields = Fields::new(tried.iter().map(|&at| &ranges[at]).zip(&choices), target.len())?;
    let mut best = Best { window, most: window.most, found: None };
    let solve = |key: u128, loss: u128, node: u32, best: &mut Best| {
        best.offer(&ranges, &solved, &system, &fields.rest(key, &target), loss as i128, node)
    };

    let mut table = Table::<u128>::new(watch.memory());
    let mut end = solve(0, 0, 0, &mut best).map(|_| ());
    for (layer, (&at, choices)) in tried.iter().zip(&choices).enumerate() {
        let range = &ranges[at];
        let choice = |count: &Count| Choice {
            key: fields.key(&range.column, i128::from(count.more - range.first())),
            loss: count.loss as u128,
        };
        let choices: Layer<u128> = choices.iter().map(choice).collect();
        let most = best.most as u128;
        end = end.and_then(|()| {
            let visit = |key, loss, node| solve(key, loss, node, &mut best);
            table.extend_with(&choices, layer, most, watch, visit)
        });
    }
    *states += table.len() as u64;
    let complete = end.is_ok() || best.most <= window.above;
    let more = best.found.map(|(node, whole)| {
        let mut more: Vec<i64> = ranges.iter().map(Range::first).collect();
        let mut chosen = vec![0; tried.len()];
        table.trace(node, &mut chosen);
        for ((&at, choices), chosen) in tried.iter().zip(&choices).zip(chosen) {
            more[at] = choices[chosen].more;
        }
        solved.iter().zip(whole).for_each(|(&at, count)| more[at] = count);
        more.truncate(reduced.groups.len());
        more
    });
    Some(Answer { more, complete })
}

/// The least loss so far.
struct Best {
    window: Window,
    /// What the next one may lose.
    most: i128,
    /// The state, and the counts that were solved for.
    found: Option<(u32, Vec<i64>)>,
}

impl Best {
    /// Completes a state, and returns the new limit where that improves the best; an error ends the search.
    fn offer(
        &mut self,
        ranges: &[Range],
        solved: &[usize],
        system: &System,
        rest: &[i128],
        loss: i128,
        node: u32,
    ) -> Result<Option<u128>, Full> {
        let mut loss = loss;
        let mut whole = Vec::new();
        for (&at, weights) in solved.iter().zip(&system.inverse) {
            let times: i128 = weights.iter().zip(rest).map(|(w, r)| w * r).sum();
            if times % system.determinant != 0 {
                return Ok(None);
            }
            // The target already has the first choice of every range in it.
            let count = times / system.determinant + i128::from(ranges[at].first());
            let Some(lost) = ranges[at].loss(count) else { return Ok(None) };
            loss += lost;
            whole.push(count as i64);
        }
        if loss > self.most {
            return Ok(None);
        }
        self.found = Some((node, whole));
        self.most = loss - self.window.step;
        if self.most <= self.window.above { Err(Full) } else { Ok(Some(self.most as u128)) }
    }
}

/// The counts of a group, or the slacks of a row, that lose no more than the window allows.
#[derive(Debug)]
struct Range {
    column: Vec<i128>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Counts by rising loss, and their losses by rising count from `least`.
    Group {
        counts: Vec<Count>,
        least: i64,
        losses: Vec<i128>,
    },
    Slack {
        price: i128,
        most: i128,
    },
}

fn ranges(core: &Core, reduced: &Reduced, most: i128) -> Vec<Range> {
    let group = |k: usize| {
        let counts = core.counts(k, most);
        let mut sorted: Vec<&Count> = counts.iter().collect();
        sorted.sort_by_key(|count| count.more);
        let (least, losses) = (sorted[0].more, sorted.iter().map(|count| count.loss).collect());
        let column = reduced.groups[k].column.iter().map(|&need| i128::from(need)).collect();
        Range { column, kind: Kind::Group { counts, least, losses } }
    };
    let rows = core.prices.len();
    let slack = |row: usize| {
        let last = most.checked_div(core.prices[row]).unwrap_or(i128::MAX);
        let most = last.min(i128::from(reduced.capacity[row]));
        let column = (0..rows).map(|at| i128::from(at == row)).collect();
        Range { column, kind: Kind::Slack { price: core.prices[row], most } }
    };
    (0..reduced.groups.len()).map(group).chain((0..rows).map(slack)).collect()
}

impl Range {
    /// How many choices there are.
    fn len(&self) -> i128 {
        match &self.kind {
            Kind::Group { counts, .. } => counts.len() as i128,
            Kind::Slack { most, .. } => most + 1,
        }
    }

    /// The choice that loses nothing.
    fn first(&self) -> i64 {
        match &self.kind {
            Kind::Group { counts, .. } => counts[0].more,
            Kind::Slack { .. } => 0,
        }
    }

    fn loss(&self, count: i128) -> Option<i128> {
        match &self.kind {
            Kind::Group { least, losses, .. } => {
                let place = usize::try_from(count - i128::from(*least)).ok()?;
                losses.get(place).copied()
            }
            Kind::Slack { price, most } => (0..=*most).contains(&count).then(|| price * count),
        }
    }

    /// All choices by rising loss; nothing if there are too many.
    fn choices(&self) -> Option<Vec<Count>> {
        match &self.kind {
            Kind::Group { counts, .. } => Some(counts.clone()),
            Kind::Slack { most, .. } if *most >= SLACKS => None,
            Kind::Slack { price, most } => {
                Some((0..=*most).map(|s| Count { more: s as i64, loss: s * price }).collect())
            }
        }
    }
}

/// As many of the ranges as there are rows, in this order, with independent columns; and the others.
///
/// Those that have but one choice may be needed too; the unit columns of the slacks complete any set.
fn independent(ranges: &[Range], order: &[usize], rows: usize) -> Option<(Vec<usize>, Vec<usize>)> {
    let (mut solved, mut tried) = (Vec::new(), Vec::new());
    let mut echelon: Vec<(usize, Vec<i128>)> = Vec::new();
    let slacks = (ranges.len() - rows..ranges.len()).filter(|at| !order.contains(at));
    for at in order.iter().copied().chain(slacks) {
        let mut column = ranges[at].column.clone();
        for (lead, basis) in &echelon {
            let (own, other) = (basis[*lead], column[*lead]);
            for (entry, b) in column.iter_mut().zip(basis) {
                *entry = own.checked_mul(*entry)?.checked_sub(other.checked_mul(*b)?)?;
            }
            let divisor = column.iter().fold(0, |g, entry| gcd(g, entry.unsigned_abs()));
            if divisor > 1 {
                column.iter_mut().for_each(|entry| *entry /= divisor as i128);
            }
        }
        match column.iter().position(|&entry| entry != 0) {
            Some(lead) => {
                echelon.push((lead, column));
                solved.push(at);
            }
            None if ranges[at].len() > 1 => tried.push(at),
            None => {}
        }
    }
    Some((solved, tried))
}

/// The inverse of a square matrix, times its determinant.
#[derive(Debug)]
struct System {
    inverse: Vec<Vec<i128>>,
    determinant: i128,
}

impl System {
    /// Gauss-Jordan without fractions, of a matrix given by its columns; nothing if numbers grow too large.
    ///
    /// Reference: E. H. Bareiss, "Sylvester's identity and multistep integer-preserving Gaussian elimination",
    /// Mathematics of Computation 22 (1968).
    fn new(columns: Vec<&[i128]>) -> Option<Self> {
        let size = columns.len();
        let row = |row: usize| {
            let unit = (0..size).map(|at| i128::from(at == row));
            columns.iter().map(|column| column[row]).chain(unit).collect()
        };
        let mut work: Vec<Vec<i128>> = (0..size).map(row).collect();
        let mut before = 1;
        for at in 0..size {
            let pivot_row = (at..size).find(|&row| work[row][at] != 0)?;
            work.swap(at, pivot_row);
            let pivot = work[at].clone();
            for (_, entries) in work.iter_mut().enumerate().filter(|(row, _)| *row != at) {
                let factor = entries[at];
                for (entry, p) in entries.iter_mut().zip(&pivot) {
                    let whole =
                        pivot[at].checked_mul(*entry)?.checked_sub(factor.checked_mul(*p)?)?;
                    *entry = whole / before;
                }
            }
            before = pivot[at];
        }
        let inverse: Vec<Vec<i128>> = work.into_iter().map(|row| row[size..].to_vec()).collect();
        // What follows multiplies entries with loads, which have at most 64 bits each.
        let small = inverse.iter().flatten().all(|entry| entry.unsigned_abs() < 1 << 56);
        small.then_some(Self { inverse, determinant: before })
    }
}

/// Loads packed into the bits of a number, one field for every row.
#[derive(Debug)]
struct Fields {
    /// Place and width of each row.
    fields: Vec<(u32, u32)>,
    /// What makes every field non-negative.
    offset: u128,
    low: Vec<i128>,
}

impl Fields {
    fn new<'r>(
        tried: impl Iterator<Item = (&'r Range, &'r Vec<Count>)>,
        rows: usize,
    ) -> Option<Self> {
        let (mut low, mut high) = (vec![0i128; rows], vec![0i128; rows]);
        for (range, choices) in tried {
            let counts = || choices.iter().map(|count| i128::from(count.more - range.first()));
            let (least, most) = (counts().min()?, counts().max()?);
            for (row, need) in range.column.iter().enumerate() {
                low[row] = low[row].checked_add(least.checked_mul(*need)?)?;
                high[row] = high[row].checked_add(most.checked_mul(*need)?)?;
            }
        }
        let mut place = 0;
        let mut fields = Vec::with_capacity(rows);
        for (low, high) in low.iter().zip(&high) {
            let width = 128 - (high - low).leading_zeros();
            fields.push((place, width));
            place += width;
            if width > 62 || place > 127 {
                return None;
            }
        }
        let offset = low.iter().zip(&fields).map(|(low, (place, _))| (-low as u128) << place).sum();
        Some(Self { fields, offset, low })
    }

    /// The number of a column so many times.
    fn key(&self, column: &[i128], times: i128) -> u128 {
        let part = |(need, (place, _)): (&i128, &(u32, u32))| ((need * times) as u128) << place;
        column.iter().zip(&self.fields).map(part).fold(0, u128::wrapping_add)
    }

    /// What the loads in a key leave of the target.
    fn rest(&self, key: u128, target: &[i128]) -> Vec<i128> {
        let packed = key.wrapping_add(self.offset);
        let load = |((place, width), low): (&(u32, u32), &i128)| {
            (packed >> place & ((1 << width) - 1)) as i128 + low
        };
        let loads = self.fields.iter().zip(&self.low).map(load);
        target.iter().zip(loads).map(|(target, load)| target - load).collect()
    }
}
