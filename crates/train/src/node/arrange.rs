//! Layers that move elements, and arrays that are repeated along axes.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use handaxe_emulate::repeated;

use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, apply};
use crate::kernel::chunks::{self, PASS, samples_together};
use crate::kernel::workspace::Workspace;

/// For each element of a sample of the output, which one of the input's it is; nothing for a zero.
#[derive(Clone)]
pub(super) struct Arrange {
    from: Arc<[Option<usize>]>,
    /// Elements of a sample of the input.
    input: usize,
    /// Shape of the output, without the samples.
    output: Vec<usize>,
    memory: Workspace,
}

impl Arrange {
    pub(super) fn new(
        from: Vec<Option<usize>>,
        input: &[usize],
        output: &[usize],
        memory: &Workspace,
    ) -> Self {
        let (input, output) = (input.iter().product(), output.to_vec());
        Self { from: from.into(), input, output, memory: memory.clone() }
    }

    /// An array whose axes are those of `output` or 1, repeated to its shape; none for one of that shape.
    pub(super) fn repeating(input: &[usize], output: &[usize], memory: &Workspace) -> Option<Self> {
        let from = || repeated(input, output).map(Some).collect();
        (input != output).then(|| Self::new(from(), input, output, memory))
    }

    /// `input` as the layer lays it out.
    pub(super) fn arranged(&self, input: &Tensor) -> Result<Tensor> {
        input.apply_op1_no_bwd(self)
    }

    /// The reverse: the gradient by the input, of this shape, from that by the output.
    pub(super) fn by_input(&self, gradient: &Tensor, shape: &[usize]) -> Result<Tensor> {
        let mut by_input = self.memory.zeros(shape.iter().product());
        let gradients = Operand::new(gradient)?;
        let together = self.together(shape[0]);
        let pieces = gradients.values()?.chunks((together * self.from.len()).max(1));
        let pieces = pieces.zip(by_input.chunks_mut((together * self.input).max(1)));
        let work = PASS * gradient.elem_count();
        chunks::for_each(work, pieces, |(gradients, by_inputs): (&[f32], &mut [f32])| {
            let samples = gradients.chunks_exact(self.from.len().max(1));
            for (gradient, by_input) in samples.zip(by_inputs.chunks_exact_mut(self.input.max(1))) {
                for (slope, from) in gradient.iter().zip(&*self.from) {
                    if let Some(from) = *from {
                        by_input[from] += slope;
                    }
                }
            }
        });
        tensor(by_input, shape)
    }

    fn together(&self, samples: usize) -> usize {
        samples_together(self.input + self.from.len(), samples)
    }
}

impl CustomOp1 for Arrange {
    fn name(&self) -> &'static str {
        "arrange"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let samples = layout.dims()[0];
        let mut output = self.memory.take(samples * self.from.len());
        let together = self.together(samples);
        let pieces = values(input, layout)?.chunks((together * self.input).max(1));
        let pieces = pieces.zip(output.chunks_mut((together * self.from.len()).max(1)));
        let work = PASS * samples * self.from.len();
        chunks::for_each(work, pieces, |(inputs, outputs): (&[f32], &mut [f32])| {
            let samples = inputs.chunks_exact(self.input.max(1));
            for (input, output) in samples.zip(outputs.chunks_exact_mut(self.from.len().max(1))) {
                for (value, from) in output.iter_mut().zip(&*self.from) {
                    *value = from.map_or(0.0, |from| input[from]);
                }
            }
        });
        Ok((CpuStorage::F32(output), Shape::from([&[samples], &self.output[..]].concat())))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        self.by_input(gradient, input.dims()).map(Some)
    }
}

impl Node for Arrange {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        apply(self.clone(), inputs[0])
    }
}
