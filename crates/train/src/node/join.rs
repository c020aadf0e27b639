use candle_core::{D, Result, Tensor};

use super::values::zip;
use super::{Computed, Gradients, Node, Pass, Pushed};

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

    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        match self {
            Self::Add => linear(add(moves)?),
            Self::Multiply => multiply_moved(inputs, moves),
            Self::Concatenate => linear(concatenate(moves)?),
        }
    }
}

/// The move of an operation that is linear in its inputs.
fn linear(Computed { output, back }: Computed) -> Result<Pushed> {
    Ok(Pushed { output, back: Box::new(move |_, moved| Ok(back(moved)?.inputs)) })
}

fn without_weights(inputs: Vec<Tensor>) -> Gradients {
    Gradients { inputs: inputs.into_iter().map(Some).collect(), weights: Vec::new() }
}

fn add(inputs: &[&Tensor]) -> Result<Computed> {
    let first = inputs[0].clone();
    let output = inputs[1..].iter().try_fold(first, |sum, input| zip(&sum, input, |a, b| a + b))?;
    let count = inputs.len();
    let back = move |gradient: &Tensor| {
        // Copies: who gets one may use its memory again.
        let copies = (1..count).map(|_| zip(gradient, gradient, |slope, _| slope));
        let all = copies.chain([Ok(gradient.clone())]);
        Ok(without_weights(all.collect::<Result<_>>()?))
    };
    Ok(Computed { output, back: Box::new(back) })
}

fn multiply(inputs: &[&Tensor]) -> Result<Computed> {
    let inputs: Vec<Tensor> = inputs.iter().map(|&input| input.clone()).collect();
    let output = inputs[1..].iter().try_fold(inputs[0].clone(), times)?;
    let back = move |gradient: &Tensor| {
        // By each input: the gradient times all the others; dividing the output would fail at 0.
        let by_input = (0..inputs.len()).map(|place| product(&inputs, &[place], gradient));
        Ok(without_weights(by_input.collect::<Result<_>>()?))
    };
    Ok(Computed { output, back: Box::new(back) })
}

fn times(product: Tensor, input: &Tensor) -> Result<Tensor> {
    zip(&product, input, |a, b| a * b)
}

/// `first` times all `inputs` but those at the places `without`.
fn product(inputs: &[Tensor], without: &[usize], first: &Tensor) -> Result<Tensor> {
    let others = inputs.iter().enumerate().filter(|(other, _)| !without.contains(other));
    others.map(|(_, other)| other).try_fold(first.clone(), times)
}

/// By the product rule, once for the output and twice for the gradients.
fn multiply_moved(inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
    let own = |tensors: &[&Tensor]| tensors.iter().map(|&tensor| tensor.clone()).collect();
    let (inputs, moves): (Vec<Tensor>, Vec<Tensor>) = (own(inputs), own(moves));
    let add = |sum: Tensor, term: Result<Tensor>| zip(&sum, &term?, |a, b| a + b);
    let mut terms =
        moves.iter().enumerate().map(|(place, moved)| product(&inputs, &[place], moved));
    let first = terms.next().unwrap_or_else(|| inputs[0].zeros_like())?;
    let output = terms.try_fold(first, add)?;
    let back = move |gradient: &Tensor, moved: &Tensor| {
        let by_input = (0..inputs.len()).map(|place| {
            let mut others = (0..inputs.len()).filter(|&other| other != place).map(|other| {
                product(&inputs, &[place, other], &times(gradient.clone(), &moves[other])?)
            });
            others.try_fold(product(&inputs, &[place], moved)?, add).map(Some)
        });
        by_input.collect()
    };
    Ok(Pushed { output, back: Box::new(back) })
}

fn concatenate(inputs: &[&Tensor]) -> Result<Computed> {
    let widths = inputs.iter().map(|input| input.dim(D::Minus1)).collect::<Result<Vec<_>>>()?;
    let output = Tensor::cat(inputs, D::Minus1)?.contiguous()?;
    let back = move |gradient: &Tensor| {
        let mut start = 0;
        let parts = widths.iter().map(|&width| {
            let part = gradient.narrow(D::Minus1, start, width)?.force_contiguous();
            start += width;
            part
        });
        Ok(without_weights(parts.collect::<Result<_>>()?))
    };
    Ok(Computed { output, back: Box::new(back) })
}
