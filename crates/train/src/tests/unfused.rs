use candle_core::Device;
use handaxe_data::{Dataset, Targets, seeded};
use handaxe_graph::{Activation, LayerId, Model, Op, Padding, PoolKind, Window};
use handaxe_optimize::{Part, Trainer};

use super::gradients::{arrangements, joins, repeating};
use super::{chain, dense, fit, noise, randomise, trainer};
use crate::loss::for_targets;
use crate::node::{Pass, from_array};
use crate::{Network, Optimiser, Settings};

const SAMPLES: usize = 6;

/// Answers and gradients of the fused operations are those of candle's own, differentiated by candle, to 1e-5 of the
/// largest number of an array, which counts as 1 at least.
fn check(what: &str, model: &Model) {
    let targets =
        Targets::classes((0..SAMPLES as u32).map(|sample| sample % 3).collect(), 3).unwrap();
    let arrays = model.inputs().enumerate().map(|(seed, (_, layer))| {
        noise(&[&[SAMPLES], layer.output_shape()].concat(), 70 + seed as u64)
    });
    let arrays: Vec<_> = arrays.collect();
    let inputs: Vec<_> = arrays.iter().map(|array| from_array(array).unwrap()).collect();
    let loss = for_targets(&targets, 3);
    let networks =
        [Network::new(model).unwrap(), Network::new(model).unwrap().unfused(Device::Cpu)];
    let [fused, unfused] = networks.map(|network| {
        let before = network.outputs(&arrays).unwrap();
        let mut draw = seeded(9, 9);
        let pass = &mut Pass::Training(&mut draw);
        let (mean, gradients) = network.gradients(&inputs, pass, (&*loss, &targets)).unwrap();
        let gradients = gradients
            .into_iter()
            .map(|gradient| gradient.unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap());
        // The running statistics have moved.
        let after = network.outputs(&arrays).unwrap();
        let answers = [before.into_values(), after.into_values(), vec![mean as f32]];
        answers.into_iter().chain(gradients).collect::<Vec<_>>()
    });
    assert_eq!(fused.len(), unfused.len());
    for (place, (fused, unfused)) in fused.iter().zip(&unfused).enumerate() {
        let largest = fused.iter().fold(1.0f32, |most, value| most.max(value.abs()));
        assert_eq!(fused.len(), unfused.len(), "{what}");
        for (a, b) in fused.iter().zip(unfused) {
            assert!((a - b).abs() <= 1e-5 * largest, "{what}, array {place}: {a} {b}");
        }
    }
}

/// Between layers that learn, so that gradients by the input count too.
fn check_layers(what: &str, input: &[usize], ops: Vec<Op>) {
    let before = Op::Dense { units: input[input.len() - 1], bias: true };
    check(what, &chain(input, [vec![before], ops, vec![Op::Flatten, dense(3)]].concat()));
}

fn activations() -> Vec<Activation> {
    vec![
        Activation::Linear,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.3 },
        Activation::Elu { alpha: 1.2 },
        Activation::Selu,
        Activation::Sigmoid,
        Activation::HardSigmoid,
        Activation::Tanh,
        Activation::HardTanh,
        Activation::Softplus,
        Activation::Softsign,
        Activation::Softmax,
        Activation::LogSoftmax,
        Activation::ClippedRelu { slope: 0.1, threshold: 0.2, max: Some(0.7) },
        Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max: Some(6.0) },
        Activation::ThresholdedRelu { theta: 0.3 },
        Activation::Threshold { threshold: 0.1, value: 0.5 },
        Activation::HardShrink { threshold: 0.5 },
        Activation::SoftShrink { threshold: 0.5 },
        Activation::HardSigmoid6,
        Activation::HardSwish,
        Activation::Swish,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Mish,
        Activation::Exponential,
        Activation::Celu { alpha: 0.8 },
        Activation::LogSigmoid,
        Activation::TanhShrink,
        Activation::Squareplus { b: 4.0 },
        Activation::SparsePlus,
    ]
}

/// Each activation behind each layer that may compute it along.
#[test]
fn activations_fused_and_alone() {
    for function in activations() {
        let activation = Op::Activation { function };
        let conv =
            Op::Conv { filters: 5, window: Window::dense(&[2, 3], Padding::Same), bias: true };
        let norm = Op::BatchNorm { epsilon: 1e-3, momentum: 0.9 };
        let name = function.name();
        check_layers(name, &[20], vec![dense(37), activation.clone()]);
        let depthwise = Op::DepthwiseConv {
            multiplier: 2,
            window: Window::dense(&[2, 3], Padding::Same),
            bias: true,
        };
        check_layers(name, &[4, 5, 3], vec![conv, activation.clone()]);
        check_layers(name, &[4, 5, 3], vec![depthwise, activation.clone()]);
        check_layers(name, &[4, 5, 3], vec![norm, activation.clone()]);
        check_layers(name, &[7], vec![Op::Dropout { rate: 0.3 }, activation]);
    }
}

/// Widths around those of vectors, windows of any stride and padding, along one axis and two.
#[test]
fn windows() {
    for (width, units) in [(1, 5), (16, 16), (17, 33), (48, 40)] {
        check_layers("dense", &[width], vec![dense(units)]);
        check_layers("dense on a sequence", &[3, width], vec![dense(units)]);
    }
    for padding in [Padding::Same, Padding::Valid] {
        for (size, strides) in
            [([3, 2], [1, 1]), ([2, 3], [2, 1]), ([2, 2], [3, 2]), ([1, 4], [1, 4])]
        {
            let window = Window { strides: strides.to_vec(), ..Window::dense(&size, padding) };
            let input = [7, 6, 3];
            let what = format!("{window:?}");
            for filters in [1, 16, 19, 48] {
                let conv = Op::Conv { filters, window: window.clone(), bias: true };
                check_layers(&what, &input, vec![conv]);
            }
            for (channels, multiplier) in [(3, 2), (16, 1), (19, 3), (48, 1)] {
                let op = Op::DepthwiseConv { multiplier, window: window.clone(), bias: true };
                check_layers(&what, &[7, 6, channels], vec![op]);
            }
            for kind in [PoolKind::Max, PoolKind::Average] {
                check_layers(&what, &input, vec![Op::Pool { kind, window: window.clone() }]);
                check_layers(&what, &[4, 3, 18], vec![Op::GlobalPool { kind }]);
            }
            let dilation = vec![2, 1];
            let window = Window { strides: vec![1, 1], dilation, ..window };
            let conv = Op::Conv { filters: 5, window: window.clone(), bias: true };
            check_layers("dilated", &input, vec![conv]);
            let op = Op::DepthwiseConv { multiplier: 2, window, bias: true };
            check_layers("dilated", &input, vec![op]);
            let window = Window { strides: vec![strides[1]], ..Window::dense(&size[1..], padding) };
            let conv = Op::Conv { filters: 4, window, bias: false };
            check_layers("along one axis", &[9, 2], vec![conv]);
        }
    }
}

#[test]
fn arrangements_slopes_and_norms() {
    let input = [4, 3, 2];
    for op in arrangements(&[(1, 0), (2, 1)]) {
        check_layers(&format!("{op:?}"), &input, vec![op]);
    }
    for slopes in [vec![4, 3, 2], vec![1, 1, 2], vec![1, 3, 1]] {
        check_layers(&format!("PReLU {slopes:?}"), &input, vec![Op::PRelu { slopes }]);
    }
    check_layers("layer norm", &[3, 4], vec![Op::LayerNorm { epsilon: 1e-3 }]);
    for op in joins() {
        check(&format!("{op:?}"), &repeating(op));
    }
}

#[test]
fn branches_that_meet() {
    for join in [Op::Add, Op::Multiply, Op::Average, Op::Maximum, Op::Minimum, Op::Concatenate] {
        let mut model = Model::new("branches");
        let add = |model: &mut Model, name: &str, op: Op, inputs: &[LayerId]| {
            model.add(name, op, inputs).unwrap()
        };
        let relu = Op::Activation { function: Activation::Relu };
        let one = add(&mut model, "one", Op::Input { shape: vec![4] }, &[]);
        let two = add(&mut model, "two", Op::Input { shape: vec![3] }, &[]);
        let left = add(&mut model, "left", dense(5), &[one]);
        let right = add(&mut model, "right", dense(5), &[two]);
        // Read twice, so that its activation is not computed along.
        let active = add(&mut model, "active", relu.clone(), &[left]);
        let joined = add(&mut model, "join", join.clone(), &[left, right, active]);
        let last = add(&mut model, "last", relu, &[joined]);
        add(&mut model, "scores", dense(3), &[last]);
        randomise(&mut model);
        check(&format!("{join:?}"), &model);
    }
}

/// Whole stretches of training, several steps of every source of randomness: to 1e-4, since rounding adds up. Not by Adam,
/// which makes whole steps of the rounding of a gradient that is 0, as that of a bias before a BatchNorm is.
#[test]
fn training_ends_at_the_same_weights() {
    let window = Window::dense(&[3, 3], Padding::Same);
    let relu = || Op::Activation { function: Activation::Relu };
    let conv = Op::Conv { filters: 4, window, bias: true };
    let norm = Op::BatchNorm { epsilon: 1e-3, momentum: 0.9 };
    let pool = Op::Pool { kind: PoolKind::Max, window: Window::tiling(&[2, 2]) };
    let ops = vec![conv, norm, relu(), pool, Op::Flatten, Op::Dropout { rate: 0.2 }, dense(3)];
    let model = chain(&[6, 6, 2], ops);
    let labels = (0..40).map(|sample| sample % 3).collect();
    let targets = Targets::classes(labels, 3).unwrap();
    let data = Dataset::new(vec![noise(&[40, 6, 6, 2], 5)], targets).unwrap();
    let optimiser = Optimiser::Sgd { momentum: 0.9 };
    let settings = Settings {
        batch_size: 16,
        learning_rate: 0.01,
        optimiser,
        l2: 1e-3,
        ..Settings::default()
    };
    let mut fused = trainer(&model, &data, settings.clone());
    let mut unfused = trainer(&model, &data, settings).unfused(Device::Cpu);
    let records = [fit(&mut fused, 3), fit(&mut unfused, 3)];
    assert!((records[0][2].loss - records[1][2].loss).abs() < 1e-4);
    let models = [fused.model().unwrap(), unfused.model().unwrap()];
    let weights = models.each_ref().map(|model| {
        let weights = model.layers().flat_map(|(_, layer)| layer.weights());
        weights.flat_map(|(_, weight)| weight.values().to_vec()).collect::<Vec<_>>()
    });
    for (fused, unfused) in weights[0].iter().zip(&weights[1]) {
        assert!((fused - unfused).abs() < 1e-4, "{fused} {unfused}");
    }
    assert_eq!(fused.evaluate(Part::Test).unwrap(), unfused.evaluate(Part::Test).unwrap());
}
