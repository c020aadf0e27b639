//! Layers that move elements: for each element of the output, which one of the input it is.

use handaxe_graph::{Interpolation, Op};

use crate::Error;
use crate::float::{Sample, arrange};

/// An element of a layer's input, numbered row by row; nothing for a zero of the padding.
pub type Place = Option<usize>;

/// The largest number of elements that floating point tells apart.
const MOST: usize = 1 << 24;

/// Numbers the elements of an input, lets the floating-point layer move the numbers, and reads off what went where.
fn numbered(
    input: &[usize],
    output: usize,
    moves: impl Fn(Sample<'_>, &mut [f32]),
) -> Result<Vec<Place>, Error> {
    let count: usize = input.iter().product();
    if count >= MOST {
        return Err(Error::TooLarge { given: count, most: MOST });
    }
    let values: Vec<f32> = (1..=count).map(|number| number as f32).collect();
    let mut moved = vec![0.0; output];
    moves(Sample { shape: input, values: &values }, &mut moved);
    Ok(moved.into_iter().map(|number| (number as usize).checked_sub(1)).collect())
}

/// Where the elements of a layer's output come from, for an `input` and an output of such shapes without the samples; nothing
/// for layers that do more than moving.
///
/// # Errors
/// [`Error::TooLarge`] for an input of 2^24 elements or more.
pub fn moved(op: &Op, input: &[usize], shape: &[usize]) -> Option<Result<Vec<Place>, Error>> {
    let output = shape.iter().product();
    Some(match op {
        Op::Permute { axes } => {
            numbered(input, output, |from, to| arrange::permute(axes, from, shape, to))
        }
        Op::ZeroPad { margins } => {
            numbered(input, output, |from, to| arrange::zero_pad(margins, from, shape, to))
        }
        Op::Crop { margins } => {
            numbered(input, output, |from, to| arrange::crop(margins, from, shape, to))
        }
        Op::UpSample { factors, interpolation: Interpolation::Nearest } => {
            numbered(input, output, |from, to| {
                arrange::up_sample(factors, Interpolation::Nearest, from, shape, to);
            })
        }
        _ => return None,
    })
}
