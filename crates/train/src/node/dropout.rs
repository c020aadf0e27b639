use candle_core::{Result, Tensor};
use rand::Rng;

use super::values::tensor;
use super::{Computed, Gradients, Node, Pass, identity};
use crate::kernel::workspace::Workspace;

/// Zeroes a share of the elements in training and scales the others up, so that sums stay the same on average.
pub(super) struct Dropout {
    rate: f64,
    memory: Workspace,
}

impl Dropout {
    pub(super) fn new(rate: f64, memory: &Workspace) -> Self {
        Self { rate, memory: memory.clone() }
    }
}

impl Node for Dropout {
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Computed> {
        let Pass::Training(draw) = pass else { return Ok(identity(inputs[0])) };
        let scale = (1.0 / (1.0 - self.rate)) as f32;
        let mut keep = || if draw.random_bool(self.rate) { 0.0 } else { scale };
        let memory = self.memory.clone();
        let mut kept = memory.take(inputs[0].elem_count());
        kept.iter_mut().for_each(|kept| *kept = keep());
        let kept = tensor(kept, inputs[0].dims())?;
        let output = memory.zip(inputs[0], &kept, |value, factor| value * factor)?;
        let back = move |gradient: &Tensor| {
            let by_input = memory.zip(gradient, &kept, |slope, factor| slope * factor)?;
            memory.recycle(kept);
            Ok(Gradients { inputs: vec![Some(by_input)], weights: Vec::new() })
        };
        Ok(Computed { output, back: Box::new(back) })
    }
}
