//! Training on candle: a trainable network from a graph, losses, optimisers that hold masked weights, and the trainer
//! that the optimisation loop drives.
//!
//! - [`parse`] and [`initialise`]: a first network from one line;
//! - [`Network`]: a [`Model`](handaxe_graph::Model) that can be computed and differentiated;
//! - [`CandleTrainer`] with [`Settings`]: implements [`Trainer`](handaxe_optimize::Trainer);
//! - [`Loss`]: what training makes small, open to losses of your own;
//! - [`Optimiser`], [`Initialiser`]: the built-in rules, by name.
//!
//! Data are channels-last, as in the graph. The operations are candle custom operations, one file each in `node`, over
//! the loops in `kernel`; [`candle`] holds the tensors and differentiates losses. Threads share out what is cut the same
//! way for any number of them, so that the result does not depend on how many there are.

mod batch;
mod curvature;
mod error;
mod initialiser;
mod kernel;
mod loss;
mod network;
mod node;
mod optimiser;
mod rate;
mod settings;
mod spec;
mod step;
mod trainer;
mod unfused;

#[cfg(test)]
mod tests;

/// The tensors that a [`Loss`] is written with.
pub use candle_core as candle;
pub use error::Error;
pub use initialiser::{Initialiser, initialise};
pub use loss::{
    BinaryCrossEntropy, CategoricalCrossEntropy, LOSSES, LastLayer, Loss, MeanAbsoluteError,
    MeanSquaredError, loss,
};
pub use network::Network;
pub use optimiser::Optimiser;
pub use rate::Rate;
pub use settings::Settings;
pub use spec::parse;
pub use trainer::CandleTrainer;
