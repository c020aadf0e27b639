use candle_core::Tensor;
use handaxe_data::{Targets, Tensor as Array};

use super::pointwise::Pointwise;
use super::{LastLayer, Loss, check_range};
use crate::Error;

/// Mean of the squared differences over all outputs and samples.
#[derive(Debug, Clone, Copy)]
pub struct MeanSquaredError;

const EACH: Pointwise =
    Pointwise { name: "mse", value: |o, t| (o - t).powi(2), slope: |o, t| 2.0 * (o - t) };

impl Loss for MeanSquaredError {
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

    fn bend(&self, _: &Tensor, _: &Targets, moves: &Tensor) -> Result<Tensor, Error> {
        Ok((moves * (2.0 / moves.elem_count() as f64))?)
    }
}
