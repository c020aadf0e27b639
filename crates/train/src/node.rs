//! What each layer of the graph computes in training, one file an operation: candle custom operations with backward
//! passes of their own, which [`Network`](crate::Network) calls in reverse order.
//!
//! Walking back here instead of in candle saves its zeroing and adding of every gradient; the loops are those of
//! [`kernel`](crate::kernel), which candle's own cannot keep up with on small networks.

mod activation;
mod affine;
mod arrange;
mod batch_norm;
mod conv;
mod dense;
mod depthwise;
mod dropout;
mod field;
mod join;
mod layer_norm;
mod log_softmax;
mod pool;
mod prelu;
pub(crate) mod quantise;
mod reshape;
pub(crate) mod sliding;
pub(crate) mod softmax;
pub(crate) mod values;
mod windowed;

use candle_core::{CustomOp1, Result, Tensor, Var};
use handaxe_data::Tensor as Array;
use handaxe_emulate::moved;
use handaxe_graph::{Activation, Interpolation, Layer, Op};
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::kernel::workspace::Workspace;
use values::tensor;

pub(crate) use activation::SELU;

/// What a forward pass is for.
pub(crate) enum Pass<'a> {
    /// Batches normalise themselves, dropout draws from the generator.
    Training(&'a mut ChaCha8Rng),
    /// Running statistics normalise, dropout does nothing.
    Evaluation,
    /// The same, and every layer's own output is kept: no activation is computed along with the layer before.
    Inspection,
}

/// A stored array of a node.
pub(crate) struct Weight<'a> {
    pub(crate) name: &'static str,
    pub(crate) var: &'a Var,
    /// Whether the optimiser changes it; running statistics change by themselves.
    pub(crate) trainable: bool,
}

/// An output, and the way back from it.
pub(crate) struct Computed {
    /// Contiguous, `(samples, ...)`.
    pub(crate) output: Tensor,
    pub(crate) back: Back,
}

/// From the loss's gradient by the output (contiguous) to that by the inputs and weights, of which no two share memory:
/// whoever reads one last may use its memory again.
pub(crate) type Back = Box<dyn FnOnce(&Tensor) -> Result<Gradients>>;

/// How an output moves with the inputs, and the way back for the gradient's move.
pub(crate) struct Pushed {
    pub(crate) output: Tensor,
    pub(crate) back: PushedBack,
}

/// From the loss's gradient by the output and its move to the moves of the gradients by each input.
pub(crate) type PushedBack = Box<dyn FnOnce(&Tensor, &Tensor) -> Result<Vec<Option<Tensor>>>>;

pub(crate) struct Gradients {
    /// By each input of the layer; none where nothing before it learns.
    pub(crate) inputs: Vec<Option<Tensor>>,
    /// By each trainable weight, in the order of [`Node::weights`].
    pub(crate) weights: Vec<Tensor>,
}

/// A layer that can be computed and differentiated. Arrays are `(samples, ...)`, channels last.
pub(crate) trait Node: Send + Sync {
    /// The output for contiguous `inputs`.
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Computed>;

    /// All weights by name, in alphabetical order.
    fn weights(&self) -> Vec<Weight<'_>> {
        Vec::new()
    }

    /// First and second derivatives in evaluation along one direction (Pearlmutter 1994, "Fast exact multiplication by the
    /// Hessian"): how the output moves while `inputs` do by `moves`, and how the gradients by the inputs then move.
    ///
    /// As it stands for operations that are linear in their inputs.
    fn push(&self, _inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let Computed { output, back } = self.forward(moves, &mut Pass::Inspection)?;
        Ok(Pushed { output, back: Box::new(move |_, moved| Ok(back(moved)?.inputs)) })
    }

    /// What the layer would compute with `kernel`, row-major, in place of its own, without bias; none for a layer that has
    /// no kernel. The output is linear in the input and in the kernel.
    fn with_kernel(&self, _input: &Tensor, _kernel: &Tensor) -> Result<Option<Computed>> {
        Ok(None)
    }
}

/// Where a layer stands.
pub(crate) struct Place<'a> {
    /// The shapes of its inputs.
    pub(crate) inputs: &'a [&'a [usize]],
    /// Whether anything before it learns, so that it must hand gradients on.
    pub(crate) learns: bool,
    /// The activation behind it that it computes along.
    pub(crate) activation: Option<Activation>,
    /// Whether the layer before computes this one along.
    pub(crate) fused: bool,
    pub(crate) memory: &'a Workspace,
}

/// The node of a layer; none for an input layer.
pub(crate) fn compile(
    layer: &Layer,
    place: &Place<'_>,
) -> std::result::Result<Option<Box<dyn Node>>, Error> {
    let refused = |message: String| {
        let (layer, kind) = (layer.name().to_owned(), layer.op().layer_type().name());
        Error::Layer { layer, kind, message }
    };
    if let Some(message) = refusal(layer) {
        return Err(refused(message.to_owned()));
    }
    let &Place { inputs, learns, activation, fused, memory } = place;
    let (input, output) = (inputs.first().copied().unwrap_or(&[]), layer.output_shape());
    if let Some(join) = join::Join::new(layer.op(), inputs, output, memory) {
        return Ok(Some(Box::new(join)));
    }
    if let Some(from) = moved(layer.op(), input, output) {
        let from = from.map_err(|error| refused(error.to_string()))?;
        return Ok(Some(Box::new(arrange::Arrange::new(from, input, output, memory))));
    }
    Ok(Some(match layer.op() {
        Op::Input { .. } => return Ok(None),
        Op::Dense { .. } => Box::new(dense::Dense::new(layer, learns, activation, memory)?),
        Op::Conv { window, .. } => {
            let convolution = conv::Conv::new(window, input, output);
            Box::new(windowed::Windowed::new(layer, convolution, place)?)
        }
        Op::DepthwiseConv { window, .. } => {
            let convolution = depthwise::Depthwise::new(window, input, output);
            Box::new(windowed::Windowed::new(layer, convolution, place)?)
        }
        Op::BatchNorm { epsilon, momentum } => {
            let constants = (*epsilon, *momentum);
            Box::new(batch_norm::BatchNorm::new(layer, constants, activation, memory)?)
        }
        Op::Activation { function: Activation::Softmax } => {
            Box::new(softmax::Softmax(memory.clone()))
        }
        Op::Activation { function: Activation::LogSoftmax } => {
            Box::new(log_softmax::LogSoftmax(memory.clone()))
        }
        Op::Activation { function } => {
            Box::new(activation::ElementWise::new(*function, fused, memory))
        }
        Op::Pool { kind, window } => {
            Box::new(pool::Pool::new(*kind, window, input, output, memory))
        }
        Op::GlobalPool { kind } => Box::new(pool::Pool::global(*kind, input, output, memory)),
        Op::Flatten | Op::Reshape { .. } => Box::new(reshape::Reshape::new(output)),
        Op::LayerNorm { epsilon } => Box::new(layer_norm::LayerNorm::new(layer, *epsilon, memory)?),
        Op::PRelu { slopes } => Box::new(prelu::PRelu::new(layer, slopes, memory)?),
        Op::Quantise { quantiser } => Box::new(quantise::Rounding::new(quantiser, memory)),
        Op::Dropout { rate } => Box::new(dropout::Dropout::new(*rate, memory)),
        // All others have been refused.
        _ => return Ok(None),
    }))
}

/// Whether a layer can compute an activation behind it along.
pub(crate) fn fuses(layer: &Layer, function: Activation) -> bool {
    let computes = matches!(
        layer.op(),
        Op::Dense { .. } | Op::Conv { .. } | Op::DepthwiseConv { .. } | Op::BatchNorm { .. }
    );
    computes && activation::is_told_by_output(function)
}

/// Why a layer cannot be trained, if it cannot.
fn refusal(layer: &Layer) -> Option<&'static str> {
    let affine =
        matches!(layer.op(), Op::Dense { .. } | Op::Conv { .. } | Op::DepthwiseConv { .. });
    if layer.quantisers().next().is_some() && !affine {
        return Some("layers of this type cannot be trained yet where their weights are quantised");
    }
    if let Some(refusal) = layer.quantisers().find_map(|(_, q)| quantise::refusal_of_weights(q)) {
        return Some(refusal);
    }
    match layer.op() {
        Op::Quantise { quantiser } => quantise::refusal(quantiser),
        Op::Pool { window, .. } if window.dilation.iter().any(|&taps| taps > 1) => {
            Some("dilated pools cannot be trained yet")
        }
        Op::Lookup { .. } => Some("layers of this type cannot be trained yet"),
        Op::UpSample { interpolation: Interpolation::Bilinear, .. } => {
            Some("bilinear interpolation cannot be trained yet")
        }
        _ => None,
    }
}

/// A variable that starts at the layer's weight.
fn variable(layer: &Layer, weight: &'static str) -> std::result::Result<Var, Error> {
    let missing = || Error::MissingWeight { layer: layer.name().to_owned(), weight };
    Ok(Var::from_tensor(&from_array(layer.weight(weight).ok_or_else(missing)?)?)?)
}

/// Applies an operation without weights.
fn apply(operation: impl CustomOp1 + 'static, input: &Tensor) -> Result<Computed> {
    let input = input.clone();
    let output = input.apply_op1_no_bwd(&operation)?;
    let answer = output.clone();
    let back = move |gradient: &Tensor| {
        let inputs = vec![operation.bwd(&input, &answer, gradient)?];
        Ok(Gradients { inputs, weights: Vec::new() })
    };
    Ok(Computed { output, back: Box::new(back) })
}

/// Hands the input on as it is.
fn identity(input: &Tensor) -> Computed {
    let back = |gradient: &Tensor| {
        Ok(Gradients { inputs: vec![Some(gradient.clone())], weights: Vec::new() })
    };
    Computed { output: input.clone(), back: Box::new(back) }
}

/// An array of the data as a tensor.
pub(crate) fn from_array(array: &Array) -> Result<Tensor> {
    into_tensor(array.clone())
}

/// The same in the array's own memory.
pub(crate) fn into_tensor(array: Array) -> Result<Tensor> {
    let shape = array.shape().to_vec();
    tensor(array.into_values(), &shape)
}
