#![expect(missing_docs, reason = "each message names its fields")]

use handaxe_graph::{IoType, Strategy, Structure};

/// An objective or a part that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("no objective is called `{given}`: there are {}", crate::names())]
    UnknownObjective { given: String },

    #[error(
        "the list of parts cannot be read: {reason}; each needs name, family, resources and source"
    )]
    Parts { reason: String },

    #[error(
        "no part or board is called `{given}`{}; `handaxe parts` lists them, and a file of your own can add it",
        if nearest.is_empty() { String::new() } else { format!(": did you mean `{}`?", nearest.join("`, `")) }
    )]
    UnknownPart { given: String, nearest: Vec<String> },

    #[error("`{given}` counts `{resource}` twice: join objectives of different resources")]
    CountedTwice { given: String, resource: &'static str },
}

/// Why an objective leaves a layer alone. The layer's name is for the caller to add.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    #[error("it has no kernel to prune")]
    NoWeights,

    #[error(
        "`{objective}` depends on how the layer is built: give an hls configuration with precision, reuse factor and strategy"
    )]
    NoConfiguration { objective: &'static str },

    #[error(
        "the width of its {what} precision is `auto`, not yet known: state a type such as fixed<16,6>"
    )]
    UnknownWidth { what: &'static str },

    #[error(
        "its weights are {width} bits wide: below {threshold} bits multiplications take LUTs, so there is no DSP to save"
    )]
    NarrowWeights { width: u64, threshold: u64 },

    #[error("with {io_type} and strategy {strategy} `{objective}` has nothing to gain in it")]
    NothingToGain { objective: &'static str, io_type: IoType, strategy: Strategy },

    #[error(
        "strategy Resource multiplies by zeros too, so for `{objective}` there is nothing to gain in it: strategy Unrolled leaves out multipliers whose weights are all zero"
    )]
    ZerosInMemory { objective: &'static str },

    #[error(
        "its neurons are the network's answers, and `{objective}` can only remove whole neurons"
    )]
    LastLayer { objective: &'static str },

    #[error(
        "blocks of {height} x {width} do not fit its kernel of shape {shape:?}: it must have two axes, and the block's must divide them"
    )]
    Blocks { height: usize, width: usize, shape: Vec<usize> },

    #[error(
        "`{objective}` has no structure in common for it: the parts want {first} and {second}, and neither saves anything of both; build the layer so that they agree, or optimise for one after the other"
    )]
    NoCommonStructure { objective: String, first: Structure, second: Structure },

    /// For objectives from outside.
    #[error("{reason}")]
    Other { reason: String },
}
