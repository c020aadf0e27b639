//! Which channels have one value at all places and for all data.

use handaxe_graph::{Activation, Layer, Model, Op};

use super::kernel::Kernel;
use super::{channels, common_channels};

/// For each layer, the value of each channel; none for one that depends on the data or on the place.
pub(super) fn constants(model: &Model) -> Vec<Vec<Option<f64>>> {
    let mut layers: Vec<Vec<Option<f64>>> = Vec::new();
    for (_, layer) in model.layers() {
        let inputs: Vec<&[Option<f64>]> =
            layer.inputs().iter().map(|id| &layers[id.index()][..]).collect();
        let kernel = layer.inputs().first().and_then(|&id| Kernel::new(layer, model.layer(id)));
        let mut constants = of_layer(layer, kernel.as_ref(), &inputs);
        // What a network in single precision cannot hold is no constant to rely on.
        for constant in &mut constants {
            *constant = constant.filter(|value| value.abs() <= f64::from(f32::MAX));
        }
        layers.push(constants);
    }
    layers
}

fn of_layer(
    layer: &Layer,
    kernel: Option<&Kernel<'_>>,
    inputs: &[&[Option<f64>]],
) -> Vec<Option<f64>> {
    let first = inputs.first().copied().unwrap_or(&[]);
    let width = channels(layer);
    match layer.op() {
        Op::Input { .. } | Op::Activation { function: Activation::Softmax } => vec![None; width],
        Op::Dense { .. } | Op::Conv { .. } | Op::DepthwiseConv { .. } => (0..width)
            .map(|output| kernel.and_then(|kernel| kernel.constant(output, first)))
            .collect(),
        Op::BatchNorm { epsilon, .. } => normalised(layer, *epsilon, first),
        Op::Activation { function } => {
            first.iter().map(|value| value.and_then(|value| function.element(value))).collect()
        }
        // Padding counts neither in a maximum nor in a mean.
        Op::Pool { .. } | Op::GlobalPool { .. } | Op::Dropout { .. } => first.to_vec(),
        Op::Flatten | Op::Reshape { .. } => reshaped(first, width),
        Op::Add => elementwise(inputs, |values| values.iter().copied().sum()),
        Op::Multiply => elementwise(inputs, |values| {
            if values.contains(&Some(0.0)) { Some(0.0) } else { values.iter().copied().product() }
        }),
        Op::Concatenate => inputs.concat(),
        _ => vec![None; width], // refused before
    }
}

fn normalised(layer: &Layer, epsilon: f64, input: &[Option<f64>]) -> Vec<Option<f64>> {
    let weight = |name: &str, channel: usize| {
        layer.weight(name).map_or(0.0, |weight| f64::from(weight.values()[channel]))
    };
    let channel = |(channel, value): (usize, &Option<f64>)| {
        let (gamma, beta) = (weight("gamma", channel), weight("beta", channel));
        if gamma == 0.0 {
            return Some(beta);
        }
        let deviation = (weight("moving_variance", channel) + epsilon).sqrt();
        Some(((*value)? - weight("moving_mean", channel)) / deviation * gamma + beta)
    };
    input.iter().enumerate().map(channel).collect()
}

/// A channel is constant where all that go into it are, with the same value.
fn reshaped(input: &[Option<f64>], width: usize) -> Vec<Option<f64>> {
    let common = common_channels(input.len(), width);
    let agreed = |channel: usize| {
        let mut values = input.iter().skip(channel).step_by(common);
        let first = *values.next()?;
        first.filter(|_| values.all(|&value| value == first))
    };
    let agreed: Vec<Option<f64>> = (0..common).map(agreed).collect();
    (0..width).map(|channel| agreed[channel % common]).collect()
}

fn elementwise(
    inputs: &[&[Option<f64>]],
    join: impl Fn(&[Option<f64>]) -> Option<f64>,
) -> Vec<Option<f64>> {
    let channels = inputs.first().map_or(0, |input| input.len());
    let values = |channel: usize| inputs.iter().map(|input| input[channel]).collect::<Vec<_>>();
    (0..channels).map(|channel| join(&values(channel))).collect()
}
