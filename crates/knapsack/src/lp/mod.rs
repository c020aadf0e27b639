//! The linear relaxation, by a dual simplex for a few rows and many columns between 0 and 1.

mod basis;
mod simplex;

/// Where a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Lower,
    Upper,
    Basic,
}

/// How a run of the simplex ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Optimal,
    /// The objective went below the cutoff: whatever the optimum, it is no better.
    Cutoff,
    /// No point satisfies the rows within the bounds.
    Infeasible,
    /// Too many steps, or numbers gone bad; the prices are still a valid bound.
    Stalled,
}

/// `maximise value.x, rows x + slack = capacity, lower <= (x, slack) <= upper`.
///
/// Columns `0..items` are the items, `items..items + rows` the slacks, which lie between 0 and infinity
/// (between 0 and 0 in an equation). The start, all slacks basic and every
/// item at its upper bound, is dual feasible, and so is every later basis: bounds may change between runs.
///
/// Reference: I. Maros, "A generalized dual phase-2 simplex algorithm", EJOR 149 (2003), for the ratio test that
/// lets columns flip from bound to bound.
#[derive(Debug, Clone)]
pub(crate) struct Lp {
    items: usize,
    rows: usize,
    /// Row after row, `items` entries each.
    matrix: Vec<f64>,
    values: Vec<f64>,
    capacity: Vec<f64>,
    /// Sums of the rows of the matrix.
    sums: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    place: Vec<Place>,
    basis: Vec<usize>,
    /// Inverse of the basis, row after row.
    inverse: Vec<f64>,
    /// Values of the basic columns.
    basic: Vec<f64>,
    /// Reduced costs of items and slacks.
    costs: Vec<f64>,
    pivots: u64,
    alpha: Vec<f64>,
    /// Direction of the last row that could not be met, and how fast its objective falls.
    ray: (f64, f64),
    breaks: Vec<(f64, u32)>,
}

/// What counts as 0 among the entries of the tableau.
const PIVOT: f64 = 1e-9;

impl Lp {
    /// `matrix` has one row of `values.len()` entries per capacity; entries best near 1.
    pub(crate) fn new(values: Vec<f64>, matrix: Vec<f64>, capacity: Vec<f64>) -> Self {
        let (items, rows) = (values.len(), capacity.len());
        let mut upper = vec![1.0; items + rows];
        upper[items..].fill(f64::INFINITY);
        let mut place = vec![Place::Upper; items + rows];
        place[items..].fill(Place::Basic);
        let sums = matrix
            .chunks_exact(items.max(1))
            .map(|row| row.iter().map(|a| a.abs()).sum())
            .collect();
        let mut lp = Self {
            sums,
            items,
            rows,
            matrix,
            values,
            capacity,
            lower: vec![0.0; items + rows],
            upper,
            place,
            basis: (items..items + rows).collect(),
            inverse: vec![0.0; rows * rows],
            basic: vec![0.0; rows],
            costs: vec![0.0; items + rows],
            pivots: 0,
            alpha: vec![0.0; items + rows],
            ray: (1.0, 1.0),
            breaks: Vec::new(),
        };
        lp.refresh();
        lp
    }

    /// Sets the bounds of a column: those of the relaxation, or both the same to fix it.
    pub(crate) fn bound(&mut self, column: usize, lower: f64, upper: f64) {
        let before = self.at(column);
        self.lower[column] = lower;
        self.upper[column] = upper;
        if self.place[column] != Place::Basic {
            // Freed or not, it goes to the bound that its reduced cost asks for.
            self.place[column] = self.proper(column);
            let moved = self.at(column) - before;
            if moved != 0.0 {
                self.shift(column, moved);
            }
        }
    }

    pub(crate) fn bounds(&self, column: usize) -> (f64, f64) {
        (self.lower[column], self.upper[column])
    }

    /// The bound at which a column that is not basic keeps the basis dual feasible.
    fn proper(&self, column: usize) -> Place {
        let up = self.costs[column] > 0.0 && self.upper[column] < f64::INFINITY;
        if up { Place::Upper } else { Place::Lower }
    }

    /// Prices of the rows: at least 0, but for rounding, unless the row is an equation.
    pub(crate) fn prices(&self) -> impl Iterator<Item = f64> + '_ {
        self.costs[self.items..].iter().map(|cost| -cost)
    }

    /// The prices at which the last row that could not be met loses `drop` more, after [`End::Infeasible`].
    pub(crate) fn ray(&self, drop: f64) -> Vec<f64> {
        let (sign, slope) = self.ray;
        let step = sign * drop / slope.max(PIVOT);
        let rates = &self.alpha[self.items..];
        self.prices().zip(rates).map(|(price, rate)| price + step * rate).collect()
    }

    pub(crate) fn items(&self) -> usize {
        self.items
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn pivots(&self) -> u64 {
        self.pivots
    }

    /// The basic items with their values.
    pub(crate) fn fractional(&self) -> impl Iterator<Item = (usize, f64)> + '_ {
        let basic = self.basis.iter().zip(&self.basic);
        basic.filter(|(column, _)| **column < self.items).map(|(&column, &value)| (column, value))
    }

    /// The Lagrangian at the current prices.
    pub(crate) fn objective(&self) -> f64 {
        let prices: f64 = self.prices().zip(&self.capacity).map(|(p, c)| p * c).sum();
        let bounds = self.lower.iter().zip(&self.upper);
        let items = self.costs[..self.items].iter().zip(bounds);
        prices + items.map(|(&d, (&lo, &up))| if d > 0.0 { d * up } else { d * lo }).sum::<f64>()
    }

    /// The Lagrangian at any prices, with every rounding error added, and the reduced costs there in `costs`.
    ///
    /// The sum of n products has a relative error of at most n roundings of its absolute terms.
    pub(crate) fn proof(&self, prices: &[f64], costs: &mut Vec<f64>) -> f64 {
        costs.clear();
        costs.extend_from_slice(&self.values);
        let mut total = 0.0;
        let mut size = self.values.iter().sum::<f64>();
        for (row, &price) in prices.iter().enumerate() {
            // The slack of an inequality has no upper bound, so its price must not be negative.
            let price = if self.upper[self.items + row] > 0.0 { price.max(0.0) } else { price };
            total += price * self.capacity[row];
            size += 2.0 * (price * self.capacity[row]).abs() + price.abs() * self.sums[row];
            let entries = &self.matrix[row * self.items..(row + 1) * self.items];
            costs.iter_mut().zip(entries).for_each(|(cost, entry)| *cost -= price * entry);
        }
        let bounds = self.lower.iter().zip(&self.upper);
        for (&cost, (&lower, &upper)) in costs.iter().zip(bounds) {
            total += if cost > 0.0 { cost * upper } else { cost * lower };
            size += cost.abs() * upper;
        }
        let roundings = (self.items + 3 * self.rows + 8) as f64;
        total + roundings * f64::EPSILON * (size + total.abs())
    }

    /// What rounding the basic column of a row down and up at least costs, to first order.
    pub(crate) fn penalties(&mut self, row: usize) -> (f64, f64) {
        self.price(row);
        let value = self.basic[row];
        let (mut down, mut up) = (f64::INFINITY, f64::INFINITY);
        for (column, (&alpha, &cost)) in self.alpha.iter().zip(&self.costs).enumerate() {
            if alpha.abs() < PIVOT || self.range(column) == 0.0 {
                continue;
            }
            let ratio = (cost / alpha).abs();
            match (self.place[column], alpha > 0.0) {
                (Place::Basic, _) => {}
                (Place::Lower, false) | (Place::Upper, true) => up = ratio.min(up),
                (Place::Lower, true) | (Place::Upper, false) => down = ratio.min(down),
            }
        }
        (down * (value - value.floor()), up * (value.ceil() - value))
    }

    /// The column that is basic in a row, and its value.
    pub(crate) fn basic(&self, row: usize) -> (usize, f64) {
        (self.basis[row], self.basic[row])
    }

    /// The value of a column that is not basic; 0 for one that is.
    pub(crate) fn at(&self, column: usize) -> f64 {
        match self.place[column] {
            Place::Upper => self.upper[column],
            Place::Lower => self.lower[column],
            Place::Basic => 0.0,
        }
    }

    fn range(&self, column: usize) -> f64 {
        self.upper[column] - self.lower[column]
    }

    /// An entry of the matrix with its slacks.
    fn entry(&self, row: usize, column: usize) -> f64 {
        match column.checked_sub(self.items) {
            None => self.matrix[row * self.items + column],
            Some(slack) => f64::from(u8::from(slack == row)),
        }
    }

    /// The column of the tableau: inverse times column.
    fn tableau(&self, column: usize) -> Vec<f64> {
        let entries: Vec<f64> = (0..self.rows).map(|row| self.entry(row, column)).collect();
        let rows = self.inverse.chunks_exact(self.rows);
        rows.map(|row| row.iter().zip(&entries).map(|(a, b)| a * b).sum()).collect()
    }

    /// A nonbasic column moved: the basic ones make up for it.
    fn shift(&mut self, column: usize, moved: f64) {
        let tableau = self.tableau(column);
        self.basic.iter_mut().zip(tableau).for_each(|(basic, entry)| *basic -= entry * moved);
    }
}
