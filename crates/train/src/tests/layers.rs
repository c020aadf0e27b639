use handaxe_data::{Dataset, Targets, Tensor};
use handaxe_emulate::predict;
use handaxe_graph::{Activation, Interpolation, Model, Op, Padding, PoolKind, Window};
use proptest::prelude::*;

use super::gradients::{arrangements, joins, repeating};
use super::{chain, dense, fit, noise, trainer};
use crate::{Initialiser, Network, Settings, initialise};

/// Convolution and pooling as the definition has them: every output, tap and channel by itself, in double precision.
struct Naive<'a> {
    input: &'a [usize],
    output: &'a [usize],
    window: &'a Window,
}

impl Naive<'_> {
    /// The pixels under output `(row, column)` with their taps.
    fn under(&self, row: usize, column: usize) -> Vec<(usize, usize)> {
        let before = self.window.padding_of(&self.input[..2]);
        let mut pairs = Vec::new();
        for tap in 0..self.window.size.iter().product() {
            let (down, right) = (tap / self.window.size[1], tap % self.window.size[1]);
            let apart = |axis: usize| self.window.dilation.get(axis).copied().unwrap_or(1);
            let (down, right) = (down * apart(0), right * apart(1));
            let y = (row * self.window.strides[0] + down).checked_sub(before[0].0);
            let x = (column * self.window.strides[1] + right).checked_sub(before[1].0);
            if let (Some(y), Some(x)) = (y, x)
                && y < self.input[0]
                && x < self.input[1]
            {
                pairs.push((tap, y * self.input[1] + x));
            }
        }
        pairs
    }

    /// `each(pixels, output channel)` at every output position.
    fn map(&self, each: impl Fn(&[(usize, usize)], usize) -> f64) -> Vec<f64> {
        let mut outputs = Vec::new();
        for position in 0..self.output[0] * self.output[1] {
            let under = self.under(position / self.output[1], position % self.output[1]);
            outputs.extend((0..self.output[2]).map(|channel| each(&under, channel)));
        }
        outputs
    }
}

fn assert_near(got: &[f32], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        assert!((f64::from(*got) - expected).abs() < 1e-5, "{got} {expected}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Tolerance 1e-5 on sums of at most 48 products of numbers below 1.
    #[test]
    fn windows_compute_their_definition(
        height in 1usize..8, width in 1usize..8, channels in 1usize..4, filters in 1usize..4,
        size in (1usize..5, 1usize..5), stride in (1usize..4, 1usize..4), dilation in (1usize..4, 1usize..4), same: bool, seed: u64,
    ) {
        // Strided or dilated, not both.
        let dilation = if stride == (1, 1) { dilation } else { (1, 1) };
        prop_assume!(same || ((size.0 - 1) * dilation.0 < height && (size.1 - 1) * dilation.1 < width));
        let padding = if same { Padding::Same } else { Padding::Valid };
        let dense = Window { strides: vec![stride.0, stride.1], ..Window::dense(&[size.0, size.1], padding) };
        let window = Window { dilation: vec![dilation.0, dilation.1], ..dense.clone() };
        let input = [height, width, channels];
        let sample = noise(&[1, height, width, channels], seed);
        let x = |pixel: usize, channel: usize| f64::from(sample.values()[pixel * channels + channel]);
        let run = |op: Op| {
            let model = chain(&input, vec![op]);
            let outputs = Network::new(&model).unwrap().outputs(std::slice::from_ref(&sample)).unwrap();
            (model, outputs)
        };

        let (model, outputs) = run(Op::Conv { filters, window: window.clone(), bias: true });
        let layer = model.layer(model.outputs()[0]);
        let (kernel, bias) = (layer.kernel().unwrap().values(), layer.weight("bias").unwrap().values());
        let naive = Naive { input: &input, output: &outputs.shape()[1..], window: &window };
        let expected = naive.map(|under, filter| {
            let taps = under.iter().flat_map(|&(tap, pixel)| (0..channels).map(move |channel| (tap, pixel, channel)));
            let products = taps.map(|(tap, pixel, channel)| x(pixel, channel) * f64::from(kernel[(tap * channels + channel) * filters + filter]));
            products.sum::<f64>() + f64::from(bias[filter])
        });
        assert_near(outputs.values(), &expected);

        let (model, outputs) = run(Op::DepthwiseConv { multiplier: filters, window: window.clone(), bias: false });
        let kernel = model.layer(model.outputs()[0]).kernel().unwrap().values();
        let naive = Naive { input: &input, output: &outputs.shape()[1..], window: &window };
        let expected = naive.map(|under, output| {
            under.iter().map(|&(tap, pixel)| x(pixel, output / filters) * f64::from(kernel[tap * channels * filters + output])).sum()
        });
        assert_near(outputs.values(), &expected);

        let window = dense;
        let (_, outputs) = run(Op::Pool { kind: PoolKind::Max, window: window.clone() });
        let naive = Naive { input: &input, output: &outputs.shape()[1..], window: &window };
        assert_near(outputs.values(), &naive.map(|under, channel| under.iter().map(|&(_, pixel)| x(pixel, channel)).fold(f64::MIN, f64::max)));
        let (_, outputs) = run(Op::Pool { kind: PoolKind::Average, window: window.clone() });
        assert_near(outputs.values(), &naive.map(|under, channel| under.iter().map(|&(_, pixel)| x(pixel, channel)).sum::<f64>() / under.len() as f64));
    }
}

/// More samples than one tile of patches and one evaluated batch hold: the seams do not show.
#[test]
fn samples_do_not_depend_on_their_neighbours() {
    let window = Window::dense(&[3, 3], Padding::Same);
    let conv = Op::Conv { filters: 4, window, bias: true };
    let network = Network::new(&chain(&[32, 32, 3], vec![conv])).unwrap();
    let samples = noise(&[150, 32, 32, 3], 1);
    let together = network.outputs(std::slice::from_ref(&samples)).unwrap();
    for sample in [0, 5, 127, 128, 149] {
        let alone = samples.values()[sample * samples.row_len()..][..samples.row_len()].to_vec();
        let alone = Tensor::new(vec![1, 32, 32, 3], alone).unwrap();
        let alone = network.outputs(&[alone]).unwrap();
        let part = &together.values()[sample * alone.values().len()..][..alone.values().len()];
        assert_near(part, &alone.values().iter().map(|&v| f64::from(v)).collect::<Vec<_>>());
    }
}

/// Layers that are defined elsewhere: training answers what inference does.
#[test]
fn arrangements_joins_slopes_and_norms_answer_as_inference_does() {
    let alone = [
        Op::PRelu { slopes: vec![1, 3, 1] },
        Op::LayerNorm { epsilon: 1e-3 },
        Op::UpSample { factors: vec![2, 1], interpolation: Interpolation::Nearest },
    ];
    let alone = alone.into_iter().chain(arrangements(&[(1, 2), (0, 1)]));
    let models = alone.map(|op| chain(&[4, 3, 2], vec![op]));
    for model in models.chain(joins().into_iter().map(repeating)) {
        let shapes = model.inputs().map(|(_, layer)| [&[5], layer.output_shape()].concat());
        let inputs: Vec<Tensor> = shapes.map(|shape| noise(&shape, 4)).collect();
        let expected = predict(&model, &inputs).unwrap().remove(0);
        let answer = Network::new(&model).unwrap().outputs(&inputs).unwrap();
        assert_eq!(answer.shape(), expected.shape());
        for (got, expected) in answer.values().iter().zip(expected.values()) {
            assert!((got - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{got} {expected}");
        }
    }
}

#[test]
fn a_nan_passes_through() {
    let pool = Op::Pool { kind: PoolKind::Max, window: Window::tiling(&[2]) };
    let relu = Op::Activation { function: Activation::Relu };
    let network = Network::new(&chain(&[4, 1], vec![relu, pool, Op::Flatten])).unwrap();
    let input = Tensor::new(vec![1, 4, 1], vec![f32::NAN, 1.0, -2.0, 3.0]).unwrap();
    let outputs = network.outputs(&[input]).unwrap();
    assert!(outputs.values()[0].is_nan());
    assert_eq!(outputs.values()[1], 3.0);

    for op in [Op::Maximum, Op::Minimum, Op::Average] {
        let mut model = Model::new("joined");
        let inputs =
            ["one", "two"].map(|name| model.add(name, Op::Input { shape: vec![2] }, &[]).unwrap());
        model.add("join", op, &inputs).unwrap();
        let input = Tensor::new(vec![1, 2], vec![f32::NAN, 1.0]).unwrap();
        let other = Tensor::new(vec![1, 2], vec![0.0, f32::NAN]).unwrap();
        let outputs = Network::new(&model).unwrap().outputs(&[input, other]).unwrap();
        assert!(outputs.values().iter().all(|value| value.is_nan()));
    }
}

/// Two steps of training on the same batch move the running statistics by Keras' formula; evaluation uses them.
#[test]
fn batch_norm_trains_on_the_batch_and_evaluates_on_what_it_remembers() {
    let mut model = Model::new("norm");
    let input = model.add("in", Op::Input { shape: vec![1] }, &[]).unwrap();
    let norm = Op::BatchNorm { epsilon: 1e-3, momentum: 0.75 };
    let norm = model.add("norm", norm, &[input]).unwrap();
    let samples = Tensor::new(vec![4, 1], vec![1.0, 3.0, 5.0, 7.0]).unwrap(); // mean 4, variance 5
    let targets = Targets::Values(Tensor::full(&[4, 1], 0.0));
    let data = Dataset::new(vec![samples.clone()], targets).unwrap();
    let settings = Settings { learning_rate: 1e-12, ..Settings::default() };
    let mut trainer = trainer(&model, &data, settings);
    let records = fit(&mut trainer, 2);
    // The batch is normalised to variance 5 / 5.001 in training.
    assert!((records[0].loss - 5.0 / 5.001).abs() < 1e-6, "{}", records[0].loss);

    let trained = handaxe_optimize::Trainer::model(&trainer).unwrap();
    let stored = |name| f64::from(trained.layer(norm).weight(name).unwrap().values()[0]);
    let (mean, variance) = (4.0 * (1.0 - 0.5625), 0.5625 + 5.0 * (1.0 - 0.5625));
    assert!((stored("moving_mean") - mean).abs() < 1e-5);
    assert!((stored("moving_variance") - variance).abs() < 1e-5);
    let outputs = Network::new(&trained).unwrap().outputs(&[samples]).unwrap();
    let expected = [1.0, 3.0, 5.0, 7.0].map(|x: f64| (x - mean) / (variance + 1e-3).sqrt());
    assert_near(outputs.values(), &expected);
}

#[test]
fn dropout_does_nothing_in_evaluation() {
    let model = chain(&[6], vec![Op::Dropout { rate: 0.5 }]);
    let input = noise(&[3, 6], 2);
    let outputs = Network::new(&model).unwrap().outputs(std::slice::from_ref(&input)).unwrap();
    assert_eq!(outputs, input);
}

/// Mean 0, Keras' variance (3 % of it on 60,000 draws), and no draw beyond the bound.
#[test]
fn initialisers_have_keras_variance_and_bounds() {
    let conv = Op::Conv { filters: 100, window: Window::dense(&[2, 3], Padding::Same), bias: true };
    let (fan_in, fan_out) = (600.0, 600.0);
    for initialiser in Initialiser::ALL {
        let mut model = chain(&[4, 4, 100], vec![conv.clone()]);
        initialise(&mut model, initialiser, 11).unwrap();
        let layer = model.layer(model.outputs()[0]);
        let kernel: Vec<f64> =
            layer.kernel().unwrap().values().iter().map(|&w| f64::from(w)).collect();
        let name = initialiser.name();
        let variance: f64 = match name.split_once('_').unwrap().0 {
            "glorot" => 2.0 / (fan_in + fan_out),
            "he" => 2.0 / fan_in,
            _ => 1.0 / fan_in,
        };
        let bound = match name.ends_with("uniform") {
            true => (3.0 * variance).sqrt(),
            false => 2.0 * variance.sqrt() / 0.879_625_661_034_239_8,
        };
        let count = kernel.len() as f64;
        let mean = kernel.iter().sum::<f64>() / count;
        let spread = kernel.iter().map(|w| w * w).sum::<f64>() / count;
        assert!(mean.abs() < 4.0 * (variance / count).sqrt(), "{name}: mean {mean}");
        assert!(
            (spread / variance - 1.0).abs() < 0.03,
            "{name}: variance {spread}, not {variance}"
        );
        assert!(kernel.iter().all(|w| w.abs() <= bound * (1.0 + 1e-6)), "{name}");
        assert!(layer.weight("bias").unwrap().values().iter().all(|&b| b == 0.0));
    }
    // Dense: the fans are the sides of the kernel.
    let mut model = chain(&[50], vec![dense(400)]);
    initialise(&mut model, Initialiser::LecunNormal, 1).unwrap();
    let kernel = model.layer(model.outputs()[0]).kernel().unwrap().values();
    let spread = kernel.iter().map(|w| w * w).sum::<f32>() / kernel.len() as f32;
    assert!((spread * 50.0 - 1.0).abs() < 0.05);
}
