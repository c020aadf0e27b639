mod cross_entropy;
mod mean_squared_error;

use candle_core::Tensor;
use handaxe_data::Targets;

use crate::Error;

pub use cross_entropy::CategoricalCrossEntropy;
pub use mean_squared_error::MeanSquaredError;

/// What training makes small: how far a batch of outputs is from its targets.
///
/// A loss of your own is a struct that implements this trait with differentiable operations of
/// [`candle`](crate::candle); hand it to [`CandleTrainer::with_loss`](crate::CandleTrainer::with_loss).
pub trait Loss: Send + Sync {
    /// The name used in records and messages.
    fn name(&self) -> &'static str;

    /// Whether the loss takes scores, so that a final softmax of the network is left out in training.
    fn takes_scores(&self) -> bool;

    /// The mean loss over the batch, a scalar that candle can differentiate with respect to `outputs`
    /// `(samples, ...)`.
    ///
    /// # Errors
    /// Outputs and targets that do not fit each other.
    fn mean(&self, outputs: &Tensor, targets: &Targets) -> Result<Tensor, Error>;

    /// How the gradient of [`Loss::mean`] by `outputs` moves when they do by `moves`: the Hessian by the outputs times
    /// `moves`. Rankings by curvature need it.
    ///
    /// # Errors
    /// [`Error::NoCurvature`] for a loss that does not say.
    fn bend(
        &self,
        _outputs: &Tensor,
        _targets: &Targets,
        _moves: &Tensor,
    ) -> Result<Tensor, Error> {
        Err(Error::NoCurvature { loss: self.name() })
    }
}

/// The loss that `targets` ask for: cross-entropy for classes, mean squared error for values.
pub(crate) fn for_targets(targets: &Targets) -> Box<dyn Loss> {
    match targets {
        Targets::Classes { .. } => Box::new(CategoricalCrossEntropy),
        Targets::Values(_) => Box::new(MeanSquaredError),
    }
}

/// The error of a loss that cannot use these targets.
fn unusable(loss: &dyn Loss, targets: &Targets) -> Error {
    let (needs, given) = match targets {
        Targets::Classes { .. } => ("values", "classes"),
        Targets::Values(_) => ("classes", "values"),
    };
    Error::Targets { loss: loss.name(), needs, given }
}
