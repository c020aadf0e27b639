//! Classes, yes or no, values; one output and several; networks of every shape.

use handaxe_data::{Dataset, Parts, Targets, Tensor, metric};
use handaxe_graph::{Activation, Model, Op, Padding, Window};
use handaxe_optimize::{Part, Trainer};

use super::gradients::{self, check_by};
use super::{chain, curvature, dense, fit, noise, randomise, trainer};
use crate::{CandleTrainer, Error, Settings, loss};

fn activation(function: Activation) -> Op {
    Op::Activation { function }
}

/// A trunk with a branch for each of these endings, of two units each.
fn heads(endings: &[Activation]) -> Model {
    let mut model = Model::new("heads");
    let input = model.add("in", Op::Input { shape: vec![4] }, &[]).unwrap();
    let trunk = model.add("trunk", dense(5), &[input]).unwrap();
    let trunk = model.add("tanh", activation(Activation::Tanh), &[trunk]).unwrap();
    for (number, &ending) in endings.iter().enumerate() {
        let head = model.add(&format!("head{number}"), dense(2), &[trunk]).unwrap();
        model.add(&format!("end{number}"), activation(ending), &[head]).unwrap();
    }
    randomise(&mut model);
    model
}

fn zero_or_one(shape: &[usize]) -> Targets {
    let mut values = noise(shape, 9);
    values.values_mut().iter_mut().for_each(|value| *value = f32::from(*value > 0.0));
    Targets::Values(values)
}

#[test]
fn gradients_of_several_outputs_and_of_every_loss() {
    let model = heads(&[Activation::Linear, Activation::Sigmoid]);
    let values = Targets::Values(noise(&[gradients::SAMPLES, 4], 8));
    gradients::check("two heads", &model, &values);
    check_by(&*loss("mae").unwrap(), "mae", &model, &values);
    let model = heads(&[Activation::Sigmoid, Activation::Sigmoid]);
    let flags = zero_or_one(&[gradients::SAMPLES, 4]);
    check_by(&*loss("binary-cross-entropy").unwrap(), "yes or no", &model, &flags);
    // An inner layer may be an output as well.
    let mut model = heads(&[Activation::Linear]);
    let outputs = [model.find("head0").unwrap(), model.find("trunk").unwrap()];
    model.set_outputs(&outputs).unwrap();
    let values = Targets::Values(noise(&[gradients::SAMPLES, 7], 8));
    gradients::check("an inner output", &model, &values);
}

#[test]
fn curvature_of_several_outputs_is_exact() {
    let model = heads(&[Activation::Linear, Activation::Tanh]);
    let values = Targets::Values(noise(&[curvature::SAMPLES, 4], 8));
    curvature::check_exact("two heads", &model, &curvature::data(&model, values));
    let model = chain(&[4], vec![dense(3), activation(Activation::Tanh), dense(1)]);
    let model = {
        let mut model = model;
        let last = model.outputs()[0];
        model.add("sigmoid", activation(Activation::Sigmoid), &[last]).unwrap();
        model
    };
    let labels = (0..curvature::SAMPLES as u32).map(|n| n * 7 % 3 % 2).collect();
    let flags = Targets::classes(labels, 2).unwrap();
    curvature::check_exact("binary", &model, &curvature::data(&model, flags));
}

/// Points left and right of a line; one output says the chance of the right side.
#[test]
fn one_output_tells_two_classes() {
    let points = noise(&[200, 3], 4);
    let right = |row: &[f32]| u32::from(row[0] + row[1] - 0.5 * row[2] > 0.0);
    let labels = points.values().chunks(3).map(right).collect();
    let data = Dataset::new(vec![points], Targets::classes(labels, 2).unwrap()).unwrap();
    let model = chain(&[3], vec![dense(6), activation(Activation::Tanh), dense(1)]);
    let mut model = model;
    let last = model.outputs()[0];
    model.add("sigmoid", activation(Activation::Sigmoid), &[last]).unwrap();
    let mut trainer =
        trainer(&model, &data, Settings { learning_rate: 0.03, ..Settings::default() });
    let records = fit(&mut trainer, 40);
    assert!(records[39].loss < 0.3 * records[0].loss);
    assert!(trainer.evaluate(Part::Test).unwrap() > 0.97);
}

/// Each head has its own columns of the targets.
#[test]
fn several_outputs_learn_values_side_by_side() {
    let points = noise(&[200, 4], 4);
    let answers = points.values().chunks(4).flat_map(|x| [x[0] - x[1], x[2], x[3] * x[3], 0.5]);
    let answers = Tensor::new(vec![200, 4], answers.collect()).unwrap();
    let data = Dataset::new(vec![points], Targets::Values(answers)).unwrap();
    let model = heads(&[Activation::Linear, Activation::Linear]);
    for name in ["mse", "mae"] {
        let settings =
            Settings { learning_rate: 0.02, loss: Some(name.to_owned()), ..Settings::default() };
        let mut trainer = trainer(&model, &data, settings);
        fit(&mut trainer, 60);
        assert!(trainer.evaluate(Part::Test).unwrap() < 0.03, "{name}");
    }
}

/// Where in a sequence a bump is, from two inputs that meet: convolutions over one axis, by channel, and branches.
#[test]
fn sequences_and_several_inputs_learn() {
    let (samples, length) = (240, 9);
    let mut waves = noise(&[samples, length, 2], 6);
    let mut labels = Vec::new();
    for (sample, wave) in waves.values_mut().chunks_mut(length * 2).enumerate() {
        let class = sample % 3;
        wave[class * 6 + 2] += 3.0;
        labels.push(class as u32);
    }
    let side = noise(&[samples, 3], 7);
    let targets = Targets::classes(labels, 3).unwrap();
    let data = Dataset::new(vec![waves, side], targets).unwrap();
    let mut model = Model::new("branches");
    let same = Window::dense(&[3], Padding::Same);
    let one = model.add("waves", Op::Input { shape: vec![length, 2] }, &[]).unwrap();
    let two = model.add("side", Op::Input { shape: vec![3] }, &[]).unwrap();
    let depthwise = Op::DepthwiseConv { multiplier: 2, window: same.clone(), bias: true };
    let left = model.add("depthwise", depthwise, &[one]).unwrap();
    let conv = Op::Conv { filters: 4, window: same, bias: true };
    let left = model.add("conv", conv, &[left]).unwrap();
    let left = model.add("relu", activation(Activation::Relu), &[left]).unwrap();
    let left = model.add("flat", Op::Flatten, &[left]).unwrap();
    let right = model.add("fc", dense(4), &[two]).unwrap();
    let joined = model.add("join", Op::Concatenate, &[left, right]).unwrap();
    model.add("out", dense(3), &[joined]).unwrap();
    randomise(&mut model);
    let mut trainer =
        trainer(&model, &data, Settings { learning_rate: 0.01, ..Settings::default() });
    fit(&mut trainer, 15);
    assert!(trainer.evaluate(Part::Test).unwrap() > 0.97);
}

#[test]
fn tasks_and_last_layers_that_disagree_are_refused() {
    let refused = |ending: Option<Activation>, units, targets: Targets, name: Option<&str>| {
        let ops = [vec![dense(units)], ending.map(activation).into_iter().collect()].concat();
        let data = Dataset::new(vec![noise(&[6, 2], 1)], targets).unwrap();
        let data = Parts { train: data.clone(), validation: data.clone(), test: data };
        let settings = Settings { loss: name.map(str::to_owned), ..Settings::default() };
        CandleTrainer::new(&chain(&[2], ops), data, metric("mse").unwrap(), settings).err()
    };
    let classes = |count| Targets::classes(vec![0, 1, 1, 0, 1, 0], count).unwrap();
    let values = || Targets::Values(Tensor::full(&[6, 1], -3.0));
    let message = |error: Option<Error>| error.unwrap().to_string();

    let sigmoid = refused(Some(Activation::Sigmoid), 3, classes(3), None);
    let expected = "the network ends with `l1` (sigmoid), which does not suit the categorical-cross-entropy loss: that needs \
                    softmax or linear or log_softmax at the end";
    assert_eq!(message(sigmoid), expected);
    let scores = refused(None, 1, classes(2), None);
    assert!(message(scores).contains("needs sigmoid at the end"));
    for (ending, range) in [
        (Activation::Relu, "0 to inf"),
        (Activation::Tanh, "-1 to 1"),
        (Activation::Softmax, "0 to 1"),
    ] {
        let error = message(refused(Some(ending), 1, values(), None));
        assert!(error.contains(range) && error.contains("hold -3"), "{error}");
    }
    let chance = refused(Some(Activation::Sigmoid), 1, values(), Some("binary-cross-entropy"));
    assert!(matches!(chance, Some(Error::Probability { given: -3.0, .. })));
    let wrong = refused(None, 3, classes(3), Some("mae"));
    assert!(matches!(wrong, Some(Error::Targets { loss: "mae", .. })));
    assert!(matches!(refused(None, 1, values(), Some("hinge")), Some(Error::UnknownName { .. })));
    assert!(refused(None, 1, values(), Some("mae")).is_none());
    assert!(refused(Some(Activation::Softmax), 3, classes(3), None).is_none());

    let two = heads(&[Activation::Linear, Activation::Linear]);
    let data = Dataset::new(vec![noise(&[6, 4], 1)], classes(2)).unwrap();
    let data = Parts { train: data.clone(), validation: data.clone(), test: data };
    let error = CandleTrainer::new(&two, data, metric("accuracy").unwrap(), Settings::default());
    assert!(matches!(error.err(), Some(Error::Outputs { given: 2 })));
}
