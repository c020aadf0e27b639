use super::Sample;

/// Joins along the last axis.
pub(crate) fn concatenate(inputs: &[Sample<'_>], output: &mut [f32]) {
    let widths: Vec<usize> = inputs.iter().map(Sample::channels).collect();
    let whole: usize = widths.iter().sum();
    let mut start = 0;
    for (input, width) in inputs.iter().zip(widths) {
        let rows = input.values.chunks_exact(width).zip(output.chunks_exact_mut(whole));
        rows.for_each(|(values, output)| output[start..start + width].copy_from_slice(values));
        start += width;
    }
}

/// Joins element by element, from the first input to the last.
pub(crate) fn fold(
    inputs: &[Sample<'_>],
    shape: &[usize],
    output: &mut [f32],
    join: impl Fn(f32, f32) -> f32,
) {
    for (place, input) in inputs.iter().enumerate() {
        let pairs = output.iter_mut().zip(repeated(input.shape, shape));
        for (output, element) in pairs {
            let value = input.values[element];
            *output = if place == 0 { value } else { join(*output, value) };
        }
    }
}

/// For each element of an array of shape `whole`, the element of one of shape `part` that stands there. Axes of `part` are
/// those of `whole` or 1; missing ones are the first.
pub fn repeated(part: &[usize], whole: &[usize]) -> impl Iterator<Item = usize> {
    let skipped = whole.len().saturating_sub(part.len());
    let mut strides = vec![0; whole.len()];
    let mut stride = 1;
    for (axis, &extent) in part.iter().enumerate().rev() {
        if extent > 1 {
            strides[skipped + axis] = stride;
        }
        stride *= extent;
    }
    let whole = whole.to_vec();
    let mut index = vec![0; whole.len()];
    let mut element = 0;
    (0..whole.iter().product()).map(move |_| {
        let current = element;
        for axis in (0..whole.len()).rev() {
            index[axis] += 1;
            element += strides[axis];
            if index[axis] < whole[axis] {
                break;
            }
            element -= strides[axis] * whole[axis];
            index[axis] = 0;
        }
        current
    })
}
