#![expect(missing_docs, reason = "each message names its fields")]

/// What can be wrong with groups, candidates and what is asked of them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(
        "layer `{layer}` ({kind}): networks with such layers cannot be made smaller yet; masks work on them"
    )]
    Irreducible { layer: String, kind: &'static str },

    #[error("a kernel of shape {shape:?} has no weights to group: every axis must be positive")]
    EmptyKernel { shape: Vec<usize> },

    #[error(
        "a pattern with offset {offset} and {consecutive} consecutive does not fit a kernel of shape {shape:?}: the offset must divide its {weights} weights, and both must be positive"
    )]
    Pattern { offset: usize, consecutive: usize, shape: Vec<usize>, weights: usize },

    #[error(
        "blocks of {height} x {width} do not fit a kernel of shape {shape:?}: it must have two axes, and the block's must divide them"
    )]
    Block { height: usize, width: usize, shape: Vec<usize> },

    #[error("no ranking is called `{given}`: there are {}", crate::ranking::names())]
    UnknownRanking { given: String },

    #[error("nothing to select from: give at least one layer that can be optimised")]
    NoCandidates,

    #[error(
        "sparsity {given} of resource {resource} is outside 0..=1: it is a fraction of the resource, not a percentage"
    )]
    Sparsity { resource: usize, given: f64 },

    #[error("layer `{layer}`: {given} {what} were given, {expected} are needed")]
    Length { layer: String, what: &'static str, given: usize, expected: usize },

    #[error("layer `{layer}`: ranking `{ranking}` needs the {what} of the kernel, none was given")]
    Missing { layer: String, ranking: String, what: &'static str },

    #[error(
        "layer `{layer}`: the {what} holds {given} at element {index}: the model is broken or diverged"
    )]
    NotFinite { layer: String, what: &'static str, given: f32, index: usize },

    #[error(
        "layer `{layer}`: ranking `{ranking}` gives group {group} the value {given}: values are finite and at least 0"
    )]
    Value { layer: String, ranking: String, group: usize, given: f64 },

    #[error(
        "layer `{layer}`: its groups save {savings} of resource {resource}, more than the {cost} it costs"
    )]
    SavingsExceedCost { layer: String, resource: usize, savings: u128, cost: u64 },

    #[error("the {what} must be a finite number of 0 or more, not {given}")]
    Penalty { what: &'static str, given: f64 },

    #[error("there is no norm {given}: the penalty's norm is 1 or 2")]
    Norm { given: u8 },

    #[error("solver `{solver}` returned a selection that {fault}")]
    Solver { solver: String, fault: &'static str },

    #[error(transparent)]
    Knapsack(#[from] handaxe_knapsack::Error),

    #[error(transparent)]
    Graph(#[from] handaxe_graph::Error),
}
