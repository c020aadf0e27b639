//! Samples a second of processor time in training, epochs with shuffling included, the best of eight epochs:
//! `cargo run --release -p handaxe-train --example throughput [PART OF A NAME]`.

mod clock;

use clock::cpu_seconds as seconds;
use handaxe_data::{Dataset, Parts, Targets, Tensor, metric, seeded};
use handaxe_optimize::{Fit, Flow, ForeignError, Trainer};
use handaxe_train::{CandleTrainer, Initialiser, Settings, initialise, parse};
use rand::Rng;

/// Name, network, input, batch size and number of samples.
type Case = (&'static str, &'static str, &'static [usize], usize, usize);

const MLP: &str = "dense:64,relu,dense:32,relu,dense:32,relu,dense:5,softmax";
const DIGITS: &str = "dense:64,relu,dense:32,relu,dense:5,softmax";
const LENET: &str = "conv:6x5:same,relu,maxpool:2,conv:16x5,relu,maxpool:2,flatten,dense:120,relu,dense:84,relu,dense:5,softmax";
const CNN: &str = "conv:16x3,batchnorm,relu,maxpool:2,conv:16x3,batchnorm,relu,maxpool:2,conv:24x3,batchnorm,relu,maxpool:2,\
                   flatten,dense:42,relu,dense:64,relu,dense:5,softmax";

const CASES: [Case; 6] = [
    ("MLP 16-64-32-32-5", MLP, &[16], 128, 131_072),
    ("MLP 16-64-32-32-5", MLP, &[16], 1024, 262_144),
    ("MLP 784-64-32-5", DIGITS, &[784], 128, 16_384),
    ("LeNet 28x28", LENET, &[28, 28, 1], 64, 2_048),
    ("CNN 32x32x3", CNN, &[32, 32, 3], 64, 1_024),
    ("CNN 32x32x3", CNN, &[32, 32, 3], 256, 1_024),
];

fn main() -> Result<(), ForeignError> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (name, spec, input, batch_size, samples) in CASES {
        if !name.contains(&wanted) {
            continue;
        }
        let mut model = parse(spec, name, input)?;
        initialise(&mut model, Initialiser::default(), 1)?;
        let (train, small) = (noise(input, samples)?, noise(input, 16)?);
        let data = Parts { train, validation: small.clone(), test: small };
        let settings = Settings { batch_size, l1: 1e-4, ..Settings::default() };
        let mut trainer = CandleTrainer::new(&model, data, metric("accuracy")?, settings)?;
        let mut best = f64::INFINITY;
        let mut start = seconds();
        trainer.fit(&Fit { epochs: 8, frozen: None, stream: 0, ..Fit::default() }, &mut |_| {
            best = best.min(seconds() - start);
            start = seconds();
            Ok(Flow::GoOn)
        })?;
        println!("{name:20} batch {batch_size:5}: {:10.0} samples/s", samples as f64 / best);
    }
    Ok(())
}

fn noise(input: &[usize], samples: usize) -> Result<Dataset, ForeignError> {
    let mut random = seeded(1, 0);
    let shape = [&[samples], input].concat();
    let mut array = Tensor::full(&shape, 0.0);
    array.values_mut().iter_mut().for_each(|value| *value = random.random_range(-1.0..1.0));
    let labels = (0..samples).map(|_| random.random_range(0..5)).collect();
    Ok(Dataset::new(vec![array], Targets::classes(labels, 5)?)?)
}
