use handaxe_data::{Dataset, Targets, Tensor};
use handaxe_emulate::predict;
use handaxe_graph::{Mask, Masks, Model, Op, Padding, Quantiser, Scale, Window};
use handaxe_optimize::{Fit, Flow, Trainer};

use super::{chain, dense, noise, trainer};
use crate::{Error, Network, Settings};

const RELU: Quantiser =
    Quantiser::Relu { bits: 5, integer: 1, negative_slope: 0.0, use_sigmoid: false };

fn bits(bits: u32, alpha: Scale) -> Quantiser {
    Quantiser::Bits { bits, integer: 0, keep_negative: true, symmetric: true, alpha }
}

/// A convolution and dense layers whose weights and activations are rounded, each in its own way.
fn model() -> Model {
    let window = Window::dense(&[2, 2], Padding::Valid);
    let round = |quantiser| Op::Quantise { quantiser };
    let tanh = Quantiser::Tanh { bits: 4, symmetric: true, real: false };
    let conv = Op::Conv { filters: 3, window, bias: true };
    let ops = vec![conv, round(RELU), Op::Flatten, dense(6), round(tanh), dense(3)];
    let mut model = chain(&[4, 4, 2], ops);
    let ternary = Quantiser::Ternary { threshold: None, unrolls: 5, alpha: Scale::Auto };
    for (name, kernel) in
        [("l0", bits(4, Scale::Value(1.0))), ("l3", bits(3, Scale::AutoPo2)), ("l5", ternary)]
    {
        let id = model.find(name).unwrap();
        model.set_quantiser(id, "kernel", kernel).unwrap();
        model.set_quantiser(id, "bias", bits(6, Scale::Value(1.0))).unwrap();
    }
    model
}

fn data() -> Dataset {
    let inputs = noise(&[60, 4, 4, 2], 5);
    let label = |row: &[f32]| if row[0] > 0.3 { 2 } else { u32::from(row[1] > 0.0) };
    let labels = inputs.values().chunks(32).map(label).collect();
    Dataset::new(vec![inputs], Targets::classes(labels, 3).unwrap()).unwrap()
}

#[test]
fn training_computes_what_inference_does() {
    let model = model();
    let inputs = [noise(&[60, 4, 4, 2], 5)];
    let expected = predict(&model, &inputs).unwrap().remove(0);
    let answer = Network::new(&model).unwrap().outputs(&inputs).unwrap();
    for (got, expected) in answer.values().iter().zip(expected.values()) {
        assert!((got - expected).abs() <= 1e-5 * expected.abs().max(1.0), "{got} {expected}");
    }
}

/// It learns through the rounding, what was cut stays zero, and the quantisers are still there.
#[test]
fn rounded_networks_learn_around_a_cut() {
    let mut model = model();
    let mut masks = Masks::default();
    let kernels: Vec<(_, Tensor)> =
        model.layers().filter_map(|(id, layer)| Some((id, layer.kernel()?.clone()))).collect();
    for (id, kernel) in kernels {
        masks.insert(id, Mask::new((0..kernel.values().len()).map(|i| i % 3 != 0).collect()));
    }
    masks.apply(&mut model).unwrap();
    let settings = Settings { batch_size: 20, learning_rate: 0.02, seed: 1, ..Settings::default() };
    let mut trainer = trainer(&model, &data(), settings);
    let mut losses = Vec::new();
    let fit = Fit { epochs: 30, frozen: Some(&masks), stream: 0, ..Fit::default() };
    trainer
        .fit(&fit, &mut |record| {
            losses.push(record.loss);
            Ok(Flow::GoOn)
        })
        .unwrap();
    assert!(losses[29] < 0.8 * losses[0], "{losses:?}");
    let trained = trainer.model().unwrap();
    for (id, layer) in trained.layers() {
        assert_eq!(layer.quantiser("kernel"), model.layer(id).quantiser("kernel"));
        let Some(kernel) = layer.kernel() else { continue };
        assert!(kernel.values().iter().step_by(3).all(|weight| weight.to_bits() == 0));
    }
}

#[test]
fn what_cannot_be_zero_is_refused_by_name() {
    let mut model = model();
    let id = model.find("l3").unwrap();
    let binary = Quantiser::Binary { zero_one: false, alpha: Scale::Value(1.0) };
    model.set_quantiser(id, "kernel", binary).unwrap();
    let error = Network::new(&model).err().unwrap();
    assert!(matches!(&error, Error::Layer { layer, .. } if layer == "l3"), "{error}");
}
