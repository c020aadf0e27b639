#![expect(missing_docs, reason = "each message names its fields")]

/// Why a network cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the network has {expected} inputs, {given} arrays were given")]
    InputCount { expected: usize, given: usize },

    #[error(
        "input `{input}` takes samples of shape {expected:?}; an array of shape {given:?} does not hold such"
    )]
    InputShape { input: String, expected: Vec<usize>, given: Vec<usize> },

    #[error(
        "input `{input}` is given {given} samples, the first input {expected}: they must agree"
    )]
    Samples { input: String, given: usize, expected: usize },

    #[error("the input holds a value that is not finite, at element {index}: fixed point has none")]
    NotFinite { index: usize },

    #[error(
        "intermediate results have {needed} bits, more than {most}: state narrower types, or a `maximum`"
    )]
    TooWide { needed: u32, most: u32 },

    #[error("an array of {given} elements is moved about: at most {most} can be")]
    TooLarge { given: usize, most: usize },

    #[error("layer `{layer}`: firmware has no {kind} to the bit")]
    NotInFirmware { layer: String, kind: &'static str },

    #[error("{error}")]
    Graph { error: Box<handaxe_graph::Error> },

    #[error("{error}")]
    Data { error: handaxe_data::Error },
}

impl From<handaxe_graph::Error> for Error {
    fn from(error: handaxe_graph::Error) -> Self {
        Self::Graph { error: Box::new(error) }
    }
}

impl From<handaxe_data::Error> for Error {
    fn from(error: handaxe_data::Error) -> Self {
        Self::Data { error }
    }
}
