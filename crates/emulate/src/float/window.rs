//! Layers that multiply a kernel with what a window shows.

use handaxe_graph::Window;

use super::{Sample, Weights};

/// The positions of a window's taps: for every position of the output, which elements of the input are seen by which tap.
/// One spatial axis is treated as two, the first of length 1.
pub(crate) struct Taps {
    output: [usize; 2],
    input: [usize; 2],
    size: [usize; 2],
    strides: [usize; 2],
    dilation: [usize; 2],
    before: [usize; 2],
}

/// The last two of `axes`, or one of length `missing` before a single one.
fn two(axes: &[usize], missing: usize) -> [usize; 2] {
    match axes {
        [height, width, ..] => [*height, *width],
        [width] => [missing, *width],
        [] => [missing, missing],
    }
}

impl Taps {
    pub(crate) fn new(window: &Window, input: &[usize], output: &[usize]) -> Self {
        let rank = window.size.len();
        let spatial = &input[..rank.min(input.len())];
        let padding: Vec<usize> =
            window.padding_of(spatial).iter().map(|&(before, _)| before).collect();
        Self {
            output: two(&output[..rank.min(output.len())], 1),
            input: two(spatial, 1),
            size: two(&window.size, 1),
            strides: two(&window.strides, 1),
            dilation: two(&window.dilation, 1),
            before: two(&padding, 0),
        }
    }

    /// Calls `visit(position, tap, element)` for every element that a tap sees at a position; padding is left out.
    pub(crate) fn visit(&self, mut visit: impl FnMut(usize, usize, usize)) {
        for row in 0..self.output[0] {
            for column in 0..self.output[1] {
                let position = row * self.output[1] + column;
                for tap_row in 0..self.size[0] {
                    let Some(y) = self.seen(0, row, tap_row) else { continue };
                    for tap_column in 0..self.size[1] {
                        let Some(x) = self.seen(1, column, tap_column) else { continue };
                        visit(position, tap_row * self.size[1] + tap_column, y * self.input[1] + x);
                    }
                }
            }
        }
    }

    /// What the tap sees along one axis, unless it is padding.
    fn seen(&self, axis: usize, position: usize, tap: usize) -> Option<usize> {
        let place = position * self.strides[axis] + tap * self.dilation[axis];
        place.checked_sub(self.before[axis]).filter(|&place| place < self.input[axis])
    }
}

pub(super) fn dense(weights: &Weights<'_>, input: Sample<'_>, output: &mut [f32]) {
    let (kernel, bias, channels) = (weights.get("kernel"), weights.get("bias"), input.channels());
    let units = kernel.len() / channels;
    let mut sums = vec![0.0; units];
    for (values, output) in
        input.values.chunks_exact(channels).zip(output.chunks_exact_mut(units.max(1)))
    {
        sums.fill(0.0);
        accumulate(&mut sums, values, kernel);
        finish(&sums, bias, output);
    }
}

pub(super) fn conv(
    weights: &Weights<'_>,
    window: &Window,
    input: Sample<'_>,
    shape: &[usize],
    output: &mut [f32],
) {
    let (kernel, channels) = (weights.get("kernel"), input.channels());
    let filters = shape.last().copied().unwrap_or(1).max(1);
    let mut sums = vec![0.0; output.len()];
    Taps::new(window, input.shape, shape).visit(|position, tap, element| {
        let values = &input.values[element * channels..(element + 1) * channels];
        let kernel = &kernel[tap * channels * filters..(tap + 1) * channels * filters];
        accumulate(&mut sums[position * filters..(position + 1) * filters], values, kernel);
    });
    for (sums, output) in sums.chunks_exact(filters).zip(output.chunks_exact_mut(filters)) {
        finish(sums, weights.get("bias"), output);
    }
}

pub(super) fn depthwise(
    weights: &Weights<'_>,
    window: &Window,
    multiplier: usize,
    input: Sample<'_>,
    shape: &[usize],
    output: &mut [f32],
) {
    let (kernel, channels) = (weights.get("kernel"), input.channels());
    let filters = channels * multiplier;
    let mut sums = vec![0.0; output.len()];
    Taps::new(window, input.shape, shape).visit(|position, tap, element| {
        let values = &input.values[element * channels..(element + 1) * channels];
        let kernel = &kernel[tap * filters..(tap + 1) * filters];
        let sums = &mut sums[position * filters..(position + 1) * filters];
        for (filter, (sum, weight)) in sums.iter_mut().zip(kernel).enumerate() {
            *sum += f64::from(values[filter / multiplier]) * f64::from(*weight);
        }
    });
    for (sums, output) in sums.chunks_exact(filters).zip(output.chunks_exact_mut(filters)) {
        finish(sums, weights.get("bias"), output);
    }
}

/// Adds the product of a row of values with a kernel `(values, sums)`.
fn accumulate(sums: &mut [f64], values: &[f32], kernel: &[f32]) {
    for (value, row) in values.iter().zip(kernel.chunks_exact(sums.len().max(1))) {
        if *value != 0.0 {
            let value = f64::from(*value);
            sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += value * f64::from(*weight));
        }
    }
}

/// Adds the bias, if there is one.
fn finish(sums: &[f64], bias: &[f32], output: &mut [f32]) {
    for (place, (output, sum)) in output.iter_mut().zip(sums).enumerate() {
        *output = (sum + bias.get(place).map_or(0.0, |&bias| f64::from(bias))) as f32;
    }
}
