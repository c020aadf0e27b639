use candle_core::{D, Result, Tensor, Var};
use handaxe_graph::Layer;

use super::values::{Operand, tensor};
use super::{Computed, Gradients, Node, Pass, Pushed, Weight, variable};
use crate::Error;
use crate::kernel::workspace::Workspace;

/// gamma * (x - mean) / sqrt(variance + epsilon) + beta, mean and variance over the last axis (Ba et al. 2016,
/// arXiv:1607.06450).
pub(super) struct LayerNorm {
    gamma: Var,
    beta: Var,
    epsilon: f64,
    memory: Workspace,
}

/// What the forward pass leaves to the way back.
struct Normal {
    /// (x - mean) * inverse
    values: Tensor,
    /// 1 / sqrt(variance + epsilon), one a row.
    inverse: Vec<f32>,
}

impl LayerNorm {
    pub(super) fn new(
        layer: &Layer,
        epsilon: f64,
        memory: &Workspace,
    ) -> std::result::Result<Self, Error> {
        let (gamma, beta) = (variable(layer, "gamma")?, variable(layer, "beta")?);
        Ok(Self { gamma, beta, epsilon, memory: memory.clone() })
    }

    fn normal(&self, input: &Tensor) -> Result<Normal> {
        let channels = input.dim(D::Minus1)?.max(1);
        let mut values = self.memory.copy(input)?;
        let mut inverse = self.memory.take(values.len() / channels);
        for (row, inverse) in values.chunks_exact_mut(channels).zip(&mut inverse) {
            let mean = mean(row.iter().copied());
            row.iter_mut().for_each(|value| *value -= mean);
            let variance = mean_of_products(row, row);
            *inverse = (1.0 / (f64::from(variance) + self.epsilon).sqrt()) as f32;
            row.iter_mut().for_each(|value| *value *= *inverse);
        }
        Ok(Normal { values: tensor(values, input.dims())?, inverse })
    }
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let count = values.len() as f32;
    values.sum::<f32>() / count
}

fn mean_of_products(a: &[f32], b: &[f32]) -> f32 {
    mean(a.iter().zip(b).map(|(a, b)| a * b))
}

/// Takes what is along the normalised row `n`, and the mean, off `row`, and multiplies by `inverse`: how a normalised row moves with
/// `row`, and, since that is symmetric, how gradients go back.
fn project(row: &mut [f32], n: &[f32], inverse: f32) {
    let (mean, along) = (mean(row.iter().copied()), mean_of_products(row, n));
    for (value, n) in row.iter_mut().zip(n) {
        *value = inverse * (*value - mean - n * along);
    }
}

/// Rows of `of` times gamma.
fn scaled(of: &Tensor, gamma: &Var, memory: &Workspace) -> Result<Vec<f32>> {
    let (mut values, gamma) = (memory.copy(of)?, Operand::new(gamma)?);
    let gamma = gamma.values()?;
    for row in values.chunks_exact_mut(gamma.len().max(1)) {
        row.iter_mut().zip(gamma).for_each(|(value, gamma)| *value *= gamma);
    }
    Ok(values)
}

impl Node for LayerNorm {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        let Normal { values: normal, inverse } = self.normal(inputs[0])?;
        let mut output = scaled(&normal, &self.gamma, &self.memory)?;
        let beta = Operand::new(&self.beta)?;
        let beta = beta.values()?;
        for row in output.chunks_exact_mut(beta.len().max(1)) {
            row.iter_mut().zip(beta).for_each(|(value, beta)| *value += beta);
        }
        let output = tensor(output, inputs[0].dims())?;
        let (gamma, memory) = (self.gamma.clone(), self.memory.clone());
        let back = move |gradient: &Tensor| {
            let channels = gamma.elem_count();
            let (mut by_beta, mut by_gamma) = (memory.zeros(channels), memory.zeros(channels));
            let mut by_input = scaled(gradient, &gamma, &memory)?;
            {
                let (n, g) = (Operand::new(&normal)?, Operand::new(gradient)?);
                let rows = n.values()?.chunks_exact(channels.max(1));
                let rows = rows.zip(g.values()?.chunks_exact(channels.max(1)));
                let back = by_input.chunks_exact_mut(channels.max(1)).zip(&inverse);
                for ((n, g), (row, inverse)) in rows.zip(back) {
                    by_beta.iter_mut().zip(g).for_each(|(sum, g)| *sum += g);
                    by_gamma
                        .iter_mut()
                        .zip(g.iter().zip(n))
                        .for_each(|(sum, (g, n))| *sum += g * n);
                    project(row, n, *inverse);
                }
            }
            memory.recycle(normal);
            memory.give(inverse);
            let weights = vec![tensor(by_beta, &[channels])?, tensor(by_gamma, &[channels])?];
            let by_input = tensor(by_input, gradient.dims())?;
            Ok(Gradients { inputs: vec![Some(by_input)], weights })
        };
        Ok(Computed { output, back: Box::new(back) })
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        vec![
            Weight { name: "beta", var: &self.beta, trainable: true },
            Weight { name: "gamma", var: &self.gamma, trainable: true },
        ]
    }

    /// With n the normalised row, i its inverse deviation and P(v) = v - mean(v) - n mean(n v): n' = i P(x'), i' = -i^2 mean(n x'),
    /// and for d = gamma g: (i P(d))' = i' P(d) + i (P(d') - n' mean(n d) - n mean(n' d)).
    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let Normal { values: normal, inverse } = self.normal(inputs[0])?;
        let channels = self.gamma.elem_count().max(1);
        let (mut moved_normal, mut moved_inverse) = (self.memory.copy(moves[0])?, inverse.clone());
        {
            let n = Operand::new(&normal)?;
            let rows =
                n.values()?.chunks_exact(channels).zip(moved_normal.chunks_exact_mut(channels));
            for ((n, row), moved) in rows.zip(&mut moved_inverse) {
                let inverse = *moved;
                *moved = -inverse * inverse * mean_of_products(n, row);
                project(row, n, inverse);
            }
        }
        let moved_normal = tensor(moved_normal, inputs[0].dims())?;
        let output = scaled(&moved_normal, &self.gamma, &self.memory)?;
        let output = tensor(output, inputs[0].dims())?;
        let (gamma, memory) = (self.gamma.clone(), self.memory.clone());
        let back = move |gradient: &Tensor, moved: &Tensor| {
            let mut d = scaled(gradient, &gamma, &memory)?;
            let mut by_input = scaled(moved, &gamma, &memory)?;
            let (n, moved_n) = (Operand::new(&normal)?, Operand::new(&moved_normal)?);
            let normals =
                n.values()?.chunks_exact(channels).zip(moved_n.values()?.chunks_exact(channels));
            let rows = d.chunks_exact_mut(channels).zip(by_input.chunks_exact_mut(channels));
            let inverses = inverse.iter().zip(&moved_inverse);
            for (((n, moved_n), (d, row)), (inverse, moved_inverse)) in
                normals.zip(rows).zip(inverses)
            {
                let (along, across) = (mean_of_products(n, d), mean_of_products(moved_n, d));
                project(row, n, *inverse);
                project(d, n, *moved_inverse);
                for ((value, d), (n, moved_n)) in row.iter_mut().zip(&*d).zip(n.iter().zip(moved_n))
                {
                    *value += d - inverse * (moved_n * along + n * across);
                }
            }
            Ok(vec![Some(tensor(by_input, gradient.dims())?)])
        };
        Ok(Pushed { output, back: Box::new(back) })
    }
}
