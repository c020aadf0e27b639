use std::{borrow::Cow, collections::HashMap};

use crate::{Error, exact};

/// Items that cost the same: all groups of weights of one layer, say.
#[derive(Debug, Clone, PartialEq)]
pub struct Class<'a> {
    /// What keeping one item costs (and dropping it saves), one entry per resource.
    pub savings: Vec<u64>,
    /// The value of each item, finite and at least 0.
    pub values: Cow<'a, [f64]>,
}

/// A 0/1 knapsack problem: which items to keep so that their value is largest and no capacity exceeded.
///
/// Items are numbered from 0: class after class with [`Problem::from_classes`], in the order given with
/// [`Problem::new`]. Once built, a problem is sound: solvers need not check it again.
///
/// ```
/// use handaxe_knapsack::{Class, Limits, Problem, solver};
///
/// // Two layers: a weight of the first costs 1 DSP, one of the second 2 DSPs and a BRAM.
/// let layers = vec![
///     Class { savings: vec![1, 0], values: vec![0.5, 0.25, 1.0].into() },
///     Class { savings: vec![2, 1], values: vec![1.5, 2.0].into() },
/// ];
/// let problem = Problem::from_classes(layers, vec![4, 1])?;
/// let solution = solver("auto")?.solve(&problem, &Limits::default())?;
/// assert_eq!(solution.keep, [true, false, true, false, true]);
/// assert_eq!((solution.value, solution.load), (3.5, vec![4, 1]));
/// # Ok::<(), handaxe_knapsack::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Problem<'a> {
    /// Savings of the classes, one after the other.
    columns: Vec<u64>,
    values: Values<'a>,
    /// Where each class begins among the items in class order, and the end.
    starts: Vec<usize>,
    /// From class order to item number; `None` where they agree.
    items: Option<Vec<u32>>,
    capacity: Vec<u64>,
}

#[derive(Debug, Clone)]
enum Values<'a> {
    /// One slice per class, as the caller has them.
    Slices(Vec<Cow<'a, [f64]>>),
    /// All values, in class order.
    Packed(Vec<f64>),
}

impl<'a> Problem<'a> {
    /// A problem in classes of equal cost, `capacity` in units of each resource.
    ///
    /// Nothing is copied where the values are borrowed. Two classes may share a column.
    ///
    /// # Errors
    /// [`Error::ColumnLength`], [`Error::Value`], [`Error::TotalValue`], [`Error::TooManyItems`].
    pub fn from_classes(classes: Vec<Class<'a>>, capacity: Vec<u64>) -> Result<Self, Error> {
        let mut columns = Vec::with_capacity(classes.len() * capacity.len());
        let mut starts = Vec::with_capacity(classes.len() + 1);
        let mut slices = Vec::with_capacity(classes.len());
        let mut items = 0;
        starts.push(0);
        for (class, Class { savings, values }) in classes.into_iter().enumerate() {
            if savings.len() != capacity.len() {
                return Err(Error::ColumnLength {
                    class,
                    given: savings.len(),
                    expected: capacity.len(),
                });
            }
            check_values(&values, items)?;
            columns.extend(savings);
            items += values.len();
            starts.push(items);
            slices.push(values);
        }
        check_count(items)?;
        let values = Values::Slices(slices);
        let problem = Self { columns, values, starts, items: None, capacity };
        problem.check_total()?;
        Ok(problem)
    }

    /// A problem item by item: `savings` has one row per resource and one entry per item in each.
    ///
    /// Items with equal columns are brought together in classes, in the order of first appearance.
    ///
    /// # Errors
    /// As [`Problem::from_classes`], and [`Error::Rows`], [`Error::RowLength`], and [`Error::Infeasible`]
    /// for a negative capacity.
    pub fn new(
        values: &[f64],
        savings: &[Vec<u64>],
        capacity: &[i64],
    ) -> Result<Problem<'static>, Error> {
        if savings.len() != capacity.len() {
            return Err(Error::Rows { rows: savings.len(), capacities: capacity.len() });
        }
        for (resource, row) in savings.iter().enumerate() {
            if row.len() != values.len() {
                let (given, expected) = (row.len(), values.len());
                return Err(Error::RowLength { resource, given, expected });
            }
        }
        check_count(values.len())?;
        check_values(values, 0)?;
        let unsigned = |(resource, &capacity): (usize, &i64)| {
            u64::try_from(capacity).map_err(|_| Error::Infeasible { resource, capacity })
        };
        let capacity = capacity.iter().enumerate().map(unsigned).collect::<Result<Vec<_>, _>>()?;
        let problem = group(values, savings, capacity);
        problem.check_total()?;
        Ok(problem)
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// Whether there is no item at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The capacity of each resource.
    #[must_use]
    pub fn capacity(&self) -> &[u64] {
        &self.capacity
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The column of a class: what one of its items costs of each resource.
    #[must_use]
    pub fn column(&self, class: usize) -> &[u64] {
        let resources = self.capacity.len();
        &self.columns[class * resources..(class + 1) * resources]
    }

    /// The values of a class.
    #[must_use]
    pub fn values(&self, class: usize) -> &[f64] {
        match &self.values {
            Values::Slices(slices) => &slices[class],
            Values::Packed(values) => &values[self.starts[class]..self.starts[class + 1]],
        }
    }

    /// The number of the item at `position` in a class.
    #[must_use]
    #[inline]
    pub fn item(&self, class: usize, position: usize) -> usize {
        let place = self.starts[class] + position;
        self.items.as_ref().map_or(place, |items| items[place] as usize)
    }

    /// What a selection uses of each resource; wide, as it may be far over the capacity.
    #[must_use]
    pub fn load(&self, keep: &[bool]) -> Vec<u128> {
        let mut load = vec![0; self.capacity.len()];
        for class in 0..self.classes() {
            let kept = (0..self.values(class).len()).filter(|&p| keep[self.item(class, p)]).count();
            for (total, &saving) in load.iter_mut().zip(self.column(class)) {
                *total += kept as u128 * u128::from(saving);
            }
        }
        load
    }

    /// The value of a selection: its exact sum, rounded once to the nearest f64.
    #[must_use]
    pub fn value(&self, keep: &[bool]) -> f64 {
        let mut total = exact::Sum::new();
        for class in 0..self.classes() {
            for (position, &value) in self.values(class).iter().enumerate() {
                if keep[self.item(class, position)] {
                    total.add(value);
                }
            }
        }
        total.nearest()
    }

    /// Whether a selection stays within every capacity.
    #[must_use]
    pub fn fits(&self, keep: &[bool]) -> bool {
        self.load(keep).iter().zip(&self.capacity).all(|(&load, &cap)| load <= u128::from(cap))
    }

    /// The total must be finite, so that every value and bound is. Any order of addition shows it.
    fn check_total(&self) -> Result<(), Error> {
        let total: f64 = (0..self.classes()).map(|k| self.values(k).iter().sum::<f64>()).sum();
        if total.is_finite() { Ok(()) } else { Err(Error::TotalValue) }
    }
}

pub(crate) fn check_count(given: usize) -> Result<(), Error> {
    if u32::try_from(given).is_ok() { Ok(()) } else { Err(Error::TooManyItems { given }) }
}

fn check_values(values: &[f64], first: usize) -> Result<(), Error> {
    match values.iter().position(|value| !(0.0..f64::INFINITY).contains(value)) {
        None => Ok(()),
        Some(at) => Err(Error::Value { item: first + at, given: values[at] }),
    }
}

/// Sorts the items stably into classes of equal columns.
fn group(values: &[f64], savings: &[Vec<u64>], capacity: Vec<u64>) -> Problem<'static> {
    let mut seen: HashMap<Vec<u64>, usize> = HashMap::new();
    let mut columns = Vec::new();
    let mut sizes: Vec<usize> = Vec::new();
    let mut class_of = Vec::with_capacity(values.len());
    let mut column = Vec::with_capacity(savings.len());
    for item in 0..values.len() {
        column.clear();
        column.extend(savings.iter().map(|row| row[item]));
        let class = match seen.get(&column) {
            Some(&class) => class,
            None => {
                columns.extend_from_slice(&column);
                seen.insert(column.clone(), sizes.len());
                sizes.push(0);
                sizes.len() - 1
            }
        };
        sizes[class] += 1;
        class_of.push(class);
    }
    let mut starts = Vec::with_capacity(sizes.len() + 1);
    starts.push(0);
    for size in sizes {
        starts.push(starts.last().copied().unwrap_or(0) + size);
    }
    let mut next = starts.clone();
    let mut items = vec![0u32; values.len()];
    for (item, class) in class_of.into_iter().enumerate() {
        items[next[class]] = item as u32;
        next[class] += 1;
    }
    let packed = items.iter().map(|&item| values[item as usize]).collect();
    Problem { columns, values: Values::Packed(packed), starts, items: Some(items), capacity }
}
