use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};

use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, apply};

/// exp(x_i) / sum_j exp(x_j) over the last axis.
pub(super) struct Softmax;

impl Node for Softmax {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        apply(Operation, inputs[0])
    }
}

struct Operation;

impl CustomOp1 for Operation {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut output = values(input, layout)?.to_vec();
        let width = layout.dims().last().copied().unwrap_or(1);
        for row in output.chunks_exact_mut(width.max(1)) {
            let (largest, sum) = exponentials(row);
            row.iter_mut().for_each(|value| *value = (*value - largest).exp() / sum);
        }
        Ok((CpuStorage::F32(output), layout.shape().clone()))
    }

    /// dx_i = y_i (g_i - sum_j g_j y_j)
    fn bwd(&self, _: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let width = output.dim(D::Minus1)?.max(1);
        let output_values = Operand::new(output)?;
        let mut slopes = Operand::new(gradient)?.values()?.to_vec();
        let rows = slopes.chunks_exact_mut(width).zip(output_values.values()?.chunks_exact(width));
        for (slopes, answers) in rows {
            let mean: f32 = slopes.iter().zip(answers).map(|(slope, y)| slope * y).sum();
            slopes.iter_mut().zip(answers).for_each(|(slope, y)| *slope = y * (*slope - mean));
        }
        Ok(Some(tensor(slopes, output.dims())?))
    }
}

/// The largest score, and the sum of exp(score - largest); NaN among the scores makes the sum NaN.
pub(crate) fn exponentials(scores: &[f32]) -> (f32, f32) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    (largest, scores.iter().map(|score| (score - largest).exp()).sum())
}
