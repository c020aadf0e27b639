//! What each layer of the graph computes in training, one file an operation: candle custom operations with backward
//! passes of their own, which [`Network`](crate::Network) calls in reverse order.
//!
//! Walking back here instead of in candle saves its zeroing and adding of every gradient, and its pool of spinning
//! threads, which slows a step tenfold where other programs want the processor too.

mod activation;
mod batch_norm;
mod conv;
mod dense;
mod depthwise;
mod dropout;
mod join;
mod matrix;
mod pool;
mod quantise;
mod reshape;
mod sliding;
pub(crate) mod softmax;
pub(crate) mod values;

use candle_core::{CustomOp1, CustomOp3, Result, Tensor, Var};
use handaxe_data::Tensor as Array;
use handaxe_graph::{Activation, Layer, Op, Quantiser, Window};
use rand_chacha::ChaCha8Rng;

use crate::Error;
use values::tensor;

/// What a forward pass is for.
pub(crate) enum Pass<'a> {
    /// Batches normalise themselves, dropout draws from the generator.
    Training(&'a mut ChaCha8Rng),
    /// Running statistics normalise, dropout does nothing.
    Evaluation,
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

/// From the loss's gradient by the output (contiguous) to that by the inputs and weights.
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
        let Computed { output, back } = self.forward(moves, &mut Pass::Evaluation)?;
        Ok(Pushed { output, back: Box::new(move |_, moved| Ok(back(moved)?.inputs)) })
    }

    /// What the layer would compute with `kernel`, row-major, in place of its own, without bias; none for a layer that has
    /// no kernel. The output is linear in the input and in the kernel.
    fn with_kernel(&self, _input: &Tensor, _kernel: &Tensor) -> Result<Option<Computed>> {
        Ok(None)
    }
}

/// The node of a layer whose first input has shape `input`; none for an input layer. `learns` says whether anything
/// before the layer does, so that it must hand gradients on.
pub(crate) fn compile(
    layer: &Layer,
    input: &[usize],
    learns: bool,
) -> std::result::Result<Option<Box<dyn Node>>, Error> {
    if let Some(message) = refusal(layer) {
        let (layer, kind) = (layer.name().to_owned(), layer.op().layer_type().name());
        return Err(Error::Layer { layer, kind, message: message.to_owned() });
    }
    Ok(Some(match layer.op() {
        Op::Input { .. } => return Ok(None),
        Op::Dense { .. } => Box::new(dense::Dense::new(layer, learns)?),
        Op::Conv { window, .. } => Box::new(conv::Conv::new(layer, window, input, learns)?),
        Op::DepthwiseConv { window, .. } => {
            Box::new(depthwise::Depthwise::new(layer, window, input)?)
        }
        Op::BatchNorm { epsilon, momentum } => {
            Box::new(batch_norm::BatchNorm::new(layer, *epsilon, *momentum)?)
        }
        Op::Activation { function: Activation::Softmax } => Box::new(softmax::Softmax),
        Op::Activation { function } => Box::new(activation::ElementWise::new(*function)),
        Op::Pool { kind, window } => {
            Box::new(pool::Pool::new(*kind, window, input, layer.output_shape()))
        }
        Op::GlobalPool { kind } => Box::new(pool::Pool::global(*kind, input, layer.output_shape())),
        Op::Flatten | Op::Reshape { .. } => Box::new(reshape::Reshape::new(layer.output_shape())),
        Op::Add => Box::new(join::Join::Add),
        Op::Multiply => Box::new(join::Join::Multiply),
        Op::Concatenate => Box::new(join::Join::Concatenate),
        Op::Quantise { quantiser } => Box::new(quantise::Rounding::new(quantiser)),
        Op::Dropout { rate } => Box::new(dropout::Dropout::new(*rate)),
        // All others have been refused.
        _ => return Ok(None),
    }))
}

/// Why a layer cannot be trained, if it cannot.
fn refusal(layer: &Layer) -> Option<&'static str> {
    let dilated = |window: &Window| window.dilation.iter().any(|&taps| taps > 1);
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
        Op::Conv { window, .. } | Op::DepthwiseConv { window, .. } | Op::Pool { window, .. }
            if dilated(window) =>
        {
            Some("dilated windows cannot be trained yet")
        }
        Op::Activation { function } if !activation::is_known(*function) => {
            Some("this activation cannot be trained yet")
        }
        Op::LayerNorm { .. }
        | Op::PRelu { .. }
        | Op::Lookup { .. }
        | Op::Permute { .. }
        | Op::ZeroPad { .. }
        | Op::Crop { .. }
        | Op::UpSample { .. }
        | Op::Subtract
        | Op::Average
        | Op::Maximum
        | Op::Minimum => Some("layers of this type cannot be trained yet"),
        _ => None,
    }
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
    /// What kernel and bias are rounded to before they are used.
    quantisers: [Option<Quantiser>; 2],
    /// Stands in for a bias that the layer has not, so that there is one operation only.
    zeros: Tensor,
}

impl Affine {
    fn new(layer: &Layer, outputs: usize) -> std::result::Result<Self, Error> {
        Ok(Self {
            kernel: variable(layer, "kernel")?,
            bias: layer.weight("bias").map(|_| variable(layer, "bias")).transpose()?,
            quantisers: ["kernel", "bias"].map(|weight| layer.quantiser(weight).cloned()),
            zeros: tensor(vec![0.0; outputs], &[outputs])?,
        })
    }

    /// Applies `operation` to the input, the kernel as a matrix whose columns are the outputs, and the bias.
    fn apply(&self, operation: impl CustomOp3 + 'static, input: &Tensor) -> Result<Computed> {
        let bias = self.bias.as_ref().map(|bias| self.used(bias, 1)).transpose()?;
        self.compute(
            operation,
            input,
            &self.used(&self.kernel, 0)?,
            bias.unwrap_or(self.zeros.clone()),
        )
    }

    /// A weight as the forward pass sees it.
    fn used(&self, weight: &Var, place: usize) -> Result<Tensor> {
        let weight = weight.as_detached_tensor();
        match &self.quantisers[place] {
            Some(quantiser) => quantise::rounded(quantiser, &weight),
            None => Ok(weight),
        }
    }

    /// The same without the bias, by the layer's own kernel.
    fn push(&self, operation: impl CustomOp3 + 'static, moved: &Tensor) -> Result<Pushed> {
        let kernel = self.used(&self.kernel, 0)?;
        let Computed { output, back } =
            self.compute(operation, moved, &kernel, self.zeros.clone())?;
        Ok(Pushed { output, back: Box::new(move |_, moved| Ok(back(moved)?.inputs)) })
    }

    /// The same without the bias, by another kernel.
    fn with_kernel(
        &self,
        operation: impl CustomOp3 + 'static,
        input: &Tensor,
        kernel: &Tensor,
    ) -> Result<Option<Computed>> {
        self.compute(operation, input, kernel, self.zeros.clone()).map(Some)
    }

    fn compute(
        &self,
        operation: impl CustomOp3 + 'static,
        input: &Tensor,
        kernel: &Tensor,
        bias: Tensor,
    ) -> Result<Computed> {
        let has_bias = self.bias.is_some();
        let kernel = kernel.reshape(((), bias.elem_count()))?;
        let input = input.clone();
        let output = input.apply_op3_no_bwd(&kernel, &bias, &operation)?;
        let answer = output.clone();
        let back = move |gradient: &Tensor| {
            let (input, kernel, bias) = operation.bwd(&input, &kernel, &bias, &answer, gradient)?;
            let weights = bias.filter(|_| has_bias).into_iter().chain(kernel).collect();
            Ok(Gradients { inputs: vec![input], weights })
        };
        Ok(Computed { output, back: Box::new(back) })
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        let bias = self.bias.iter().map(|var| Weight { name: "bias", var, trainable: true });
        bias.chain([Weight { name: "kernel", var: &self.kernel, trainable: true }]).collect()
    }
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
    tensor(array.values().to_vec(), array.shape())
}
