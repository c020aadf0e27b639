use candle_core::{Result, Tensor};

use super::{Back, Narrow, fold};
use crate::kernel::workspace::Workspace;
use crate::node::Pushed;

pub(super) fn multiply(inputs: Vec<Tensor>, memory: &Workspace) -> Result<(Tensor, Back)> {
    let output = product(&inputs[1..], &[], &inputs[0], memory)?;
    let memory = memory.clone();
    // By each input: the gradient times all the others; dividing the output would fail at 0.
    let back = move |gradient: &Tensor| {
        (0..inputs.len()).map(|place| product(&inputs, &[place], gradient, &memory)).collect()
    };
    Ok((output, Box::new(back)))
}

/// `first` times all `inputs` but those at the places `without`.
fn product(
    inputs: &[Tensor],
    without: &[usize],
    first: &Tensor,
    memory: &Workspace,
) -> Result<Tensor> {
    let others = inputs.iter().enumerate().filter(|(other, _)| !without.contains(other));
    fold(first, others.map(|(_, other)| other), memory, |product, value| *product *= value)
}

/// By the product rule, once for the output and twice for the gradients.
pub(super) fn multiply_moved(
    inputs: Vec<Tensor>,
    moves: Vec<Tensor>,
    narrow: Narrow,
    memory: &Workspace,
) -> Result<Pushed> {
    let memory = memory.clone();
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
            others.try_fold(first, |sum, term| add(sum, term, &memory))
        });
        narrow(by_input.collect::<Result<_>>()?)
    };
    Ok(Pushed { output, back: Box::new(back) })
}
