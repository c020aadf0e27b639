//! Multi-dimensional 0/1 knapsack: problem, solution with proof, solvers.
//!
//! Maximise the value kept under the capacity of every resource. Values are f64, savings and capacities
//! integers; items of equal cost may be given as one [`Class`], without a matrix.
//!
//! ```
//! use handaxe_knapsack::{Limits, Problem, Status, solver};
//!
//! let problem = Problem::new(&[10.0, 9.0, 1.0], &[vec![5, 6, 1]], &[6])?;
//! let solution = solver("auto")?.solve(&problem, &Limits::default())?;
//! assert_eq!(solution.keep, [true, false, true]);
//! assert_eq!((solution.value, solution.status), (11.0, Status::Optimal));
//! # Ok::<(), handaxe_knapsack::Error>(())
//! ```

mod auto;
mod bound;
mod branch_bound;
mod class;
mod dynamic;
mod error;
mod exact;
mod generate;
mod greedy;
mod limits;
mod lp;
mod mip;
mod problem;
mod random;
mod read;
mod reduce;
mod solution;

pub use auto::Auto;
pub use branch_bound::BranchBound;
pub use class::ClassSolver;
pub use dynamic::Dynamic;
pub use error::Error;
pub use generate::{Spec, write_text};
pub use greedy::Greedy;
pub use limits::Limits;
pub use mip::Mip;
pub use problem::{Class, Problem};
pub use read::{Fault, Instance, read};
pub use solution::{Effort, Solution, Status};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A way to solve knapsack problems.
pub trait Solver: Send + Sync {
    /// The name on the command line and in files.
    fn name(&self) -> &'static str;

    /// A selection that fits; [`Status::Optimal`] only with proof.
    ///
    /// Equal input gives equal answers, unless a time limit or cancellation cuts in.
    ///
    /// # Errors
    /// [`Error::Gap`] for a gap that is no fraction; [`Error::Resources`] or [`Error::Memory`] where the
    /// solver cannot take the problem.
    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error>;
}

/// The built-in solvers: name and what it is for.
pub const SOLVERS: &[(&str, &str)] = &[
    ("auto", "chooses by the shape of the problem, and says why"),
    ("class", "exact, any number of resources; fastest when many items cost the same"),
    ("dynamic", "exact, one resource; time and memory grow with items times capacity"),
    ("greedy", "best value for money first; fast, not exact, with a bound"),
    ("branch_bound", "exact, any number of resources; for up to some hundred distinct costs"),
    ("mip", "mixed integer programming through good_lp; not proven"),
];

/// The solver of this name, one of [`SOLVERS`], or `CBC_MIP`, which is `mip`.
///
/// # Errors
/// [`Error::UnknownSolver`], which lists the names.
pub fn solver(name: &str) -> Result<Box<dyn Solver>, Error> {
    Ok(match name {
        "auto" => Box::new(Auto),
        "class" => Box::new(ClassSolver),
        "dynamic" => Box::new(Dynamic),
        "greedy" => Box::new(Greedy),
        "branch_bound" => Box::new(BranchBound),
        "mip" | "CBC_MIP" => Box::new(Mip),
        _ => return Err(Error::UnknownSolver { given: name.to_owned() }),
    })
}

/// The names of the solvers, for messages.
fn names() -> String {
    SOLVERS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
