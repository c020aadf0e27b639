use candle_core::Tensor;
use handaxe_data::Targets;

use super::{LastLayer, Loss, check_range, unusable};
use crate::Error;
use crate::node::from_array;

/// Mean of the squared differences over all outputs and samples.
#[derive(Debug, Clone, Copy)]
pub struct MeanSquaredError;

impl Loss for MeanSquaredError {
    fn name(&self) -> &'static str {
        "mse"
    }

    fn check(&self, last: &[LastLayer], targets: &Targets) -> Result<(), Error> {
        check_range(self, last, targets)
    }

    fn mean(&self, outputs: &Tensor, targets: &Targets) -> Result<Tensor, Error> {
        let Targets::Values(values) = targets else {
            return Err(unusable(self, targets));
        };
        Ok(candle_nn::loss::mse(&outputs.reshape(values.shape())?, &from_array(values)?)?)
    }

    fn bend(&self, _: &Tensor, _: &Targets, moves: &Tensor) -> Result<Tensor, Error> {
        Ok((moves * (2.0 / moves.elem_count() as f64))?)
    }
}
