use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use handaxe_data::{Targets, Tensor as Array};
use handaxe_graph::Activation;

use super::{LastLayer, Loss, unusable};
use crate::Error;
use crate::kernel::workspace::Workspace;
use crate::node::softmax::{exp_all, shift_rows, slopes, softmax};
use crate::node::values::{Operand, tensor, values};

/// Mean of -ln(softmax(scores)\[label\]), computed from the scores so that it neither overflows nor loses digits.
#[derive(Debug, Clone, Copy)]
pub struct CategoricalCrossEntropy;

impl Loss for CategoricalCrossEntropy {
    fn name(&self) -> &'static str {
        "categorical-cross-entropy"
    }

    fn includes(&self) -> Option<Activation> {
        Some(Activation::Softmax)
    }

    /// Scores have no activation; those of softmax's logarithm are as good.
    fn check(&self, last: &[LastLayer], targets: &Targets) -> std::result::Result<(), Error> {
        let Targets::Classes { .. } = targets else { return Err(unusable(self.name(), targets)) };
        let allowed = [Activation::Softmax, Activation::Linear, Activation::LogSoftmax];
        super::check_activation(self, last, &allowed)
    }

    fn mean(&self, outputs: &Tensor, targets: &Targets) -> std::result::Result<Tensor, Error> {
        let Targets::Classes { labels, classes } = targets else {
            return Err(unusable(self.name(), targets));
        };
        let scores = outputs.reshape((labels.len(), *classes))?;
        Ok(scores.apply_op1(Operation { labels: labels.clone() })?)
    }

    /// (softmax - one-hot) / samples, of the same exponentials as the loss.
    fn slope(&self, outputs: &mut Array, targets: &Targets) -> std::result::Result<f64, Error> {
        let Targets::Classes { labels, classes } = targets else {
            return Err(unusable(self.name(), targets));
        };
        Ok(Operation::differentiate(labels, *classes, outputs.values_mut()))
    }

    /// p * (v - sum_j p_j v_j) / samples, with p the softmax
    fn bend(
        &self,
        outputs: &Tensor,
        targets: &Targets,
        moves: &Tensor,
    ) -> std::result::Result<Tensor, Error> {
        let memory = Workspace::default();
        let moved = slopes(&softmax(outputs, &memory)?, moves, &memory)?;
        Ok((moved / targets.len() as f64)?)
    }
}

/// `(samples, classes)` to a scalar.
struct Operation {
    labels: Vec<u32>,
}

/// Rows whose sums of exponentials are multiplied before the logarithm is taken: far from overflow for any number of
/// classes.
const ROWS: usize = 16;

impl Operation {
    /// The mean loss of `scores`, which become its gradient.
    fn differentiate(labels: &[u32], classes: usize, scores: &mut [f32]) -> f64 {
        shift_rows(scores, classes);
        let rows = scores.chunks_exact(classes.max(1)).zip(labels);
        let mut loss: f64 = rows.map(|(row, &label)| -f64::from(row[label as usize])).sum();
        exp_all(scores);
        let share = 1.0 / labels.len() as f32;
        for (rows, labels) in scores.chunks_mut(ROWS * classes.max(1)).zip(labels.chunks(ROWS)) {
            let mut sums = 1.0f64;
            for (row, &label) in rows.chunks_exact_mut(classes).zip(labels) {
                let sum: f32 = row.iter().sum();
                sums *= f64::from(sum);
                let scale = share / sum;
                row.iter_mut().for_each(|value| *value *= scale);
                row[label as usize] -= share;
            }
            loss += sums.ln();
        }
        loss / labels.len() as f64
    }
}

impl CustomOp1 for Operation {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, scores: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let classes = layout.shape().dims2()?.1;
        let mut scores = values(scores, layout)?.to_vec();
        let mean = Self::differentiate(&self.labels, classes, &mut scores);
        Ok((CpuStorage::F32(vec![mean as f32]), Shape::from(())))
    }

    fn bwd(&self, scores: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let share = gradient.to_scalar::<f32>()?;
        let mut slopes = Operand::new(scores)?.values()?.to_vec();
        Self::differentiate(&self.labels, scores.dim(1)?, &mut slopes);
        slopes.iter_mut().for_each(|slope| *slope *= share);
        Ok(Some(tensor(slopes, scores.dims())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    /// candle's own cross-entropy, unfused, gives the same loss and the same gradient to 1e-6.
    #[test]
    fn agrees_with_candle() {
        let scores = [1.0f32, -2.0, 0.5, 3.0, 3.0, -1.0, 0.0, 0.0, 0.1, 5.0, -5.0, 2.0];
        let scores = Var::from_slice(&scores, (4, 3), &Device::Cpu).unwrap();
        let targets = Targets::classes(vec![0, 2, 1, 0], 3).unwrap();
        let ours = CategoricalCrossEntropy.mean(&scores, &targets).unwrap();
        let labels = Tensor::new(&[0u32, 2, 1, 0], &Device::Cpu).unwrap();
        let theirs = candle_nn::loss::cross_entropy(&scores, &labels).unwrap();
        let slopes = |loss: &Tensor| {
            let slopes = loss.backward().unwrap().remove(&scores).unwrap();
            slopes.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        for (ours, theirs) in slopes(&ours).iter().zip(slopes(&theirs)) {
            assert!((ours - theirs).abs() < 1e-6, "{ours} {theirs}");
        }
        let difference = ours.to_scalar::<f32>().unwrap() - theirs.to_scalar::<f32>().unwrap();
        assert!(difference.abs() < 1e-6);
    }

    #[test]
    fn large_scores_and_nan() {
        let mean = |scores: [f32; 2]| {
            let scores = Tensor::new(&[scores], &Device::Cpu).unwrap();
            let targets = Targets::classes(vec![1], 2).unwrap();
            let loss = CategoricalCrossEntropy.mean(&scores, &targets).unwrap();
            loss.to_scalar::<f32>().unwrap()
        };
        assert_eq!(mean([1e30, -1e30]), 2e30);
        assert_eq!(mean([-1e4, 1e4]), 0.0);
        assert!(mean([f32::NAN, 1.0]).is_nan());
    }
}
