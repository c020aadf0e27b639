use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use handaxe_graph::{Padding, PoolKind, Window};

use super::sliding::Sliding;
use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Pushed, apply};

/// Pooling over windows of any stride and padding; padding counts neither as a value nor in the mean.
pub(super) struct Pool {
    operation: Pooling,
}

impl Pool {
    pub(super) fn new(kind: PoolKind, window: &Window, input: &[usize], output: &[usize]) -> Self {
        let sliding = Arc::new(Sliding::new(window, input));
        let channels = input.last().copied().unwrap_or(0);
        Self { operation: Pooling { kind, sliding, channels, output: output.to_vec() } }
    }

    /// One window over everything.
    pub(super) fn global(kind: PoolKind, input: &[usize], output: &[usize]) -> Self {
        let spatial = &input[..input.len().saturating_sub(1)];
        Self::new(kind, &Window::dense(spatial, Padding::Valid), input, output)
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
    channels: usize,
    /// Shape of the output, without the samples.
    output: Vec<usize>,
}

impl Pooling {
    fn sizes(&self) -> (usize, usize) {
        (self.sliding.inputs() * self.channels, self.sliding.outputs() * self.channels)
    }

    /// Calls `visit` with the elements of each tap's output and pixel: `(first output, first input)`.
    fn visit(&self, mut visit: impl FnMut(usize, usize)) {
        for (position, _, pixel) in self.sliding.runs().iter().flat_map(|run| run.taps()) {
            visit(position * self.channels, pixel * self.channels);
        }
    }

    /// The number of pixels under each output position, as a factor.
    fn shares(&self) -> Vec<f32> {
        let mut counts = vec![0.0f32; self.sliding.outputs()];
        self.sliding.runs().iter().for_each(|run| counts[run.output] += run.length as f32);
        counts.iter().map(|count| 1.0 / count).collect()
    }

    fn largest(&self, sample: &[f32], answer: &mut [f32]) {
        answer.fill(f32::NEG_INFINITY);
        self.visit(|output, input| {
            let best = answer[output..][..self.channels].iter_mut();
            for (best, &value) in best.zip(&sample[input..][..self.channels]) {
                // NaN wins and stays, so that it is seen at the end.
                *best = if value > *best || value.is_nan() { value } else { *best };
            }
        });
    }

    fn mean(&self, shares: &[f32], sample: &[f32], answer: &mut [f32]) {
        self.visit(|output, input| {
            let sums = answer[output..][..self.channels].iter_mut();
            sums.zip(&sample[input..][..self.channels]).for_each(|(sum, value)| *sum += value);
        });
        for (pixel, share) in answer.chunks_exact_mut(self.channels).zip(shares) {
            pixel.iter_mut().for_each(|value| *value *= share);
        }
    }

    /// The gradient of a maximum goes to the first element that has it. Selecting instead of branching keeps the
    /// loop over channels in vector registers.
    fn back_to_largest(&self, sample: &[f32], answer: &[f32], gradient: &[f32], back: &mut [f32]) {
        let mut gradient = gradient.to_vec();
        self.visit(|output, input| {
            let values = sample[input..][..self.channels].iter();
            let back = back[input..][..self.channels].iter_mut();
            let best = answer[output..][..self.channels].iter();
            let slopes = gradient[output..][..self.channels].iter_mut();
            for (((value, back), best), slope) in values.zip(back).zip(best).zip(slopes) {
                let (passed, left) = if value == best { (*slope, 0.0) } else { (0.0, *slope) };
                *back += passed;
                *slope = left;
            }
        });
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
            self.visit(|output, input| {
                for channel in 0..self.channels {
                    let (output, input) = (output + channel, input + channel);
                    if open[output] && sample[input] == answer[output] {
                        (moved[output], open[output]) = (moves[input], false);
                    }
                }
            });
        }
        tensor(moved, output.dims())
    }

    fn back_to_all(&self, shares: &[f32], gradient: &[f32], back: &mut [f32]) {
        self.visit(|output, input| {
            let share = shares[output / self.channels];
            let slopes = &gradient[output..][..self.channels];
            let back = back[input..][..self.channels].iter_mut();
            back.zip(slopes).for_each(|(back, slope)| *back += share * slope);
        });
    }
}

impl CustomOp1 for Pooling {
    fn name(&self) -> &'static str {
        "pool"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (size, answers) = self.sizes();
        let samples = values(input, layout)?.chunks_exact(size);
        let shape = Shape::from([&[samples.len()], &self.output[..]].concat());
        let mut output = vec![0.0; shape.elem_count()];
        let shares = self.shares();
        for (sample, answer) in samples.zip(output.chunks_exact_mut(answers)) {
            match self.kind {
                PoolKind::Max => self.largest(sample, answer),
                PoolKind::Average => self.mean(&shares, sample, answer),
            }
        }
        Ok((CpuStorage::F32(output), shape))
    }

    fn bwd(&self, input: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (size, answers) = self.sizes();
        let (inputs, outputs, gradients) =
            (Operand::new(input)?, Operand::new(output)?, Operand::new(gradient)?);
        let mut by_input = vec![0.0; input.elem_count()];
        let shares = self.shares();
        let answers =
            outputs.values()?.chunks_exact(answers).zip(gradients.values()?.chunks_exact(answers));
        let samples = inputs.values()?.chunks_exact(size).zip(by_input.chunks_exact_mut(size));
        for ((sample, back), (answer, gradient)) in samples.zip(answers) {
            match self.kind {
                PoolKind::Max => self.back_to_largest(sample, answer, gradient, back),
                PoolKind::Average => self.back_to_all(&shares, gradient, back),
            }
        }
        Ok(Some(tensor(by_input, input.dims())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_maxima_gets_the_gradient() {
        let pool = Pool::global(PoolKind::Max, &[3, 1], &[1]);
        let mut back = [0.0; 3];
        pool.operation.back_to_largest(&[0.0, 2.0, 2.0], &[2.0], &[0.5], &mut back);
        assert_eq!(back, [0.0, 0.5, 0.0]);
    }
}
