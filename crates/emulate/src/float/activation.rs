use handaxe_graph::Activation;

use super::Sample;

pub(super) fn apply(function: Activation, input: Sample<'_>, output: &mut [f32]) {
    let channels = input.channels();
    let rows = input.values.chunks_exact(channels).zip(output.chunks_exact_mut(channels));
    match function {
        Activation::Softmax => rows.for_each(|(values, output)| softmax(values, output)),
        Activation::LogSoftmax => rows.for_each(|(values, output)| log_softmax(values, output)),
        _ => output.iter_mut().zip(input.values).for_each(|(output, &value)| {
            // Those without a value for each element are dealt with above.
            *output = function.element(f64::from(value)).map_or(value, |value| value as f32);
        }),
    }
}

fn largest(values: &[f32]) -> f64 {
    f64::from(values.iter().copied().fold(f32::NEG_INFINITY, f32::max))
}

fn softmax(values: &[f32], output: &mut [f32]) {
    let most = largest(values);
    let powers: Vec<f64> = values.iter().map(|&value| (f64::from(value) - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    output.iter_mut().zip(powers).for_each(|(output, power)| *output = (power / sum) as f32);
}

fn log_softmax(values: &[f32], output: &mut [f32]) {
    let most = largest(values);
    let sum: f64 = values.iter().map(|&value| (f64::from(value) - most).exp()).sum();
    let shift = most + sum.ln();
    output.iter_mut().zip(values).for_each(|(output, &x)| *output = (f64::from(x) - shift) as f32);
}
