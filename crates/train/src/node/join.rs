use candle_core::{D, Result, Tensor};

use super::{Node, Pass};

/// The layers that bring several arrays together.
pub(super) enum Join {
    Add,
    Multiply,
    Concatenate,
}

impl Node for Join {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Tensor> {
        let (first, rest) = (inputs[0].clone(), &inputs[1..]);
        match self {
            Self::Add => rest.iter().try_fold(first, |sum, input| sum.add(input)),
            Self::Multiply => rest.iter().try_fold(first, |product, input| product.mul(input)),
            Self::Concatenate => Tensor::cat(inputs, D::Minus1)?.contiguous(),
        }
    }
}

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
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Tensor> {
        inputs[0].reshape([&[inputs[0].dim(0)?], &self.output[..]].concat())
    }
}
