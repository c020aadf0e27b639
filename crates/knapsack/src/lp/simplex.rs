//! The steps of the dual simplex.

use super::{End, Lp, PIVOT, Place};

/// What counts as 0 among violations.
const FEASIBLE: f64 = 1e-9;
/// Pivots after which everything is computed anew.
const REFRESH: u64 = 64;

impl Lp {
    /// Runs to the optimum, or until the objective is at most `cutoff`.
    pub(crate) fn solve(&mut self, cutoff: f64) -> End {
        let limit = 50 * (self.rows as u64 + 4) + 200;
        for step in 0..limit {
            if self.pivots % REFRESH == REFRESH - 1 {
                self.refresh();
            }
            let Some((row, below)) = self.leaving() else { return End::Optimal };
            if cutoff > f64::NEG_INFINITY && step > 0 && self.objective() <= cutoff {
                return End::Cutoff;
            }
            match self.step(row, below) {
                Some(true) => {}
                Some(false) => return End::Infeasible,
                None => return End::Stalled,
            }
        }
        End::Stalled
    }

    /// The most violated basic column, and whether it is below its bound.
    fn leaving(&self) -> Option<(usize, bool)> {
        let mut worst = FEASIBLE;
        let mut found = None;
        for (row, (&column, &value)) in self.basis.iter().zip(&self.basic).enumerate() {
            let (lower, upper) = self.bounds(column);
            let violation = (lower - value).max(value - upper);
            if violation > worst {
                worst = violation;
                found = Some((row, value < lower));
            }
        }
        found
    }

    /// One pivot; false if the row shows infeasibility, nothing if the pivot is too small.
    fn step(&mut self, row: usize, below: bool) -> Option<bool> {
        self.pivots += 1;
        self.price(row);
        let leaving = self.basis[row];
        let bound = if below { self.lower[leaving] } else { self.upper[leaving] };
        // The reduced cost of the leaving column moves away from 0: down if it goes to its lower bound.
        let sign = if below { 1.0 } else { -1.0 };
        self.collect_breaks(sign);
        let slope = (self.basic[row] - bound).abs();
        let Some((entering, flips)) = self.ratio(sign, slope) else { return Some(false) };
        if self.alpha[entering].abs() < PIVOT {
            return None;
        }
        self.flip(flips);
        self.pivot(row, entering, bound, below);
        Some(true)
    }

    /// Moves the columns of the first breaks to their other bounds.
    fn flip(&mut self, flips: usize) {
        let mut moved = vec![0.0; self.rows];
        for &(_, column) in &self.breaks[..flips] {
            let column = column as usize;
            let up = self.place[column] == Place::Lower;
            self.place[column] = if up { Place::Upper } else { Place::Lower };
            let range = if up { self.range(column) } else { -self.range(column) };
            for (row, moved) in moved.iter_mut().enumerate() {
                *moved += range * self.entry(row, column);
            }
        }
        for (basic, weights) in self.basic.iter_mut().zip(self.inverse.chunks_exact(self.rows)) {
            *basic -= weights.iter().zip(&moved).map(|(a, b)| a * b).sum::<f64>();
        }
    }

    /// The row of the tableau for every column.
    pub(super) fn price(&mut self, row: usize) {
        let weights = &self.inverse[row * self.rows..(row + 1) * self.rows];
        let (alpha, slacks) = self.alpha.split_at_mut(self.items);
        alpha.fill(0.0);
        for (&weight, entries) in weights.iter().zip(self.matrix.chunks_exact(self.items.max(1))) {
            if weight != 0.0 {
                alpha.iter_mut().zip(entries).for_each(|(a, entry)| *a += weight * entry);
            }
        }
        slacks.copy_from_slice(weights);
    }

    /// Columns whose reduced cost reaches 0 as the leaving column's moves, with the step at which it does.
    fn collect_breaks(&mut self, sign: f64) {
        self.breaks.clear();
        for (column, (&alpha, &cost)) in self.alpha.iter().zip(&self.costs).enumerate() {
            let rate = sign * alpha;
            let meets = match self.place[column] {
                Place::Basic => false,
                Place::Lower => rate < -PIVOT,
                Place::Upper => rate > PIVOT,
            };
            if meets && self.range(column) > 0.0 {
                self.breaks.push(((cost / rate).max(0.0), column as u32));
            }
        }
    }

    /// The column to enter and how many of the sorted breaks before it flip to their other bound.
    fn ratio(&mut self, sign: f64, violation: f64) -> Option<(usize, usize)> {
        // Few of the breaks are passed: sort only as far as needed.
        let mut slope = violation;
        let mut sorted = 0;
        let mut chunk = 32;
        while sorted < self.breaks.len() {
            let end = (sorted + chunk).min(self.breaks.len());
            let tail = &mut self.breaks[sorted..];
            let order = |a: &(f64, u32), b: &(f64, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
            if end - sorted < tail.len() {
                tail.select_nth_unstable_by(end - sorted, order);
            }
            tail[..end - sorted].sort_unstable_by(order);
            for at in sorted..end {
                let column = self.breaks[at].1 as usize;
                slope -= self.alpha[column].abs() * self.range(column);
                if slope <= FEASIBLE * 0.1 {
                    return Some((column, at));
                }
            }
            sorted = end;
            chunk *= 4;
        }
        self.ray = (sign, slope);
        None
    }

    fn pivot(&mut self, row: usize, entering: usize, bound: f64, below: bool) {
        let tableau = self.tableau(entering);
        let leaving = self.basis[row];
        let step = (self.basic[row] - bound) / tableau[row];
        let value = self.at(entering) + step;
        for (basic, &entry) in self.basic.iter_mut().zip(&tableau) {
            *basic -= entry * step;
        }
        let ratio = self.costs[entering] / self.alpha[entering];
        for (column, (cost, &alpha)) in self.costs.iter_mut().zip(&self.alpha).enumerate() {
            if self.place[column] != Place::Basic {
                *cost -= ratio * alpha;
            }
        }
        self.costs[leaving] = -ratio;
        self.costs[entering] = 0.0;
        self.place[leaving] =
            if below || leaving >= self.items { Place::Lower } else { Place::Upper };
        self.place[entering] = Place::Basic;
        self.basis[row] = entering;
        self.basic[row] = value;

        let rows = self.rows;
        let pivot = tableau[row];
        let pivot_row: Vec<f64> =
            self.inverse[row * rows..(row + 1) * rows].iter().map(|entry| entry / pivot).collect();
        for (at, entries) in self.inverse.chunks_exact_mut(rows).enumerate() {
            if at == row {
                entries.copy_from_slice(&pivot_row);
            } else if tableau[at] != 0.0 {
                entries.iter_mut().zip(&pivot_row).for_each(|(e, p)| *e -= tableau[at] * p);
            }
        }
    }
}
