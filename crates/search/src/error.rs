#![expect(missing_docs, reason = "each message names its fields")]

use crate::Kind;

/// A search that cannot be made or cannot go on. The message says what was given and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("hyper-parameter `{name}` has no value to try: give at least one")]
    NoValues { name: String },

    #[error("the values of hyper-parameter `{name}` must be finite and ascend")]
    Values { name: String },

    #[error(
        "hyper-parameter `{name}` cannot range from {low} to {high}: both ends must be above 0, in order"
    )]
    Ends { name: String, low: f64, high: f64 },

    #[error("there is nothing to search: no hyper-parameter was given")]
    EmptySpace,

    #[error("a search needs at least 1 trial; the usual number is 10")]
    NoTrials,

    #[error("a trial needs at least 1 epoch")]
    NoEpochs,

    #[error(
        "the factor {given} must be at least 2: each round keeps one trial in so many; the usual one is 3"
    )]
    Factor { given: usize },

    #[error(
        "the record of trial {number} is not of this search: its values, epochs or place differ; start anew, or give the same settings"
    )]
    Record { number: usize },

    #[error("unknown search `{given}`: known are {}", Kind::ALL.map(Kind::name).join(", "))]
    Unknown { given: String },
}
