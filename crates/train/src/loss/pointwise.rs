//! Losses that look at one output and its target at a time.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use handaxe_data::Targets;

use crate::Error;
use crate::node::values::{Operand, tensor, values};

/// The mean over all outputs of a function of output and target.
pub(super) struct Pointwise {
    pub(super) name: &'static str,
    /// In the order of the outputs.
    pub(super) targets: Vec<f32>,
    pub(super) value: fn(f64, f64) -> f64,
    /// The function's derivative by the output.
    pub(super) slope: fn(f32, f32) -> f32,
}

impl CustomOp1 for Pointwise {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, outputs: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let pairs = values(outputs, layout)?.iter().zip(&self.targets);
        let sum: f64 = pairs.map(|(&o, &t)| (self.value)(f64::from(o), f64::from(t))).sum();
        let mean = sum / self.targets.len() as f64;
        Ok((CpuStorage::F32(vec![mean as f32]), Shape::from(())))
    }

    fn bwd(&self, outputs: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let share = gradient.to_scalar::<f32>()? / self.targets.len() as f32;
        let operand = Operand::new(outputs)?;
        let pairs = operand.values()?.iter().zip(&self.targets);
        let slopes = pairs.map(|(&o, &t)| share * (self.slope)(o, t)).collect();
        tensor(slopes, outputs.dims()).map(Some)
    }
}

impl Pointwise {
    /// The mean over `outputs`, of which there must be as many as targets.
    pub(super) fn mean(self, outputs: &Tensor) -> std::result::Result<Tensor, Error> {
        let outputs = outputs.reshape(self.targets.len())?;
        Ok(outputs.apply_op1(self)?)
    }
}

/// One number a target: values as they are, the second of two classes as 1. None for more classes.
pub(super) fn numbers(targets: &Targets) -> Option<Vec<f32>> {
    match targets {
        Targets::Values(values) => Some(values.values().to_vec()),
        Targets::Classes { labels, classes: 2 } => Some(labels.iter().map(|&l| l as f32).collect()),
        Targets::Classes { .. } => None,
    }
}
