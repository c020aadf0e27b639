use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use handaxe_graph::{Padding, PoolKind, Window};

use super::sliding::Sliding;
use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Pushed, apply};
use crate::kernel::chunks::{self, PASS, samples_together};
use crate::kernel::pooling::{Backward, Forward, Taps};
use crate::kernel::run;
use crate::kernel::workspace::Workspace;

/// Pooling over windows of any stride and padding; padding counts neither as a value nor in the mean.
pub(super) struct Pool {
    operation: Pooling,
}

impl Pool {
    pub(super) fn new(
        kind: PoolKind,
        window: &Window,
        input: &[usize],
        output: &[usize],
        memory: &Workspace,
    ) -> Self {
        let sliding = Sliding::new(window, input);
        let channels = input.last().copied().unwrap_or(0);
        let taps = Taps::new(sliding.pixels(), channels);
        let (output, memory) = (output.to_vec(), memory.clone());
        let shared = (Arc::new(sliding), Arc::new(taps));
        Self {
            operation: Pooling {
                kind,
                sliding: shared.0,
                taps: shared.1,
                channels,
                output,
                memory,
            },
        }
    }

    /// One window over everything.
    pub(super) fn global(
        kind: PoolKind,
        input: &[usize],
        output: &[usize],
        memory: &Workspace,
    ) -> Self {
        let spatial = &input[..input.len().saturating_sub(1)];
        Self::new(kind, &Window::dense(spatial, Padding::Valid), input, output, memory)
    }
}

impl Node for Pool {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        apply(self.operation.clone(), inputs[0])
    }

    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let input = inputs[0].clone();
        let answer = input.apply_op1_no_bwd(&self.operation)?;
        let output = match self.operation.kind {
            PoolKind::Max => self.operation.moved(&input, &answer, moves[0])?,
            PoolKind::Average => moves[0].apply_op1_no_bwd(&self.operation)?,
        };
        let operation = self.operation.clone();
        let back =
            move |_: &Tensor, moved: &Tensor| Ok(vec![operation.bwd(&input, &answer, moved)?]);
        Ok(Pushed { output, back: Box::new(back) })
    }
}

#[derive(Clone)]
struct Pooling {
    kind: PoolKind,
    sliding: Arc<Sliding>,
    taps: Arc<Taps>,
    channels: usize,
    /// Shape of the output, without the samples.
    output: Vec<usize>,
    memory: Workspace,
}

impl Pooling {
    fn sizes(&self) -> (usize, usize) {
        (self.sliding.inputs() * self.channels, self.sliding.outputs() * self.channels)
    }

    fn together(&self, samples: usize) -> usize {
        samples_together(self.sliding.inputs() * self.channels, samples)
    }

    /// How maxima move: as the first element does that has them.
    fn moved(&self, input: &Tensor, output: &Tensor, moves: &Tensor) -> Result<Tensor> {
        let (size, answers) = self.sizes();
        let (inputs, outputs, moves) =
            (Operand::new(input)?, Operand::new(output)?, Operand::new(moves)?);
        let mut moved = vec![0.0; output.elem_count()];
        let mut open = vec![true; output.elem_count()];
        let samples = inputs.values()?.chunks_exact(size).zip(moves.values()?.chunks_exact(size));
        let answer = outputs.values()?.chunks_exact(answers);
        let moved_by = moved.chunks_exact_mut(answers).zip(open.chunks_exact_mut(answers));
        for (((sample, moves), answer), (moved, open)) in samples.zip(answer).zip(moved_by) {
            for (position, pixels) in self.taps.positions().enumerate() {
                for (&pixel, channel) in pixels
                    .iter()
                    .flat_map(|pixel| (0..self.channels).map(move |channel| (pixel, channel)))
                {
                    let (output, input) = (position * self.channels + channel, pixel + channel);
                    if open[output] && sample[input] == answer[output] {
                        (moved[output], open[output]) = (moves[input], false);
                    }
                }
            }
        }
        tensor(moved, output.dims())
    }
}

impl CustomOp1 for Pooling {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (size, answers) = self.sizes();
        let input = values(input, layout)?;
        let samples = input.len() / size;
        let mut output = self.memory.take(samples * answers);
        let together = self.together(samples);
        let pieces = input.chunks(together * size).zip(output.chunks_mut(together * answers));
        chunks::for_each(PASS * input.len(), pieces, |(inputs, output): (&[f32], &mut [f32])| {
            for (sample, answer) in inputs.chunks_exact(size).zip(output.chunks_exact_mut(answers))
            {
                let (taps, channels) = (&self.taps, self.channels);
                run(Forward { taps, channels, max: self.kind == PoolKind::Max, sample, answer });
            }
        });
        Ok((CpuStorage::F32(output), Shape::from([&[samples], &self.output[..]].concat())))
    }

    fn bwd(&self, input: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (size, answers) = self.sizes();
        let (inputs, outputs, gradients) =
            (Operand::new(input)?, Operand::new(output)?, Operand::new(gradient)?);
        let mut by_input = self.memory.take(input.elem_count());
        let together = self.together(input.dim(0)?);
        let (size_together, answers_together) = (together * size, together * answers);
        let pieces = inputs.values()?.chunks(size_together).zip(by_input.chunks_mut(size_together));
        let given = outputs.values()?.chunks(answers_together);
        let given = given.zip(gradients.values()?.chunks(answers_together));
        chunks::for_each(PASS * input.elem_count(), pieces.zip(given), |piece: Piece<'_>| {
            let ((samples, by_samples), (outputs, gradients)) = piece;
            by_samples.fill(0.0);
            let samples = samples.chunks_exact(size).zip(by_samples.chunks_exact_mut(size));
            let given = outputs.chunks_exact(answers).zip(gradients.chunks_exact(answers));
            for ((sample, back), (answer, gradient)) in samples.zip(given) {
                let (taps, channels, max) =
                    (&*self.taps, self.channels, self.kind == PoolKind::Max);
                run(Backward { taps, channels, max, sample, answer, gradient, back });
            }
        });
        Ok(Some(tensor(by_input, input.dims())?))
    }
}

/// Samples and where the gradient by them goes; answers and the gradient by them.
type Piece<'a> = ((&'a [f32], &'a mut [f32]), (&'a [f32], &'a [f32]));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_maxima_gets_the_gradient() {
        let pool = Pool::global(PoolKind::Max, &[3, 1], &[1], &Workspace::default());
        let input = tensor(vec![0.0, 2.0, 2.0], &[1, 3, 1]).unwrap();
        let (output, gradient) =
            (tensor(vec![2.0], &[1, 1]).unwrap(), tensor(vec![0.5], &[1, 1]).unwrap());
        let back = pool.operation.bwd(&input, &output, &gradient).unwrap().unwrap();
        assert_eq!(back.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [0.0, 0.5, 0.0]);
    }
}
