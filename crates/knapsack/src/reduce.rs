use std::collections::HashMap;

use crate::Problem;

/// What is left of a problem once the obvious is decided.
///
/// Classes that fit nowhere are out, classes that cost nothing are in, resources that cannot bind are gone,
/// each row is divided by its greatest common divisor and its capacity rounded down accordingly.
#[derive(Debug)]
pub(crate) struct Reduced {
    /// The rows of the problem that can bind.
    rows: Vec<usize>,
    /// Remaining capacities, one per row that can bind; none is 0.
    pub(crate) capacity: Vec<u64>,
    /// Distinct columns over those rows; each fits by itself and none is all zeros.
    pub(crate) groups: Vec<Group>,
    /// Classes that are kept whole.
    pub(crate) free: Vec<usize>,
}

/// Classes that share a column.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) column: Vec<u64>,
    pub(crate) classes: Vec<usize>,
    /// Items in all of them.
    pub(crate) size: usize,
}

impl Reduced {
    pub(crate) fn new(problem: &Problem<'_>) -> Self {
        let rows: Vec<usize> = (0..problem.capacity().len()).collect();
        Self::over(problem, &rows)
    }

    /// The relaxation without the rows whose price is 0; nothing if there is none, or nothing else.
    pub(crate) fn relaxed(&self, problem: &Problem<'_>, prices: &[f64]) -> Option<Self> {
        let priced = self.rows.iter().zip(prices).filter(|(_, price)| **price > 0.0);
        let rows: Vec<usize> = priced.map(|(&row, _)| row).collect();
        let some = !rows.is_empty() && rows.len() < self.rows.len();
        some.then(|| Self::over(problem, &rows))
    }

    /// The problem with these of its rows only, but without the items that do not fit in one of the others.
    fn over(problem: &Problem<'_>, rows: &[usize]) -> Self {
        let capacity = problem.capacity();
        let fits = |&k: &usize| problem.column(k).iter().zip(capacity).all(|(a, c)| a <= c);
        let classes: Vec<usize> = (0..problem.classes()).filter(fits).collect();
        let rows: Vec<usize> =
            rows.iter().copied().filter(|&row| can_bind(problem, &classes, row)).collect();
        let divisor: Vec<u64> = rows
            .iter()
            .map(|&row| classes.iter().fold(0, |g, &k| gcd(g, problem.column(k)[row])))
            .collect();

        let mut free = Vec::new();
        let mut groups: Vec<Group> = Vec::new();
        let mut seen: HashMap<Vec<u64>, usize> = HashMap::new();
        for class in classes {
            let size = problem.values(class).len();
            let column = problem.column(class);
            let column: Vec<u64> =
                rows.iter().zip(&divisor).map(|(&row, divisor)| column[row] / divisor).collect();
            if column.iter().all(|&saving| saving == 0) {
                free.push(class);
            } else if size > 0 {
                let at = *seen.entry(column.clone()).or_insert(groups.len());
                if at == groups.len() {
                    groups.push(Group { column, classes: Vec::new(), size: 0 });
                }
                groups[at].classes.push(class);
                groups[at].size += size;
            }
        }
        let capacity =
            rows.iter().zip(&divisor).map(|(&row, divisor)| capacity[row] / divisor).collect();
        Self { rows, capacity, groups, free }
    }

    /// A selection with nothing in it but what costs nothing.
    pub(crate) fn start(&self, problem: &Problem<'_>) -> Vec<bool> {
        let mut keep = vec![false; problem.len()];
        for &class in &self.free {
            for position in 0..problem.values(class).len() {
                keep[problem.item(class, position)] = true;
            }
        }
        keep
    }

    /// The items of a group, as class and position in it, with their values.
    pub(crate) fn members<'p>(
        &'p self,
        problem: &'p Problem<'_>,
        group: usize,
    ) -> impl Iterator<Item = (usize, f64)> + 'p {
        self.groups[group].classes.iter().flat_map(move |&class| {
            let values = problem.values(class).iter().enumerate();
            values.map(move |(position, &value)| (problem.item(class, position), value))
        })
    }

    /// Items that are still to be decided.
    pub(crate) fn items(&self) -> usize {
        self.groups.iter().map(|group| group.size).sum()
    }
}

/// Whether keeping everything would exceed this capacity.
fn can_bind(problem: &Problem<'_>, classes: &[usize], row: usize) -> bool {
    let total: u128 = classes
        .iter()
        .map(|&k| problem.values(k).len() as u128 * u128::from(problem.column(k)[row]))
        .sum();
    total > u128::from(problem.capacity()[row])
}

/// The greatest common divisor; of 0 and a number that number.
pub(crate) fn gcd<N: Copy + PartialEq + Default + std::ops::Rem<Output = N>>(
    mut a: N,
    mut b: N,
) -> N {
    while b != N::default() {
        (a, b) = (b, a % b);
    }
    a
}
