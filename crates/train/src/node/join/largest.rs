use candle_core::{Result, Tensor};

use super::{Back, fold};
use crate::kernel::workspace::Workspace;
use crate::node::values::{Operand, tensor};

/// The largest of the inputs times `sign`; NaN stays. The gradient goes to the first that has it.
pub(super) fn largest(
    inputs: Vec<Tensor>,
    sign: f32,
    memory: &Workspace,
) -> Result<(Tensor, Back)> {
    let output = fold(&inputs[0], inputs[1..].iter(), memory, |most, value| {
        let larger = value.is_nan() || sign * value > sign * *most;
        if larger && !most.is_nan() {
            *most = value;
        }
    })?;
    let (answer, memory) = (output.clone(), memory.clone());
    let back = move |gradient: &Tensor| shared_out(&inputs, &answer, gradient, &memory);
    Ok((output, Box::new(back)))
}

/// For each input the elements of `given` where it is the first that has the answer, zeros elsewhere.
fn shared_out(
    inputs: &[Tensor],
    answer: &Tensor,
    given: &Tensor,
    memory: &Workspace,
) -> Result<Vec<Tensor>> {
    let mut left = memory.copy(given)?;
    let answers = Operand::new(answer)?;
    let shares = inputs.iter().map(|input| {
        let mut share = memory.zeros(left.len());
        let input = Operand::new(input)?;
        let pairs = input.values()?.iter().zip(answers.values()?);
        for ((share, left), (value, answer)) in share.iter_mut().zip(&mut left).zip(pairs) {
            if value == answer {
                (*share, *left) = (*left, 0.0);
            }
        }
        tensor(share, answer.dims())
    });
    let shares = shares.collect();
    memory.give(left);
    shares
}

/// The output moves as the first input does that has it.
pub(super) fn largest_moved(
    inputs: Vec<Tensor>,
    moves: &[Tensor],
    sign: f32,
    memory: &Workspace,
) -> Result<(Tensor, Back)> {
    let (answer, back) = largest(inputs.clone(), sign, memory)?;
    let ones = tensor(vec![1.0; answer.elem_count()], answer.dims())?;
    let chosen = shared_out(&inputs, &answer, &ones, memory)?;
    let terms = chosen.iter().zip(moves).map(|(one, moved)| memory.zip(one, moved, |a, b| a * b));
    let terms = terms.collect::<Result<Vec<_>>>()?;
    Ok((fold(&terms[0], terms[1..].iter(), memory, |sum, term| *sum += term)?, back))
}
