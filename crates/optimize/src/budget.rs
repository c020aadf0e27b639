use handaxe_graph::Model;
use serde::{Deserialize, Serialize};

use crate::{ByResource, ForeignError, StepRecord};

/// What a network must fit into: a device, or a part of one.
///
/// ```
/// use handaxe_graph::Model;
/// use handaxe_optimize::{Budget, ByResource, ForeignError, Use};
///
/// /// So many weights that are not zero.
/// struct Weights(f64);
///
/// impl Budget for Weights {
///     fn judge(&self, model: &Model) -> Result<ByResource<Use>, ForeignError> {
///         let kernels = model.layers().filter_map(|(_, layer)| layer.kernel());
///         let used = kernels.flat_map(|kernel| kernel.values()).filter(|weight| **weight != 0.0).count() as f64;
///         Ok([("weights".to_owned(), Use { used, available: self.0 })].into())
///     }
/// }
/// ```
pub trait Budget {
    /// What `model` takes of each resource that is judged, and what there is of it.
    ///
    /// # Errors
    /// A network that cannot be judged by every one of the resources: nothing is said to fit that was not.
    fn judge(&self, model: &Model) -> Result<ByResource<Use>, ForeignError>;
}

/// What a network takes of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Use {
    /// What it takes, at the most.
    pub used: f64,
    /// What there is.
    pub available: f64,
}

impl Use {
    /// Whether there is enough.
    pub fn fits(&self) -> bool {
        self.used <= self.available
    }
}

/// The step whose network is handed back: the last that held the tolerance, and of those that did the last that fits the
/// budget, if any does. Later ones that fit are larger: the search goes back towards less pruning from them.
pub(crate) fn best(steps: &[StepRecord]) -> Option<&StepRecord> {
    let good = || steps.iter().rev().filter(|step| step.good);
    good().find(|step| step.fits()).or_else(|| good().next())
}
