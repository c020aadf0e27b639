use std::f64::consts::PI;

use candle_core::{Result, Tensor};
use handaxe_graph::{Activation, Op};

use crate::node::SELU;

/// An activation that looks at one element at a time.
pub(super) fn activate(function: Activation, x: &Tensor) -> Result<Tensor> {
    let (scale, alpha) = (f64::from(SELU.0), f64::from(SELU.1));
    match function {
        Activation::Relu => relu(x),
        Activation::LeakyRelu { slope } => x.gt(0.0)?.where_cond(x, &(x * slope)?),
        Activation::Elu { alpha } => elu(x, alpha),
        Activation::Selu => elu(x, alpha)? * scale,
        Activation::Sigmoid => sigmoid(x),
        Activation::HardSigmoid => ((x * 0.2)? + 0.5)?.clamp(0.0, 1.0),
        Activation::Tanh => x.tanh(),
        Activation::HardTanh => x.clamp(-1.0, 1.0),
        Activation::Softplus => softplus(x),
        Activation::Softsign => x / (x.abs()? + 1.0)?,
        Activation::ClippedRelu { slope, threshold, max } => {
            // At 0 both sides are 0, and the slope is that below.
            let there = if threshold == 0.0 { x.gt(0.0)? } else { x.ge(threshold)? };
            let line = there.where_cond(x, &((x - threshold)? * slope)?)?;
            match max {
                Some(max) => x.ge(max)?.where_cond(&constant(x, max)?, &line),
                None => Ok(line),
            }
        }
        Activation::ThresholdedRelu { theta } => x.gt(theta)?.where_cond(x, &x.zeros_like()?),
        Activation::Threshold { threshold, value } => {
            x.gt(threshold)?.where_cond(x, &constant(x, value)?)
        }
        Activation::HardShrink { threshold } => {
            x.abs()?.gt(threshold)?.where_cond(x, &x.zeros_like()?)
        }
        Activation::SoftShrink { threshold } => {
            relu(&(x - threshold)?)? - relu(&(x.neg()? - threshold)?)?
        }
        Activation::HardSigmoid6 => hard_sigmoid6(x),
        Activation::HardSwish => x * hard_sigmoid6(x)?,
        Activation::Swish => x * sigmoid(x)?,
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => {
            let inner = ((x + (x.powf(3.0)? * 0.044715)?)? * (2.0 / PI).sqrt())?;
            (x * 0.5)? * (inner.tanh()? + 1.0)?
        }
        Activation::Mish => x * softplus(x)?.tanh()?,
        Activation::Exponential => x.exp(),
        Activation::Celu { alpha } => relu(x)? + (((below(x)? / alpha)?.exp()? - 1.0)? * alpha)?,
        Activation::LogSigmoid => softplus(&x.neg()?)?.neg(),
        Activation::TanhShrink => x - x.tanh()?,
        Activation::Squareplus { b } => (x + (x.sqr()? + b)?.sqrt()?)? * 0.5,
        Activation::SparsePlus => {
            let bent = ((x.clamp(-1.0, 1.0)? + 1.0)?.sqr()? * 0.25)?;
            bent + relu(&(x - 1.0)?)?
        }
        // All but the first have operations of their own.
        Activation::Linear | Activation::Softmax | Activation::LogSoftmax => Ok(x.clone()),
    }
}

/// candle's own has slope 1 at 0.
fn relu(x: &Tensor) -> Result<Tensor> {
    x.le(0.0)?.where_cond(&x.zeros_like()?, x)
}

/// 0 above 0: the exponential of what is there could be infinite, and is not looked at.
fn below(x: &Tensor) -> Result<Tensor> {
    x.gt(0.0)?.where_cond(&x.zeros_like()?, x)
}

fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    relu(x)? + ((below(x)?.exp()? - 1.0)? * alpha)?
}

fn softplus(x: &Tensor) -> Result<Tensor> {
    relu(x)? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?
}

fn hard_sigmoid6(x: &Tensor) -> Result<Tensor> {
    ((x / 6.0)? + 0.5)?.clamp(0.0, 1.0)
}

fn constant(like: &Tensor, value: f64) -> Result<Tensor> {
    Tensor::full(value as f32, like.shape(), like.device())
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// A join element by element of arrays that have as many axes as the result, or fewer; axes of length 1 are repeated.
pub(super) fn join(op: &Op, inputs: &[&Tensor], rank: usize) -> Result<Tensor> {
    // Missing axes are the first of a sample.
    let widened = inputs.iter().map(|input| {
        let (samples, rest) = (input.dim(0)?, &input.dims()[1..]);
        input.reshape([&[samples], &vec![1; rank - 1 - rest.len()][..], rest].concat())
    });
    let widened = widened.collect::<Result<Vec<_>>>()?;
    let fold = |join: fn(&Tensor, &Tensor) -> Result<Tensor>| {
        widened[1..].iter().try_fold(widened[0].clone(), |sum, input| join(&sum, input))
    };
    match op {
        Op::Subtract => fold(Tensor::broadcast_sub),
        Op::Multiply => fold(Tensor::broadcast_mul),
        Op::Average => fold(Tensor::broadcast_add)? / inputs.len() as f64,
        Op::Maximum => fold(Tensor::broadcast_maximum),
        Op::Minimum => fold(Tensor::broadcast_minimum),
        _ => fold(Tensor::broadcast_add),
    }
}
