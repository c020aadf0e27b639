use candle_core::Tensor;
use handaxe_data::{Targets, Tensor as Array};

use super::pointwise::Pointwise;
use super::{LastLayer, Loss, check_range};
use crate::Error;

/// Mean of the absolute differences over all outputs and samples; its slope where they meet is 0.
#[derive(Debug, Clone, Copy)]
pub struct MeanAbsoluteError;

const EACH: Pointwise = Pointwise {
    name: "mae",
    value: |o, t| (o - t).abs(),
    slope: |o, t| f32::from(o > t) - f32::from(o < t),
};

impl Loss for MeanAbsoluteError {
    fn name(&self) -> &'static str {
        EACH.name
    }

    fn check(&self, last: &[LastLayer], targets: &Targets) -> Result<(), Error> {
        check_range(self, last, targets)
    }

    fn mean(&self, outputs: &Tensor, targets: &Targets) -> Result<Tensor, Error> {
        EACH.mean(outputs, targets)
    }

    fn slope(&self, outputs: &mut Array, targets: &Targets) -> Result<f64, Error> {
        EACH.slope(outputs, targets)
    }

    /// The slope does not move but where it jumps.
    fn bend(&self, _: &Tensor, _: &Targets, moves: &Tensor) -> Result<Tensor, Error> {
        Ok(moves.zeros_like()?)
    }
}
