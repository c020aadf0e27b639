//! What layers with a kernel and a bias have in common.

use candle_core::{CustomOp3, Result, Tensor, Var};
use handaxe_graph::{Activation, Layer, Quantiser};

use super::values::{Operand, shares_memory, tensor};
use super::{Computed, Gradients, Pushed, Weight, activation, quantise, variable};
use crate::Error;
use crate::kernel::chunks::{self, PASS};
use crate::kernel::columns::sum_rows;
use crate::kernel::product::Finish;
use crate::kernel::workspace::Workspace;

/// The kernel and the bias of a layer. Masked weights need no operation of their own: the optimiser holds them at their
/// values, so that the kernel is the masked one.
pub(super) struct Affine {
    kernel: Var,
    bias: Option<Var>,
    /// What kernel and bias are rounded to before they are used.
    quantisers: [Option<Quantiser>; 2],
    /// The kernel where it lies, as a matrix whose columns are the outputs.
    matrix: Tensor,
    /// The bias where it lies; zeros where the layer has none, so that there is one operation only.
    row: Tensor,
    zeros: Tensor,
    memory: Workspace,
}

impl Affine {
    pub(super) fn new(
        layer: &Layer,
        outputs: usize,
        memory: &Workspace,
    ) -> std::result::Result<Self, Error> {
        let kernel = variable(layer, "kernel")?;
        let bias = layer.weight("bias").map(|_| variable(layer, "bias")).transpose()?;
        let zeros = tensor(vec![0.0; outputs], &[outputs])?;
        Ok(Self {
            matrix: kernel.as_detached_tensor().reshape(((), outputs))?,
            row: bias.as_ref().map_or(zeros.clone(), Var::as_detached_tensor),
            quantisers: ["kernel", "bias"].map(|weight| layer.quantiser(weight).cloned()),
            memory: memory.clone(),
            kernel,
            bias,
            zeros,
        })
    }

    /// Applies `operation` to the input, the kernel as a matrix, and the bias.
    pub(super) fn apply(
        &self,
        operation: impl CustomOp3 + 'static,
        input: &Tensor,
    ) -> Result<Computed> {
        let (kernel, bias) = (self.used_kernel()?, self.used_bias()?);
        // What was rounded for this step only.
        let used = [(&kernel, &self.matrix), (&bias, &self.row)].into_iter();
        let own = used.filter(|(used, kept)| !shares_memory(used, kept));
        let own = own.map(|(used, _)| used.clone()).collect();
        self.compute(operation, input, (kernel, bias), own)
    }

    /// The kernel as the forward pass sees it.
    fn used_kernel(&self) -> Result<Tensor> {
        match &self.quantisers[0] {
            // Its channels are those of its own shape.
            Some(by) => {
                quantise::rounded(by, &self.kernel, &self.memory)?.reshape(self.matrix.dims())
            }
            None => Ok(self.matrix.clone()),
        }
    }

    fn used_bias(&self) -> Result<Tensor> {
        match (&self.quantisers[1], &self.bias) {
            (Some(by), Some(bias)) => quantise::rounded(by, bias, &self.memory),
            _ => Ok(self.row.clone()),
        }
    }

    /// The same without the bias, by the layer's own kernel.
    pub(super) fn push(
        &self,
        operation: impl CustomOp3 + 'static,
        moved: &Tensor,
    ) -> Result<Pushed> {
        let weights = (self.used_kernel()?, self.zeros.clone());
        let Computed { output, back } = self.compute(operation, moved, weights, Vec::new())?;
        Ok(Pushed { output, back: Box::new(move |_, moved| Ok(back(moved)?.inputs)) })
    }

    /// The same without the bias, by another kernel.
    pub(super) fn with_kernel(
        &self,
        operation: impl CustomOp3 + 'static,
        input: &Tensor,
        kernel: &Tensor,
    ) -> Result<Option<Computed>> {
        let kernel = kernel.reshape(self.matrix.dims())?;
        self.compute(operation, input, (kernel, self.zeros.clone()), Vec::new()).map(Some)
    }

    /// Arrays that are the operation's `own` are handed on once it was gone back through.
    fn compute(
        &self,
        operation: impl CustomOp3 + 'static,
        input: &Tensor,
        (kernel, bias): (Tensor, Tensor),
        own: Vec<Tensor>,
    ) -> Result<Computed> {
        let has_bias = self.bias.is_some();
        let (input, memory) = (input.clone(), self.memory.clone());
        let output = input.apply_op3_no_bwd(&kernel, &bias, &operation)?;
        let answer = output.clone();
        let back = move |gradient: &Tensor| {
            let (by_input, by_kernel, by_bias) =
                operation.bwd(&input, &kernel, &bias, &answer, gradient)?;
            own.into_iter().for_each(|array| memory.recycle(array));
            let weights = by_bias.filter(|_| has_bias).into_iter().chain(by_kernel).collect();
            Ok(Gradients { inputs: vec![by_input], weights })
        };
        Ok(Computed { output, back: Box::new(back) })
    }

    pub(super) fn weights(&self) -> Vec<Weight<'_>> {
        let bias = self.bias.iter().map(|var| Weight { name: "bias", var, trainable: true });
        bias.chain([Weight { name: "kernel", var: &self.kernel, trainable: true }]).collect()
    }
}

/// How a product is written whose layer computes `activation` along.
pub(super) fn finish(bias: Option<&[f32]>, activation: Option<Activation>) -> Finish<'_> {
    Finish::Write { bias, relu: activation == Some(Activation::Relu) }
}

/// The part of an activation that [`finish`] did not do.
pub(super) fn activate(activation: Option<Activation>, output: &mut [f32]) {
    match activation {
        None | Some(Activation::Relu) => (),
        Some(function) => activation::map(function, output),
    }
}

/// Elements that one thread looks at together.
const PIECE: usize = 1 << 16;

/// The loss's gradient by a layer's output before its activation.
pub(super) struct Slopes<'a> {
    gradient: Operand<'a>,
    before: Option<Vec<f32>>,
}

impl<'a> Slopes<'a> {
    /// From the `gradient` by the `output` after its activation, which tells the slope.
    pub(super) fn new(
        activation: Option<Activation>,
        output: &Tensor,
        gradient: &'a Tensor,
        memory: &Workspace,
    ) -> Result<Self> {
        let gradient = Operand::new(gradient)?;
        let Some(function) = activation else { return Ok(Self { gradient, before: None }) };
        let output = Operand::new(output)?;
        let (y, g) = (output.values()?, gradient.values()?);
        let mut before = memory.take(g.len());
        let pieces = y.chunks(PIECE).zip(g.chunks(PIECE)).zip(before.chunks_mut(PIECE));
        chunks::for_each(
            PASS * g.len(),
            pieces,
            |((y, g), before): ((&[f32], &[f32]), &mut [f32])| {
                activation::back(function, y, y, g, before);
            },
        );
        Ok(Self { gradient, before: Some(before) })
    }

    pub(super) fn values(&self) -> Result<&[f32]> {
        match &self.before {
            Some(before) => Ok(before),
            None => self.gradient.values(),
        }
    }

    /// The gradient by the bias of so many outputs.
    pub(super) fn sums(&self, outputs: usize, memory: &Workspace) -> Result<Tensor> {
        tensor(sum_rows(self.values()?, outputs, memory), &[outputs])
    }

    /// Hands memory back.
    pub(super) fn done(self, memory: &Workspace) {
        if let Some(before) = self.before {
            memory.give(before);
        }
    }
}
