//! Masks for a million weights in 50 layers: groups, losses, the knapsack and its solution, masks. The bar is 0.5 s for
//! each; the reference takes 27 s of CPU for 68,000 weights.
//!
//! `cargo bench -p handaxe-benches --bench masks`
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use handaxe_graph::{LayerId, Model, Op, Structure};
use handaxe_knapsack::{Limits, solver};
use handaxe_prune::{Candidate, Groups, L1, Savings, Scope, Settings, select};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const LAYERS: usize = 50;
/// Inputs and neurons of a layer.
const SHAPE: [usize; 2] = [200, 100];

/// The kernels, each on a scale of its own.
fn kernels() -> Vec<Vec<f32>> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let kernel = |layer: usize| {
        let scale = 1.0 + layer as f32 / 10.0;
        (0..SHAPE[0] * SHAPE[1]).map(|_| scale * random.random_range(-1.0..1.0)).collect()
    };
    (0..LAYERS).map(kernel).collect()
}

fn ids() -> Vec<LayerId> {
    let mut model = Model::new("ids");
    let mut add =
        |layer: usize| model.add(&layer.to_string(), Op::Input { shape: vec![1] }, &[]).unwrap();
    (0..LAYERS).map(&mut add).collect()
}

fn candidate<'a>(
    kernel: &'a [f32],
    layer: LayerId,
    structure: &Structure,
    resources: usize,
    shares: bool,
) -> Candidate<'a> {
    let groups = Groups::new(&SHAPE, structure).unwrap();
    let of = |stored| Savings::of(&groups, |size| vec![(size - stored) as u64; resources]);
    Candidate {
        layer,
        name: "layer",
        kernel,
        gradient: None,
        curvature: None,
        floor: None,
        resources: vec![kernel.len() as u64; resources],
        savings: of(0),
        sharing: shares.then(|| of(1)),
        groups,
    }
}

fn masks(c: &mut Criterion) {
    let (kernels, ids, solver) = (kernels(), ids(), solver("auto").unwrap());
    let limits = Limits::default();
    let pattern = |consecutive| Structure::Pattern { offset: 5000, consecutive };
    let mut group = c.benchmark_group("masks of 10^6 weights in 50 layers");
    group.sample_size(10);
    for (what, structure, resources, shares) in [
        ("unstructured", Structure::Unstructured, 1, false),
        ("unstructured, 2 resources", Structure::Unstructured, 2, false),
        ("pattern of 4", pattern(1), 1, false),
        // The last group of a layer is shorter.
        ("pattern of 3 x 4", pattern(3), 1, false),
        ("pattern of 4, pruned or shared", pattern(1), 1, true),
    ] {
        for scope in [Scope::Global, Scope::Local] {
            let settings =
                Settings { scope, floor: 1, ranking: &L1, solver: &*solver, limits: &limits };
            group.bench_function(format!("{what}, {scope:?}"), |b| {
                b.iter(|| {
                    let layers = kernels.iter().zip(&ids);
                    let candidates: Vec<_> = layers
                        .map(|(kernel, &id)| candidate(kernel, id, &structure, resources, shares))
                        .collect();
                    let asked = vec![0.7; resources];
                    black_box(select(&candidates, &asked, &settings).unwrap().value)
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, masks);
criterion_main!(benches);
