use candle_core::{D, Result, Tensor};

use super::values::zip;
use super::{Computed, Gradients, Node, Pass};

/// The layers that bring several arrays together.
pub(super) enum Join {
    Add,
    Multiply,
    Concatenate,
}

impl Node for Join {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        match self {
            Self::Add => add(inputs),
            Self::Multiply => multiply(inputs),
            Self::Concatenate => concatenate(inputs),
        }
    }
}

fn without_weights(inputs: Vec<Tensor>) -> Gradients {
    Gradients { inputs: inputs.into_iter().map(Some).collect(), weights: Vec::new() }
}

fn add(inputs: &[&Tensor]) -> Result<Computed> {
    let first = inputs[0].clone();
    let output = inputs[1..].iter().try_fold(first, |sum, input| zip(&sum, input, |a, b| a + b))?;
    let count = inputs.len();
    let back = move |gradient: &Tensor| Ok(without_weights(vec![gradient.clone(); count]));
    Ok(Computed { output, back: Box::new(back) })
}

fn multiply(inputs: &[&Tensor]) -> Result<Computed> {
    let inputs: Vec<Tensor> = inputs.iter().map(|&input| input.clone()).collect();
    let times = |product: Tensor, input: &Tensor| zip(&product, input, |a, b| a * b);
    let output = inputs[1..].iter().try_fold(inputs[0].clone(), times)?;
    let back = move |gradient: &Tensor| {
        // By each input: the gradient times all the others; dividing the output would fail at 0.
        let by_input = (0..inputs.len()).map(|place| {
            let others = inputs.iter().enumerate().filter(|(other, _)| *other != place);
            others.map(|(_, other)| other).try_fold(gradient.clone(), times)
        });
        Ok(without_weights(by_input.collect::<Result<_>>()?))
    };
    Ok(Computed { output, back: Box::new(back) })
}

fn concatenate(inputs: &[&Tensor]) -> Result<Computed> {
    let widths = inputs.iter().map(|input| input.dim(D::Minus1)).collect::<Result<Vec<_>>>()?;
    let output = Tensor::cat(inputs, D::Minus1)?.contiguous()?;
    let back = move |gradient: &Tensor| {
        let mut start = 0;
        let parts = widths.iter().map(|&width| {
            let part = gradient.narrow(D::Minus1, start, width)?.contiguous();
            start += width;
            part
        });
        Ok(without_weights(parts.collect::<Result<_>>()?))
    };
    Ok(Computed { output, back: Box::new(back) })
}
