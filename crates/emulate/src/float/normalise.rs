use super::{Sample, Weights};

pub(super) fn batch_norm(
    weights: &Weights<'_>,
    epsilon: f64,
    input: Sample<'_>,
    output: &mut [f32],
) {
    let (gamma, beta) = (weights.get("gamma"), weights.get("beta"));
    let (mean, variance) = (weights.get("moving_mean"), weights.get("moving_variance"));
    let channels = input.channels();
    for (place, (output, &value)) in output.iter_mut().zip(input.values).enumerate() {
        let channel = place % channels;
        let scale = f64::from(gamma[channel]) / (f64::from(variance[channel]) + epsilon).sqrt();
        let centred = f64::from(value) - f64::from(mean[channel]);
        *output = (centred * scale + f64::from(beta[channel])) as f32;
    }
}

pub(super) fn layer_norm(
    weights: &Weights<'_>,
    epsilon: f64,
    input: Sample<'_>,
    output: &mut [f32],
) {
    let (gamma, beta, channels) = (weights.get("gamma"), weights.get("beta"), input.channels());
    let rows = input.values.chunks_exact(channels).zip(output.chunks_exact_mut(channels));
    for (values, output) in rows {
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / channels as f64;
        let square = |&value: &f32| (f64::from(value) - mean).powi(2);
        let variance = values.iter().map(square).sum::<f64>() / channels as f64;
        for (channel, (output, &value)) in output.iter_mut().zip(values).enumerate() {
            let standard = (f64::from(value) - mean) / (variance + epsilon).sqrt();
            *output = (standard * f64::from(gamma[channel]) + f64::from(beta[channel])) as f32;
        }
    }
}
