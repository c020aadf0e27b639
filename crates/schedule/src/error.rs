use crate::{Kind, TOLERANCE};

/// A schedule that cannot be built. The message says what was given and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A sparsity that is no fraction.
    #[error(
        "sparsity {given} is outside 0..=1: it is a fraction of the resource, not a percentage"
    )]
    OutOfRange {
        /// The sparsity that was given.
        given: f64,
    },

    /// A schedule that would have to go down.
    #[error("the final sparsity {end} is below the initial {start}")]
    Backwards {
        /// The initial sparsity.
        start: f64,
        /// The final sparsity.
        end: f64,
    },

    /// A bisection that would never end.
    #[error("the threshold {given} must be above {TOLERANCE:e}, or the search never ends")]
    Threshold {
        /// The threshold that was given.
        given: f64,
    },

    /// Steps that lead nowhere.
    #[error("the step {given} must be above {TOLERANCE:e}, or the schedule never ends")]
    Step {
        /// The step that was given.
        given: f64,
    },

    /// A polynomial without steps.
    #[error("a polynomial schedule needs at least 1 step to reach its final sparsity")]
    NoSteps,

    /// A power at which the polynomial does not rise.
    #[error("the power {given} must be finite and above 0; the usual one is 3")]
    Power {
        /// The power that was given.
        given: f64,
    },

    /// A name that no scheduler has.
    #[error("unknown scheduler `{given}`: known are {}", Kind::ALL.map(Kind::name).join(", "))]
    Unknown {
        /// The name that was given.
        given: String,
    },
}
