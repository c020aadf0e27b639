use candle_core::{Result, Tensor};

use super::{Computed, Gradients, Node, Pass};

/// The same elements in another shape.
pub(super) struct Reshape {
    output: Vec<usize>,
}

impl Reshape {
    pub(super) fn new(output: &[usize]) -> Self {
        Self { output: output.to_vec() }
    }
}

impl Node for Reshape {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        let shape = inputs[0].shape().clone();
        let output = inputs[0].reshape([&[inputs[0].dim(0)?], &self.output[..]].concat())?;
        let back = move |gradient: &Tensor| {
            Ok(Gradients { inputs: vec![Some(gradient.reshape(shape)?)], weights: Vec::new() })
        };
        Ok(Computed { output, back: Box::new(back) })
    }
}
