use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};

use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Pushed, apply};
use crate::kernel::elements::exp;
use crate::kernel::run_loops;
use crate::kernel::workspace::Workspace;

/// exp(x_i) / sum_j exp(x_j) over the last axis.
#[derive(Clone)]
pub(super) struct Softmax(pub(super) Workspace);

impl Node for Softmax {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        apply(self.clone(), inputs[0])
    }

    /// With J(y) v = y * (v - sum_j y_j v_j), which is symmetric: y' = J(y) x', and for the gradient g by the output
    /// (J(y) g)' = J(y) g' + y' * (g - sum_j y_j g_j) - y * sum_j y'_j g_j.
    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let memory = self.0.clone();
        let answer = softmax(inputs[0], &memory)?;
        let output = slopes(&answer, moves[0], &memory)?;
        let moved_answer = output.clone();
        let back = move |gradient: &Tensor, moved: &Tensor| {
            let by_gradient = slopes(&answer, moved, &memory)?;
            let width = answer.dim(D::Minus1)?.max(1);
            let (y, dy) = (Operand::new(&answer)?, Operand::new(&moved_answer)?);
            let (g, mut sum) = (Operand::new(gradient)?, by_gradient.flatten_all()?.to_vec1()?);
            let rows = y.values()?.chunks_exact(width).zip(dy.values()?.chunks_exact(width));
            let rows = rows.zip(g.values()?.chunks_exact(width)).zip(sum.chunks_exact_mut(width));
            for (((y, dy), g), sum) in rows {
                let dot = |a: &[f32]| a.iter().zip(g).map(|(a, g)| a * g).sum::<f32>();
                let (mean, moved) = (dot(y), dot(dy));
                for (((sum, y), dy), g) in sum.iter_mut().zip(y).zip(dy).zip(g) {
                    *sum += dy * (g - mean) - y * moved;
                }
            }
            Ok(vec![Some(tensor(sum, answer.dims())?)])
        };
        Ok(Pushed { output, back: Box::new(back) })
    }
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(input, layout)?;
        let mut output = self.0.take(input.len());
        output.copy_from_slice(input);
        let width = layout.dims().last().copied().unwrap_or(1);
        shift_rows(&mut output, width);
        exp_all(&mut output);
        for row in output.chunks_exact_mut(width.max(1)) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
        Ok((CpuStorage::F32(output), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        slopes(output, gradient, &self.0).map(Some)
    }
}

/// y_i (g_i - sum_j g_j y_j)
pub(crate) fn slopes(output: &Tensor, gradient: &Tensor, memory: &Workspace) -> Result<Tensor> {
    let width = output.dim(D::Minus1)?.max(1);
    let output_values = Operand::new(output)?;
    let mut slopes = memory.copy(gradient)?;
    let rows = slopes.chunks_exact_mut(width).zip(output_values.values()?.chunks_exact(width));
    for (slopes, answers) in rows {
        let mean: f32 = slopes.iter().zip(answers).map(|(slope, y)| slope * y).sum();
        slopes.iter_mut().zip(answers).for_each(|(slope, y)| *slope = y * (*slope - mean));
    }
    tensor(slopes, output.dims())
}

/// The softmax of scores over the last axis.
pub(crate) fn softmax(scores: &Tensor, memory: &Workspace) -> Result<Tensor> {
    scores.apply_op1_no_bwd(&Softmax(memory.clone()))
}

/// Takes the largest of each row of scores off it, so that no exponential overflows; NaN stays.
pub(crate) fn shift_rows(scores: &mut [f32], width: usize) {
    run_loops!({
        for row in scores.chunks_exact_mut(width.max(1)) {
            let larger = |a: f32, b: &f32| if *b > a { *b } else { a };
            let largest = row.iter().fold(f32::NEG_INFINITY, larger);
            row.iter_mut().for_each(|score| *score -= largest);
        }
    });
}

/// The exponential of each number.
pub(crate) fn exp_all(values: &mut [f32]) {
    run_loops!(values.iter_mut().for_each(|value| *value = exp(*value)));
}
