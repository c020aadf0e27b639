use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, Var};
use handaxe_graph::{Activation, Layer};

use super::affine::{Slopes, activate};
use super::values::{Operand, change, tensor, values};
use super::{Computed, Gradients, Node, Pass, Pushed, Weight, variable};
use crate::Error;
use crate::kernel::columns::{Gated, moments, normalise, slope_sums, slopes_back};
use crate::kernel::workspace::Workspace;

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
    /// That of the layer behind, where it is computed along.
    activation: Option<Activation>,
    memory: Workspace,
}

impl BatchNorm {
    pub(super) fn new(
        layer: &Layer,
        (epsilon, momentum): (f64, f64),
        activation: Option<Activation>,
        memory: &Workspace,
    ) -> std::result::Result<Self, Error> {
        Ok(Self {
            gamma: variable(layer, "gamma")?,
            beta: variable(layer, "beta")?,
            moving_mean: variable(layer, "moving_mean")?,
            moving_variance: variable(layer, "moving_variance")?,
            epsilon,
            momentum,
            activation,
            memory: memory.clone(),
        })
    }

    /// 1 / sqrt(variance + epsilon)
    fn inverse(&self, mut variance: Vec<f32>) -> Vec<f32> {
        for value in &mut variance {
            *value = (1.0 / (f64::from(*value) + self.epsilon).sqrt()) as f32;
        }
        variance
    }

    /// Mean and variance of each channel of this batch, which also move the running ones.
    fn measure(&self, input: &Tensor) -> Result<(Vec<f32>, Vec<f32>)> {
        let input = Operand::new(input)?;
        let (mean, variance) = moments(input.values()?, self.gamma.elem_count(), &self.memory);
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
            false => {
                (self.memory.copy(&self.moving_mean)?, self.memory.copy(&self.moving_variance)?)
            }
        };
        let inverse = self.inverse(variance);
        let (gamma, beta) = (self.gamma.as_detached_tensor(), self.beta.as_detached_tensor());
        let activation = self.activation.filter(|_| !matches!(pass, Pass::Inspection));
        let (input, memory) = (inputs[0].clone(), self.memory.clone());
        let operation = Normalise { mean, inverse, of_batch, activation, memory };
        let output = input.apply_op3_no_bwd(&gamma, &beta, &operation)?;
        let answer = output.clone();
        let back = move |gradient: &Tensor| {
            let (input, gamma, beta) = operation.bwd(&input, &gamma, &beta, &answer, gradient)?;
            let Normalise { mean, inverse, memory, .. } = operation;
            memory.give(mean);
            memory.give(inverse);
            Ok(Gradients { inputs: vec![input], weights: beta.into_iter().chain(gamma).collect() })
        };
        Ok(Computed { output, back: Box::new(back) })
    }

    /// The running statistics stand: what is left is a scale.
    fn push(&self, _: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let inverse = self.inverse(self.memory.copy(&self.moving_variance)?);
        let (mean, memory) = (vec![0.0; inverse.len()], self.memory.clone());
        let operation = Normalise { mean, inverse, of_batch: false, activation: None, memory };
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

/// The normalisation with given moments. Where they are those of the batch, the gradient flows through them too.
struct Normalise {
    mean: Vec<f32>,
    /// 1 / sqrt(variance + epsilon)
    inverse: Vec<f32>,
    of_batch: bool,
    activation: Option<Activation>,
    memory: Workspace,
}

impl Normalise {
    fn product(&self, a: &[f32], b: &[f32]) -> Vec<f32> {
        let mut values = self.memory.take(a.len());
        values.iter_mut().zip(a.iter().zip(b)).for_each(|(value, (a, b))| *value = a * b);
        values
    }
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
        let (input, gamma) = (values(input, layout)?, values(gamma, gamma_layout)?);
        let scale = self.product(gamma, &self.inverse);
        let mut output = self.memory.take(input.len());
        let relu = self.activation == Some(Activation::Relu);
        let by = [&self.mean[..], &scale, values(beta, beta_layout)?];
        normalise(input, by, relu, &mut output, &self.memory);
        self.memory.give(scale);
        activate(self.activation, &mut output);
        Ok((CpuStorage::F32(output), layout.shape().clone()))
    }

    /// With n the normalised input: dx = gamma * inverse * (g - mean(g) - n * mean(g * n)); without the means where the
    /// moments are given.
    fn bwd(
        &self,
        input: &Tensor,
        gamma: &Tensor,
        _: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let input_values = Operand::new(input)?;
        let x = input_values.values()?;
        let cut = self.activation == Some(Activation::Relu);
        let outputs = Operand::new(output)?;
        let other = self.activation.filter(|_| !cut);
        let slopes = Slopes::new(other, output, gradient, &self.memory)?;
        let gated = Gated { slopes: slopes.values()?, output: outputs.values()?, cut };
        let (by_beta, products) = slope_sums(x, gated, &self.mean, &self.memory);
        let by_gamma = self.product(&products, &self.inverse);
        let channels = self.mean.len();
        let share = if self.of_batch { channels as f32 / x.len() as f32 } else { 0.0 };
        let scale = self.product(Operand::new(gamma)?.values()?, &self.inverse);
        let mut shift = self.product(&scale, &by_beta);
        let mut bend = self.product(&scale, &by_gamma);
        shift.iter_mut().for_each(|shift| *shift *= share);
        bend.iter_mut().zip(&self.inverse).for_each(|(bend, inverse)| *bend *= share * inverse);
        let mut by_input = self.memory.take(x.len());
        let by = [&self.mean[..], &scale, &bend, &shift];
        slopes_back(x, gated, by, &mut by_input, &self.memory);
        slopes.done(&self.memory);
        [products, scale, shift, bend].into_iter().for_each(|row| self.memory.give(row));
        Ok((
            Some(tensor(by_input, input.dims())?),
            Some(tensor(by_gamma, &[channels])?),
            Some(tensor(by_beta, &[channels])?),
        ))
    }
}
