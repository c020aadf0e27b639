//! Gradients and curvatures for rankings, against differences of the loss and of the gradients.

use std::collections::BTreeMap;

use handaxe_data::{Dataset, Targets};
use handaxe_graph::{Activation, LayerId, Model, Op, Padding, PoolKind, Window};
use handaxe_optimize::{ByKernel, Trainer};

use super::gradients::arrangements;
use super::{chain, dense, noise, randomise, trainer};
use crate::{CandleTrainer, Network, Settings};

pub(super) const SAMPLES: usize = 24;

/// Half the distance over which gradients are differenced: their rounding of some 1e-7 over it is 1e-5.
const STEP: f32 = 1e-2;

/// How far a curvature may be off its difference, as a share of the layer's largest: STEP^2 times a higher derivative.
const TOLERANCE: f32 = 5e-3;

fn activation(function: Activation) -> Op {
    Op::Activation { function }
}

pub(super) fn data(model: &Model, targets: Targets) -> Dataset {
    let shape = |layer: &handaxe_graph::Layer| [&[SAMPLES], layer.output_shape()].concat();
    let inputs = model.inputs().map(|(_, layer)| shape(layer)).enumerate();
    let inputs = inputs.map(|(seed, shape)| noise(&shape, 70 + seed as u64)).collect();
    Dataset::new(inputs, targets).unwrap()
}

fn classes(model: &Model) -> Dataset {
    data(model, Targets::classes((0..SAMPLES as u32).map(|n| n * 7 % 3).collect(), 3).unwrap())
}

fn values(model: &Model) -> Dataset {
    let mut values = noise(&[SAMPLES, 3], 8);
    values.values_mut().iter_mut().for_each(|value| *value = value.abs());
    data(model, Targets::Values(values))
}

fn with_batches(model: &Model, data: &Dataset, batch_size: usize) -> CandleTrainer {
    trainer(model, data, Settings { batch_size, probes: 200, ..Settings::default() })
}

/// `of` at the model with one weight of a kernel moved.
fn nudged<T>(
    trainer: &mut CandleTrainer,
    model: &Model,
    (id, index, by): (LayerId, usize, f32),
    of: impl FnOnce(&mut CandleTrainer) -> T,
) -> T {
    let mut moved = model.clone();
    let mut kernel = moved.layer(id).kernel().unwrap().clone();
    kernel.values_mut()[index] += by;
    moved.set_weight(id, "kernel", kernel).unwrap();
    trainer.restore(&moved).unwrap();
    let of = of(trainer);
    trainer.restore(model).unwrap();
    of
}

fn kernels(model: &Model) -> Vec<(LayerId, usize)> {
    let kernels = model.layers();
    kernels.filter_map(|(id, layer)| Some((id, layer.kernel()?.values().len()))).collect()
}

/// The diagonal by central differences of the gradients.
fn differenced(trainer: &mut CandleTrainer, model: &Model, step: f32) -> ByKernel {
    let mut diagonal = BTreeMap::new();
    for (id, length) in kernels(model) {
        let slope = |trainer: &mut CandleTrainer, index, by| {
            nudged(trainer, model, (id, index, by), |it| it.gradients().unwrap()[&id][index])
        };
        let bends = (0..length).map(|index| {
            (slope(trainer, index, step) - slope(trainer, index, -step)) / (2.0 * step)
        });
        let bends = bends.collect();
        diagonal.insert(id, bends);
    }
    diagonal
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(1e-3, |most, value| most.max(value.abs()))
}

pub(super) fn check_exact(what: &str, model: &Model, data: &Dataset) {
    let mut trainer = with_batches(model, data, 10);
    let known = trainer.curvature(1).unwrap();
    assert!(known.estimates.is_empty(), "{what}");
    for (id, expected) in differenced(&mut trainer, model, STEP) {
        let scale = largest(&expected);
        for (index, (bend, expected)) in known.diagonal[&id].iter().zip(&expected).enumerate() {
            let near = (bend - expected).abs() <= TOLERANCE * scale;
            let name = model.layer(id).name();
            assert!(near, "{what}, {name} {index}: {bend}, not {expected} (largest {scale})");
        }
    }
}

/// Smooth functions only: differences across a kink are no derivatives.
const SMOOTH: [Activation; 8] = [
    Activation::Linear,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Softplus,
    Activation::Softmax,
    Activation::LogSoftmax,
    Activation::Swish,
    Activation::GeluTanh,
];

#[test]
fn dense_networks_are_exact() {
    for function in SMOOTH {
        let ops = vec![dense(5), activation(function), dense(4), activation(function), dense(3)];
        let ops = [ops, vec![activation(Activation::Softmax)]].concat();
        let model = chain(&[4], ops);
        check_exact(&format!("{function:?}, classes"), &model, &classes(&model));
        check_exact(&format!("{function:?}, values"), &model, &values(&model));
    }
    let norm = Op::BatchNorm { epsilon: 1e-3, momentum: 0.9 };
    let model = chain(&[4], vec![dense(5), norm, activation(Activation::Tanh), dense(3)]);
    check_exact("batch norm", &model, &classes(&model));
    let norm = Op::LayerNorm { epsilon: 1e-2 };
    let model = chain(&[4], vec![dense(5), norm, activation(Activation::Tanh), dense(3)]);
    check_exact("layer norm", &model, &classes(&model));
}

/// Where the values are too far apart to change places within a step.
#[test]
fn the_larger_passes_its_curvature_on() {
    for join in [Op::Maximum, Op::Minimum] {
        let mut model = Model::new("larger");
        let one = model.add("one", Op::Input { shape: vec![4] }, &[]).unwrap();
        let two = model.add("two", Op::Input { shape: vec![3] }, &[]).unwrap();
        let left = model.add("left", dense(3), &[one]).unwrap();
        let joined = model.add("join", join.clone(), &[two, left]).unwrap();
        let soft = model.add("soft", activation(Activation::Softplus), &[joined]).unwrap();
        model.add("last", dense(3), &[soft]).unwrap();
        randomise(&mut model);
        let mut inputs = [noise(&[SAMPLES, 4], 70), noise(&[SAMPLES, 3], 71)];
        inputs[1].values_mut().iter_mut().for_each(|value| *value += 3.0 * value.signum());
        let targets = classes(&model).targets().clone();
        let data = Dataset::new(inputs.into(), targets).unwrap();
        check_exact(&format!("{join:?}"), &model, &data);
    }
}

/// What moves elements moves their curvature along, and what repeats them adds it up.
#[test]
fn arrangements_are_exact() {
    let tanh = || activation(Activation::Tanh);
    for op in arrangements(&[(1, 0), (0, 2)]) {
        let before = [dense(18), Op::Reshape { shape: vec![3, 3, 2] }, op.clone()];
        let ops = [&before[..], &[tanh(), Op::Flatten, dense(3)]].concat();
        let model = chain(&[4], ops);
        check_exact(&format!("{op:?}"), &model, &classes(&model));
    }
    for join in [Op::Add, Op::Subtract, Op::Multiply, Op::Average] {
        let mut model = Model::new("repeated");
        let image = model.add("image", Op::Input { shape: vec![2, 2, 4] }, &[]).unwrap();
        let vector = model.add("vector", Op::Input { shape: vec![3] }, &[]).unwrap();
        let shared = model.add("shared", dense(4), &[vector]).unwrap();
        let shape = Op::Reshape { shape: vec![1, 1, 4] };
        let shared = model.add("shaped", shape, &[shared]).unwrap();
        let joined = model.add("join", join.clone(), &[image, shared]).unwrap();
        let soft = model.add("soft", activation(Activation::Softplus), &[joined]).unwrap();
        let flat = model.add("flat", Op::Flatten, &[soft]).unwrap();
        model.add("last", dense(3), &[flat]).unwrap();
        randomise(&mut model);
        check_exact(&format!("repeating {join:?}"), &model, &classes(&model));
    }
}

/// Piecewise linear functions have no curvature of their own, and pass on that of the loss.
#[test]
fn flat_activations_pass_curvature_on() {
    for function in [Activation::Relu, Activation::LeakyRelu { slope: 0.3 }, Activation::HardTanh] {
        let model = chain(&[4], vec![dense(3), activation(function), dense(3)]);
        check_exact(&format!("{function:?}"), &model, &values(&model));
    }
    let model = chain(&[4], vec![dense(3), Op::PRelu { slopes: vec![3] }, dense(3)]);
    check_exact("PReLU", &model, &values(&model));
}

#[test]
fn branches_are_exact() {
    for join in [Op::Add, Op::Multiply, Op::Average, Op::Concatenate] {
        let mut model = Model::new("branches");
        let one = model.add("one", Op::Input { shape: vec![4] }, &[]).unwrap();
        let two = model.add("two", Op::Input { shape: vec![3] }, &[]).unwrap();
        let left = model.add("left", dense(4), &[one]).unwrap();
        let right = model.add("right", dense(4), &[two]).unwrap();
        let tanh = model.add("tanh", activation(Activation::Tanh), &[left]).unwrap();
        let deep = model.add("deep", dense(4), &[tanh]).unwrap();
        let joined = model.add("join", join.clone(), &[left, right, deep]).unwrap();
        let soft = model.add("soft", activation(Activation::Softplus), &[joined]).unwrap();
        model.add("last", dense(3), &[soft]).unwrap();
        randomise(&mut model);
        check_exact(&format!("{join:?}"), &model, &classes(&model));
    }
}

/// Every estimated weight within five of its layer's standard errors on average, none far off, and no lean to a side.
fn check_estimate(what: &str, input: &[usize], ops: Vec<Op>) {
    let ops = [ops, vec![activation(Activation::Tanh), Op::Flatten, dense(3)]].concat();
    let model = chain(input, ops);
    let mut trainer = with_batches(&model, &classes(&model), 4);
    let known = trainer.curvature(1).unwrap();
    let expected = differenced(&mut trainer, &model, STEP);
    let finer = differenced(&mut trainer, &model, STEP / 4.0);
    assert!(!known.estimates.is_empty(), "{what}");
    for (id, estimate) in &known.estimates {
        assert_eq!(estimate.samples, 200 * SAMPLES / 4);
        let error = estimate.standard_error as f32 + TOLERANCE * 2.0 * largest(&finer[id]);
        // Where a maximum changes places within a step, the difference is no derivative.
        let smooth = expected[id]
            .iter()
            .zip(&finer[id])
            .map(|(coarse, fine)| (coarse - fine).abs() <= 2.0 * TOLERANCE * largest(&finer[id]));
        let off = known.diagonal[id].iter().zip(&finer[id]).map(|(bend, right)| bend - right);
        let off: Vec<f32> =
            off.zip(smooth).filter_map(|(off, smooth)| smooth.then_some(off)).collect();
        assert!(off.len() >= expected[id].len() / 4, "{what}: {} can be compared", off.len());
        let root = |values: &[f32]| {
            (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt()
        };
        let mean = off.iter().sum::<f32>() / off.len() as f32;
        assert!(root(&off) <= 2.0 * error, "{what}: off by {}, expected {error}", root(&off));
        assert!(mean.abs() <= error, "{what}: leans by {mean}, expected {error}");
        assert!(estimate.standard_error < estimate.magnitude, "{what}: {estimate:?}");
    }
    let again = with_batches(&model, &classes(&model), 4).curvature(1).unwrap();
    assert_eq!(again, known, "{what}");
}

#[test]
fn convolutions_are_estimated_without_lean() {
    let one = Window::dense(&[3], Padding::Same);
    let two = Window { strides: vec![1, 2], ..Window::dense(&[2, 2], Padding::Valid) };
    let conv = |window: &Window| Op::Conv { filters: 3, window: window.clone(), bias: true };
    check_estimate("conv 1d", &[6, 2], vec![conv(&one)]);
    check_estimate("conv 2d", &[4, 5, 2], vec![conv(&two)]);
    let depthwise = Op::DepthwiseConv { multiplier: 2, window: one.clone(), bias: true };
    check_estimate("depthwise", &[6, 2], vec![depthwise]);
    check_estimate("dense on a sequence", &[5, 3], vec![dense(4)]);
    for kind in [PoolKind::Max, PoolKind::Average] {
        let pool = Op::Pool { kind, window: Window::dense(&[2], Padding::Valid) };
        check_estimate(&format!("{kind:?}"), &[6, 2], vec![conv(&one), pool]);
        let global = Op::GlobalPool { kind };
        check_estimate(&format!("global {kind:?}"), &[6, 2], vec![conv(&one), global]);
    }
}

/// Correction 1: the diagonal, not the sums of the Hessian's rows, which the reference takes (H * 1).
#[test]
fn correction_1_the_diagonal_is_not_the_row_sums() {
    let model = chain(&[4], vec![dense(5), activation(Activation::Tanh), dense(3)]);
    let mut trainer = with_batches(&model, &classes(&model), 10);
    let known = trainer.curvature(1).unwrap();
    let (id, length) = kernels(&model)[0];
    let ones = |by: f32| {
        let mut moved = model.clone();
        let mut kernel = moved.layer(id).kernel().unwrap().clone();
        kernel.values_mut().iter_mut().for_each(|weight| *weight += by);
        moved.set_weight(id, "kernel", kernel).unwrap();
        moved
    };
    let mut slopes = |by| {
        trainer.restore(&ones(by)).unwrap();
        trainer.gradients().unwrap()[&id].clone()
    };
    let (up, down) = (slopes(STEP), slopes(-STEP));
    let sums = up.iter().zip(down).map(|(up, down)| (up - down) / (2.0 * STEP));
    let apart = sums.zip(&known.diagonal[&id]);
    let apart = apart.filter(|(sum, bend)| (sum - *bend).abs() > 0.1 * largest(&[**bend]));
    assert!(apart.count() > length / 2);
}

/// Correction 2: the gradients are the means over all samples, whatever the batches; dropout is off.
#[test]
fn correction_2_gradients_are_averaged_over_batches() {
    let ops = vec![dense(5), activation(Activation::Tanh), Op::Dropout { rate: 0.5 }, dense(3)];
    let model = chain(&[4], ops);
    let data = classes(&model);
    let mut whole = with_batches(&model, &data, SAMPLES);
    let expected = whole.gradients().unwrap();
    for batch_size in [1, 7, 10] {
        for (id, slopes) in with_batches(&model, &data, batch_size).gradients().unwrap() {
            let pairs = slopes.iter().zip(&expected[&id]);
            let scale = largest(&expected[&id]);
            assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-5 * scale));
        }
    }
    // Against differences of the mean loss itself.
    let Targets::Classes { labels, .. } = data.targets() else { panic!("classes") };
    let loss = |it: &mut CandleTrainer| {
        let network = Network::new(&it.model().unwrap()).unwrap();
        let scores = network.outputs(&[data.inputs()[0].block(0..data.len()).unwrap()]).unwrap();
        let loss = |(row, label): (&[f32], &u32)| {
            let sum: f64 = row.iter().map(|score| f64::from(*score).exp()).sum();
            sum.ln() - f64::from(row[*label as usize])
        };
        scores.values().chunks(3).zip(labels).map(loss).sum::<f64>() / SAMPLES as f64
    };
    for (id, length) in kernels(&model) {
        for index in 0..length {
            let up = nudged(&mut whole, &model, (id, index, STEP), loss);
            let down = nudged(&mut whole, &model, (id, index, -STEP), loss);
            let difference = ((up - down) / (2.0 * f64::from(STEP))) as f32;
            let near = (difference - expected[&id][index]).abs() < 5e-3 * largest(&expected[&id]);
            assert!(near, "{index}: {} not {difference}", expected[&id][index]);
        }
    }
}

/// A loss of the user's own that gives no second derivative says what to do.
#[test]
fn a_loss_without_curvature_is_named() {
    struct Own;
    impl crate::Loss for Own {
        fn name(&self) -> &'static str {
            "own"
        }
        fn mean(
            &self,
            outputs: &candle_core::Tensor,
            _: &Targets,
        ) -> Result<candle_core::Tensor, crate::Error> {
            Ok(outputs.sqr()?.mean_all()?)
        }
    }
    let model = chain(&[4], vec![dense(3)]);
    let mut trainer = with_batches(&model, &values(&model), 10).with_loss(Box::new(Own)).unwrap();
    let message = trainer.curvature(1).unwrap_err().to_string();
    assert!(message.contains("`Loss::bend`"), "{message}");
}
