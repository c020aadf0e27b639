//! Reduced networks against the ones they came from, run by a naive interpreter.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

mod cases;
mod interpreter;
mod networks;

use handaxe_graph::{Model, Op};
use handaxe_prune::reduce;
use interpreter::run;
use networks::{Numbers, models};
use proptest::prelude::*;

/// Operations for one sample: a multiplication and an addition for each use of a weight, an addition for each bias.
fn flops(model: &Model) -> usize {
    let of_layer = |layer: &handaxe_graph::Layer| {
        let weights = layer.kernel().map_or(0, |kernel| kernel.values().len());
        let positions: usize = layer.output_shape().iter().rev().skip(1).product();
        let bias = layer.weight("bias").map_or(0, |bias| bias.values().len());
        positions * (2 * weights + bias)
    };
    model.layers().map(|(_, layer)| of_layer(layer)).sum()
}

/// Neurons and filters.
fn units(model: &Model) -> usize {
    let kernels = model.layers().filter(|(_, layer)| layer.op().has_kernel());
    kernels.map(|(_, layer)| *layer.output_shape().last().unwrap()).sum()
}

/// The two answer the same to random data: to 1e-5 of the largest number in an answer.
pub(crate) fn assert_same_answers(model: &Model, reduced: &Model, seed: u64) {
    let mut numbers = Numbers(seed);
    for _ in 0..3 {
        let size = |layer: &handaxe_graph::Layer| layer.output_shape().iter().product();
        let inputs: Vec<Vec<f64>> =
            model.inputs().map(|(_, layer)| numbers.reals(size(layer))).collect();
        let answers = run(model, &inputs).into_iter().zip(run(reduced, &inputs));
        for (place, (expected, given)) in answers.enumerate() {
            assert_eq!(expected.len(), given.len(), "output {place}");
            let largest = expected.iter().fold(1e-2f64, |most, x| most.max(x.abs()));
            for (expected, given) in expected.iter().zip(&given) {
                let near = (expected - given).abs() <= 1e-5 * largest;
                assert!(near, "output {place}: {given}, not {expected}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn answers_stay_and_costs_do_not_grow(model in models(14), seed: u64) {
        let reduced = reduce(&model).unwrap();
        assert_same_answers(&model, &reduced.model, seed);
        prop_assert!(reduced.model.parameters() <= model.parameters());
        prop_assert!(flops(&reduced.model) <= flops(&model));
        for ((id, before), (_, after)) in model.layers().zip(reduced.model.layers()) {
            prop_assert_eq!(before.name(), after.name());
            prop_assert_eq!(before.inputs(), after.inputs());
            prop_assert!(!after.output_shape().contains(&0));
            if let (Some(old), Some(new)) = (before.kernel(), after.kernel()) {
                let moved: Vec<f32> =
                    reduced.weights[&id].iter().map(|&place| old.values()[place]).collect();
                prop_assert_eq!(moved, new.values());
            }
            if before.op().has_kernel() {
                let removed = reduced.removed.get(&id).map_or(0, Vec::len);
                let width = |layer: &handaxe_graph::Layer| *layer.output_shape().last().unwrap();
                prop_assert_eq!(width(before), width(after) + removed);
            }
        }
        let again = reduce(&reduced.model).unwrap();
        prop_assert_eq!(again.removed.len(), 0);
        prop_assert_eq!(again.model, reduced.model);
    }
}

/// The laws hold for nothing removed as well: so that much is, and in most networks.
#[test]
fn much_is_removed() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let (mut runner, strategy) = (TestRunner::deterministic(), models(14));
    let (mut before, mut after, mut smaller) = (0, 0, 0);
    for _ in 0..500 {
        let model = strategy.new_tree(&mut runner).unwrap().current();
        let reduced = reduce(&model).unwrap();
        before += units(&model);
        after += units(&reduced.model);
        smaller += usize::from(!reduced.removed.is_empty());
    }
    println!("{after} of {before} units left; {smaller} of 500 networks smaller");
    assert!(after * 20 < before * 17 && smaller > 250, "{after} of {before}, {smaller}");
}

/// The idle units of a chain of kernels without biases, found one by one: nothing comes in, or nothing goes out.
fn left(widths: &[usize], kernels: &[Vec<bool>]) -> Vec<Vec<bool>> {
    let mut left: Vec<Vec<bool>> = widths.iter().map(|&width| vec![true; width]).collect();
    loop {
        let before = left.clone();
        for layer in 1..widths.len() - 1 {
            for unit in 0..widths[layer] {
                let (inputs, outputs) = (&left[layer - 1], &left[layer + 1]);
                let (into, out) = (&kernels[layer - 1], &kernels[layer]);
                let fed = |i| inputs[i] && into[i * widths[layer] + unit];
                let read = |o| outputs[o] && out[unit * widths[layer + 1] + o];
                let idle = !(0..inputs.len()).any(fed) || !(0..outputs.len()).any(read);
                left[layer][unit] &= !idle;
            }
        }
        if left == before {
            return left;
        }
    }
}

proptest! {
    /// Nothing is overlooked: what is left is what a search to the fixpoint leaves.
    #[test]
    fn chains_are_reduced_to_the_fixpoint(
        widths in prop::collection::vec(1..6usize, 3..7),
        weights in prop::collection::vec(prop::bool::weighted(0.3), 6 * 25),
    ) {
        let mut model = Model::new("chain");
        let mut last = model.add("0", Op::Input { shape: vec![widths[0]] }, &[]).unwrap();
        let mut kernels = Vec::new();
        for (layer, pair) in widths.windows(2).enumerate() {
            let kept = weights[layer * 25..][..pair[0] * pair[1]].to_vec();
            let op = Op::Dense { units: pair[1], bias: false };
            last = model.add(&(layer + 1).to_string(), op, &[last]).unwrap();
            let mut kernel = model.layer(last).kernel().unwrap().clone();
            let slots = kernel.values_mut().iter_mut().zip(&kept);
            slots.for_each(|(slot, &kept)| *slot = f32::from(kept));
            model.set_weight(last, "kernel", kernel).unwrap();
            kernels.push(kept);
        }
        let reduced = reduce(&model).unwrap().model;
        let left = left(&widths, &kernels);
        for ((_, layer), left) in reduced.layers().zip(left) {
            let expected = left.iter().filter(|&&left| left).count().max(1);
            prop_assert_eq!(layer.output_shape(), [expected]);
        }
    }
}

/// A chain of 1,000 layers, half of each idle.
#[test]
fn long_chains() {
    let mut model = Model::new("chain");
    let mut last = model.add("in", Op::Input { shape: vec![8] }, &[]).unwrap();
    for layer in 0..1000 {
        let op = Op::Dense { units: 8, bias: false };
        last = model.add(&format!("fc{layer}"), op, &[last]).unwrap();
        let mut kernel = model.layer(last).kernel().unwrap().clone();
        for (place, weight) in kernel.values_mut().iter_mut().enumerate() {
            *weight = if place % 2 == 0 { 0.0 } else { 0.25 + (place % 5) as f32 * 0.05 };
        }
        model.set_weight(last, "kernel", kernel).unwrap();
    }
    let reduced = reduce(&model).unwrap().model;
    assert_eq!(reduced.parameters(), 8 * 4 + 998 * 4 * 4 + 4 * 8);
    let sample = [vec![1.0; 8]];
    let (expected, given) = (run(&model, &sample), run(&reduced, &sample));
    assert!((expected[0][1] - given[0][1]).abs() <= 1e-5 * expected[0][1].abs());
}
