mod binary_cross_entropy;
mod cross_entropy;
mod mean_absolute_error;
mod mean_squared_error;
mod pointwise;

use candle_core::{Tensor, Var};
use handaxe_data::{Targets, Tensor as Array};
use handaxe_graph::Activation;

use crate::Error;
use crate::node::from_array;
use crate::node::values::Operand;

pub use binary_cross_entropy::BinaryCrossEntropy;
pub use cross_entropy::CategoricalCrossEntropy;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_squared_error::MeanSquaredError;

/// What training makes small: how far a batch of outputs is from its targets.
///
/// A loss of your own is a struct that implements this trait with differentiable operations of
/// [`candle`](crate::candle); hand it to [`CandleTrainer::with_loss`](crate::CandleTrainer::with_loss).
pub trait Loss: Send + Sync {
    /// The name used in records and messages.
    fn name(&self) -> &'static str;

    /// The activation that the loss has in itself: where the network ends with it, training leaves it out.
    fn includes(&self) -> Option<Activation> {
        None
    }

    /// Whether a network that ends with `last`, one for each output, can learn `targets` by this loss.
    ///
    /// # Errors
    /// Why it cannot.
    fn check(&self, _last: &[LastLayer], _targets: &Targets) -> Result<(), Error> {
        Ok(())
    }

    /// The mean loss over the batch, a scalar that candle can differentiate with respect to `outputs`
    /// `(samples, ...)`; several outputs lie side by side.
    ///
    /// # Errors
    /// Outputs and targets that do not fit each other.
    fn mean(&self, outputs: &Tensor, targets: &Targets) -> Result<Tensor, Error>;

    /// [`Loss::mean`] of `outputs`, which become its gradient by them, of the same shape: by candle where a loss knows no
    /// shorter way.
    ///
    /// # Errors
    /// Outputs and targets that do not fit each other.
    fn slope(&self, outputs: &mut Array, targets: &Targets) -> Result<f64, Error> {
        let answer = Var::from_tensor(&from_array(outputs)?)?;
        let loss = self.mean(&answer, targets)?;
        let gradient = loss.backward()?.remove(&answer).map_or(answer.zeros_like(), Ok)?;
        let gradient = gradient.force_contiguous()?;
        outputs.values_mut().copy_from_slice(Operand::new(&gradient)?.values()?);
        Ok(f64::from(loss.to_scalar::<f32>()?))
    }

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

/// How one output of a network ends.
#[derive(Debug, Clone, PartialEq)]
pub struct LastLayer {
    /// The name of its last layer.
    pub name: String,
    /// Its activation; linear where that layer is none.
    pub activation: Activation,
}

/// The built-in losses: name and what each is for.
pub const LOSSES: &[(&str, &str)] = &[
    ("categorical-cross-entropy", "one of several classes: a final softmax, or scores"),
    (
        "binary-cross-entropy",
        "one of two classes by one output, or several yes or no: a final sigmoid",
    ),
    ("mse", "values: the mean squared error"),
    ("mae", "values: the mean absolute error"),
];

/// The loss of this name, one of [`LOSSES`].
///
/// # Errors
/// [`Error::UnknownName`], which lists the names.
pub fn loss(name: &str) -> Result<Box<dyn Loss>, Error> {
    Ok(match name {
        "categorical-cross-entropy" => Box::new(CategoricalCrossEntropy),
        "binary-cross-entropy" => Box::new(BinaryCrossEntropy),
        "mse" => Box::new(MeanSquaredError),
        "mae" => Box::new(MeanAbsoluteError),
        _ => {
            let known = LOSSES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            return Err(Error::UnknownName { what: "loss", given: name.to_owned(), known });
        }
    })
}

/// The loss that `targets` ask for of a network with so many outputs a sample: cross-entropy for classes, binary where one
/// output tells two, and mean squared error for values.
pub(crate) fn for_targets(targets: &Targets, width: usize) -> Box<dyn Loss> {
    match targets {
        Targets::Classes { .. } if width == 1 => Box::new(BinaryCrossEntropy),
        Targets::Classes { .. } => Box::new(CategoricalCrossEntropy),
        Targets::Values(_) => Box::new(MeanSquaredError),
    }
}

/// The error of a loss of this name that cannot use these targets.
fn unusable(loss: &'static str, targets: &Targets) -> Error {
    let (needs, given) = match targets {
        Targets::Classes { .. } => ("values", "classes"),
        Targets::Values(_) => ("classes", "values"),
    };
    Error::Targets { loss, needs, given }
}

/// Whether every output ends with one of these activations.
fn check_activation(
    loss: &dyn Loss,
    last: &[LastLayer],
    allowed: &[Activation],
) -> Result<(), Error> {
    let Some(odd) = last.iter().find(|last| !allowed.contains(&last.activation)) else {
        return Ok(());
    };
    Err(Error::LastLayer {
        layer: odd.name.clone(),
        activation: odd.activation.name(),
        loss: loss.name(),
        right: allowed.iter().map(|one| one.name()).collect::<Vec<_>>().join(" or "),
    })
}

/// Whether the targets are values that the last activations can give.
fn check_range(loss: &dyn Loss, last: &[LastLayer], targets: &Targets) -> Result<(), Error> {
    let Targets::Values(values) = targets else { return Err(unusable(loss.name(), targets)) };
    // Of several outputs each could have a range of its own; one that all have is checked.
    let range = |last: &LastLayer| match last.activation {
        Activation::Sigmoid | Activation::HardSigmoid | Activation::Softmax => (0.0, 1.0),
        Activation::Tanh | Activation::HardTanh | Activation::Softsign => (-1.0, 1.0),
        Activation::Relu | Activation::Softplus => (0.0, f32::INFINITY),
        _ => (f32::NEG_INFINITY, f32::INFINITY),
    };
    let least = last.iter().map(|last| range(last).0).fold(f32::INFINITY, f32::min);
    let most = last.iter().map(|last| range(last).1).fold(f32::NEG_INFINITY, f32::max);
    let odd = values.values().iter().find(|value| !(least..=most).contains(*value));
    match (odd, last.first()) {
        (Some(&given), Some(last)) => Err(Error::Range {
            layer: last.name.clone(),
            activation: last.activation.name(),
            given,
            least,
            most,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A loss of which only the mean is known.
    struct Mean(Box<dyn Loss>);

    impl Loss for Mean {
        fn name(&self) -> &'static str {
            self.0.name()
        }

        fn mean(&self, outputs: &Tensor, targets: &Targets) -> Result<Tensor, Error> {
            self.0.mean(outputs, targets)
        }
    }

    /// Some targets that each of [`LOSSES`] knows.
    fn targets(name: &str, width: usize, numbers: &[f32]) -> Targets {
        let samples = numbers.len() / width;
        match (name, width) {
            ("categorical-cross-entropy", _) => {
                let labels = (0..samples).map(|sample| (sample % width) as u32).collect();
                Targets::classes(labels, width).unwrap()
            }
            ("binary-cross-entropy", 1) => {
                Targets::classes((0..samples).map(|sample| sample as u32 % 2).collect(), 2).unwrap()
            }
            _ => {
                let values = numbers.iter().map(|number| number / 10.0 + 0.5).collect();
                Targets::Values(Array::new(vec![samples, width], values).unwrap())
            }
        }
    }

    proptest! {
        /// What a loss writes in place is what candle finds from its mean.
        #[test]
        fn slopes_are_those_of_the_mean(
            width in 1usize..4,
            numbers in prop::collection::vec((-5f32..5.0, -5f32..5.0), 3..20),
        ) {
            let (outputs, others): (Vec<f32>, Vec<f32>) =
                numbers[..numbers.len() / width * width].iter().copied().unzip();
            for (name, _) in LOSSES {
                let targets = targets(name, width, &others);
                let outputs = Array::new(vec![targets.len(), width], outputs.clone()).unwrap();
                let known = loss(name).unwrap();
                let (mut slopes, mut expected) = (outputs.clone(), outputs);
                let mean = known.slope(&mut slopes, &targets).unwrap();
                let by_candle = Mean(known).slope(&mut expected, &targets).unwrap();
                prop_assert!((mean - by_candle).abs() <= 1e-6 * mean.abs().max(1.0), "{name}");
                for (slope, expected) in slopes.values().iter().zip(expected.values()) {
                    prop_assert!((slope - expected).abs() <= 1e-6, "{name}: {slope} {expected}");
                }
            }
        }
    }
}
