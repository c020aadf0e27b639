//! The inverse of the basis, from nothing.

use super::{Lp, Place};

impl Lp {
    /// Computes inverse, costs, places and basic values from the basis alone.
    pub(super) fn refresh(&mut self) {
        self.invert();
        let value = |column: usize| if column < self.items { self.values[column] } else { 0.0 };
        let mut prices = vec![0.0; self.rows];
        for (weights, &column) in self.inverse.chunks_exact(self.rows.max(1)).zip(&self.basis) {
            let value = value(column);
            prices.iter_mut().zip(weights).for_each(|(price, weight)| *price += value * weight);
        }
        self.costs[..self.items].copy_from_slice(&self.values);
        for (price, row) in prices.iter().zip(self.matrix.chunks_exact(self.items.max(1))) {
            self.costs[..self.items].iter_mut().zip(row).for_each(|(cost, a)| *cost -= price * a);
        }
        self.costs[self.items..].iter_mut().zip(&prices).for_each(|(cost, price)| *cost = -price);
        let mut residual = self.capacity.clone();
        for column in 0..self.items + self.rows {
            if self.place[column] != Place::Basic {
                self.place[column] = self.proper(column);
                let at = self.at(column);
                if at != 0.0 {
                    for (row, left) in residual.iter_mut().enumerate() {
                        *left -= at * self.entry(row, column);
                    }
                }
            }
        }
        for &column in &self.basis {
            self.costs[column] = 0.0;
        }
        for (basic, weights) in
            self.basic.iter_mut().zip(self.inverse.chunks_exact(self.rows.max(1)))
        {
            *basic = weights.iter().zip(&residual).map(|(a, b)| a * b).sum();
        }
    }

    /// Gauss-Jordan with row pivoting.
    fn invert(&mut self) {
        let rows = self.rows;
        let width = 2 * rows;
        let mut work = vec![0.0; rows * width];
        for row in 0..rows {
            for (at, &column) in self.basis.iter().enumerate() {
                work[row * width + at] = self.entry(row, column);
            }
            work[row * width + rows + row] = 1.0;
        }
        for at in 0..rows {
            let best = (at..rows)
                .max_by(|&a, &b| work[a * width + at].abs().total_cmp(&work[b * width + at].abs()));
            let best = best.unwrap_or(at);
            for k in 0..width {
                work.swap(at * width + k, best * width + k);
            }
            let pivot = work[at * width + at];
            for k in 0..width {
                work[at * width + k] /= pivot;
            }
            for row in 0..rows {
                let factor = work[row * width + at];
                if row != at && factor != 0.0 {
                    for k in at..width {
                        work[row * width + k] -= factor * work[at * width + k];
                    }
                }
            }
        }
        for row in 0..rows {
            let from = row * width + rows;
            self.inverse[row * rows..(row + 1) * rows].copy_from_slice(&work[from..from + rows]);
        }
    }
}
