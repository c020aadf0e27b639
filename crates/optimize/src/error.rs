#![expect(missing_docs, reason = "each message names its fields")]

use std::path::PathBuf;

use handaxe_objective::Obstacle;

use crate::ForeignError;

/// What can go wrong in a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("objective `{objective}` can optimise no layer of this network:{}", list(reasons))]
    NothingOptimisable { objective: String, reasons: Vec<(String, String)> },

    #[error("layer `{layer}`: {obstacle}")]
    Disagreement { layer: String, obstacle: Obstacle },

    #[error(
        "{epochs} epochs with {rewinding} of them for rewinding leave none for training: epochs must exceed rewinding"
    )]
    NoEpochs { epochs: usize, rewinding: usize },

    #[error(
        "rtol {given} is not a tolerance: it is a positive factor of the baseline's metric, such as 0.975"
    )]
    Tolerance { given: f64 },

    #[error(
        "rtol {given} below 1 demands that a metric that should fall improves on its baseline: use 1 or more, such as {:.3}",
        1.0 / given
    )]
    DemandsImprovement { given: f64 },

    #[error("the baseline's metric is {given}: train a baseline that works before pruning it")]
    Baseline { given: f64 },

    #[error("the metric became {given} at step {step}: lower the learning rate")]
    Diverged { step: usize, given: f64 },

    #[error(
        "the checkpoint has {given} steps, but after step {ended} this schedule ends: the run was made with other settings"
    )]
    Checkpoint { given: usize, ended: usize },

    #[error("{} already exists: choose another --out, or --force to replace it", path.display())]
    Exists { path: PathBuf },

    #[error("{} holds `{name}`, which no run wrote, and is left alone: choose another --out", path.display())]
    Foreign { path: PathBuf, name: String },

    #[error("{} is not the directory of a run: it holds no {missing}", path.display())]
    NotARun { path: PathBuf, missing: &'static str },

    #[error("{}, line {line}: {reason}", path.display())]
    Record { path: PathBuf, line: usize, reason: String },

    #[error("cannot {action} {}: {source}", path.display())]
    Io { action: &'static str, path: PathBuf, source: std::io::Error },

    #[error(transparent)]
    Graph(#[from] handaxe_graph::Error),

    #[error(transparent)]
    Prune(#[from] handaxe_prune::Error),

    #[error(transparent)]
    Formats(#[from] handaxe_formats::Error),

    #[error(
        "this trainer cannot {what}: implement that method of `Trainer`, or use `handaxe-train`'s"
    )]
    Unsupported { what: &'static str },

    #[error("{what} file {} {found} since the run began: put the old one back, or begin a new run", path.display())]
    InputChanged { what: String, path: PathBuf, found: &'static str },

    /// How the loop learns of it; [`Optimisation::run`](crate::Optimisation::run) hands back the best network instead.
    #[error("an observer stopped the run")]
    Stopped,

    #[error("the network cannot be judged by its budget: {0}")]
    Budget(#[source] ForeignError),

    #[error(transparent)]
    Search(#[from] handaxe_search::Error),

    #[error("none of the {trials} trials of penalties could be trained: lower the learning rate")]
    NoTrial { trials: usize },

    /// How a trainer says that training diverged.
    #[error("{0}")]
    NotFinite(#[source] ForeignError),

    #[error("training: {0}")]
    Trainer(#[source] ForeignError),

    #[error("{0}")]
    Observer(#[source] ForeignError),
}

impl Error {
    /// An error from a part of the run that the user may have supplied: as it is where it is one of ours.
    pub(crate) fn from_part(error: ForeignError, otherwise: fn(ForeignError) -> Self) -> Self {
        error.downcast::<Self>().map_or_else(otherwise, |own| *own)
    }
}

fn list(reasons: &[(String, String)]) -> String {
    reasons.iter().map(|(layer, reason)| format!("\n  {layer}: {reason}")).collect()
}
