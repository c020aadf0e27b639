use candle_core::{D, Result, Tensor};

use super::values::{Operand, same_shape, tensor};
use super::{Computed, Gradients, Node, Pass, Pushed};
use crate::kernel::beside::columns;
use crate::kernel::workspace::Workspace;

/// How a layer brings several arrays together.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Add,
    Multiply,
    Concatenate,
}

pub(super) struct Join {
    kind: Kind,
    memory: Workspace,
}

impl Join {
    pub(super) fn new(kind: Kind, memory: &Workspace) -> Self {
        Self { kind, memory: memory.clone() }
    }
}

impl Node for Join {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        match self.kind {
            Kind::Add => add(inputs, &self.memory),
            Kind::Multiply => multiply(inputs, &self.memory),
            Kind::Concatenate => concatenate(inputs, &self.memory),
        }
    }

    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        match self.kind {
            Kind::Add => linear(add(moves, &self.memory)?),
            Kind::Multiply => multiply_moved(inputs, moves, &self.memory),
            Kind::Concatenate => linear(concatenate(moves, &self.memory)?),
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

/// `f(...f(f(first, second), third)...)`, element by element.
fn fold<'a>(
    first: &Tensor,
    others: impl Iterator<Item = &'a Tensor>,
    memory: &Workspace,
    f: impl Fn(f32, f32) -> f32,
) -> Result<Tensor> {
    let mut values = memory.copy(first)?;
    for other in others {
        same_shape(first, other)?;
        let other = Operand::new(other)?;
        values
            .iter_mut()
            .zip(other.values()?)
            .for_each(|(value, &other)| *value = f(*value, other));
    }
    tensor(values, first.dims())
}

fn add(inputs: &[&Tensor], memory: &Workspace) -> Result<Computed> {
    let output = fold(inputs[0], inputs[1..].iter().copied(), memory, |a, b| a + b)?;
    let (count, memory) = (inputs.len(), memory.clone());
    let back = move |gradient: &Tensor| {
        // Copies: who gets one may use its memory again.
        let copies = (1..count).map(|_| tensor(memory.copy(gradient)?, gradient.dims()));
        let all = copies.chain([Ok(gradient.clone())]);
        Ok(without_weights(all.collect::<Result<_>>()?))
    };
    Ok(Computed { output, back: Box::new(back) })
}

fn multiply(inputs: &[&Tensor], memory: &Workspace) -> Result<Computed> {
    let (inputs, memory) = (own(inputs), memory.clone());
    let output = product(&inputs[1..], &[], &inputs[0], &memory)?;
    let back = move |gradient: &Tensor| {
        // By each input: the gradient times all the others; dividing the output would fail at 0.
        let by_input = (0..inputs.len()).map(|place| product(&inputs, &[place], gradient, &memory));
        Ok(without_weights(by_input.collect::<Result<_>>()?))
    };
    Ok(Computed { output, back: Box::new(back) })
}

fn own(tensors: &[&Tensor]) -> Vec<Tensor> {
    tensors.iter().map(|&tensor| tensor.clone()).collect()
}

/// `first` times all `inputs` but those at the places `without`.
fn product(
    inputs: &[Tensor],
    without: &[usize],
    first: &Tensor,
    memory: &Workspace,
) -> Result<Tensor> {
    let others = inputs.iter().enumerate().filter(|(other, _)| !without.contains(other));
    fold(first, others.map(|(_, other)| other), memory, |a, b| a * b)
}

/// By the product rule, once for the output and twice for the gradients.
fn multiply_moved(inputs: &[&Tensor], moves: &[&Tensor], memory: &Workspace) -> Result<Pushed> {
    let (inputs, moves, memory) = (own(inputs), own(moves), memory.clone());
    let add = |sum: Tensor, term: Result<Tensor>, memory: &Workspace| {
        memory.zip(&sum, &term?, |a, b| a + b)
    };
    let mut terms =
        moves.iter().enumerate().map(|(place, moved)| product(&inputs, &[place], moved, &memory));
    let first = terms.next().unwrap_or_else(|| inputs[0].zeros_like())?;
    let output = terms.try_fold(first, |sum, term| add(sum, term, &memory))?;
    let back = move |gradient: &Tensor, moved: &Tensor| {
        let by_input = (0..inputs.len()).map(|place| {
            let mut others = (0..inputs.len()).filter(|&other| other != place).map(|other| {
                let moved = memory.zip(gradient, &moves[other], |a, b| a * b)?;
                product(&inputs, &[place, other], &moved, &memory)
            });
            let first = product(&inputs, &[place], moved, &memory)?;
            others.try_fold(first, |sum, term| add(sum, term, &memory)).map(Some)
        });
        by_input.collect()
    };
    Ok(Pushed { output, back: Box::new(back) })
}

/// Side by side on the last axis.
fn concatenate(inputs: &[&Tensor], memory: &Workspace) -> Result<Computed> {
    let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.dims().to_vec()).collect();
    let widths = inputs.iter().map(|input| input.dim(D::Minus1));
    let widths = widths.collect::<Result<Vec<_>>>()?;
    let mut shape = shapes[0].clone();
    shape.pop();
    shape.push(widths.iter().sum());
    let mut output = memory.take(shape.iter().product());
    for (input, columns) in inputs.iter().zip(columns(widths.iter().copied())) {
        columns.put(Operand::new(input)?.values()?, &mut output);
    }
    let memory = memory.clone();
    let back = move |gradient: &Tensor| {
        let whole = Operand::new(gradient)?;
        let parts = shapes.iter().zip(columns(widths.iter().copied())).map(|(shape, columns)| {
            let mut part = memory.take(shape.iter().product());
            columns.get(whole.values()?, &mut part);
            tensor(part, shape)
        });
        Ok(without_weights(parts.collect::<Result<_>>()?))
    };
    Ok(Computed { output: tensor(output, &shape)?, back: Box::new(back) })
}
