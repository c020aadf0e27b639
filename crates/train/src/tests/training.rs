use std::process::Command;

use handaxe_data::{Dataset, Targets, Tensor, seeded};
use handaxe_graph::{Activation, Model, Op};
use handaxe_optimize::{Fit, Flow, Part, Trainer};
use rand::Rng;

use super::{dense, fit, noise, trainer};
use crate::{CandleTrainer, Error, Initialiser, Optimiser, Settings, initialise, parse};

/// Three clouds of points around the corners of a triangle, 2 % of them on the wrong side at most.
fn blobs(samples: usize) -> Dataset {
    let mut random = seeded(3, 1);
    let mut points = Vec::new();
    let mut labels = Vec::new();
    for sample in 0..samples {
        let angle = std::f32::consts::TAU * (sample % 3) as f32 / 3.0;
        let mut jitter = || (0..4).map(|_| random.random_range(-0.35..0.35f32)).sum::<f32>();
        points.extend([2.0 * angle.cos() + jitter(), 2.0 * angle.sin() + jitter()]);
        labels.push((sample % 3) as u32);
    }
    let points = Tensor::new(vec![samples, 2], points).unwrap();
    Dataset::new(vec![points], Targets::classes(labels, 3).unwrap()).unwrap()
}

fn drawn(spec: &str, input: &[usize]) -> Model {
    let mut model = parse(spec, "m", input).unwrap();
    initialise(&mut model, Initialiser::default(), 5).unwrap();
    model
}

#[test]
fn learns_blobs_with_every_optimiser() {
    for (optimiser, learning_rate) in [
        (Optimiser::Adam, 0.01),
        (Optimiser::AdamW { decay: 0.1 }, 0.01),
        (Optimiser::Sgd { momentum: 0.9 }, 0.02),
    ] {
        let settings = Settings { optimiser, learning_rate, ..Settings::default() };
        let model = drawn("dense:16,relu,batchnorm,dense:3,softmax", &[2]);
        let mut trainer = trainer(&model, &blobs(300), settings);
        let records = fit(&mut trainer, 30);
        assert!(records[29].loss < 0.5 * records[0].loss);
        assert!(trainer.evaluate(Part::Test).unwrap() > 0.95, "{optimiser}: {records:?}");
    }
}

/// Four points, more than a batch of three: the short last batch counts.
#[test]
fn learns_xor_in_batches_that_do_not_divide() {
    let corners = Tensor::new(vec![4, 2], vec![0., 0., 0., 1., 1., 0., 1., 1.]).unwrap();
    let targets = Targets::classes(vec![0, 1, 1, 0], 2).unwrap();
    let data = Dataset::new(vec![corners], targets).unwrap();
    let settings = Settings { batch_size: 3, learning_rate: 0.03, ..Settings::default() };
    let mut trainer = trainer(&drawn("dense:8,tanh,dense:2,softmax", &[2]), &data, settings);
    fit(&mut trainer, 150);
    assert_eq!(trainer.evaluate(Part::Validation).unwrap(), 1.0);
}

/// A residual block learns y = x + small correction, by mean squared error.
#[test]
fn a_residual_block_learns() {
    let mut model = Model::new("residual");
    let input = model.add("in", Op::Input { shape: vec![4] }, &[]).unwrap();
    let fc = model.add("fc1", dense(8), &[input]).unwrap();
    let tanh = Op::Activation { function: Activation::Tanh };
    let tanh = model.add("tanh", tanh, &[fc]).unwrap();
    let fc = model.add("fc2", dense(4), &[tanh]).unwrap();
    model.add("sum", Op::Add, &[input, fc]).unwrap();
    initialise(&mut model, Initialiser::default(), 2).unwrap();
    let x = noise(&[200, 4], 7);
    let mut y = x.clone();
    for row in y.values_mut().chunks_exact_mut(4) {
        let first = row[0];
        row.iter_mut().for_each(|value| *value += 0.5 * first);
    }
    let data = Dataset::new(vec![x], Targets::Values(y)).unwrap();
    let settings = Settings { learning_rate: 0.01, ..Settings::default() };
    let mut trainer = trainer(&model, &data, settings);
    let before = trainer.evaluate(Part::Validation).unwrap();
    fit(&mut trainer, 60);
    let after = trainer.evaluate(Part::Validation).unwrap();
    assert!(after < 0.02 * before, "{before} {after}");
}

const SPEC: &str = "conv:6x3:same,batchnorm,relu,depthwise:3:same,relu,maxpool:2,flatten,dropout:0.3,dense:64,relu,dense:3,softmax";

/// A training with every source of randomness and products large enough to be shared out to threads; its weights, their
/// derivatives and the metric.
fn digest() -> u64 {
    let labels = (0..300).map(|sample| sample % 3).collect();
    let targets = Targets::classes(labels, 3).unwrap();
    let data = Dataset::new(vec![noise(&[300, 16, 16, 2], 5)], targets).unwrap();
    let settings = Settings { batch_size: 128, l1: 1e-4, seed: 6, ..Settings::default() };
    let mut trainer = trainer(&drawn(SPEC, &[16, 16, 2]), &data, settings);
    fit(&mut trainer, 2);
    let gradients = trainer.gradients().unwrap().into_values();
    let curvature = trainer.curvature(3).unwrap().diagonal.into_values();
    let derivatives: Vec<f32> = gradients.chain(curvature).flatten().collect();
    let metric = trainer.evaluate(Part::Validation).unwrap() as f32;
    let weights = fold(&trainer.model().unwrap());
    derivatives.iter().chain([&metric]).fold(weights, hashed)
}

/// All bits of all weights, folded (FNV-1a).
fn fold(model: &Model) -> u64 {
    let weights = model.layers().flat_map(|(_, layer)| layer.weights());
    let values = weights.flat_map(|(_, weight)| weight.values());
    values.fold(0xcbf2_9ce4_8422_2325, hashed)
}

fn hashed(hash: u64, value: &f32) -> u64 {
    (hash ^ u64::from(value.to_bits())).wrapping_mul(0x100_0000_01b3)
}

/// The test runs itself in processes with different numbers of threads.
#[test]
fn same_seed_same_bits_whatever_the_threads() {
    let digest = digest();
    if std::env::var_os("HANDAXE_TEST_DIGEST").is_some() {
        println!("digest {digest}");
        return;
    }
    for threads in ["1", "2", "3"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg("tests::training::same_seed_same_bits_whatever_the_threads")
            .env("RAYON_NUM_THREADS", threads)
            .env("HANDAXE_TEST_DIGEST", "1")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.contains(&format!("digest {digest}\n")), "{threads} threads: {output}");
    }
}

/// The order of samples in the first network, dropout as well in the second.
#[test]
fn stretches_draw_from_their_own_streams() {
    for spec in ["dense:8,relu,dense:3,softmax", "dense:8,relu,dropout:0.2,dense:3,softmax"] {
        let weights = |stream: u64, seed: u64| {
            let settings = Settings { seed, ..Settings::default() };
            let mut trainer = trainer(&drawn(spec, &[2]), &blobs(90), settings);
            trainer
                .fit(&Fit { epochs: 2, frozen: None, stream, ..Fit::default() }, &mut |_| {
                    Ok(Flow::GoOn)
                })
                .unwrap();
            fold(&trainer.model().unwrap())
        };
        assert_eq!(weights(1, 0), weights(1, 0));
        assert_ne!(weights(1, 0), weights(2, 0));
        assert_ne!(weights(1, 0), weights(1, 1));
    }
}

/// After restoring and resetting, a stretch repeats itself bit for bit: nothing else is carried along.
#[test]
fn restore_and_reset_go_back_completely() {
    let mut trainer = trainer(&drawn(SPEC, &[16, 16, 2]), &images(), Settings::default());
    let start = trainer.model().unwrap();
    fit(&mut trainer, 2);
    let first = trainer.model().unwrap();
    assert_ne!(fold(&start), fold(&first));
    trainer.restore(&start).unwrap();
    trainer.reset().unwrap();
    fit(&mut trainer, 2);
    assert_eq!(fold(&first), fold(&trainer.model().unwrap()));

    let other = drawn("flatten,dense:3", &[16, 16, 2]);
    let error = trainer.restore(&other).unwrap_err().downcast::<Error>().unwrap();
    assert!(matches!(*error, Error::OtherGraph { .. }), "{error}");
}

fn images() -> Dataset {
    let labels = (0..60).map(|sample| sample % 3).collect();
    let targets = Targets::classes(labels, 3).unwrap();
    Dataset::new(vec![noise(&[60, 16, 16, 2], 5)], targets).unwrap()
}

/// An error of the one who watches stops the training.
#[test]
fn an_observer_can_stop() {
    let mut trainer: CandleTrainer =
        trainer(&drawn("dense:3", &[2]), &blobs(30), Settings::default());
    let mut epochs = 0;
    let result =
        trainer.fit(&Fit { epochs: 5, frozen: None, stream: 0, ..Fit::default() }, &mut |record| {
            epochs = record.epoch;
            if record.epoch == 2 { Err("enough".into()) } else { Ok(Flow::GoOn) }
        });
    assert_eq!(result.unwrap_err().to_string(), "enough");
    assert_eq!(epochs, 2);
}
