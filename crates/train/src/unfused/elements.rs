use candle_core::{Device, Result, Tensor};
use handaxe_graph::{Activation, Op};

use crate::node::{SELU, values_and_slopes};

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
        Activation::Softplus => relu(x)? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?,
        Activation::Softsign => x / (x.abs()? + 1.0)?,
        Activation::Linear => Ok(x.clone()),
        _ => on_processor(function, x),
    }
}

/// Functions that are met less often: candle gets their values and slopes.
fn on_processor(function: Activation, x: &Tensor) -> Result<Tensor> {
    let given = x.detach().to_device(&Device::Cpu)?.force_contiguous()?;
    let (values, slopes) = values_and_slopes(function, &given)?;
    let straight = (x - x.detach())?.mul(&slopes.to_device(x.device())?)?;
    values.to_device(x.device())?.add(&straight)
}

/// candle's own has slope 1 at 0.
fn relu(x: &Tensor) -> Result<Tensor> {
    x.le(0.0)?.where_cond(&x.zeros_like()?, x)
}

/// The exponential of what is above 0 could be infinite, and is not looked at.
fn elu(x: &Tensor, alpha: f64) -> Result<Tensor> {
    let below = x.gt(0.0)?.where_cond(&x.zeros_like()?, x)?;
    relu(x)? + ((below.exp()? - 1.0)? * alpha)?
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
