//! Steps of training hand their arrays on to each other: what a step asks the system for does not depend on how many
//! samples are in it.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use allocation_counter::{AllocationInfo, measure};
use handaxe_data::{Dataset, Parts, Targets, Tensor, metric};
use handaxe_graph::{LayerAttributes, LayerId, Model, Op, PoolKind, Quantiser, Scale, Structure};
use handaxe_optimize::{Fit, Flow, Trainer};
use handaxe_prune::{Norm, Penalties, Regulariser, Regularisers};
use handaxe_train::{CandleTrainer, Initialiser, Settings, initialise, parse};

const CLASSES: usize = 4;

/// What the tensors of a step weigh beside their elements, for each layer: shapes, strides, locks and counts of candle's.
const BOOKKEEPING: u64 = 4_096;

/// Some samples of noise, chosen from others as a split chooses them.
fn data(shape: &[usize], targets: Targets) -> Dataset {
    let width: usize = shape.iter().product();
    let values = (0..targets.len() * width).map(|place| (place * 37 % 101) as f32 / 50.0 - 1.0);
    let shape = [&[targets.len()], shape].concat();
    let inputs = Tensor::new(shape, values.collect()).unwrap();
    let chosen: Vec<usize> = (0..targets.len()).rev().collect();
    Dataset::new(vec![inputs], targets).unwrap().select(&chosen).unwrap()
}

fn labels(samples: usize) -> Targets {
    let label = |sample: usize| (sample * 31 % CLASSES) as u32;
    Targets::classes((0..samples).map(label).collect(), CLASSES).unwrap()
}

fn numbers(samples: usize) -> Targets {
    Targets::Values(Tensor::full(&[samples, CLASSES], 0.25))
}

/// What one epoch asks for, judged on a few samples.
fn epoch(
    model: &Model,
    data: Dataset,
    batch_size: usize,
    regularisers: Option<&Regularisers>,
) -> AllocationInfo {
    let few = data.select(&[0, 1, 2, 3]).unwrap();
    let name = if matches!(data.targets(), Targets::Classes { .. }) { "accuracy" } else { "mse" };
    let parts = Parts { train: data, validation: few.clone(), test: few };
    let settings = Settings { batch_size, l2: 1e-4, ..Settings::default() };
    let mut trainer = CandleTrainer::new(model, parts, metric(name).unwrap(), settings).unwrap();
    let mut fit = |epochs| {
        let fit = Fit { epochs, regularisers, ..Fit::default() };
        measure(|| trainer.fit(&fit, &mut |_| Ok(Flow::GoOn)).unwrap())
    };
    fit(1); // fills the workspace
    let (one, two) = (fit(1), fit(2));
    AllocationInfo {
        count_total: two.count_total - one.count_total,
        bytes_total: two.bytes_total - one.bytes_total,
        ..two
    }
}

/// Pieces and bytes that one step asks for.
fn step(
    model: &Model,
    targets: fn(usize) -> Targets,
    batch: usize,
    regularisers: Option<&Regularisers>,
) -> (u64, u64) {
    let shape = model.inputs().next().unwrap().1.output_shape();
    let of = |steps: usize| epoch(model, data(shape, targets(steps * batch)), batch, regularisers);
    let (few, many) = (of(4), of(12));
    ((many.count_total - few.count_total) / 8, (many.bytes_total - few.bytes_total) / 8)
}

/// Where one step's pieces do not depend on the samples in it, none holds their elements.
fn check(
    what: &str,
    mut model: Model,
    targets: fn(usize) -> Targets,
    regularisers: Option<&Regularisers>,
) {
    initialise(&mut model, Initialiser::default(), 1).unwrap();
    let [small, large] = [32, 256].map(|batch| step(&model, targets, batch, regularisers));
    let most = BOOKKEEPING * model.layers().count() as u64;
    println!("{what}: {small:?}");
    assert_eq!(small, large, "{what}");
    assert!(small.1 < most, "{what}: {small:?}");
}

/// The allocator counts for each thread: all is done by one.
#[test]
fn steps_hand_their_arrays_on() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    one.install(|| {
        let mlp = parse("dense:64,relu,dense:32,tanh,dropout:0.2,dense:4,softmax", "m", &[16]);
        let mlp = mlp.unwrap();
        check("cross-entropy", mlp.clone(), labels, None);
        check("mean squared error", mlp.clone(), numbers, None);
        check("penalties", mlp.clone(), labels, Some(&penalties(&mlp)));
        check("branches", branches(), labels, None);
        check("several outputs", outputs(), numbers, None);
        for cnn in [
            "conv:8x3:same,batchnorm,relu,maxpool:2,depthwise:3:same,avgpool:2,flatten,dense:4",
            "maxpool:2,batchnorm,conv:6x3,selu,batchnorm,sigmoid,conv:6x2,softsign,globalmax,dense:4",
        ] {
            check(cnn, parse(cnn, "c", &[12, 12, 2]).unwrap(), labels, None);
        }
        check("quantised", quantised(), labels, None);
        check("arranged", arranged(), labels, None);
    });
}

/// On groups of every kind.
fn penalties(model: &Model) -> Regularisers {
    let penalties = Penalties { sparse: 1e-3, variance: 1e-3, norm: Norm::Two };
    let structures = [
        Structure::Unstructured,
        Structure::Structured,
        Structure::Pattern { offset: 32, consecutive: 1 },
    ];
    let (layers, _) = model.attributes(None).unwrap();
    let kernels = layers.into_iter().filter(|layer| !layer.weight_shape.is_empty());
    let of = |(layer, structure): (LayerAttributes, _)| {
        (layer.id, Regulariser::of(&layer, &structure, penalties).unwrap())
    };
    kernels.zip(structures).map(of).collect()
}

fn dense(units: usize) -> Op {
    Op::Dense { units, bias: true }
}

fn add(model: &mut Model, name: &str, op: Op, inputs: &[LayerId]) -> LayerId {
    model.add(name, op, inputs).unwrap()
}

fn branches() -> Model {
    let mut model = Model::new("branches");
    let input = add(&mut model, "input", Op::Input { shape: vec![16] }, &[]);
    let one = add(&mut model, "one", dense(8), &[input]);
    let two = add(&mut model, "two", dense(8), &[one]);
    let three = add(&mut model, "three", dense(8), &[one]);
    let sum = add(&mut model, "sum", Op::Add, &[one, two, three]);
    let product = add(&mut model, "product", Op::Multiply, &[sum, two, three]);
    let all = add(&mut model, "all", Op::Concatenate, &[product, sum]);
    add(&mut model, "last", dense(CLASSES), &[all]);
    model
}

/// Two, which share all layers but their last.
fn outputs() -> Model {
    let mut model = Model::new("outputs");
    let input = add(&mut model, "input", Op::Input { shape: vec![16] }, &[]);
    let both = add(&mut model, "both", dense(8), &[input]);
    add(&mut model, "one", dense(1), &[both]);
    add(&mut model, "rest", dense(CLASSES - 1), &[both]);
    model
}

/// Elements are moved, repeated, compared and normalised.
fn arranged() -> Model {
    let mut model = Model::new("arranged");
    let input = add(&mut model, "input", Op::Input { shape: vec![4, 4, 2] }, &[]);
    let pixels = add(&mut model, "pixels", dense(4), &[input]);
    let norm = add(&mut model, "norm", Op::LayerNorm { epsilon: 1e-3 }, &[pixels]);
    let slopes = add(&mut model, "slopes", Op::PRelu { slopes: vec![1, 1, 4] }, &[norm]);
    let whole = add(&mut model, "whole", Op::GlobalPool { kind: PoolKind::Average }, &[slopes]);
    let whole = add(&mut model, "shaped", Op::Reshape { shape: vec![1, 1, 4] }, &[whole]);
    let most = add(&mut model, "most", Op::Maximum, &[slopes, whole]);
    let mean = add(&mut model, "mean", Op::Average, &[most, whole, slopes]);
    let less = add(&mut model, "less", Op::Subtract, &[mean, pixels]);
    let padded = add(&mut model, "padded", Op::ZeroPad { margins: vec![(1, 0), (0, 1)] }, &[less]);
    let flat = add(&mut model, "flat", Op::Flatten, &[padded]);
    add(&mut model, "last", dense(CLASSES), &[flat]);
    model
}

/// Weights and activations are rounded.
fn quantised() -> Model {
    let integer = 0;
    let bits = Quantiser::Bits {
        bits: 6,
        integer,
        keep_negative: true,
        symmetric: true,
        alpha: Scale::Value(1.0),
    };
    let relu = Quantiser::Relu { bits: 6, integer, negative_slope: 0.0, use_sigmoid: false };
    let mut model = Model::new("quantised");
    let input = add(&mut model, "input", Op::Input { shape: vec![16] }, &[]);
    let first = add(&mut model, "first", dense(8), &[input]);
    let rounded = add(&mut model, "rounded", Op::Quantise { quantiser: relu }, &[first]);
    let last = add(&mut model, "last", dense(CLASSES), &[rounded]);
    for (layer, weight) in [(first, "kernel"), (first, "bias"), (last, "kernel")] {
        model.set_quantiser(layer, weight, bits.clone()).unwrap();
    }
    model
}
