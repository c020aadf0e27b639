use candle_core::{Result, Tensor};
use rand::Rng;

use super::values::tensor;
use super::{Node, Pass};

/// Zeroes a share of the elements in training and scales the others up, so that sums stay the same on average.
pub(super) struct Dropout {
    rate: f64,
}

impl Dropout {
    pub(super) fn new(rate: f64) -> Self {
        Self { rate }
    }
}

impl Node for Dropout {
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Tensor> {
        let Pass::Training(draw) = pass else { return Ok(inputs[0].clone()) };
        let scale = (1.0 / (1.0 - self.rate)) as f32;
        let keep = |_| if draw.random_bool(self.rate) { 0.0 } else { scale };
        let kept: Vec<f32> = (0..inputs[0].elem_count()).map(keep).collect();
        inputs[0].mul(&tensor(kept, inputs[0].dims())?)
    }
}
