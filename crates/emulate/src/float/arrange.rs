//! Layers that move elements.

use handaxe_graph::Interpolation;

use super::Sample;

pub(crate) fn permute(axes: &[usize], input: Sample<'_>, shape: &[usize], output: &mut [f32]) {
    let mut strides = vec![1; input.shape.len()];
    for axis in (1..strides.len()).rev() {
        strides[axis - 1] = strides[axis] * input.shape[axis];
    }
    let mut index = vec![0; shape.len()];
    for output in output {
        let places = index.iter().zip(axes);
        *output = input.values[places.map(|(place, &axis)| place * strides[axis]).sum::<usize>()];
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

/// Height and width; a single spatial axis counts as the width.
fn plane(shape: &[usize]) -> (usize, usize) {
    match shape {
        [height, width, _] => (*height, *width),
        [width, _] => (1, *width),
        _ => (1, 1),
    }
}

/// Of entries for one or two axes, those of height and width.
fn both<T: Copy>(entries: &[T], missing: T) -> (T, T) {
    match entries {
        [height, width, ..] => (*height, *width),
        [width] => (missing, *width),
        [] => (missing, missing),
    }
}

pub(crate) fn zero_pad(
    margins: &[(usize, usize)],
    input: Sample<'_>,
    shape: &[usize],
    output: &mut [f32],
) {
    let ((height, width), (_, wide), channels) =
        (plane(input.shape), plane(shape), input.channels());
    let ((top, _), (left, _)) = both(margins, (0, 0));
    for row in 0..height {
        let from = row * width * channels;
        let to = ((row + top) * wide + left) * channels;
        let length = width * channels;
        output[to..to + length].copy_from_slice(&input.values[from..from + length]);
    }
}

pub(crate) fn crop(
    margins: &[(usize, usize)],
    input: Sample<'_>,
    shape: &[usize],
    output: &mut [f32],
) {
    let ((_, width), (high, wide), channels) = (plane(input.shape), plane(shape), input.channels());
    let ((top, _), (left, _)) = both(margins, (0, 0));
    for row in 0..high {
        let from = ((row + top) * width + left) * channels;
        let to = row * wide * channels;
        let length = wide * channels;
        output[to..to + length].copy_from_slice(&input.values[from..from + length]);
    }
}

pub(crate) fn up_sample(
    factors: &[usize],
    interpolation: Interpolation,
    input: Sample<'_>,
    shape: &[usize],
    output: &mut [f32],
) {
    let ((height, width), (_, wide), channels) =
        (plane(input.shape), plane(shape), input.channels());
    let (by_height, by_width) = both(factors, 1);
    for (place, output) in output.chunks_exact_mut(channels).enumerate() {
        let (row, column) = (place / wide, place % wide);
        let rows = sources(row, by_height, height, interpolation);
        let columns = sources(column, by_width, width, interpolation);
        for (channel, output) in output.iter_mut().enumerate() {
            let at = |row: usize, column: usize| {
                f64::from(input.values[(row * width + column) * channels + channel])
            };
            let line = |row: usize| {
                let [(one, near), (two, far)] = columns;
                near * at(row, one) + far * at(row, two)
            };
            let [(one, near), (two, far)] = rows;
            *output = (near * line(one) + far * line(two)) as f32;
        }
    }
}

/// The two elements that one lies between when an axis of `extent` is stretched by `factor`, with their shares.
fn sources(
    place: usize,
    factor: usize,
    extent: usize,
    interpolation: Interpolation,
) -> [(usize, f64); 2] {
    if interpolation == Interpolation::Nearest {
        return [(place / factor, 1.0), (place / factor, 0.0)];
    }
    let centre = ((place as f64 + 0.5) / factor as f64 - 0.5).max(0.0);
    let below = (centre.floor() as usize).min(extent - 1);
    let share = centre - centre.floor();
    [(below, 1.0 - share), ((below + 1).min(extent - 1), share)]
}
