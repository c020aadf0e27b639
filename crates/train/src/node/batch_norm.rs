use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, Var};
use handaxe_graph::Layer;

use super::values::{Operand, change, sum_rows, tensor, values};
use super::{Computed, Gradients, Node, Pass, Pushed, Weight, variable};
use crate::Error;

/// y = (x - mean) / sqrt(variance + epsilon) * gamma + beta, channel by channel (Ioffe and Szegedy 2015,
/// arXiv:1502.03167).
///
/// In training mean and (population) variance are those of the batch and move the running ones:
/// running = momentum * running + (1 - momentum) * batch, as Keras has it. In evaluation the running ones are used.
pub(super) struct BatchNorm {
    gamma: Var,
    beta: Var,
    moving_mean: Var,
    moving_variance: Var,
    epsilon: f64,
    momentum: f64,
}

impl BatchNorm {
    pub(super) fn new(
        layer: &Layer,
        epsilon: f64,
        momentum: f64,
    ) -> std::result::Result<Self, Error> {
        Ok(Self {
            gamma: variable(layer, "gamma")?,
            beta: variable(layer, "beta")?,
            moving_mean: variable(layer, "moving_mean")?,
            moving_variance: variable(layer, "moving_variance")?,
            epsilon,
            momentum,
        })
    }

    /// 1 / sqrt(variance + epsilon)
    fn inverse(&self, variance: &[f32]) -> Vec<f32> {
        let inverse = |variance: &f32| (1.0 / (f64::from(*variance) + self.epsilon).sqrt()) as f32;
        variance.iter().map(inverse).collect()
    }

    /// Mean and variance of each channel of this batch, which also move the running ones.
    fn measure(&self, input: &Tensor) -> Result<(Vec<f32>, Vec<f32>)> {
        let (mean, variance) = moments(Operand::new(input)?.values()?, self.gamma.elem_count());
        for (running, batch) in [(&self.moving_mean, &mean), (&self.moving_variance, &variance)] {
            let momentum = self.momentum as f32;
            change(running, |running| {
                for (running, batch) in running.iter_mut().zip(batch) {
                    *running = momentum * *running + (1.0 - momentum) * batch;
                }
            })?;
        }
        Ok((mean, variance))
    }
}

impl Node for BatchNorm {
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Computed> {
        let of_batch = matches!(pass, Pass::Training(_));
        let (mean, variance) = match of_batch {
            true => self.measure(inputs[0])?,
            false => (self.moving_mean.to_vec1()?, self.moving_variance.to_vec1()?),
        };
        let inverse = self.inverse(&variance);
        let (gamma, beta) = (self.gamma.as_detached_tensor(), self.beta.as_detached_tensor());
        let (input, operation) = (inputs[0].clone(), Normalise { mean, inverse, of_batch });
        let output = input.apply_op3_no_bwd(&gamma, &beta, &operation)?;
        let answer = output.clone();
        let back = move |gradient: &Tensor| {
            let (input, gamma, beta) = operation.bwd(&input, &gamma, &beta, &answer, gradient)?;
            Ok(Gradients { inputs: vec![input], weights: beta.into_iter().chain(gamma).collect() })
        };
        Ok(Computed { output, back: Box::new(back) })
    }

    /// The running statistics stand: what is left is a scale.
    fn push(&self, _: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let inverse = self.inverse(&self.moving_variance.to_vec1()?);
        let operation = Normalise { mean: vec![0.0; inverse.len()], inverse, of_batch: false };
        let (gamma, zeros) = (self.gamma.as_detached_tensor(), self.beta.zeros_like()?);
        let input = moves[0].clone();
        let output = input.apply_op3_no_bwd(&gamma, &zeros, &operation)?;
        let answer = output.clone();
        let back = move |_: &Tensor, moved: &Tensor| {
            Ok(vec![operation.bwd(&input, &gamma, &zeros, &answer, moved)?.0])
        };
        Ok(Pushed { output, back: Box::new(back) })
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        vec![
            Weight { name: "beta", var: &self.beta, trainable: true },
            Weight { name: "gamma", var: &self.gamma, trainable: true },
            Weight { name: "moving_mean", var: &self.moving_mean, trainable: false },
            Weight { name: "moving_variance", var: &self.moving_variance, trainable: false },
        ]
    }
}

/// Mean and population variance of each of `channels` columns, in two passes so that a large mean costs no digits.
fn moments(rows: &[f32], channels: usize) -> (Vec<f32>, Vec<f32>) {
    let share = channels as f32 / rows.len() as f32;
    let mean: Vec<f32> = sum_rows(rows, channels).iter().map(|sum| sum * share).collect();
    let mut variance = vec![0.0; channels];
    for row in rows.chunks_exact(channels) {
        for ((value, mean), sum) in row.iter().zip(&mean).zip(&mut variance) {
            *sum += (value - mean) * (value - mean);
        }
    }
    variance.iter_mut().for_each(|sum| *sum *= share);
    (mean, variance)
}

/// The normalisation with given moments. Where they are those of the batch, the gradient flows through them too.
struct Normalise {
    mean: Vec<f32>,
    /// 1 / sqrt(variance + epsilon)
    inverse: Vec<f32>,
    of_batch: bool,
}

impl CustomOp3 for Normalise {
    fn name(&self) -> &'static str {
        "batch norm"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        layout: &Layout,
        gamma: &CpuStorage,
        gamma_layout: &Layout,
        beta: &CpuStorage,
        beta_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (gamma, beta) = (values(gamma, gamma_layout)?, values(beta, beta_layout)?);
        let scale: Vec<f32> = gamma.iter().zip(&self.inverse).map(|(g, i)| g * i).collect();
        let mut output = values(input, layout)?.to_vec();
        for row in output.chunks_exact_mut(scale.len()) {
            let channels = row.iter_mut().zip(&self.mean).zip(&scale).zip(beta);
            channels.for_each(|(((x, mean), scale), beta)| *x = (*x - mean) * scale + beta);
        }
        Ok((CpuStorage::F32(output), layout.shape().clone()))
    }

    fn bwd(
        &self,
        input: &Tensor,
        gamma: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (x, g) = (Operand::new(input)?, Operand::new(gradient)?);
        let (x, g, channels) = (x.values()?, g.values()?, self.mean.len());
        let by_beta = sum_rows(g, channels);
        let mut by_gamma = vec![0.0; channels];
        for (x, g) in x.chunks_exact(channels).zip(g.chunks_exact(channels)) {
            let moments = self.mean.iter().zip(&self.inverse);
            for (((x, g), (mean, inverse)), sum) in x.iter().zip(g).zip(moments).zip(&mut by_gamma)
            {
                *sum += g * (x - mean) * inverse;
            }
        }
        // dx = gamma * inverse * (g - mean(g) - normalised * mean(g * normalised)); without the means where the
        // moments are given.
        let share = if self.of_batch { channels as f32 / x.len() as f32 } else { 0.0 };
        let mut by_input = g.to_vec();
        let gammas = gamma.to_vec1::<f32>()?;
        for (x, back) in x.chunks_exact(channels).zip(by_input.chunks_exact_mut(channels)) {
            for channel in 0..channels {
                let normalised = (x[channel] - self.mean[channel]) * self.inverse[channel];
                let common = share * (by_beta[channel] + normalised * by_gamma[channel]);
                let scale = gammas[channel] * self.inverse[channel];
                back[channel] = scale * (back[channel] - common);
            }
        }
        Ok((
            Some(tensor(by_input, input.dims())?),
            Some(tensor(by_gamma, &[channels])?),
            Some(tensor(by_beta, &[channels])?),
        ))
    }
}
