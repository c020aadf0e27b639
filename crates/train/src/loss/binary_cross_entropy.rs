use candle_core::Tensor;
use handaxe_data::Targets;
use handaxe_graph::Activation;

use super::pointwise::{Pointwise, numbers};
use super::{LastLayer, Loss, unusable};
use crate::Error;
use crate::node::values::{Operand, tensor};

/// Mean of -t ln(p) - (1 - t) ln(1 - p) with p the sigmoid of a score, computed from the scores so that it neither
/// overflows nor loses digits. Targets are two classes, told by one output, or values from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct BinaryCrossEntropy;

impl Loss for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "binary-cross-entropy"
    }

    fn includes(&self) -> Option<Activation> {
        Some(Activation::Sigmoid)
    }

    fn check(&self, last: &[LastLayer], targets: &Targets) -> Result<(), Error> {
        super::check_activation(self, last, &[Activation::Sigmoid])?;
        let numbers = numbers(targets).ok_or_else(|| unusable(self, targets))?;
        match numbers.into_iter().find(|number| !(0.0..=1.0).contains(number)) {
            Some(given) => Err(Error::Probability { loss: self.name(), given }),
            None => Ok(()),
        }
    }

    fn mean(&self, outputs: &Tensor, targets: &Targets) -> Result<Tensor, Error> {
        let targets = numbers(targets).ok_or_else(|| unusable(self, targets))?;
        let value = |z: f64, t: f64| z.max(0.0) - z * t + (-z.abs()).exp().ln_1p();
        let slope = |z: f32, t: f32| sigmoid(z) - t;
        Pointwise { name: self.name(), targets, value, slope }.mean(outputs)
    }

    /// p (1 - p) v / outputs
    fn bend(&self, outputs: &Tensor, _: &Targets, moves: &Tensor) -> Result<Tensor, Error> {
        let (z, v) = (Operand::new(outputs)?, Operand::new(moves)?);
        let share = 1.0 / outputs.elem_count() as f32;
        let pairs = z.values()?.iter().zip(v.values()?);
        let bent = pairs.map(|(&z, &v)| share * sigmoid(z) * sigmoid(-z) * v).collect();
        Ok(tensor(bent, outputs.dims())?)
    }
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + (-z).exp())
}
