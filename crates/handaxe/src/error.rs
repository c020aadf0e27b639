#![expect(missing_docs, reason = "each message names its fields")]

use std::path::PathBuf;

/// What can go wrong in an application of handaxe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("{}: {source}", path.display())]
    In { path: PathBuf, source: Box<Error> },

    #[error("the run's settings cannot be read: {reason}")]
    RunFile { reason: String },

    #[error("{what} is missing: give {how}")]
    Missing { what: &'static str, how: &'static str },

    #[error("both `model` and `network` are given: a network is loaded or trained here, not both")]
    ModelAndNetwork,

    #[error("{what} must be {right}, not {given}")]
    Value { what: &'static str, given: String, right: &'static str },

    #[error("layer `{given}`: {reason}; write NAME:exclude or NAME:structure=block 2x4,floor=8")]
    Layer { given: String, reason: String },

    #[error("{what} has no resource `{given}`: it has {known}")]
    UnknownResource { what: &'static str, given: String, known: String },

    #[error(
        "what part `{part}` has of {resource} is not listed, so whether a network fits is not known: a budget can say it, as in {resource}=100"
    )]
    PartLacks { part: String, resource: &'static str },

    #[error(
        "no results of layers such as `{layer}` are known, so what the network takes cannot be judged"
    )]
    Unjudged { layer: String },

    #[error(
        "both a final sparsity and a budget are given: a run goes as far as the one says, or as the other"
    )]
    SparsityAndBudget,

    #[error(
        "the data hold {given} inputs, the network has {expected}: name one array for each, as in FILE.npz:x=A,x=B,y=C"
    )]
    Inputs { given: usize, expected: usize },

    #[error(
        "samples of {}, but the network takes {} (layer `{layer}`): {}",
        samples(given),
        samples(expected),
        features_fix(given, expected)
    )]
    Features { layer: String, given: Vec<usize>, expected: Vec<usize> },

    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },

    #[error(transparent)]
    Data(#[from] handaxe_data::Error),

    #[error(transparent)]
    Emulate(#[from] handaxe_emulate::Error),

    #[error(transparent)]
    Fixed(#[from] handaxe_fixed::Error),

    #[error(transparent)]
    Formats(#[from] handaxe_formats::Error),

    #[error(transparent)]
    Graph(#[from] handaxe_graph::Error),

    #[error(transparent)]
    Knapsack(#[from] handaxe_knapsack::Error),

    #[error(transparent)]
    Objective(#[from] handaxe_objective::Error),

    #[error(transparent)]
    Optimize(#[from] handaxe_optimize::Error),

    #[error(transparent)]
    Prune(#[from] handaxe_prune::Error),

    #[error(transparent)]
    Report(#[from] handaxe_report::Error),

    #[error(transparent)]
    Schedule(#[from] handaxe_schedule::Error),

    #[error(transparent)]
    Search(#[from] handaxe_search::Error),

    #[error(transparent)]
    Train(#[from] handaxe_train::Error),
}

impl Error {
    /// Whether the fault lies in what was given (a file, a flag, a value) and not in this machine or this program.
    pub fn is_input(&self) -> bool {
        use handaxe_optimize::Error as Run;
        match self {
            Self::In { source, .. } => source.is_input(),
            Self::Io { action, .. } | Self::Optimize(Run::Io { action, .. }) => *action == "read",
            Self::Optimize(
                Run::Trainer(_)
                | Run::Observer(_)
                | Run::NotFinite(_)
                | Run::NoTrial { .. }
                | Run::Diverged { .. }
                | Run::Formats(_),
            )
            | Self::Report(_) => false,
            _ => true,
        }
    }
}

/// The shape of a sample in words.
fn samples(shape: &[usize]) -> String {
    match shape {
        [1] => "1 feature".to_owned(),
        [features] => format!("{features} features"),
        shape => format!("shape {shape:?}"),
    }
}

fn features_fix(given: &[usize], expected: &[usize]) -> &'static str {
    match (given, expected) {
        ([given], [expected]) if *given == expected + 1 => {
            "is the label's column among the features? Name it, as in FILE.csv:y=NAME"
        }
        ([given], [expected]) if given + 1 == *expected => {
            "is there no label? The last column of a .csv counts as one unless y=NAME names another"
        }
        ([_], [_]) => "choose the right columns or arrays, as in FILE:x=NAME,y=NAME",
        (given, expected)
            if given.iter().product::<usize>() == expected.iter().product::<usize>() =>
        {
            "the same numbers, so give the arrays the network's shape"
        }
        _ => "these data belong to another network",
    }
}
