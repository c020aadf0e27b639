use candle_core::Tensor;
use handaxe_data::{Targets, Tensor as Array};
use handaxe_graph::Activation;

use super::pointwise::{Pointwise, numbers};
use super::{LastLayer, Loss};
use crate::Error;
use crate::node::values::{Operand, tensor};

/// Mean of -t ln(p) - (1 - t) ln(1 - p) with p the sigmoid of a score, computed from the scores so that it neither
/// overflows nor loses digits. Targets are two classes, told by one output, or values from 0 to 1.
#[derive(Debug, Clone, Copy)]
pub struct BinaryCrossEntropy;

const EACH: Pointwise = Pointwise {
    name: "binary-cross-entropy",
    value: |z, t| z.max(0.0) - z * t + (-z.abs()).exp().ln_1p(),
    slope: |z, t| sigmoid(z) - t,
};

impl Loss for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        EACH.name
    }

    fn includes(&self) -> Option<Activation> {
        Some(Activation::Sigmoid)
    }

    fn check(&self, last: &[LastLayer], targets: &Targets) -> Result<(), Error> {
        super::check_activation(self, last, &[Activation::Sigmoid])?;
        match numbers(self.name(), targets)?
            .into_iter()
            .find(|number| !(0.0..=1.0).contains(number))
        {
            Some(given) => Err(Error::Probability { loss: self.name(), given }),
            None => Ok(()),
        }
    }

    fn mean(&self, outputs: &Tensor, targets: &Targets) -> Result<Tensor, Error> {
        EACH.mean(outputs, targets)
    }

    fn slope(&self, outputs: &mut Array, targets: &Targets) -> Result<f64, Error> {
        EACH.slope(outputs, targets)
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
