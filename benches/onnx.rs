//! Chains of Gemm and Relu from ONNX into a graph and back: the cost is that of the layers, one by one.
//!
//! `cargo bench -p handaxe-benches --bench onnx`
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use handaxe_data::Tensor;
use handaxe_formats::onnx;
use handaxe_graph::{Activation, Model, Op};

/// Inputs and outputs of every Gemm.
const WIDTH: usize = 16;

/// A file of as many layers: Gemm, Relu, Gemm, Relu, ...
fn chain(layers: usize) -> Vec<u8> {
    let mut model = Model::new("chain");
    let mut last = model.add("in", Op::Input { shape: vec![WIDTH] }, &[]).unwrap();
    for place in 0..layers / 2 {
        let dense = Op::Dense { units: WIDTH, bias: true };
        last = model.add(&format!("fc{place}"), dense, &[last]).unwrap();
        model.set_weight(last, "kernel", Tensor::full(&[WIDTH; 2], 0.1)).unwrap();
        let relu = Op::Activation { function: Activation::Relu };
        last = model.add(&format!("relu{place}"), relu, &[last]).unwrap();
    }
    onnx::to_bytes(&model).unwrap()
}

fn chains(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("onnx");
    for layers in [250, 500, 1000, 2000] {
        let file = chain(layers);
        group.throughput(Throughput::Elements(layers as u64));
        group.bench_with_input(BenchmarkId::new("read", layers), &file, |bencher, file| {
            bencher.iter(|| onnx::from_bytes(black_box(file)).unwrap());
        });
        let model = onnx::from_bytes(&file).unwrap();
        group.bench_with_input(BenchmarkId::new("write", layers), &model, |bencher, model| {
            bencher.iter(|| onnx::to_bytes(black_box(model)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, chains);
criterion_main!(benches);
