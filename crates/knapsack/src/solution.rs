use std::{fmt, time::Duration};

use crate::Problem;

/// Whether a solution is proven to be the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// No selection is worth more: proven in exact arithmetic.
    Optimal,
    /// It fits; how far from the best it may be is the solution's [`gap`](Solution::gap).
    Feasible,
}

impl Status {
    /// The name used in files: `optimal` or `feasible`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Optimal => "optimal",
            Self::Feasible => "feasible",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the search did, in counts that do not depend on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Nodes of a search tree.
    pub nodes: u64,
    /// States of a dynamic programme.
    pub states: u64,
    /// Evaluations of the Lagrangian dual, or linear programmes solved.
    pub evaluations: u64,
}

/// A selection that fits, and what is proven about it.
#[derive(Debug, Clone)]
pub struct Solution {
    /// For each item whether it is kept.
    pub keep: Vec<bool>,
    /// The value kept: the exact sum, rounded once.
    pub value: f64,
    /// What is used of each resource.
    pub load: Vec<u64>,
    /// Whether it is proven to be the best.
    pub status: Status,
    /// No selection is worth more than this; equal to `value` when optimal.
    pub bound: f64,
    /// The name of the solver that found it.
    pub solver: String,
    /// Why that solver, where `auto` chose it.
    pub why: Option<String>,
    /// What the search did.
    pub effort: Effort,
    /// Wall-clock time of the call.
    pub elapsed: Duration,
}

impl Solution {
    /// A selection that fits, with a proven `bound`; `None` stands for the proof that none is worth more.
    ///
    /// For writers of solvers. A bound equal to the rounded value is no proof that the selection is the best:
    /// such a solution is [`Status::Feasible`], with gap 0.
    #[must_use]
    pub fn of(problem: &Problem<'_>, keep: Vec<bool>, bound: Option<f64>, solver: &str) -> Self {
        let load = problem.load(&keep);
        debug_assert!(problem.fits(&keep), "{solver} returned a selection that does not fit");
        let value = problem.value(&keep);
        Self {
            value,
            load: load.into_iter().map(|load| u64::try_from(load).unwrap_or(u64::MAX)).collect(),
            status: if bound.is_none() { Status::Optimal } else { Status::Feasible },
            bound: bound.map_or(value, |bound| bound.max(value)),
            solver: solver.to_owned(),
            why: None,
            effort: Effort::default(),
            elapsed: Duration::ZERO,
            keep,
        }
    }

    /// The better of two selections, this one if they are worth the same, with the lower bound.
    pub(crate) fn or(self, other: Self) -> Self {
        let bound = self.bound.min(other.bound);
        let optimal = self.status == Status::Optimal || other.status == Status::Optimal;
        let status = if optimal { Status::Optimal } else { Status::Feasible };
        let better = if other.value > self.value { other } else { self };
        Self { bound: bound.max(better.value), status, ..better }
    }

    /// `(bound - value) / bound`: how much better another selection could at most be; 0 when optimal.
    #[must_use]
    pub fn gap(&self) -> f64 {
        (self.bound - self.value) / self.bound.abs().max(1e-12)
    }

    /// The numbers of the items kept, in ascending order.
    pub fn selected(&self) -> impl Iterator<Item = usize> + '_ {
        self.keep.iter().enumerate().filter_map(|(item, &kept)| kept.then_some(item))
    }
}
