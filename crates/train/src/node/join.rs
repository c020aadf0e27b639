mod largest;
mod product;

use candle_core::{D, Result, Tensor};
use handaxe_graph::Op;

use super::arrange::Arrange;
use super::values::{Operand, same_shape, shares_memory, tensor};
use super::{Computed, Gradients, Node, Pass, Pushed};
use crate::kernel::beside::columns;
use crate::kernel::workspace::Workspace;
use largest::{largest, largest_moved};
use product::{multiply, multiply_moved};

/// How a layer brings several arrays together.
#[derive(Clone)]
enum Kind {
    /// The sum of the inputs times these factors.
    Sum(Vec<f32>),
    Product,
    /// The largest of the inputs times this factor, which is 1 or -1.
    Largest(f32),
    Concatenation,
}

/// An element-wise join, before which axes of length 1 are repeated, or a concatenation.
pub(super) struct Join {
    kind: Kind,
    /// For each input, how it is repeated.
    repeats: Vec<Option<Arrange>>,
    memory: Workspace,
}

impl Join {
    /// None for layers of other kinds.
    pub(super) fn new(
        op: &Op,
        inputs: &[&[usize]],
        output: &[usize],
        memory: &Workspace,
    ) -> Option<Self> {
        let kind = match op {
            Op::Add => Kind::Sum(vec![1.0; inputs.len()]),
            Op::Subtract => Kind::Sum(vec![1.0, -1.0]),
            Op::Average => Kind::Sum(vec![1.0 / inputs.len() as f32; inputs.len()]),
            Op::Multiply => Kind::Product,
            Op::Maximum => Kind::Largest(1.0),
            Op::Minimum => Kind::Largest(-1.0),
            Op::Concatenate => Kind::Concatenation,
            _ => return None,
        };
        let repeat = |input: &&[usize]| match kind {
            Kind::Concatenation => None,
            _ => Arrange::repeating(input, output, memory),
        };
        let repeats = inputs.iter().map(repeat).collect();
        Some(Self { kind, repeats, memory: memory.clone() })
    }

    /// The inputs in the shape of the output.
    fn widened(&self, inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let pairs = inputs.iter().zip(&self.repeats);
        let wide = pairs.map(|(&input, repeat)| match repeat {
            Some(repeat) => repeat.arranged(input),
            None => Ok(input.clone()),
        });
        wide.collect()
    }

    /// From gradients by the widened inputs to those by the inputs, of these shapes.
    fn narrowing(&self, inputs: &[&Tensor]) -> Narrow {
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.dims().to_vec()).collect();
        let (repeats, memory) = (self.repeats.clone(), self.memory.clone());
        Box::new(move |gradients| {
            let pairs = gradients.into_iter().zip(repeats).zip(shapes);
            let narrow = pairs.map(|((gradient, repeat), shape)| {
                let Some(repeat) = repeat else { return Ok(Some(gradient)) };
                let narrow = repeat.by_input(&gradient, &shape)?;
                memory.recycle(gradient);
                Ok(Some(narrow))
            });
            narrow.collect()
        })
    }
}

impl Node for Join {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        let wide = self.widened(inputs)?;
        let repeated = wide.iter().zip(inputs).filter(|(wide, input)| !shares_memory(wide, input));
        let own: Vec<Tensor> = repeated.map(|(wide, _)| wide.clone()).collect();
        let (output, back) = match &self.kind {
            Kind::Sum(factors) => sum(&wide, factors, &self.memory)?,
            Kind::Product => multiply(wide, &self.memory)?,
            Kind::Largest(sign) => largest(wide, *sign, &self.memory)?,
            Kind::Concatenation => concatenate(&wide, &self.memory)?,
        };
        let (narrow, memory) = (self.narrowing(inputs), self.memory.clone());
        let back = move |gradient: &Tensor| {
            let inputs = narrow(back(gradient)?)?;
            own.into_iter().for_each(|wide| memory.recycle(wide));
            Ok(Gradients { inputs, weights: Vec::new() })
        };
        Ok(Computed { output, back: Box::new(back) })
    }

    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let (wide, moves) = (self.widened(inputs)?, self.widened(moves)?);
        let narrow = self.narrowing(inputs);
        if let Kind::Product = self.kind {
            return multiply_moved(wide, moves, narrow, &self.memory);
        }
        let (output, back) = match &self.kind {
            Kind::Sum(factors) => sum(&moves, factors, &self.memory)?,
            Kind::Largest(sign) => largest_moved(wide, &moves, *sign, &self.memory)?,
            _ => concatenate(&moves, &self.memory)?,
        };
        Ok(Pushed { output, back: Box::new(move |_, moved| narrow(back(moved)?)) })
    }
}

/// From gradients by the widened inputs to those by the inputs.
type Narrow = Box<dyn FnOnce(Vec<Tensor>) -> Result<Vec<Option<Tensor>>>>;

/// From the gradient by the output to those by the widened inputs, in memory of their own.
type Back = Box<dyn FnOnce(&Tensor) -> Result<Vec<Tensor>>>;

/// `first` with every element changed by those of the others in turn.
fn fold<'a>(
    first: &Tensor,
    others: impl Iterator<Item = &'a Tensor>,
    memory: &Workspace,
    change: impl Fn(&mut f32, f32),
) -> Result<Tensor> {
    let mut values = memory.copy(first)?;
    for other in others {
        same_shape(first, other)?;
        let other = Operand::new(other)?;
        values.iter_mut().zip(other.values()?).for_each(|(value, other)| change(value, *other));
    }
    tensor(values, first.dims())
}

/// A tensor times a number, in memory of its own.
fn times(of: &Tensor, factor: f32, memory: &Workspace) -> Result<Tensor> {
    let mut values = memory.copy(of)?;
    if factor != 1.0 {
        values.iter_mut().for_each(|value| *value *= factor);
    }
    tensor(values, of.dims())
}

fn sum(inputs: &[Tensor], factors: &[f32], memory: &Workspace) -> Result<(Tensor, Back)> {
    let mut values = memory.zeros(inputs[0].elem_count());
    for (input, factor) in inputs.iter().zip(factors) {
        same_shape(&inputs[0], input)?;
        let input = Operand::new(input)?;
        values.iter_mut().zip(input.values()?).for_each(|(sum, value)| *sum += factor * value);
    }
    let (factors, memory) = (factors.to_vec(), memory.clone());
    // Copies: who gets one may use its memory again.
    let back = move |gradient: &Tensor| {
        factors.iter().map(|&factor| times(gradient, factor, &memory)).collect()
    };
    Ok((tensor(values, inputs[0].dims())?, Box::new(back)))
}

/// Side by side on the last axis.
fn concatenate(inputs: &[Tensor], memory: &Workspace) -> Result<(Tensor, Back)> {
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
        parts.collect()
    };
    Ok((tensor(output, &shape)?, Box::new(back)))
}
