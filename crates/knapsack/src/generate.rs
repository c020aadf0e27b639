use std::{
    fmt,
    io::{self, Write},
    str::FromStr,
};

use crate::{Class, Error, Problem, random::SplitMix64};

/// A made-up problem of the shape that pruning makes, written `seed,N,K,M`.
///
/// `N` items in `K` classes (layers) over `M` resources, 1 to 3: values of each class spread like the
/// magnitudes of normal weights, the largest of them 10^8; capacities half of everything. Integers only, so that
/// a spec means the same problem everywhere.
///
/// ```
/// use handaxe_knapsack::{Limits, Spec, Status, solver};
///
/// let problem = "1,1000,5,2".parse::<Spec>()?.problem()?;
/// let solution = solver("class")?.solve(&problem, &Limits::default())?;
/// assert_eq!((solution.value, solution.status), (23811551649.0, Status::Optimal));
/// # Ok::<(), handaxe_knapsack::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// State that the random numbers start from.
    pub seed: u64,
    /// Number of items.
    pub items: usize,
    /// Number of classes; some may come out empty or share a column.
    pub classes: usize,
    /// Number of resources, 1 to 3.
    pub resources: usize,
}

/// The largest value in a class.
const SCALE: u128 = 100_000_000;

impl FromStr for Spec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Spec { given: text.to_owned() };
        let mut parts = text.split(',').map(|part| part.trim().parse::<u64>());
        let mut next = || parts.next().and_then(Result::ok).ok_or_else(wrong);
        let size = |given: u64| usize::try_from(given).map_err(|_| wrong());
        let (seed, items) = (next()?, size(next()?)?);
        let (classes, resources) = (size(next()?)?, size(next()?)?);
        if parts.next().is_some() || classes == 0 || !(1..=3).contains(&resources) {
            return Err(wrong());
        }
        Ok(Self { seed, items, classes, resources })
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.seed, self.items, self.classes, self.resources)
    }
}

impl Spec {
    /// Makes the problem.
    ///
    /// # Errors
    /// [`Error::TooManyItems`].
    pub fn problem(&self) -> Result<Problem<'static>, Error> {
        crate::problem::check_count(self.items)?;
        let mut random = SplitMix64(self.seed);
        let shares: Vec<u64> = (0..self.classes).map(|_| 1 + random.next() % 100).collect();
        let columns: Vec<Vec<u64>> = (0..self.classes).map(|_| self.column(&mut random)).collect();
        let total: u128 = shares.iter().map(|&share| u128::from(share)).sum();
        let size = |share: u64| (self.items as u128 * u128::from(share) / total) as usize;
        let mut sizes: Vec<usize> = shares.into_iter().map(size).collect();
        sizes[0] += self.items - sizes.iter().sum::<usize>();

        let mut classes = Vec::with_capacity(self.classes);
        let mut capacity = vec![0; self.resources];
        for (savings, size) in columns.into_iter().zip(sizes) {
            for (total, saving) in capacity.iter_mut().zip(&savings) {
                *total += saving * size as u64;
            }
            classes.push(Class { values: values(size, &mut random).into(), savings });
        }
        capacity.iter_mut().for_each(|total| *total /= 2);
        Problem::from_classes(classes, capacity)
    }

    fn column(&self, random: &mut SplitMix64) -> Vec<u64> {
        let mut draw = |range| random.next() % range;
        match self.resources {
            1 => vec![1 + draw(64)],
            2 => vec![1 + draw(8), draw(4)],
            _ => vec![1 + draw(8), draw(4), 8 + draw(256)],
        }
    }
}

/// The sum of twelve uniform draws is near to normal; its distance from the mean is the value.
fn values(size: usize, random: &mut SplitMix64) -> Vec<f64> {
    let distance = |random: &mut SplitMix64| {
        let sum: u64 = (0..12).map(|_| random.next() >> 32).sum();
        sum.abs_diff(6 << 32)
    };
    let drawn: Vec<u64> = (0..size).map(|_| distance(random)).collect();
    let largest = u128::from(drawn.iter().copied().max().unwrap_or(0).max(1));
    drawn.into_iter().map(|x| (u128::from(x) * SCALE / largest) as f64).collect()
}

/// Writes a problem as text: `M N`, then the `M` capacities, then `value a_1 .. a_M` for each item.
///
/// # Errors
/// What `out` reports.
pub fn write_text(problem: &Problem<'_>, out: &mut dyn Write) -> io::Result<()> {
    let line = |numbers: &[u64]| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
    writeln!(out, "{} {}", problem.capacity().len(), problem.len())?;
    writeln!(out, "{}", line(problem.capacity()))?;
    let mut items: Vec<(f64, usize)> = vec![(0.0, 0); problem.len()];
    for class in 0..problem.classes() {
        for (position, &value) in problem.values(class).iter().enumerate() {
            items[problem.item(class, position)] = (value, class);
        }
    }
    let columns: Vec<String> =
        (0..problem.classes()).map(|class| line(problem.column(class))).collect();
    for (value, class) in items {
        writeln!(out, "{value} {}", columns[class])?;
    }
    Ok(())
}
