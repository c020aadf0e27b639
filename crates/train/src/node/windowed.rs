use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use handaxe_graph::{Activation, Layer};

use super::affine::{Affine, Slopes, activate};
use super::field::Field;
use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Place, Pushed, Weight};
use crate::Error;
use crate::kernel::chunks::{self, samples_together};
use crate::kernel::elements::add;
use crate::kernel::workspace::Workspace;

/// How some samples are convolved by one thread. Kernels are `(taps x channels, outputs)`, or `(taps, outputs)` where each
/// channel has outputs of its own.
pub(super) trait Convolution: Send + Sync + 'static {
    const NAME: &'static str;

    /// Elements of a sample.
    fn sample(&self) -> usize;

    /// Where windows lie.
    fn field(&self) -> &Field;

    /// Multiplications for an element of the answer.
    fn depth(&self) -> usize;

    /// The answers, rectified if asked.
    fn forward(
        &self,
        samples: &[f32],
        weights: (&[f32], &[f32]),
        relu: bool,
        output: &mut [f32],
        memory: &Workspace,
    );

    /// Adds the gradient by the kernel, from that by the answers.
    fn by_kernel(&self, samples: &[f32], slopes: &[f32], into: &mut [f32], memory: &Workspace);

    /// The gradient by the samples.
    fn by_samples(&self, slopes: &[f32], kernel: &[f32], into: &mut [f32], memory: &Workspace);
}

/// A convolution on channels-last data, with the activation of the layer behind where it is computed along.
pub(super) struct Windowed<C> {
    affine: Affine,
    operation: Operation<C>,
}

impl<C: Convolution> Windowed<C> {
    pub(super) fn new(
        layer: &Layer,
        convolution: C,
        place: &Place<'_>,
    ) -> std::result::Result<Self, Error> {
        let output = layer.output_shape().to_vec();
        let affine = Affine::new(layer, output.last().copied().unwrap_or(0), place.memory)?;
        let operation = Operation {
            convolution: Arc::new(convolution),
            output,
            learns: place.learns,
            activation: place.activation,
            memory: place.memory.clone(),
        };
        Ok(Self { affine, operation })
    }
}

impl<C: Convolution> Node for Windowed<C> {
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Computed> {
        self.affine.apply(self.operation.within(pass), inputs[0])
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        self.affine.weights()
    }

    fn push(&self, _: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        self.affine.push(self.operation.within(&Pass::Inspection), moves[0])
    }

    fn with_kernel(&self, input: &Tensor, kernel: &Tensor) -> Result<Option<Computed>> {
        self.affine.with_kernel(self.operation.within(&Pass::Inspection), input, kernel)
    }
}

/// Input `(samples, ...)`, kernel and bias `(outputs)` to `(samples, ..., outputs)`. Threads share the samples out.
struct Operation<C> {
    convolution: Arc<C>,
    /// Shape of the output, without the samples.
    output: Vec<usize>,
    /// Whether the gradient by the input is wanted.
    learns: bool,
    activation: Option<Activation>,
    memory: Workspace,
}

impl<C: Convolution> Operation<C> {
    fn within(&self, pass: &Pass<'_>) -> Self {
        let activation = self.activation.filter(|_| !matches!(pass, Pass::Inspection));
        let (convolution, output) = (self.convolution.clone(), self.output.clone());
        Self { convolution, output, learns: self.learns, activation, memory: self.memory.clone() }
    }

    /// Elements of an answer to one sample.
    fn answer(&self) -> usize {
        self.output.iter().product()
    }

    /// Samples that one thread looks at together.
    fn together(&self, samples: usize) -> usize {
        samples_together(self.convolution.field().padded() + self.answer(), samples)
    }

    /// Multiplications for some samples.
    fn work(&self, samples: usize) -> usize {
        samples * self.answer() * self.convolution.depth()
    }
}

impl<C: Convolution> CustomOp3 for Operation<C> {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let weights = (values(kernel, kernel_layout)?, values(bias, bias_layout)?);
        let samples = input_layout.dims()[0];
        let together = self.together(samples);
        let mut output = self.memory.take(samples * self.answer());
        let inputs = values(input, input_layout)?.chunks(together * self.convolution.sample());
        let pieces = inputs.zip(output.chunks_mut(together * self.answer()));
        let relu = self.activation == Some(Activation::Relu);
        chunks::for_each(self.work(samples), pieces, |(input, output): (&[f32], &mut [f32])| {
            self.convolution.forward(input, weights, relu, output, &self.memory);
            activate(self.activation, output);
        });
        let shape = [&[samples], &self.output[..]].concat();
        Ok((CpuStorage::F32(output), Shape::from(shape)))
    }

    fn bwd(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        bias: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (inputs, kernels) = (Operand::new(input)?, Operand::new(kernel)?);
        let (inputs, kernels) = (inputs.values()?, kernels.values()?);
        let slopes = Slopes::new(self.activation, output, gradient, &self.memory)?;
        let samples = input.dim(0)?;
        let (together, size) = (self.together(samples), self.convolution.sample());
        let mut parts = self.memory.zeros(samples.div_ceil(together) * kernels.len());
        let mut by_input = self.memory.take(if self.learns { inputs.len() } else { 0 });
        let mut sample_parts = by_input.chunks_mut(together * size);
        let pieces = inputs.chunks(together * size);
        let pieces = pieces.zip(slopes.values()?.chunks(together * self.answer()));
        let pieces = pieces.zip(parts.chunks_mut(kernels.len()));
        let pieces = pieces.map(|(piece, part)| (piece, part, sample_parts.next()));
        chunks::for_each(2 * self.work(samples), pieces, |piece| {
            let ((input, slopes), by_kernel, by_input): Piece<'_> = piece;
            self.convolution.by_kernel(input, slopes, by_kernel, &self.memory);
            if let Some(by_input) = by_input {
                self.convolution.by_samples(slopes, kernels, by_input, &self.memory);
            }
        });
        let mut by_kernel = self.memory.zeros(kernels.len());
        parts.chunks_exact(kernels.len()).for_each(|part| add(&mut by_kernel, part));
        self.memory.give(parts);
        let by_bias = slopes.sums(bias.elem_count(), &self.memory)?;
        slopes.done(&self.memory);
        Ok((
            self.learns.then(|| tensor(by_input, input.dims())).transpose()?,
            Some(tensor(by_kernel, kernel.dims())?),
            Some(by_bias),
        ))
    }
}

/// Samples and the gradient by their answers; where the gradients by the kernel and, if wanted, by the samples go.
type Piece<'a> = ((&'a [f32], &'a [f32]), &'a mut [f32], Option<&'a mut [f32]>);
