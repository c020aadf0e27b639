//! Searches for hyper-parameters: which values to try next, given what was tried.
//!
//! A [`Search`] holds no state. Asked for a [`Search::round`] it looks at the outcomes so far and answers with the trials to run next, which do
//! not depend on each other and so may run in parallel; an empty round ends the search. A search that was cut off goes on from the
//! recorded outcomes, and the same seed always asks for the same trials.
//!
//! ```
//! use handaxe_search::{Method, Outcome, Search, Settings, best};
//!
//! // How hard to press the weights of two layers towards zero: 16 values from 1e-6 to 1e-2.
//! let settings = Settings { kind: "bayesian".parse()?, ..Settings::default() };
//! let space = vec![settings.dimension("dense1")?, settings.dimension("dense2")?];
//! let search = settings.build(space, 6)?; // up to 6 epochs a trial
//!
//! let mut done = Vec::new();
//! loop {
//!     let round = search.round(&done)?;
//!     if round.is_empty() {
//!         break;
//!     }
//!     for trial in round {
//!         let score = -(trial.values[0].log10() + 4.0).abs(); // an accuracy in real life: more is better
//!         done.push(Outcome { trial, score });
//!     }
//! }
//! assert_eq!(done.len(), 10);
//! assert!(best(&done).is_some_and(|best| best.score > -1.0));
//! # Ok::<(), handaxe_search::Error>(())
//! ```

mod bayesian;
mod dimension;
mod error;
mod hyperband;
mod settings;

use chacha20::ChaCha8Rng;
use chacha20::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

pub use bayesian::Bayesian;
pub use dimension::Dimension;
pub use error::Error;
pub use hyperband::Hyperband;
pub use settings::{Kind, Settings};

/// One set of values to try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Its place in the search, counted from 0.
    pub number: usize,
    /// One value for each dimension of the space, in its order.
    pub values: Vec<f64>,
    /// How many epochs to train before judging.
    pub epochs: usize,
}

/// A trial and how it went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// What was tried.
    pub trial: Trial,
    /// How good it was; more is better. NaN (training that diverged) counts as worst.
    pub score: f64,
}

/// The rule that chooses what to try.
pub trait Search: Send + Sync {
    /// The trials to run next, given every outcome so far in the order of its number; none when the search is over.
    ///
    /// # Errors
    /// Outcomes that this search did not ask for: a record of another search, space or seed.
    fn round(&self, done: &[Outcome]) -> Result<Vec<Trial>, Error>;

    /// How many trials the whole search takes.
    fn trials(&self) -> usize;
}

/// A way to search, before it is known what: what a run is told.
pub trait Method: Send + Sync {
    /// Its name in records.
    fn name(&self) -> &str;

    /// The values to try for the strength of a penalty.
    ///
    /// # Errors
    /// As [`Dimension::logarithmic`].
    fn dimension(&self, name: &str) -> Result<Dimension, Error>;

    /// The search of `space`, with up to `epochs` epochs a trial.
    ///
    /// # Errors
    /// A space, or a number of epochs, that this search can do nothing with.
    fn build(&self, space: Vec<Dimension>, epochs: usize) -> Result<Box<dyn Search>, Error>;
}

/// The outcome with the highest score; of equal ones the first. None when nothing was tried.
#[must_use]
pub fn best(done: &[Outcome]) -> Option<&Outcome> {
    let better = |a: &Outcome, b: &Outcome| rank(b) > rank(a);
    done.iter().reduce(|best, next| if better(best, next) { next } else { best })
}

/// A score that compares: NaN is below everything.
fn rank(outcome: &Outcome) -> f64 {
    if outcome.score.is_nan() { f64::NEG_INFINITY } else { outcome.score }
}

/// The numbers that a trial draws: its own stream, so that it does not matter what was drawn before.
fn seeded(seed: u64, trial: usize) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(trial as u64);
    rng
}
