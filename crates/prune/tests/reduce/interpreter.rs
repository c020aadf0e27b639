//! What a network answers, computed as its definition reads: element by element in double precision.

use handaxe_graph::{Activation, Layer, Model, Op, PoolKind, Window};

/// An array of positions x channels, channels last.
#[derive(Clone)]
struct Array {
    shape: Vec<usize>,
    values: Vec<f64>,
}

impl Array {
    fn channels(&self) -> usize {
        *self.shape.last().unwrap()
    }

    fn map(&self, f: impl Fn(usize, f64) -> f64) -> Self {
        let channels = self.channels();
        let values = self.values.iter().enumerate().map(|(place, &x)| f(place % channels, x));
        Self { shape: self.shape.clone(), values: values.collect() }
    }
}

/// The outputs for one sample, an array for each input.
pub(crate) fn run(model: &Model, inputs: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut inputs = inputs.iter();
    let mut layers: Vec<Array> = Vec::new();
    for (_, layer) in model.layers() {
        let read: Vec<&Array> = layer.inputs().iter().map(|id| &layers[id.index()]).collect();
        let output = match layer.op() {
            Op::Input { shape } => {
                Array { shape: shape.clone(), values: inputs.next().unwrap().clone() }
            }
            _ => compute(layer, &read),
        };
        assert_eq!(output.shape, layer.output_shape(), "layer {}", layer.name());
        layers.push(output);
    }
    model.outputs().iter().map(|id| layers[id.index()].values.clone()).collect()
}

fn weight(layer: &Layer, name: &str, index: usize) -> f64 {
    layer.weight(name).map_or(0.0, |weight| f64::from(weight.values()[index]))
}

fn compute(layer: &Layer, read: &[&Array]) -> Array {
    let input = read[0];
    match layer.op() {
        Op::Input { .. } => unreachable!(),
        Op::Dense { .. } => dense(layer, input),
        Op::Conv { window, .. } => {
            let (inputs, filters) = (input.channels(), *layer.output_shape().last().unwrap());
            slide(layer, window, input, |taps, filter| {
                let sum = |&(tap, pixel): &(usize, usize)| -> f64 {
                    let channel = |c| {
                        let w = weight(layer, "kernel", (tap * inputs + c) * filters + filter);
                        w * input.values[pixel * inputs + c]
                    };
                    (0..inputs).map(channel).sum()
                };
                weight(layer, "bias", filter) + taps.iter().map(sum).sum::<f64>()
            })
        }
        Op::DepthwiseConv { window, multiplier, .. } => {
            let inputs = input.channels();
            slide(layer, window, input, |taps, output| {
                let term = |&(tap, pixel): &(usize, usize)| {
                    weight(layer, "kernel", tap * inputs * multiplier + output)
                        * input.values[pixel * inputs + output / multiplier]
                };
                weight(layer, "bias", output) + taps.iter().map(term).sum::<f64>()
            })
        }
        Op::Pool { kind, window } => slide(layer, window, input, |taps, channel| {
            pooled(*kind, input, taps.iter().map(|tap| tap.1), channel)
        }),
        Op::GlobalPool { kind } => {
            let pixels = input.values.len() / input.channels();
            let pool = |channel| pooled(*kind, input, 0..pixels, channel);
            Array {
                shape: vec![input.channels()],
                values: (0..input.channels()).map(pool).collect(),
            }
        }
        Op::BatchNorm { epsilon, .. } => input.map(|c, x| {
            let deviation = (weight(layer, "moving_variance", c) + epsilon).sqrt();
            (x - weight(layer, "moving_mean", c)) / deviation * weight(layer, "gamma", c)
                + weight(layer, "beta", c)
        }),
        Op::Activation { function: Activation::Softmax } => {
            let mut output = input.clone();
            for pixel in output.values.chunks_mut(input.channels()) {
                let largest = pixel.iter().copied().fold(f64::MIN, f64::max);
                let sum: f64 = pixel.iter().map(|x| (x - largest).exp()).sum();
                pixel.iter_mut().for_each(|x| *x = (*x - largest).exp() / sum);
            }
            output
        }
        Op::Activation { function } => input.map(|_, x| function.element(x).unwrap()),
        Op::Flatten | Op::Reshape { .. } => {
            Array { shape: layer.output_shape().to_vec(), values: input.values.clone() }
        }
        Op::Add => elementwise(read, |a, b| a + b),
        Op::Multiply => elementwise(read, |a, b| a * b),
        Op::Concatenate => {
            let pixels = input.values.len() / input.channels();
            let pixel = |pixel: usize| {
                read.iter().flat_map(move |array| {
                    array.values[pixel * array.channels()..][..array.channels()].to_vec()
                })
            };
            Array {
                shape: layer.output_shape().to_vec(),
                values: (0..pixels).flat_map(pixel).collect(),
            }
        }
        Op::Dropout { .. } => input.clone(),
        op => unreachable!("{} is not reduced", op.layer_type()),
    }
}

fn dense(layer: &Layer, input: &Array) -> Array {
    let units = *layer.output_shape().last().unwrap();
    let row = |row: &[f64]| -> Vec<f64> {
        let unit = |j| {
            let term = |(c, x): (usize, &f64)| x * weight(layer, "kernel", c * units + j);
            weight(layer, "bias", j) + row.iter().enumerate().map(term).sum::<f64>()
        };
        (0..units).map(unit).collect()
    };
    let values = input.values.chunks(input.channels()).flat_map(row).collect();
    Array { shape: layer.output_shape().to_vec(), values }
}

fn elementwise(read: &[&Array], join: impl Fn(f64, f64) -> f64) -> Array {
    let join = |a: Array, b: &&Array| Array {
        values: a.values.iter().zip(&b.values).map(|(&a, &b)| join(a, b)).collect(),
        shape: a.shape,
    };
    read[1..].iter().fold(read[0].clone(), join)
}

fn pooled(
    kind: PoolKind,
    input: &Array,
    pixels: impl Iterator<Item = usize>,
    channel: usize,
) -> f64 {
    let values: Vec<f64> =
        pixels.map(|pixel| input.values[pixel * input.channels() + channel]).collect();
    match kind {
        PoolKind::Max => values.iter().copied().fold(f64::MIN, f64::max),
        PoolKind::Average => values.iter().sum::<f64>() / values.len() as f64,
    }
}

/// `value` of every output position and channel, given the taps that lie on data: (tap, pixel) of each.
fn slide(
    layer: &Layer,
    window: &Window,
    input: &Array,
    value: impl Fn(&[(usize, usize)], usize) -> f64,
) -> Array {
    // A sequence is a picture of one row.
    let two = |axes: &[usize]| match *axes {
        [along] => [1, along],
        [down, along] => [down, along],
        _ => unreachable!(),
    };
    let rank = window.size.len();
    let (size, strides) = (two(&window.size), two(&window.strides));
    let (extent, output) = (two(&input.shape[..rank]), two(&layer.output_shape()[..rank]));
    let mut before = [0, 0];
    for (axis, (zeros, _)) in window.padding_of(&input.shape[..rank]).into_iter().enumerate() {
        before[2 - rank + axis] = zeros;
    }
    let mut values = Vec::new();
    for (y, x) in (0..output[0]).flat_map(|y| (0..output[1]).map(move |x| (y, x))) {
        let place = |axis: usize, position: usize, tap: usize| {
            (position * strides[axis] + tap).checked_sub(before[axis]).filter(|&p| p < extent[axis])
        };
        let tap = |(i, j): (usize, usize)| {
            Some((i * size[1] + j, place(0, y, i)? * extent[1] + place(1, x, j)?))
        };
        let taps = (0..size[0]).flat_map(|i| (0..size[1]).map(move |j| (i, j)));
        let taps: Vec<(usize, usize)> = taps.filter_map(tap).collect();
        values.extend((0..*layer.output_shape().last().unwrap()).map(|c| value(&taps, c)));
    }
    Array { shape: layer.output_shape().to_vec(), values }
}
