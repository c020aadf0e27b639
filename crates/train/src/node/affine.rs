//! What layers with a kernel and a bias have in common.

use candle_core::{CustomOp3, Result, Tensor, Var};
use handaxe_graph::{Activation, Layer, Quantiser};

use super::values::{Operand, tensor};
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
    /// Stands in for a bias that the layer has not, so that there is one operation only.
    zeros: Tensor,
}

impl Affine {
    pub(super) fn new(layer: &Layer, outputs: usize) -> std::result::Result<Self, Error> {
        Ok(Self {
            kernel: variable(layer, "kernel")?,
            bias: layer.weight("bias").map(|_| variable(layer, "bias")).transpose()?,
            quantisers: ["kernel", "bias"].map(|weight| layer.quantiser(weight).cloned()),
            zeros: tensor(vec![0.0; outputs], &[outputs])?,
        })
    }

    /// Applies `operation` to the input, the kernel as a matrix whose columns are the outputs, and the bias.
    pub(super) fn apply(
        &self,
        operation: impl CustomOp3 + 'static,
        input: &Tensor,
    ) -> Result<Computed> {
        let bias = self.bias.as_ref().map(|bias| self.used(bias, 1)).transpose()?;
        let kernel = self.used(&self.kernel, 0)?;
        self.compute(operation, input, &kernel, bias.unwrap_or(self.zeros.clone()))
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
    pub(super) fn push(
        &self,
        operation: impl CustomOp3 + 'static,
        moved: &Tensor,
    ) -> Result<Pushed> {
        let kernel = self.used(&self.kernel, 0)?;
        let Computed { output, back, .. } =
            self.compute(operation, moved, &kernel, self.zeros.clone())?;
        Ok(Pushed { output, back: Box::new(move |_, moved| Ok(back(moved)?.inputs)) })
    }

    /// The same without the bias, by another kernel.
    pub(super) fn with_kernel(
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
        Some(function) => activation::map_in_place(function, output),
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
        let pieces = y.chunks(PIECE).zip(g.chunks(PIECE)).zip(before.chunks_mut(PIECE)).collect();
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
    pub(super) fn sums(&self, outputs: usize) -> Result<Tensor> {
        tensor(sum_rows(self.values()?, outputs), &[outputs])
    }

    /// Hands memory back.
    pub(super) fn done(self, memory: &Workspace) {
        if let Some(before) = self.before {
            memory.give(before);
        }
    }
}
