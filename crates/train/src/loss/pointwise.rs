//! Losses that look at one output and its target at a time.

use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use handaxe_data::{Targets, Tensor as Array};

use super::unusable;
use crate::Error;
use crate::node::values::{Operand, tensor, values};

/// The mean over all outputs of a function of output and target. Of two classes the second is 1.
pub(super) struct Pointwise {
    pub(super) name: &'static str,
    pub(super) value: fn(f64, f64) -> f64,
    /// The function's derivative by the output.
    pub(super) slope: fn(f32, f32) -> f32,
}

impl Pointwise {
    /// The mean over `outputs`, of which there must be as many as targets.
    pub(super) fn mean(self, outputs: &Tensor, targets: &Targets) -> Result<Tensor, Error> {
        let targets = numbers(self.name, targets)?;
        let outputs = outputs.reshape(targets.len())?;
        Ok(outputs.apply_op1(Operation { each: self, targets })?)
    }

    /// The mean over `outputs`, which become its gradient.
    pub(super) fn slope(&self, outputs: &mut Array, targets: &Targets) -> Result<f64, Error> {
        let outputs = outputs.values_mut();
        match targets {
            Targets::Values(values) => {
                Ok(self.differentiate(outputs, values.values().iter().copied()))
            }
            Targets::Classes { labels, classes: 2 } => {
                Ok(self.differentiate(outputs, labels.iter().map(|&label| label as f32)))
            }
            Targets::Classes { .. } => Err(unusable(self.name, targets)),
        }
    }

    fn differentiate(&self, outputs: &mut [f32], targets: impl Iterator<Item = f32>) -> f64 {
        let (mut sum, count) = (0.0, outputs.len());
        let share = 1.0 / count as f32;
        for (output, target) in outputs.iter_mut().zip(targets) {
            sum += (self.value)(f64::from(*output), f64::from(target));
            *output = share * (self.slope)(*output, target);
        }
        sum / count as f64
    }
}

/// The mean as candle differentiates it.
struct Operation {
    each: Pointwise,
    /// In the order of the outputs.
    targets: Vec<f32>,
}

impl CustomOp1 for Operation {
    fn name(&self) -> &'static str {
        self.each.name
    }

    fn cpu_fwd(
        &self,
        outputs: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let pairs = values(outputs, layout)?.iter().zip(&self.targets);
        let sum: f64 = pairs.map(|(&o, &t)| (self.each.value)(f64::from(o), f64::from(t))).sum();
        let mean = sum / self.targets.len() as f64;
        Ok((CpuStorage::F32(vec![mean as f32]), Shape::from(())))
    }

    fn bwd(
        &self,
        outputs: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let share = gradient.to_scalar::<f32>()? / self.targets.len() as f32;
        let operand = Operand::new(outputs)?;
        let pairs = operand.values()?.iter().zip(&self.targets);
        let slopes = pairs.map(|(&o, &t)| share * (self.each.slope)(o, t)).collect();
        tensor(slopes, outputs.dims()).map(Some)
    }
}

/// One number a target, for the loss of this name.
pub(super) fn numbers(loss: &'static str, targets: &Targets) -> Result<Vec<f32>, Error> {
    match targets {
        Targets::Values(values) => Ok(values.values().to_vec()),
        Targets::Classes { labels, classes: 2 } => Ok(labels.iter().map(|&l| l as f32).collect()),
        Targets::Classes { .. } => Err(unusable(loss, targets)),
    }
}
