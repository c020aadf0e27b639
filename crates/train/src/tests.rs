//! Whole networks: gradients against finite differences, what the layers compute, and what training keeps its hands off.

mod curvature;
mod gradients;
mod layers;
mod masks;
mod quantised;
mod sharing;
mod tasks;
mod training;
mod unfused;

use handaxe_data::{Dataset, Parts, Targets, Tensor, metric, seeded};
use handaxe_graph::{LayerId, Model, Op};
use handaxe_optimize::{EpochRecord, Fit, Flow, Trainer};
use rand::Rng;

use crate::{CandleTrainer, Initialiser, Settings, initialise};

/// Random numbers in -1..1.
fn noise(shape: &[usize], seed: u64) -> Tensor {
    let mut random = seeded(seed, 0);
    let mut array = Tensor::full(shape, 0.0);
    array.values_mut().iter_mut().for_each(|value| *value = random.random_range(-1.0..1.0));
    array
}

/// A chain of layers after an input, called l0, l1, ..., with drawn weights, biases and scales included.
fn chain(input: &[usize], ops: Vec<Op>) -> Model {
    let mut model = Model::new("chain");
    let mut last = model.add("in", Op::Input { shape: input.to_vec() }, &[]).unwrap();
    for (number, op) in ops.into_iter().enumerate() {
        last = model.add(&format!("l{number}"), op, &[last]).unwrap();
    }
    randomise(&mut model);
    model
}

/// Draws every weight, so that no term of a gradient hides behind a neutral value.
fn randomise(model: &mut Model) {
    initialise(model, Initialiser::GlorotUniform, 3).unwrap();
    let others: Vec<(LayerId, &'static str, Vec<usize>)> = model
        .layers()
        .flat_map(|(id, layer)| {
            layer.weights().map(move |(name, w)| (id, name, w.shape().to_vec()))
        })
        .filter(|(_, name, _)| *name != "kernel")
        .collect();
    for (seed, (id, name, shape)) in (0..).zip(others) {
        let mut weight = noise(&shape, 100 + seed);
        if name == "gamma" || name == "moving_variance" {
            weight.values_mut().iter_mut().for_each(|value| *value = 1.5 + 0.5 * *value);
        }
        model.set_weight(id, name, weight).unwrap();
    }
}

fn dense(units: usize) -> Op {
    Op::Dense { units, bias: true }
}

/// A trainer whose three parts are the same samples.
fn trainer(model: &Model, data: &Dataset, settings: Settings) -> CandleTrainer {
    let name = match data.targets() {
        Targets::Classes { .. } => "accuracy",
        Targets::Values(_) => "mse",
    };
    let data = Parts { train: data.clone(), validation: data.clone(), test: data.clone() };
    CandleTrainer::new(model, data, metric(name).unwrap(), settings).unwrap()
}

/// Trains without masks; all epochs.
fn fit(trainer: &mut CandleTrainer, epochs: usize) -> Vec<EpochRecord> {
    let mut records = Vec::new();
    let fit = Fit { epochs, frozen: None, stream: 0, ..Fit::default() };
    trainer
        .fit(&fit, &mut |record| {
            records.push(*record);
            Ok(Flow::GoOn)
        })
        .unwrap();
    records
}
