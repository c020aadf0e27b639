use std::collections::BTreeMap;

use handaxe_data::Direction;
use handaxe_prune::{Penalties, Scope};

use crate::{Error, LayerSettings};

/// How hard and how long to try.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Epochs a step, rewinding included.
    pub epochs: usize,
    /// Epochs at the end of a step in which pruned weights may grow again.
    pub rewinding: usize,
    /// The factor of the baseline's metric that must hold; by default [`default_rtol`].
    pub rtol: Option<f64>,
    /// Epochs without a better metric after which a stretch of training ends early; by default it never does.
    pub patience: Option<usize>,
    /// Bad steps in a row that are forgiven.
    pub cutoff: usize,
    /// One knapsack for the network or one for each layer.
    pub scope: Scope,
    /// Groups that every layer keeps.
    pub floor: usize,
    /// Whether idle neurons and filters are taken out at the end and the rest is trained on, for 1.5 times `epochs`; by
    /// default as the objective has it.
    pub reduce: Option<bool>,
    /// Penalties that draw groups of weights to zero or to one value while the network is trained.
    pub penalties: Penalties,
    /// Whether the value that a group of weights shares is trained, as one weight, or held at the group's mean.
    pub train_shared: bool,
    /// What holds for single layers instead, by their names.
    pub layers: BTreeMap<String, LayerSettings>,
}

impl Default for Settings {
    /// hls4ml's defaults where it has them: rewinding 1, cutoff 3, global. 10 epochs a step.
    fn default() -> Self {
        Self {
            epochs: 10,
            rewinding: 1,
            rtol: None,
            patience: None,
            cutoff: 3,
            scope: Scope::Global,
            floor: 1,
            reduce: None,
            penalties: Penalties::default(),
            train_shared: false,
            layers: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The factor that the metric must hold.
    pub(crate) fn checked_rtol(&self, direction: Direction) -> Result<f64, Error> {
        let Self { epochs, rewinding, rtol, .. } = *self;
        if epochs <= rewinding {
            return Err(Error::NoEpochs { epochs, rewinding });
        }
        let rtol = rtol.unwrap_or(default_rtol(direction));
        if !(rtol.is_finite() && rtol > 0.0) {
            return Err(Error::Tolerance { given: rtol });
        }
        if direction == Direction::Decreasing && rtol < 1.0 {
            return Err(Error::DemandsImprovement { given: rtol });
        }
        Ok(rtol)
    }
}

/// The factor of the baseline's metric that must hold where nothing else is said: 0.975 for a metric that should grow,
/// 1/0.975 for one that should fall.
pub fn default_rtol(direction: Direction) -> f64 {
    match direction {
        Direction::Increasing => 0.975,
        Direction::Decreasing => 1.0 / 0.975,
    }
}
