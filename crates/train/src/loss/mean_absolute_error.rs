use candle_core::Tensor;
use handaxe_data::Targets;

use super::pointwise::Pointwise;
use super::{LastLayer, Loss, check_range, unusable};
use crate::Error;

/// Mean of the absolute differences over all outputs and samples; its slope where they meet is 0.
#[derive(Debug, Clone, Copy)]
pub struct MeanAbsoluteError;

impl Loss for MeanAbsoluteError {
    fn name(&self) -> &'static str {
        "mae"
    }

    fn check(&self, last: &[LastLayer], targets: &Targets) -> Result<(), Error> {
        check_range(self, last, targets)
    }

    fn mean(&self, outputs: &Tensor, targets: &Targets) -> Result<Tensor, Error> {
        let Targets::Values(values) = targets else {
            return Err(unusable(self, targets));
        };
        let sign = |o: f32, t: f32| f32::from(o > t) - f32::from(o < t);
        let (targets, value) = (values.values().to_vec(), |o: f64, t: f64| (o - t).abs());
        Pointwise { name: self.name(), targets, value, slope: sign }.mean(outputs)
    }

    /// The slope does not move but where it jumps.
    fn bend(&self, _: &Tensor, _: &Targets, moves: &Tensor) -> Result<Tensor, Error> {
        Ok(moves.zeros_like()?)
    }
}
