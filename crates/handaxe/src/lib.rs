//! Hardware-aware pruning of neural networks for FPGAs: the crate applications use.
//!
//! - [`Optimize`]: prune a trained network until it fits, with parts of your own where you like;
//! - [`RunConfig`], [`optimize()`], [`resume`], [`train_baseline`]: the same from settings as the command line has them, with a run directory;
//! - [`train()`]: a first network from one line; [`predict()`] and [`judge`]: what a network answers, and how good that is;
//! - [`advise`](mod@advise): what would make a network smaller, or fit a part, with what each change saves;
//! - [`firmware`]: what a network answers at hardware precision, to the bit, and which types it needs;
//! - [`formats::model`]: networks in and out, of Keras too; [`Comparison`]: how two of them differ;
//! - the crates behind it, as modules: [`graph`], [`objective`], [`prune`], [`knapsack`], [`schedule`], ...
//!
//! [`prelude`] has what most programs need. `examples/` shows an objective, a solver and a ranking of one's own.

pub mod advise;
mod baseline;
mod compare;
mod config;
mod error;
pub mod firmware;
mod fit;
mod form;
mod kept;
mod magnitude;
mod optimize;
mod predict;
pub mod prelude;
mod prepared;
mod samples;
mod session;
mod target;

pub use baseline::train;
pub use compare::{Comparison, Distance, OutputComparison, StructureDifference, WeightComparison};
pub use config::RunConfig;
pub use error::Error;
pub use fit::{Available, Fits, catalogue};
pub use form::untold;
pub use kept::kept_multipliers;
pub use optimize::{Optimize, Optimized, counted, known_objectives, total};
pub use predict::{judge, predict};
pub use samples::Samples;
pub use session::{
    Finished, RUNS, Trained, check_settings, optimize, optimize_in, resume, train_baseline,
};
pub use target::FinalSparsity;

pub use handaxe_data as data;
pub use handaxe_emulate as emulate;
pub use handaxe_fixed as fixed;
pub use handaxe_formats as formats;
pub use handaxe_graph as graph;
pub use handaxe_knapsack as knapsack;
pub use handaxe_objective as objective;
pub use handaxe_optimize as run;
pub use handaxe_prune as prune;
pub use handaxe_report as report;
pub use handaxe_schedule as schedule;
pub use handaxe_search as search;
pub use handaxe_train as training;

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
