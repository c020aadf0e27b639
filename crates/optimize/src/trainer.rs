use std::collections::BTreeMap;

use handaxe_data::Direction;
use handaxe_graph::{LayerId, Masks, Model};
use handaxe_prune::Regularisers;
use serde::{Deserialize, Serialize};

use crate::{Error, Flow};

/// Whatever went wrong inside a trainer, an observer or another part that the user supplied.
pub type ForeignError = Box<dyn std::error::Error + Send + Sync>;

/// Which samples to judge by. The loop decides on validation; test is looked at for the final figures only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Samples that the scheduler's decisions are based on.
    Validation,
    /// Samples that neither training nor any decision has seen.
    Test,
}

/// One stretch of training.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fit<'a> {
    /// Passes over the training samples.
    pub epochs: usize,
    /// Weights to hold fixed: they keep their bits whatever the optimiser's momentum or decay.
    pub frozen: Option<&'a Masks>,
    /// Whether weights that share a value are trained as one, in place of being held at it.
    pub train_shared: bool,
    /// Penalties on kernels, added to the loss.
    pub regularisers: Option<&'a Regularisers>,
    /// All randomness of this stretch (order of samples, dropout) comes from the run's seed and this number,
    /// so that a resumed run draws what the uninterrupted one would have drawn.
    pub stream: u64,
}

/// What one pass over the training samples gave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1 in its stretch.
    pub epoch: usize,
    /// Mean training loss over the pass.
    pub loss: f64,
    /// The metric on the validation samples afterwards.
    pub metric: f64,
}

/// A number for each weight of each kernel, row-major.
pub type ByKernel = BTreeMap<LayerId, Vec<f32>>;

/// Second derivatives of the training loss.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curvature {
    /// d2L/dw2 of each weight.
    pub diagonal: ByKernel,
    /// How well it is known for the layers for which it is an estimate; for all others it is exact.
    pub estimates: BTreeMap<LayerId, Estimate>,
}

/// How well the diagonal of one kernel's Hessian is known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Random directions of which each weight's value is the mean.
    pub samples: usize,
    /// Standard error of a weight's value: root of the mean square over the weights.
    pub standard_error: f64,
    /// The values themselves: root of the mean square over the weights.
    pub magnitude: f64,
}

/// A network in training: all that the loop needs of it.
///
/// `handaxe-train` implements it on candle; the tests of the loop use a scripted one.
pub trait Trainer {
    /// Which way the metric is better.
    fn direction(&self) -> Direction;

    /// The network with its present weights.
    fn model(&self) -> Result<Model, ForeignError>;

    /// Takes over the weights of `model`, which has the same graph.
    fn restore(&mut self, model: &Model) -> Result<(), ForeignError>;

    /// A trainer of another network on the same data, by the same rules. Runs that end with a reduction need it, and those that
    /// search for penalties, whose trials train at the same time.
    fn of(&self, _model: &Model) -> Result<Box<dyn Trainer + Send>, ForeignError> {
        Err(Error::Unsupported { what: "train another network" }.into())
    }

    /// The metric on a part of the data.
    fn evaluate(&mut self, part: Part) -> Result<f64, ForeignError>;

    /// Other metrics on a part of the data, by name: they are recorded, nothing is decided by them.
    fn others(&mut self, _part: Part) -> Result<BTreeMap<String, f64>, ForeignError> {
        Ok(BTreeMap::new())
    }

    /// The gradient of the training loss by each kernel, averaged over all training samples, in evaluation. Rankings by
    /// gradient need it.
    fn gradients(&mut self) -> Result<ByKernel, ForeignError> {
        Err(Error::Unsupported { what: "say gradients" }.into())
    }

    /// The diagonal of the Hessian of the training loss by each kernel, averaged over all training samples, in
    /// evaluation. Rankings by curvature need it. Where it is estimated, randomness comes from the run's seed and
    /// `stream`.
    fn curvature(&mut self, _stream: u64) -> Result<Curvature, ForeignError> {
        Err(Error::Unsupported { what: "say curvatures" }.into())
    }

    /// Forgets the training optimiser's state (moments, step count).
    fn reset(&mut self) -> Result<(), ForeignError>;

    /// Trains; reports every epoch as it ends, and ends with one after which it is told to stop. Training that leaves the
    /// finite numbers is [`Error::NotFinite`].
    fn fit(
        &mut self,
        fit: &Fit<'_>,
        progress: &mut dyn FnMut(&EpochRecord) -> Result<Flow, ForeignError>,
    ) -> Result<(), ForeignError>;
}
