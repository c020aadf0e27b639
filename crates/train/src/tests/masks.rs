use handaxe_data::{Dataset, Parts, Targets, Tensor, metric};
use handaxe_graph::{Activation, Mask, Masks, Model, Op, Padding, Window};
use handaxe_optimize::{Fit, Flow, Trainer};

use super::{chain, dense, noise, trainer};
use crate::{CandleTrainer, Error, Optimiser, Settings};

fn model() -> Model {
    let window = Window::dense(&[3, 3], Padding::Same);
    let relu = Op::Activation { function: Activation::Relu };
    let conv = Op::Conv { filters: 3, window, bias: true };
    let norm = Op::BatchNorm { epsilon: 1e-3, momentum: 0.9 };
    chain(&[4, 4, 2], vec![conv, norm, relu, Op::Flatten, dense(3)])
}

fn data() -> Dataset {
    let labels = (0..40).map(|sample| sample % 3).collect();
    Dataset::new(vec![noise(&[40, 4, 4, 2], 5)], Targets::classes(labels, 3).unwrap()).unwrap()
}

/// Sets awkward values where the masks hold: -0.0, denormals, offsets.
fn hold(model: &mut Model) -> Masks {
    let awkward = [0.0, -0.0, f32::from_bits(1), -f32::MIN_POSITIVE, 0.3, 1e-30, -7.0];
    let mut masks = Masks::default();
    let kernels: Vec<_> =
        model.layers().filter_map(|(id, layer)| Some((id, layer.kernel()?.clone()))).collect();
    for (id, mut kernel) in kernels {
        let mut mask = Mask::new(vec![true; kernel.values().len()]);
        for index in (0..kernel.values().len()).step_by(3) {
            let value = awkward[index / 3 % awkward.len()];
            kernel.values_mut()[index] = value;
            mask.hold(index, value);
        }
        model.set_weight(id, "kernel", kernel).unwrap();
        masks.insert(id, mask);
    }
    masks
}

fn bits(model: &Model, name: &str) -> Vec<Vec<u32>> {
    let weights = model.layers().filter_map(|(_, layer)| layer.weight(name));
    weights.map(|weight| weight.values().iter().map(|value| value.to_bits()).collect()).collect()
}

/// Momentum gathered in a stretch without masks does not move what the next one holds.
#[test]
fn held_weights_keep_their_bits_through_any_optimiser_and_regulariser() {
    let all = [Optimiser::Adam, Optimiser::AdamW { decay: 0.1 }, Optimiser::Sgd { momentum: 0.9 }];
    for optimiser in all {
        for (l1, l2) in [(0.0, 0.0), (1e-2, 0.0), (0.0, 1e-2), (1e-3, 1e-3)] {
            let mut model = model();
            let settings = Settings {
                batch_size: 16,
                learning_rate: 0.01,
                optimiser,
                l1,
                l2,
                seed: 4,
                ..Settings::default()
            };
            let mut trainer = trainer(&model, &data(), settings);
            let train = |frozen: Option<&Masks>, trainer: &mut CandleTrainer| {
                trainer
                    .fit(&Fit { epochs: 3, frozen, stream: 1, ..Fit::default() }, &mut |_| {
                        Ok(Flow::GoOn)
                    })
                    .unwrap();
                trainer.model().unwrap()
            };
            model = train(None, &mut trainer);
            let masks = hold(&mut model);
            trainer.restore(&model).unwrap();
            let trained = train(Some(&masks), &mut trainer);

            let mut moved = 0;
            let kernels = bits(&model, "kernel").into_iter().zip(bits(&trained, "kernel"));
            for ((_, mask), (before, after)) in masks.iter().zip(kernels) {
                for ((before, after), keep) in before.iter().zip(&after).zip(mask.keep()) {
                    assert!(*keep || before == after, "{optimiser} {l1} {l2}");
                    moved += usize::from(*keep && before != after);
                }
            }
            let free: usize =
                masks.iter().map(|(_, mask)| mask.keep().iter().filter(|k| **k).count()).sum();
            assert!(
                moved > free * 9 / 10,
                "{optimiser}: only {moved} of {free} free weights moved"
            );
            assert_ne!(bits(&model, "bias"), bits(&trained, "bias"));
            // Without masks the same weights may move again.
            assert_ne!(bits(&trained, "kernel"), bits(&train(None, &mut trainer), "kernel"));
        }
    }
}

/// Three columns of the last layer, each of one value, and a pruned weight.
fn share(model: &mut Model) -> Masks {
    let (id, mut kernel) = model
        .layers()
        .filter_map(|(id, layer)| Some((id, layer.kernel()?.clone())))
        .last()
        .unwrap();
    let mut mask = Mask::new(vec![true; kernel.values().len()]);
    for (column, value) in [0.25, -0.5].into_iter().enumerate() {
        mask.share((0..kernel.shape()[0]).map(|row| row * 3 + column).collect(), value);
    }
    mask.hold(2, 0.0);
    mask.apply(kernel.values_mut());
    model.set_weight(id, "kernel", kernel).unwrap();
    let mut masks = Masks::default();
    masks.insert(id, mask);
    masks
}

/// Weights that share a value are one weight in training: they keep one value, which moves by the sum of their slopes.
#[test]
fn shared_values_are_trained_as_one_weight() {
    for optimiser in [Optimiser::Adam, Optimiser::Sgd { momentum: 0.0 }] {
        let window = Window::dense(&[3, 3], Padding::Same);
        let conv = Op::Conv { filters: 3, window, bias: true };
        let mut model = chain(&[4, 4, 2], vec![conv, Op::Flatten, dense(3)]);
        let masks = share(&mut model);
        let data = data();
        let rate = 0.01;
        let settings = Settings {
            batch_size: data.len(),
            learning_rate: rate,
            optimiser,
            ..Settings::default()
        };
        let mut trainer = trainer(&model, &data, settings);
        let (id, mask) = masks.iter().next().unwrap();
        let before = model.layer(id).kernel().unwrap().values().to_vec();
        let slopes = trainer.gradients().unwrap().remove(&id).unwrap();
        for train_shared in [true, false] {
            trainer.restore(&model).unwrap();
            trainer.reset().unwrap();
            let fit = Fit { epochs: 1, frozen: Some(&masks), train_shared, ..Fit::default() };
            trainer.fit(&fit, &mut |_| Ok(Flow::GoOn)).unwrap();
            let trained = trainer.model().unwrap();
            let after = trained.layer(id).kernel().unwrap().values();
            assert_eq!(after[2], 0.0);
            for group in mask.shared() {
                let first = group[0];
                assert!(
                    group.iter().all(|&index| after[index].to_bits() == after[first].to_bits())
                );
                assert_eq!(after[first] != before[first], train_shared);
                let slope: f32 = group.iter().map(|&index| slopes[index]).sum();
                let step = if optimiser == Optimiser::Adam { slope.signum() } else { slope };
                let expected = before[first] - rate as f32 * step;
                let fine = (after[first] - expected).abs() < 1e-5;
                assert!(fine || !train_shared, "{optimiser}: {} {expected}", after[first]);
            }
        }
    }
}

/// The penalty's slope at 0 is 0: a network without any other gradient stays where it is.
#[test]
fn regularisers_pull_towards_zero_and_leave_zero_alone() {
    let mut model = Model::new("penalty");
    let input = model.add("in", Op::Input { shape: vec![3] }, &[]).unwrap();
    let fc = model.add("fc", Op::Dense { units: 1, bias: false }, &[input]).unwrap();
    model.set_weight(fc, "kernel", Tensor::new(vec![3, 1], vec![2.0, -1.0, 0.0]).unwrap()).unwrap();
    let zeros = Tensor::full(&[4, 3], 0.0);
    let targets = Targets::Values(Tensor::full(&[4, 1], 0.0));
    let data = Dataset::new(vec![zeros], targets).unwrap();
    let optimiser = Optimiser::Sgd { momentum: 0.0 };
    let settings =
        Settings { learning_rate: 0.5, optimiser, l1: 0.1, l2: 0.01, ..Settings::default() };
    let mut trainer = trainer(&model, &data, settings);
    let records = super::fit(&mut trainer, 1);
    assert!((records[0].loss - (0.1 * 3.0 + 0.01 * 5.0)).abs() < 1e-7);
    let model = trainer.model().unwrap();
    let kernel = model.layer(fc).kernel().unwrap().values();
    let expected = [2.0 - 0.5 * (0.1 + 0.04), -1.0 + 0.5 * (0.1 + 0.02), 0.0];
    for (got, expected) in kernel.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-6, "{got} {expected}");
    }
}

/// After a stretch in which the penalty pulled at a held weight, its first free step is a first step.
#[test]
fn no_momentum_gathers_behind_a_held_weight() {
    let mut model = Model::new("held");
    let input = model.add("in", Op::Input { shape: vec![1] }, &[]).unwrap();
    let fc = model.add("fc", Op::Dense { units: 1, bias: false }, &[input]).unwrap();
    model.set_weight(fc, "kernel", Tensor::full(&[1, 1], 2.0)).unwrap();
    let targets = Targets::Values(Tensor::full(&[4, 1], 0.0));
    let data = Dataset::new(vec![Tensor::full(&[4, 1], 0.0)], targets).unwrap();
    let optimiser = Optimiser::Sgd { momentum: 0.9 };
    let settings = Settings { learning_rate: 0.5, optimiser, l1: 0.25, ..Settings::default() };
    let mut trainer = trainer(&model, &data, settings);
    let mut masks = Masks::default();
    masks.insert(fc, Mask::new(vec![false]));
    trainer
        .fit(&Fit { epochs: 3, frozen: Some(&masks), stream: 0, ..Fit::default() }, &mut |_| {
            Ok(Flow::GoOn)
        })
        .unwrap();
    let weight =
        |trainer: &CandleTrainer| trainer.model().unwrap().layer(fc).kernel().unwrap().values()[0];
    assert_eq!(weight(&trainer), 2.0);
    super::fit(&mut trainer, 1);
    assert_eq!(weight(&trainer), 2.0 - 0.5 * 0.25);
}

#[test]
fn a_mask_of_another_network_is_refused() {
    let model = model();
    let mut masks = Masks::default();
    masks.insert(model.find("l0").unwrap(), Mask::new(vec![true; 5]));
    let mut trainer = trainer(&model, &data(), Settings::default());
    let fit = Fit { epochs: 1, frozen: Some(&masks), stream: 0, ..Fit::default() };
    let error = trainer.fit(&fit, &mut |_| Ok(Flow::GoOn)).unwrap_err();
    let error = error.downcast::<Error>().unwrap();
    assert!(matches!(*error, Error::MaskLength { given: 5, expected: 54, .. }), "{error}");
}

#[test]
fn what_does_not_fit_is_said_before_training() {
    let new = |model: &Model, data: Dataset, settings: Settings| {
        let data = Parts { train: data.clone(), validation: data.clone(), test: data };
        CandleTrainer::new(model, data, metric("accuracy").unwrap(), settings).err().unwrap()
    };
    let flat = Dataset::new(vec![noise(&[40, 32], 5)], data().targets().clone()).unwrap();
    assert_eq!(
        new(&model(), flat, Settings::default()).to_string(),
        "input 0 of the training data has samples of shape [32], layer `in` takes [4, 4, 2]: give the model an input of \
         shape [32] and put a `reshape` after it"
    );
    let unflattened = chain(&[4, 4, 2], vec![dense(3)]);
    assert_eq!(
        new(&unflattened, data(), Settings::default()).to_string(),
        "the model answers with shape [4, 4, 3], the training targets are 3 wide: put `flatten` before the first dense layer"
    );
    let narrow = chain(&[4, 4, 2], vec![Op::Flatten, dense(2)]);
    assert!(matches!(
        new(&narrow, data(), Settings::default()),
        Error::OutputShape { targets: 3, .. }
    ));
    let never = Settings { batch_size: 0, ..Settings::default() };
    assert_eq!(new(&model(), data(), never).to_string(), "the batch size must be 1 or more, not 0");
    let backwards = Settings { learning_rate: -0.1, ..Settings::default() };
    assert!(matches!(new(&model(), data(), backwards), Error::Setting { .. }));
}

#[test]
fn divergence_is_an_error_that_says_what_to_do() {
    let optimiser = Optimiser::Sgd { momentum: 0.0 };
    let settings = Settings { learning_rate: 1e30, optimiser, ..Settings::default() };
    let mut trainer = trainer(&model(), &data(), settings);
    let fit = Fit { epochs: 5, frozen: None, stream: 0, ..Fit::default() };
    let error = trainer.fit(&fit, &mut |_| Ok(Flow::GoOn)).unwrap_err().to_string();
    assert!(error.starts_with("training diverged in epoch 1: "), "{error}");
    assert!(error.contains("lower the learning rate (now 1000000000000000000"), "{error}");
}
