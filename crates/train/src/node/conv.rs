use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use handaxe_graph::{Activation, Layer, Window};

use super::affine::{Affine, Slopes, activate, finish};
use super::field::Field;
use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Pushed, Weight};
use crate::Error;
use crate::kernel::chunks::{self, samples_together};
use crate::kernel::elements::add;
use crate::kernel::outer::Outer;
use crate::kernel::product::{Finish, Product, Right, Side, scratch};
use crate::kernel::workspace::Workspace;
use crate::kernel::{Every, run};

/// Convolution as the product of windows and kernel, on channels-last data. The windows are read where they lie: a row of
/// a window is contiguous, and neighbouring windows overlap.
pub(super) struct Conv {
    affine: Affine,
    operation: Convolve,
}

impl Conv {
    pub(super) fn new(
        layer: &Layer,
        (window, input): (&Window, &[usize]),
        learns: bool,
        activation: Option<Activation>,
        memory: &Workspace,
    ) -> std::result::Result<Self, Error> {
        let output = layer.output_shape().to_vec();
        let affine = Affine::new(layer, output.last().copied().unwrap_or(0))?;
        let field = Arc::new(Field::new(window, input, &output));
        let memory = memory.clone();
        Ok(Self { affine, operation: Convolve { field, output, learns, activation, memory } })
    }
}

impl Node for Conv {
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

/// Input `(samples, ...)`, kernel `(taps x channels, filters)`, bias `(filters)` to `(samples, ..., filters)`.
#[derive(Clone)]
struct Convolve {
    field: Arc<Field>,
    /// Shape of the output, without the samples.
    output: Vec<usize>,
    /// Whether the gradient by the input is wanted.
    learns: bool,
    activation: Option<Activation>,
    memory: Workspace,
}

impl Convolve {
    fn within(&self, pass: &Pass<'_>) -> Self {
        let activation = self.activation.filter(|_| !matches!(pass, Pass::Inspection));
        Self { activation, ..self.clone() }
    }

    /// Elements of an answer to one sample.
    fn answer(&self) -> usize {
        self.output.iter().product()
    }

    /// Samples that one thread looks at together.
    fn together(&self, samples: usize) -> usize {
        samples_together(self.field.padded() + self.answer(), samples)
    }

    /// Multiplications for some samples.
    fn work(&self, samples: usize) -> usize {
        samples * self.answer() * self.field.taps.len()
    }

    fn windows<'a>(&'a self, values: &'a [f32]) -> Side<'a, &'a [usize], &'a [usize]> {
        let Field { starts, taps, .. } = &*self.field;
        let (stride, reach) = (self.field.padded(), taps.last().map_or(0, |last| last + 1));
        Side { values, at: starts, stride, taps, length: taps.len(), reach }
    }

    /// Calls `see` with samples as the windows lie on them.
    fn padded(&self, samples: &[f32], see: impl FnOnce(&[f32])) {
        if !self.field.pads() {
            return see(samples);
        }
        let padded = self.field.pad(samples, &self.memory);
        see(&padded);
        self.memory.give(padded);
    }

    fn forward(&self, samples: &[f32], kernel: &[f32], bias: &[f32], output: &mut [f32]) {
        let (positions, columns) = (self.field.positions(), bias.len());
        let mut scratch = self.memory.take(scratch(kernel.len() / columns, columns));
        self.padded(samples, |samples| {
            run(Product {
                left: self.windows(samples),
                right: Right { values: kernel, columns, turned: false },
                samples: output.len() / self.answer(),
                into: output,
                to: Every(columns),
                stride: positions * columns,
                rows: positions,
                finish: finish(Some(bias), self.activation),
                scratch: &mut scratch,
            });
        });
        self.memory.give(scratch);
        activate(self.activation, output);
    }

    /// Adds the gradient by the kernel.
    fn by_kernel(&self, samples: &[f32], slopes: &[f32], columns: usize, into: &mut [f32]) {
        let (rows, samples_given) = (self.field.positions(), slopes.len() / self.answer());
        self.padded(samples, |samples| {
            let left = self.windows(samples);
            run(Outer { left, right: slopes, columns, rows, samples: samples_given, into });
        });
    }

    /// The gradient by the samples: each row of windows adds its part to the pixels under it.
    fn by_input(&self, slopes: &[f32], kernel: &[f32], columns: usize, into: &mut [f32]) {
        if !self.field.pads() {
            into.fill(0.0);
            return self.spread(slopes, kernel, columns, into);
        }
        let samples = slopes.len() / self.answer();
        let mut padded = self.memory.zeros(samples * self.field.padded());
        self.spread(slopes, kernel, columns, &mut padded);
        self.field.crop(&padded, into);
        self.memory.give(padded);
    }

    fn spread(&self, slopes: &[f32], kernel: &[f32], filters: usize, into: &mut [f32]) {
        let Field { starts, segments, length, .. } = &*self.field;
        let positions = self.field.positions();
        let mut scratch = self.memory.take(scratch(filters, *length));
        for (&segment, kernel) in segments.iter().zip(kernel.chunks_exact(length * filters)) {
            run(Product {
                left: Side::rows(slopes, filters, positions * filters),
                right: Right { values: kernel, columns: *length, turned: true },
                into: &mut into[segment..],
                to: &starts[..],
                stride: self.field.padded(),
                samples: slopes.len() / self.answer(),
                rows: positions,
                finish: Finish::Add,
                scratch: &mut scratch,
            });
        }
        self.memory.give(scratch);
    }
}

impl CustomOp3 for Convolve {
    fn name(&self) -> &'static str {
        "conv"
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
        let (kernel, bias) = (values(kernel, kernel_layout)?, values(bias, bias_layout)?);
        let samples = input_layout.dims()[0];
        let together = self.together(samples);
        let mut output = self.memory.take(samples * self.answer());
        let inputs = values(input, input_layout)?.chunks(together * self.field.sample());
        let pieces = inputs.zip(output.chunks_mut(together * self.answer())).collect();
        chunks::for_each(self.work(samples), pieces, |(input, output): (&[f32], &mut [f32])| {
            self.forward(input, kernel, bias, output);
        });
        let shape = [&[samples], &self.output[..]].concat();
        Ok((CpuStorage::F32(output), Shape::from(shape)))
    }

    fn bwd(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        _: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (width, filters) = kernel.dims2()?;
        let (inputs, kernels) = (Operand::new(input)?, Operand::new(kernel)?);
        let (inputs, kernels) = (inputs.values()?, kernels.values()?);
        let slopes = Slopes::new(self.activation, output, gradient, &self.memory)?;
        let samples = input.dim(0)?;
        let together = self.together(samples);
        let mut parts = self.memory.zeros(samples.div_ceil(together) * width * filters);
        let mut by_input = self.memory.take(if self.learns { inputs.len() } else { 0 });
        let mut sample_parts = by_input.chunks_mut(together * self.field.sample());
        let pieces = inputs.chunks(together * self.field.sample());
        let pieces = pieces.zip(slopes.values()?.chunks(together * self.answer()));
        let pieces = pieces.zip(parts.chunks_mut(width * filters));
        let pieces = pieces.map(|(piece, part)| (piece, part, sample_parts.next())).collect();
        chunks::for_each(2 * self.work(samples), pieces, |piece| {
            let ((input, slopes), by_kernel, by_input): Piece<'_> = piece;
            self.by_kernel(input, slopes, filters, by_kernel);
            if let Some(by_input) = by_input {
                self.by_input(slopes, kernels, filters, by_input);
            }
        });
        let mut by_kernel = self.memory.zeros(width * filters);
        parts.chunks_exact(width * filters).for_each(|part| add(&mut by_kernel, part));
        self.memory.give(parts);
        let by_bias = slopes.sums(filters)?;
        slopes.done(&self.memory);
        Ok((
            self.learns.then(|| tensor(by_input, input.dims())).transpose()?,
            Some(tensor(by_kernel, &[width, filters])?),
            Some(by_bias),
        ))
    }
}

/// Samples and the gradient by their answers; where the gradients by the kernel and, if wanted, by the samples go.
type Piece<'a> = ((&'a [f32], &'a [f32]), &'a mut [f32], Option<&'a mut [f32]>);
