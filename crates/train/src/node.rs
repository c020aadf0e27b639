//! What each layer of the graph computes in training: one file an operation, with its own backward pass where candle's
//! is slow, missing or wrong at the edges.

mod activation;
mod batch_norm;
mod conv;
mod dense;
mod depthwise;
mod dropout;
mod join;
mod pool;
mod sliding;
pub(crate) mod values;

use candle_core::{Result, Tensor, Var};
use handaxe_data::Tensor as Array;
use handaxe_graph::{Layer, Op};
use rand_chacha::ChaCha8Rng;

use crate::Error;
use values::tensor;

/// What a forward pass is for.
pub(crate) enum Pass<'a> {
    /// Gradients are recorded, batches normalise themselves, dropout draws from the generator.
    Training(&'a mut ChaCha8Rng),
    /// Nothing is recorded, running statistics normalise, dropout does nothing.
    Evaluation,
}

impl Pass<'_> {
    /// A weight as this pass needs it: recorded, or not.
    fn weight(&self, weight: &Var) -> Tensor {
        match self {
            Self::Training(_) => weight.as_tensor().clone(),
            Self::Evaluation => weight.as_detached_tensor(),
        }
    }
}

/// A stored array of a node.
pub(crate) struct Weight<'a> {
    pub(crate) name: &'static str,
    pub(crate) var: &'a Var,
    /// Whether the optimiser changes it; running statistics change by themselves.
    pub(crate) trainable: bool,
}

/// A layer that can be computed and differentiated. Arrays are `(samples, ...)`, channels last.
pub(crate) trait Node: Send + Sync {
    /// The output for contiguous `inputs`; contiguous itself.
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Tensor>;

    /// All weights by name, in alphabetical order.
    fn weights(&self) -> Vec<Weight<'_>> {
        Vec::new()
    }
}

/// The node of a layer whose first input has shape `input`; none for an input layer.
pub(crate) fn compile(
    layer: &Layer,
    input: &[usize],
) -> std::result::Result<Option<Box<dyn Node>>, Error> {
    Ok(Some(match layer.op() {
        Op::Input { .. } => return Ok(None),
        Op::Dense { .. } => Box::new(dense::Dense::new(layer)?),
        Op::Conv { window, .. } => Box::new(conv::Conv::new(layer, window, input)?),
        Op::DepthwiseConv { window, .. } => {
            Box::new(depthwise::Depthwise::new(layer, window, input)?)
        }
        Op::BatchNorm { epsilon, momentum } => {
            Box::new(batch_norm::BatchNorm::new(layer, *epsilon, *momentum)?)
        }
        Op::Activation { function } => activation::node(*function),
        Op::Pool { kind, window } => {
            Box::new(pool::Pool::new(*kind, window, input, layer.output_shape()))
        }
        Op::GlobalPool { kind } => Box::new(pool::Pool::global(*kind, input, layer.output_shape())),
        Op::Flatten | Op::Reshape { .. } => Box::new(join::Reshape::new(layer.output_shape())),
        Op::Add => Box::new(join::Join::Add),
        Op::Multiply => Box::new(join::Join::Multiply),
        Op::Concatenate => Box::new(join::Join::Concatenate),
        Op::Dropout { rate } => Box::new(dropout::Dropout::new(*rate)),
    }))
}

/// A variable that starts at the layer's weight.
fn variable(layer: &Layer, weight: &'static str) -> std::result::Result<Var, Error> {
    let missing = || Error::MissingWeight { layer: layer.name().to_owned(), weight };
    Ok(Var::from_tensor(&from_array(layer.weight(weight).ok_or_else(missing)?)?)?)
}

/// The kernel and the bias of a layer.
struct Affine {
    kernel: Var,
    bias: Option<Var>,
    /// Stands in for a bias that the layer has not, so that there is one operation only.
    zeros: Tensor,
}

impl Affine {
    fn new(layer: &Layer, outputs: usize) -> std::result::Result<Self, Error> {
        Ok(Self {
            kernel: variable(layer, "kernel")?,
            bias: layer.weight("bias").map(|_| variable(layer, "bias")).transpose()?,
            zeros: tensor(vec![0.0; outputs], &[outputs])?,
        })
    }

    fn kernel_and_bias(&self, pass: &Pass<'_>) -> (Tensor, Tensor) {
        let bias = self.bias.as_ref().map_or(self.zeros.clone(), |bias| pass.weight(bias));
        (pass.weight(&self.kernel), bias)
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        let bias = self.bias.iter().map(|var| Weight { name: "bias", var, trainable: true });
        bias.chain([Weight { name: "kernel", var: &self.kernel, trainable: true }]).collect()
    }
}

/// An array of the data as a tensor.
pub(crate) fn from_array(array: &Array) -> Result<Tensor> {
    tensor(array.values().to_vec(), array.shape())
}
