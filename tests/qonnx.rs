//! Bit-exact inference of networks with QONNX' quantisers against what qonnx computes inside them (fixtures/onnx/codes.json.gz).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::Read;
use std::path::{Path, PathBuf};

use handaxe_data::Tensor;
use handaxe_emulate::{BitExact, Path as Lanes, predict};
use handaxe_formats::onnx;
use handaxe_graph::pass::FIRMWARE;
use handaxe_graph::{Activation, Layer, Model, Op};
use serde::Deserialize;

/// A network, what goes in, the codes of each quantiser of activations for each sample, and what comes out before a softmax.
#[derive(Deserialize)]
struct Case {
    model: String,
    inputs: Vec<Vec<f32>>,
    codes: Vec<Vec<String>>,
    outputs: Vec<Vec<f64>>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cases() -> Vec<Case> {
    let file = std::fs::File::open(root().join("fixtures/onnx/codes.json.gz")).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The step of a layer that rounds; nothing for other layers.
fn step(layer: &Layer) -> Option<f32> {
    let Op::Quantise { quantiser } = layer.op() else { return None };
    Some(quantiser.integer().unwrap().scale[0])
}

fn codes(hex: &str) -> Vec<i32> {
    let byte = |place: usize| u8::from_str_radix(&hex[2 * place..2 * place + 2], 16).unwrap();
    (0..hex.len() / 2).map(|place| i32::from(byte(place) as i8)).collect()
}

/// Where an array is that goes into a softmax, or else the answer.
fn last(model: &Model) -> usize {
    let output = model.outputs()[0];
    let layer = model.layer(output);
    match layer.op() {
        Op::Activation { function: Activation::Softmax } => layer.inputs()[0].index(),
        _ => output.index(),
    }
}

/// Every code of every quantiser of activations is qonnx', and what comes out is to 1e-5; in narrow lanes and step by step.
#[test]
fn every_code_is_the_one_that_qonnx_computes() {
    let shared = root().join("../shared/data");
    if !shared.is_dir() {
        println!("SKIPPED: shared data absent");
    }
    let (mut compared, mut wrong) = (0, Vec::new());
    for case in cases() {
        let small = case.model.starts_with("small/");
        if !small && !shared.is_dir() {
            continue;
        }
        let folder = if small { root().join("fixtures/onnx") } else { shared.clone() };
        let read = onnx::load(&folder.join(&case.model)).unwrap();
        let samples = case.inputs.len();
        let shape = [&[samples], read.inputs().next().unwrap().1.output_shape()].concat();
        let input = Tensor::new(shape, case.inputs.concat()).unwrap();
        let model = FIRMWARE.run(read.clone()).unwrap();
        let config = model.own_config().unwrap_or_else(|error| panic!("{}: {error}", case.model));
        // The pass itself changes no answer.
        let (before, after) = (
            predict(&read, std::slice::from_ref(&input)).unwrap(),
            predict(&model, std::slice::from_ref(&input)).unwrap(),
        );
        let off = before[0].values().iter().zip(after[0].values()).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f32::max) < 1e-4, "{}", case.model);
        for lanes in [Lanes::Fast, Lanes::Exact] {
            let firmware = BitExact::on(&model, &config, lanes).unwrap();
            let arrays = firmware.trace(std::slice::from_ref(&input)).unwrap();
            let rounded: Vec<(&Layer, &Tensor)> = model
                .layers()
                .map(|(_, layer)| layer)
                .zip(&arrays)
                .filter(|(layer, _)| step(layer).is_some())
                .collect();
            assert_eq!(rounded.len(), case.codes.len(), "{}", case.model);
            for ((layer, array), theirs) in rounded.into_iter().zip(&case.codes) {
                let step = step(layer).unwrap();
                let ours = array.values().iter().map(|value| (value / step) as i32);
                let theirs: Vec<i32> = theirs.iter().flat_map(|hex| codes(hex)).collect();
                assert_eq!(array.values().len(), theirs.len(), "{} {}", case.model, layer.name());
                compared += theirs.len();
                let differ = ours.zip(&theirs).filter(|(ours, theirs)| ours != *theirs).count();
                if differ > 0 {
                    wrong.push(format!(
                        "{} {}: {differ} of {}",
                        case.model,
                        layer.name(),
                        theirs.len()
                    ));
                }
            }
            let answers = arrays[last(&model)].values().iter();
            let off = answers
                .zip(case.outputs.concat())
                .map(|(ours, theirs)| (f64::from(*ours) - theirs).abs() / theirs.abs().max(1.0))
                .fold(0.0, f64::max);
            if off > 1e-5 {
                wrong.push(format!("{}: answers off by {off:e}", case.model));
            }
        }
    }
    println!("{compared} codes");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > if shared.is_dir() { 60_000 } else { 1_000 }, "{compared}");
}
