//! What a network of 1,000 layers costs, before any synthesis. The bar is 50 ms.
//!
//! `cargo bench -p handaxe-benches --bench estimate`
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use handaxe_graph::{HlsConfig, Model, Op, Strategy};
use handaxe_objective::estimate::{Profile, estimate};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LAYERS: usize = 1000;

/// Dense layers of `width` x `width`, one after the other, with random weights.
fn deep(width: usize) -> Model {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut model = Model::new("deep");
    let mut last = model.add("in", Op::Input { shape: vec![width] }, &[]).unwrap();
    for layer in 0..LAYERS {
        let dense = Op::Dense { units: width, bias: true };
        last = model.add(&format!("fc{layer}"), dense, &[last]).unwrap();
        let mut kernel = model.layer(last).kernel().unwrap().clone();
        kernel.values_mut().iter_mut().for_each(|weight| *weight = random.random_range(-1.0..1.0));
        model.set_weight(last, "kernel", kernel).unwrap();
    }
    model
}

fn estimates(c: &mut Criterion) {
    let mut group = c.benchmark_group("estimate of 1,000 layers");
    group.sample_size(20);
    for width in [8, 64] {
        let model = deep(width);
        for strategy in [Strategy::Resource, Strategy::Latency] {
            let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 4, strategy).unwrap();
            group.bench_function(format!("{width} x {width}, {strategy}"), |b| {
                b.iter(|| {
                    let profile = Profile::default();
                    black_box(estimate(&model, &config, &profile).unwrap().0.synthesis.lut.value)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, estimates);
criterion_main!(benches);
