//! How much of a resource may be kept, can be freed, and was.

use crate::Sparsity;
use crate::layer::Fate;

/// One resource over the layers of one knapsack problem.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Budget {
    /// What all layers cost.
    pub(crate) cost: u128,
    /// What the groups that are not kept in any case save, each cut the way that was chosen for it.
    pub(crate) open: u128,
    /// What they save, each cut the way that saves most.
    pub(crate) reach: u128,
    /// What the groups that are not kept save.
    pub(crate) removed: u128,
}

impl Budget {
    /// Adds a group that saves `saved` as it is cut, and at most `most`.
    pub(crate) fn add(&mut self, fate: Fate, saved: u64, most: u64) {
        if fate != Fate::Reserved {
            self.open += u128::from(saved);
            self.reach += u128::from(most);
        }
        if fate == Fate::Cut {
            self.removed += u128::from(saved);
        }
    }

    /// What the groups that are still open may use: what no group can free and what is reserved count as used.
    pub(crate) fn capacity(&self, sparsity: f64) -> u64 {
        let used = self.cost - self.open;
        u64::try_from(allowed(self.cost, sparsity).saturating_sub(used)).unwrap_or(u64::MAX)
    }

    /// What must still be removed.
    pub(crate) fn missing(&self, sparsity: f64) -> u128 {
        (self.cost - self.removed).saturating_sub(allowed(self.cost, sparsity))
    }

    /// The largest sparsity that can be had; 1 where nothing of the resource is used.
    fn feasible(&self) -> f64 {
        share(self.reach, self.cost)
    }
}

/// `(1 - sparsity) * cost`, rounded to the nearest integer where it is one but for the rounding of floats (the
/// reference truncates (1 - 0.9) * 10 to 0), else down.
fn allowed(cost: u128, sparsity: f64) -> u128 {
    let exact = (1.0 - sparsity) * cost as f64;
    let nearest = exact.round();
    let is_integer = (exact - nearest).abs() <= 1e-9 * exact.abs().max(1.0);
    (if is_integer { nearest } else { exact.floor() }) as u128
}

fn share(part: u128, whole: u128) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

/// The sparsity of one resource over all problems, each of which was asked for the same.
pub(crate) fn sparsity(asked: f64, problems: &[Budget]) -> Sparsity {
    let total = |of: fn(&Budget) -> u128| problems.iter().map(of).sum::<u128>();
    let cost = total(|problem| problem.cost);
    let feasible = if problems.iter().all(|problem| problem.feasible() >= asked) {
        share(total(|problem| problem.reach), cost)
    } else {
        let reached = |problem: &Budget| problem.cost as f64 * problem.feasible().min(asked);
        problems.iter().map(reached).sum::<f64>() / cost as f64
    };
    Sparsity { asked, feasible, achieved: share(total(|problem| problem.removed), cost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Correction 8: (1 - 0.9) * 10 is 0.9999999999999998 in floats, and means 1.
    #[test]
    fn almost_an_integer_is_one() {
        assert_eq!(allowed(10, 0.9), 1);
        assert_eq!(allowed(10, 0.95), 0);
        assert_eq!((allowed(10, 0.0), allowed(10, 1.0)), (10, 0));
        assert_eq!(allowed(3_000_000_000, 1.0 / 3.0), 2_000_000_000);
    }
}
