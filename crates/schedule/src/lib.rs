//! How the target sparsity moves from step to step of an optimisation.
//!
//! A [`Scheduler`] is asked after every step: the network still meets its tolerance
//! ([`Scheduler::advance`]: prune more) or it does not ([`Scheduler::retreat`]).
//! It answers with the next target, or with [`Step::Done`] when no further target is worth trying.
//!
//! ```
//! use handaxe_schedule::{Binary, Kind, Scheduler, Settings, Step};
//!
//! let mut schedule = Binary::new(0.5..=1.0, 0.01)?;
//! assert_eq!(schedule.advance(), Step::To(0.75)); // good at 0.50: halfway to 1.00
//! assert_eq!(schedule.retreat(), Step::To(0.625)); // bad at 0.75: halfway back to 0.50
//!
//! // The same by name, as the command line has it.
//! let settings = Settings { kind: "constant".parse()?, final_sparsity: 0.5, ..Settings::default() };
//! assert_eq!(settings.build()?.advance(), Step::To(0.05));
//! assert!("linear".parse::<Kind>().is_err());
//! # Ok::<(), handaxe_schedule::Error>(())
//! ```

use std::ops::RangeInclusive;

mod binary;
mod constant;
mod error;
mod polynomial;
mod settings;

pub use binary::Binary;
pub use constant::Constant;
pub use error::Error;
pub use polynomial::Polynomial;
pub use settings::{Kind, Settings};

/// Sparsities closer than this are the same; no network has so many weights that they differ by less.
pub const TOLERANCE: f64 = 1e-9;

/// What a scheduler wants next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Try this sparsity, a fraction of the resource in `0.0..=1.0`.
    To(f64),
    /// The target cannot usefully change any more; [`Scheduler::sparsity`] stands.
    Done,
}

/// The rule by which sparsity grows and shrinks.
pub trait Scheduler: Send {
    /// The sparsity in force, a fraction of the resource in `0.0..=1.0`.
    fn sparsity(&self) -> f64;

    /// The network met its tolerance at [`Self::sparsity`]: move up.
    fn advance(&mut self) -> Step;

    /// The network missed its tolerance at [`Self::sparsity`]: move as the rule has it.
    fn retreat(&mut self) -> Step;
}

/// The two ends of a range of sparsities, once they are fractions and in order.
fn ends(range: RangeInclusive<f64>) -> Result<(f64, f64), Error> {
    let (start, end) = range.into_inner();
    for given in [start, end] {
        if !(0.0..=1.0).contains(&given) {
            return Err(Error::OutOfRange { given });
        }
    }
    if end < start {
        return Err(Error::Backwards { start, end });
    }
    Ok((start, end))
}
