//! Random networks with idle parts.

use handaxe_graph::{Activation, LayerId, Model, Op, Padding, PoolKind, Window};
use proptest::prelude::*;

/// A small generator of its own, so that a network depends on nothing but its seed.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// Steele et al. 2014, splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// In -1..1.
    pub(crate) fn real(&mut self) -> f64 {
        self.next() as f64 / u64::MAX as f64 * 2.0 - 1.0
    }

    pub(crate) fn reals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| self.real()).collect()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// One layer more, on a layer so many before the last.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    kind: usize,
    back: usize,
    other: usize,
    size: usize,
    flag: bool,
}

/// Networks of up to `layers` steps from an input.
pub(crate) fn models(layers: usize) -> impl Strategy<Value = Model> {
    let step = (0..16usize, 0..3usize, 0..6usize, 1..5usize, any::<bool>())
        .prop_map(|(kind, back, other, size, flag)| Step { kind, back, other, size, flag });
    let shape = prop_oneof![
        (1..6usize).prop_map(|n| vec![n]),
        (1..7usize, 1..4usize).prop_map(|(l, c)| vec![l, c]),
        (1..6usize, 1..6usize, 1..4usize).prop_map(|(h, w, c)| vec![h, w, c]),
    ];
    (shape, prop::collection::vec(step, 1..layers), any::<u64>())
        .prop_map(|(shape, steps, seed)| build(shape, &steps, seed))
}

fn build(shape: Vec<usize>, steps: &[Step], seed: u64) -> Model {
    let mut model = Model::new("random");
    model.add("in", Op::Input { shape }, &[]).unwrap();
    for step in steps {
        append(&mut model, step);
    }
    let mut numbers = Numbers(seed);
    // What nothing reads gets a head, is an output itself, or stays a dead end.
    let ends = model.outputs().to_vec();
    let mut outputs = Vec::new();
    for (place, end) in ends.into_iter().enumerate() {
        match numbers.below(8) {
            0 => outputs.push(end),
            1 if place > 0 => {}
            _ => {
                let flat = model.add(&format!("flat{place}"), Op::Flatten, &[end]).unwrap();
                let op = Op::Dense { units: 2, bias: numbers.chance(50) };
                outputs.push(model.add(&format!("head{place}"), op, &[flat]).unwrap());
            }
        }
    }
    model.set_outputs(&outputs).unwrap();
    let layers: Vec<LayerId> = model.layers().map(|(id, _)| id).collect();
    layers.into_iter().for_each(|id| fill(&mut model, id, &mut numbers));
    model
}

const ELEMENTWISE: [Activation; 11] = [
    Activation::Linear,
    Activation::Relu,
    Activation::LeakyRelu { slope: 0.3 },
    Activation::Elu { alpha: 1.5 },
    Activation::Selu,
    Activation::Sigmoid,
    Activation::HardSigmoid,
    Activation::Tanh,
    Activation::HardTanh,
    Activation::Softplus,
    Activation::Softsign,
];

/// Appends what the step says where it fits the shapes; a Dense layer where it does not.
fn append(model: &mut Model, step: &Step) {
    let layers: Vec<(LayerId, Vec<usize>)> =
        model.layers().map(|(id, layer)| (id, layer.output_shape().to_vec())).collect();
    let (on, shape) = &layers[layers.len() - 1 - step.back.min(layers.len() - 1)];
    let name = format!("layer{}", layers.len());
    let spatial = shape.len() - 1;
    let size = vec![step.size.min(3); spatial];
    let padding = if step.flag { Padding::Same } else { Padding::Valid };
    let window =
        Window { strides: vec![1 + step.other % 2; spatial], ..Window::dense(&size, padding) };
    let pool = if step.other < 3 { PoolKind::Max } else { PoolKind::Average };
    let elements: usize = shape.iter().product();
    let with = |fits: &dyn Fn(&[usize]) -> bool| {
        let others = layers.iter().rev().filter(|(id, other)| id != on && fits(other));
        let other = others.map(|(id, _)| *id).nth(step.other % 2);
        vec![*on, other.unwrap_or(*on)]
    };
    let (op, inputs) = match step.kind {
        0 | 1 => (Op::Conv { filters: step.size, window, bias: step.other < 4 }, vec![*on]),
        2 => {
            let multiplier = 1 + step.size % 2;
            (Op::DepthwiseConv { multiplier, window, bias: step.other < 4 }, vec![*on])
        }
        3 => (Op::BatchNorm { epsilon: 1e-3, momentum: 0.99 }, vec![*on]),
        4..=6 => {
            let function = ELEMENTWISE[(step.other * 4 + step.size) % ELEMENTWISE.len()];
            (Op::Activation { function }, vec![*on])
        }
        7 => (Op::Pool { kind: pool, window }, vec![*on]),
        8 => (Op::GlobalPool { kind: pool }, vec![*on]),
        9 if step.flag => (Op::Flatten, vec![*on]),
        9 => {
            let divisors: Vec<usize> =
                (1..=elements).filter(|n| elements.is_multiple_of(*n)).collect();
            let last = divisors[step.other % divisors.len()];
            (Op::Reshape { shape: vec![elements / last, last] }, vec![*on])
        }
        10 | 11 => (Op::Add, with(&|other| other == shape)),
        12 => (Op::Multiply, with(&|other| other == shape)),
        13 => (
            Op::Concatenate,
            with(&|other| other.len() == shape.len() && other[..spatial] == shape[..spatial]),
        ),
        14 if step.flag => (Op::Dropout { rate: 0.5 }, vec![*on]),
        14 if step.other == 0 => (Op::Activation { function: Activation::Softmax }, vec![*on]),
        _ => (Op::Dense { units: *shape.last().unwrap(), bias: step.flag }, vec![*on]),
    };
    if model.add(&name, op, &inputs).is_err() {
        let dense = Op::Dense { units: step.size, bias: step.flag };
        model.add(&name, dense, &[*on]).unwrap();
    }
}

/// Random weights, of which whole columns, whole rows and single ones are zero.
pub(crate) fn fill(model: &mut Model, id: LayerId, numbers: &mut Numbers) {
    let layer = model.layer(id);
    let sums = matches!(layer.op(), Op::Dense { .. } | Op::Conv { .. });
    let weights: Vec<_> = layer.weights().map(|(name, weight)| (name, weight.clone())).collect();
    for (name, mut weight) in weights {
        let shape = weight.shape().to_vec();
        let outputs = *shape.last().unwrap();
        let inputs = if sums && name == "kernel" { shape[shape.len() - 2] } else { 1 };
        let dead = [0, 0, 30, 60, 90][numbers.below(5)];
        let idle = |count: usize, numbers: &mut Numbers| -> Vec<bool> {
            (0..count).map(|_| numbers.chance(dead)).collect()
        };
        let columns = idle(outputs, numbers);
        let rows = if sums && name == "kernel" { idle(inputs, numbers) } else { vec![false] };
        let scale = 2.0 / (weight.values().len() as f64 / outputs as f64).sqrt();
        for (place, value) in weight.values_mut().iter_mut().enumerate() {
            let row = rows[place / outputs % inputs];
            let zero = columns[place % outputs] || row || numbers.chance(20);
            *value = match name {
                "moving_variance" => 0.5 + numbers.real().abs() as f32,
                _ if zero => 0.0,
                _ => (scale * numbers.real()) as f32,
            };
        }
        model.set_weight(id, name, weight).unwrap();
    }
}
