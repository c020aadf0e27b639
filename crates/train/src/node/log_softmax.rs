use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor};

use super::softmax::shift_rows;
use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Pushed, apply};
use crate::kernel::workspace::Workspace;

/// x_i - ln(sum_j exp(x_j)) over the last axis.
#[derive(Clone)]
pub(super) struct LogSoftmax(pub(super) Workspace);

impl Node for LogSoftmax {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        apply(self.clone(), inputs[0])
    }

    /// With p = exp(y): y' = x' - sum_j p_j x'_j, p' = p y', and (g - p sum g)' = g' - p sum g' - p' sum g.
    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let (answer, memory) = (inputs[0].apply_op1_no_bwd(self)?, self.0.clone());
        let mut output = memory.copy(moves[0])?;
        let width = answer.dim(D::Minus1)?.max(1);
        for (row, y) in
            output.chunks_exact_mut(width).zip(Operand::new(&answer)?.values()?.chunks_exact(width))
        {
            let mean: f32 = row.iter().zip(y).map(|(moved, y)| moved * y.exp()).sum();
            row.iter_mut().for_each(|moved| *moved -= mean);
        }
        let output = tensor(output, answer.dims())?;
        let moved_answer = output.clone();
        let back = move |gradient: &Tensor, moved: &Tensor| {
            let mut by_input = memory.copy(moved)?;
            let (y, dy) = (Operand::new(&answer)?, Operand::new(&moved_answer)?);
            let g = Operand::new(gradient)?;
            let rows = y.values()?.chunks_exact(width).zip(dy.values()?.chunks_exact(width));
            let rows = rows.zip(g.values()?.chunks_exact(width));
            for (((y, dy), g), row) in rows.zip(by_input.chunks_exact_mut(width)) {
                let (sum, moved) = (g.iter().sum::<f32>(), row.iter().sum::<f32>());
                for ((value, y), dy) in row.iter_mut().zip(y).zip(dy) {
                    *value -= y.exp() * (moved + dy * sum);
                }
            }
            Ok(vec![Some(tensor(by_input, answer.dims())?)])
        };
        Ok(Pushed { output, back: Box::new(back) })
    }
}

impl CustomOp1 for LogSoftmax {
    fn name(&self) -> &'static str {
        "log-softmax"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(input, layout)?;
        let mut output = self.0.take(input.len());
        output.copy_from_slice(input);
        let width = layout.dims().last().copied().unwrap_or(1).max(1);
        shift_rows(&mut output, width);
        for row in output.chunks_exact_mut(width) {
            let sum = row.iter().map(|value| value.exp()).sum::<f32>().ln();
            row.iter_mut().for_each(|value| *value -= sum);
        }
        Ok((CpuStorage::F32(output), layout.shape().clone()))
    }

    /// g - softmax * sum g
    fn bwd(&self, _: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let mut by_input = self.0.copy(gradient)?;
        let width = output.dim(D::Minus1)?.max(1);
        let output = Operand::new(output)?;
        for (row, y) in by_input.chunks_exact_mut(width).zip(output.values()?.chunks_exact(width)) {
            let sum: f32 = row.iter().sum();
            row.iter_mut().zip(y).for_each(|(slope, y)| *slope -= y.exp() * sum);
        }
        tensor(by_input, gradient.dims()).map(Some)
    }
}
