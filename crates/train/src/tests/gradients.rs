use candle_core::Tensor as Candle;
use handaxe_data::{Targets, seeded};
use handaxe_graph::{Activation, Interpolation, LayerId, Model, Op, Padding, PoolKind, Window};

use super::{chain, dense, noise, randomise};
use crate::loss::for_targets;
use crate::node::values::change;
use crate::node::{Pass, from_array, into_tensor};
use crate::{Loss, Network};

/// The samples of every check.
pub(super) const SAMPLES: usize = 5;

/// Half the distance over which differences are taken.
const STEP: f32 = 2e-3;

/// How far a gradient may be off, as a share of the largest gradient of its array, which counts as `SMALLEST` at least:
/// the rounding of a loss around 1 in single precision is some 1e-7, over 2 * STEP 3e-5; the curvature adds the rest.
const TOLERANCE: f32 = 4e-3;

const SMALLEST: f32 = 5e-2;

/// Compares the gradient of the whole network's training loss by every weight with central differences.
pub(super) fn check(what: &str, model: &Model, targets: &Targets) {
    check_by(&*for_targets(targets, targets.width()), what, model, targets);
}

/// The same by a given loss.
pub(super) fn check_by(loss: &dyn Loss, what: &str, model: &Model, targets: &Targets) {
    let network = Network::new(model).unwrap();
    let ends = network.ends(loss);
    let inputs: Vec<Candle> = model
        .inputs()
        .enumerate()
        .map(|(seed, (_, layer))| {
            let shape = [&[SAMPLES], layer.output_shape()].concat();
            from_array(&noise(&shape, 50 + seed as u64)).unwrap()
        })
        .collect();
    let forward = || {
        // The same generator each time: the same dropout.
        let mut random = seeded(9, 9);
        let tape = network.forward(&inputs, &mut Pass::Training(&mut random), &ends).unwrap();
        let mut slopes = network.answer(&tape).unwrap();
        let mean = loss.slope(&mut slopes, targets).unwrap();
        (tape, slopes, mean as f32)
    };
    let value = || forward().2;
    let (tape, slopes, _) = forward();
    let gradients = network.backward(tape, into_tensor(slopes).unwrap()).unwrap();
    for (parameter, gradient) in network.parameters.iter().zip(gradients) {
        let gradient = gradient.unwrap().flatten_all().unwrap();
        let gradient = gradient.to_vec1::<f32>().unwrap();
        let nudge = |index: usize, by: f32| {
            change(&parameter.var, |weights| weights[index] += by).unwrap();
        };
        let differences = (0..gradient.len()).map(|index| {
            nudge(index, STEP);
            let up = value();
            nudge(index, -2.0 * STEP);
            let down = value();
            nudge(index, STEP);
            (up - down) / (2.0 * STEP)
        });
        let differences: Vec<f32> = differences.collect();
        let largest = gradient.iter().fold(SMALLEST, |most, slope| most.max(slope.abs()));
        for (index, (slope, difference)) in gradient.iter().zip(&differences).enumerate() {
            assert!(
                (slope - difference).abs() <= TOLERANCE * largest,
                "{what}: {}/{} element {index}: gradient {slope}, difference {difference}, largest {largest}",
                network.name(parameter.layer),
                parameter.name,
            );
        }
    }
}

fn classes() -> Targets {
    Targets::classes(vec![0, 2, 1, 1, 0], 3).unwrap()
}

/// Around the layers under test: one before, so that the gradient by their input counts too, and one after.
fn check_layers(what: &str, input: &[usize], ops: Vec<Op>) {
    let before = Op::Dense { units: input[input.len() - 1], bias: true };
    let ops = [vec![before], ops, vec![Op::Flatten, dense(3)]].concat();
    check(what, &chain(input, ops), &classes());
}

fn window(size: &[usize], strides: &[usize], padding: Padding) -> Window {
    Window { strides: strides.to_vec(), ..Window::dense(size, padding) }
}

/// Windows of one and two axes, with gaps, overlaps and borders.
fn windows() -> Vec<(Vec<usize>, Window)> {
    vec![
        (vec![7, 2], window(&[3], &[1], Padding::Valid)),
        (vec![7, 2], window(&[3], &[2], Padding::Same)),
        (vec![5, 4, 2], window(&[3, 2], &[1, 1], Padding::Valid)),
        (vec![5, 5, 2], window(&[3, 3], &[2, 2], Padding::Same)),
        (vec![5, 6, 2], window(&[2, 2], &[2, 3], Padding::Valid)),
    ]
}

#[test]
fn dense_on_vectors_and_sequences() {
    check("dense", &chain(&[4], vec![dense(6), dense(3)]), &classes());
    check_layers("dense on a sequence", &[3, 4], vec![dense(5)]);
    check_layers("no bias", &[4], vec![Op::Dense { units: 5, bias: false }]);
}

#[test]
fn convolutions() {
    let dilation = |window, dilation: &[usize]| Window { dilation: dilation.to_vec(), ..window };
    let dilated = [
        (vec![8, 2], dilation(window(&[3], &[1], Padding::Same), &[2])),
        (vec![6, 7, 2], dilation(window(&[2, 3], &[1, 1], Padding::Valid), &[3, 2])),
    ];
    for (input, window) in windows().into_iter().chain(dilated) {
        for bias in [true, false] {
            let conv = Op::Conv { filters: 3, window: window.clone(), bias };
            check_layers(&format!("conv {window:?}"), &input, vec![conv]);
            for multiplier in [1, 2] {
                let depthwise = Op::DepthwiseConv { multiplier, window: window.clone(), bias };
                check_layers(&format!("depthwise {window:?}"), &input, vec![depthwise]);
            }
        }
    }
}

#[test]
fn pools() {
    for (input, window) in windows() {
        for kind in [PoolKind::Max, PoolKind::Average] {
            let pool = Op::Pool { kind, window: window.clone() };
            check_layers(&format!("{kind:?} {window:?}"), &input, vec![pool]);
            check_layers(&format!("global {kind:?}"), &input, vec![Op::GlobalPool { kind }]);
        }
    }
}

#[test]
fn activations() {
    let functions = [
        Activation::Linear,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.3 },
        Activation::Elu { alpha: 1.0 },
        Activation::Selu,
        Activation::Sigmoid,
        Activation::HardSigmoid,
        Activation::Tanh,
        Activation::HardTanh,
        Activation::Softplus,
        Activation::Softsign,
        Activation::Softmax,
        Activation::LogSoftmax,
        Activation::Gelu,
        Activation::Mish,
    ];
    for function in functions {
        check_layers(function.name(), &[6], vec![Op::Activation { function }]);
    }
}

#[test]
fn batch_norm_dropout_and_shapes() {
    let norm = Op::BatchNorm { epsilon: 1e-3, momentum: 0.9 };
    check_layers("batch norm", &[4], vec![norm.clone()]);
    check_layers("batch norm on pixels", &[3, 3, 2], vec![norm]);
    check_layers("dropout", &[6], vec![Op::Dropout { rate: 0.4 }]);
    check_layers("reshape", &[2, 6], vec![Op::Reshape { shape: vec![3, 4] }, dense(2)]);
}

#[test]
fn branches_that_meet() {
    for join in [Op::Add, Op::Multiply, Op::Average, Op::Maximum, Op::Minimum, Op::Concatenate] {
        let mut model = Model::new("branches");
        let add = |model: &mut Model, name: &str, op: Op, inputs: &[LayerId]| {
            model.add(name, op, inputs).unwrap()
        };
        let one = add(&mut model, "one", Op::Input { shape: vec![4] }, &[]);
        let two = add(&mut model, "two", Op::Input { shape: vec![3] }, &[]);
        let left = add(&mut model, "left", dense(5), &[one]);
        let right = add(&mut model, "right", dense(5), &[two]);
        let deep = add(&mut model, "deep", dense(5), &[left]);
        let joined = add(&mut model, "join", join.clone(), &[left, right, deep]);
        add(&mut model, "last", dense(3), &[joined]);
        randomise(&mut model);
        check(&format!("{join:?}"), &model, &classes());
    }
}

/// Layers that move elements, between others that learn; slopes of a PReLU of its own and shared ones.
#[test]
fn arrangements_slopes_and_norms() {
    let (input, margins) = ([4, 3, 2], vec![(1, 0), (2, 1)]);
    for op in arrangements(&margins) {
        check_layers(&format!("{op:?}"), &input, vec![op]);
    }
    for slopes in [vec![4, 3, 2], vec![1, 1, 2], vec![1, 3, 1]] {
        check_layers(&format!("PReLU {slopes:?}"), &input, vec![Op::PRelu { slopes }]);
    }
    for shape in [&[5][..], &[3, 4]] {
        check_layers("layer norm", shape, vec![Op::LayerNorm { epsilon: 1e-3 }]);
    }
}

/// Each kind of them, on an array of two spatial axes.
pub(super) fn arrangements(margins: &[(usize, usize)]) -> Vec<Op> {
    let interpolation = Interpolation::Nearest;
    vec![
        Op::Permute { axes: vec![2, 0, 1] },
        Op::ZeroPad { margins: margins.to_vec() },
        Op::Crop { margins: vec![(1, 1), (0, 1)] },
        Op::UpSample { factors: vec![2, 3], interpolation },
    ]
}

/// Axes of length 1, and such as are missing, are repeated.
#[test]
fn joins_that_repeat() {
    for op in joins() {
        check(&format!("{op:?}"), &repeating(op), &classes());
    }
}

pub(super) fn joins() -> Vec<Op> {
    vec![Op::Add, Op::Subtract, Op::Multiply, Op::Average, Op::Maximum, Op::Minimum]
}

/// A join of an image with a number for each of its channels.
pub(super) fn repeating(join: Op) -> Model {
    let mut model = Model::new("repeating");
    let add = |model: &mut Model, name: &str, op: Op, inputs: &[LayerId]| {
        model.add(name, op, inputs).unwrap()
    };
    let image = add(&mut model, "image", Op::Input { shape: vec![3, 2, 4] }, &[]);
    let pixels = add(&mut model, "pixels", dense(4), &[image]);
    let whole = add(&mut model, "whole", Op::GlobalPool { kind: PoolKind::Average }, &[pixels]);
    let shared = add(&mut model, "shared", dense(4), &[whole]);
    let shared = add(&mut model, "shaped", Op::Reshape { shape: vec![1, 1, 4] }, &[shared]);
    let joined = add(&mut model, "join", join, &[pixels, shared]);
    let flat = add(&mut model, "flat", Op::Flatten, &[joined]);
    add(&mut model, "last", dense(3), &[flat]);
    randomise(&mut model);
    model
}

#[test]
fn mean_squared_error_through_softmax() {
    let softmax = Op::Activation { function: Activation::Softmax };
    let model = chain(&[4], vec![dense(5), dense(3), softmax]);
    check("mse", &model, &Targets::Values(noise(&[SAMPLES, 3], 8)));
}
