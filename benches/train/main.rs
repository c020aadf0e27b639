//! Epochs of training with shuffling: handaxe, a loop written by hand without autograd, and candle's own operations; and
//! what regularisers and masks add.
//!
//! Times are those that the threads had processors, which others' work does not touch.
//!
//! `RAYON_NUM_THREADS=1 cargo bench -p handaxe-benches --bench train`
#![allow(clippy::unwrap_used, missing_docs)]

mod by_hand;
mod candle;
#[path = "../../crates/train/examples/clock/mod.rs"]
mod clock;
mod cpu_time;

use cpu_time::CpuTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use handaxe_data::{Dataset, Parts, Targets, Tensor, metric, seeded};
use handaxe_graph::{Mask, Masks, Model, Structure};
use handaxe_optimize::{Fit, Flow, Trainer};
use handaxe_prune::{Penalties, Regulariser, Regularisers};
use handaxe_train::{CandleTrainer, Initialiser, Settings, initialise, parse};
use rand::Rng;

const MLP: &str = "dense:64,relu,dense:32,relu,dense:32,relu,dense:5,softmax";
const CNN: &str = "conv:16x3,batchnorm,relu,maxpool:2,conv:16x3,batchnorm,relu,maxpool:2,conv:24x3,batchnorm,relu,maxpool:2,\
                   flatten,dense:42,relu,dense:64,relu,dense:10,softmax";

/// Samples of noise, and any of so many classes for each.
struct Noise {
    shape: Vec<usize>,
    inputs: Vec<f32>,
    labels: Vec<u32>,
    classes: usize,
}

impl Noise {
    fn new(samples: usize, shape: &[usize], classes: usize) -> Self {
        let mut random = seeded(1, 0);
        let length = samples * shape.iter().product::<usize>();
        let inputs = (0..length).map(|_| random.random_range(-1.0..1.0)).collect();
        let labels = (0..samples).map(|_| random.random_range(0..classes as u32)).collect();
        Self { shape: shape.to_vec(), inputs, labels, classes }
    }

    fn data(&self) -> Dataset {
        let shape = [&[self.labels.len()], &self.shape[..]].concat();
        let targets = Targets::classes(self.labels.clone(), self.classes).unwrap();
        Dataset::new(vec![Tensor::new(shape, self.inputs.clone()).unwrap()], targets).unwrap()
    }
}

fn drawn(spec: &str, shape: &[usize]) -> Model {
    let mut model = parse(spec, "bench", shape).unwrap();
    initialise(&mut model, Initialiser::default(), 1).unwrap();
    model
}

fn trainer(model: &Model, noise: &Noise, settings: Settings) -> CandleTrainer {
    let train = noise.data();
    let few = train.select(&(0..16).collect::<Vec<_>>()).unwrap();
    let data = Parts { train, validation: few.clone(), test: few };
    CandleTrainer::new(model, data, metric("accuracy").unwrap(), settings).unwrap()
}

fn bench(
    group: &mut BenchmarkGroup<'_, CpuTime>,
    name: &str,
    (spec, noise): (&str, &Noise),
    settings: Settings,
    change: impl Fn(&Model, &mut Fit<'_>),
) {
    let model = drawn(spec, &noise.shape);
    let mut trainer = trainer(&model, noise, settings);
    let mut fit = Fit { epochs: 1, ..Fit::default() };
    change(&model, &mut fit);
    let name = name.to_owned();
    group.bench_function(name, |b| {
        b.iter(|| trainer.fit(&fit, &mut |_| Ok(Flow::GoOn)).unwrap());
    });
}

fn of_batches(batch_size: usize) -> Settings {
    Settings { batch_size, ..Settings::default() }
}

fn mlp(c: &mut Criterion<CpuTime>) {
    let noise = Noise::new(16_384, &[16], 5);
    for batch in [128, 1024] {
        let mut group = c.benchmark_group(format!("MLP 16-64-32-32-5, batch {batch}"));
        group.throughput(Throughput::Elements(16_384));
        bench(&mut group, "handaxe", (MLP, &noise), of_batches(batch), |_, _| ());
        let mut by_hand = by_hand::Mlp::new(&[16, 64, 32, 32, 5], batch);
        group.bench_function("by hand", |b| {
            b.iter(|| by_hand.epoch(&noise.inputs, &noise.labels));
        });
        let mut candle = candle::Mlp::new(&[16, 64, 32, 32, 5], &noise);
        group.bench_function("candle", |b| b.iter(|| candle.epoch(batch)));
        group.finish();
    }
}

/// The same with penalties on the kernels, or half of them held.
fn additions(c: &mut Criterion<CpuTime>) {
    let noise = Noise::new(16_384, &[16], 5);
    let model = drawn(MLP, &[16]);
    let kernels: Vec<_> = model.layers().filter(|(_, layer)| layer.kernel().is_some()).collect();
    let penalties = Penalties { sparse: 1e-4, variance: 1e-4, ..Penalties::default() };
    let regularisers: Regularisers = kernels
        .iter()
        .map(|(id, layer)| {
            let shape = layer.kernel().unwrap().shape();
            let pattern = Structure::Pattern { offset: shape[0] * shape[1] / 4, consecutive: 1 };
            (*id, Regulariser::new(shape, &pattern, 1, penalties).unwrap())
        })
        .collect();
    let mut masks = Masks::default();
    for (id, layer) in &kernels {
        let length = layer.kernel().unwrap().values().len();
        masks.insert(*id, Mask::new((0..length).map(|index| index % 2 == 0).collect()));
    }
    for batch in [64, 128, 1024] {
        let mut group = c.benchmark_group(format!("MLP 16-64-32-32-5 with more, batch {batch}"));
        group.throughput(Throughput::Elements(16_384));
        let case = (MLP, &noise);
        bench(&mut group, "nothing", case, of_batches(batch), |_, _| ());
        let penalised = Settings { l1: 1e-4, l2: 1e-4, ..of_batches(batch) };
        bench(&mut group, "l1 and l2", case, penalised, |_, _| ());
        for (name, with) in [("masks", (true, false)), ("group penalties", (false, true))] {
            let mut trainer = trainer(&model, &noise, of_batches(batch));
            let fit = Fit {
                epochs: 1,
                frozen: with.0.then_some(&masks),
                regularisers: with.1.then_some(&regularisers),
                ..Fit::default()
            };
            group.bench_function(name, |b| {
                b.iter(|| trainer.fit(&fit, &mut |_| Ok(Flow::GoOn)).unwrap());
            });
        }
        group.finish();
    }
}

fn cnn(c: &mut Criterion<CpuTime>) {
    let noise = Noise::new(512, &[32, 32, 3], 10);
    let mut group = c.benchmark_group("CNN 32x32x3, batch 64");
    group.sample_size(10).throughput(Throughput::Elements(512));
    bench(&mut group, "handaxe", (CNN, &noise), of_batches(64), |_, _| ());
    let mut candle = candle::Cnn::new(&noise);
    group.bench_function("candle", |b| b.iter(|| candle.epoch(64)));
    group.finish();
}

criterion_group!(
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = mlp, additions, cnn
);
criterion_main!(benches);
