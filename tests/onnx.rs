//! ONNX and QONNX models load and answer as in onnxruntime and qonnx (fixtures/onnx).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use handaxe_data::Tensor;
use handaxe_emulate::predict;
use handaxe_formats::{model, onnx};
use handaxe_graph::pass::PIPELINES;
use handaxe_graph::{Activation, Mask, Masks, Model, Op};
use serde::Deserialize;

/// What onnxruntime answers is met to this, relative to 1 or the answer if that is larger.
const TOLERANCE: f64 = 1e-5;
/// Of longer answers every so many elements are written.
const MOST: usize = 4096;

/// A model and what its framework answers, or the error that it raised.
#[derive(Clone, Deserialize)]
struct Case {
    model: String,
    #[serde(default)]
    outputs: Vec<Vec<f64>>,
    error: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn cases(name: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(root().join("fixtures/onnx").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The inputs of `expect.py`: spread evenly from -2 to 2, images from 0 to 1.
fn inputs(model: &Model) -> Vec<Tensor> {
    let input = |shape: &[usize]| {
        let size: usize = shape.iter().product();
        let samples = if size > 50_000 { 1 } else { 4 };
        let value = |index: usize| {
            let steps = (index as u64 * 2_654_435_761 % (1 << 32)) >> 16;
            let share = steps as f32 / 65536.0;
            if size > 100 { share } else { share * 4.0 - 2.0 }
        };
        let shape = [&[samples], shape].concat();
        Tensor::new(shape, (0..samples * size).map(value).collect()).unwrap()
    };
    model.inputs().map(|(_, layer)| input(layer.output_shape())).collect()
}

/// The largest difference from what is expected, relative to 1 or to the value.
fn difference(model: &Model, expected: &[Vec<f64>]) -> f64 {
    let outputs = predict(model, &inputs(model)).unwrap();
    assert_eq!(outputs.len(), expected.len());
    let mut worst = 0.0f64;
    for (output, expected) in outputs.iter().zip(expected) {
        let step = (output.values().len() / MOST).max(1);
        let given: Vec<f32> = output.values().iter().copied().step_by(step).collect();
        assert_eq!(given.len(), expected.len());
        for (got, want) in given.into_iter().zip(expected) {
            worst = worst.max((f64::from(got) - want).abs() / want.abs().max(1.0));
        }
    }
    worst
}

#[test]
fn models_of_people_answer_as_in_onnxruntime() {
    let shared = root().join("../shared/data");
    if !shared.is_dir() {
        println!("SKIPPED: shared data absent");
        return;
    }
    let (mut loaded, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    for case in cases("expected.json") {
        match onnx::load(&shared.join(&case.model)) {
            Ok(model) if case.error.is_none() => {
                loaded += 1;
                let difference = difference(&model, &case.outputs);
                if difference > TOLERANCE {
                    wrong.push(format!("{}: off by {difference:e}", case.model));
                }
            }
            Ok(_) => wrong.push(format!("{}: loads, but not in onnxruntime", case.model)),
            Err(error) => {
                refused += 1;
                if case.error.is_none() {
                    wrong.push(format!("{}: {error}", case.model));
                }
            }
        }
    }
    println!("{loaded} models loaded, {refused} refused");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((loaded, refused), (17, 1));
}

fn fixture(name: &str) -> Model {
    onnx::load(&root().join("fixtures/onnx").join(name)).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn every_operator_answers_as_in_onnxruntime() {
    let mut wrong = Vec::new();
    for case in cases("small.json") {
        let model = fixture(&case.model);
        let difference = difference(&model, &case.outputs);
        if difference > TOLERANCE {
            wrong.push(format!("{}: off by {difference:e}", case.model));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is written is read back: the same answers, quantisers and preprocessing.
#[test]
fn what_is_written_is_read_back() {
    for case in cases("small.json") {
        let model = fixture(&case.model);
        let bytes = onnx::to_bytes(&model).unwrap();
        let again = onnx::from_bytes(&bytes).unwrap_or_else(|e| panic!("{}: {e}", case.model));
        assert!(difference(&again, &case.outputs) <= TOLERANCE, "{}", case.model);
        let quantisers = |model: &Model| -> Vec<String> {
            let all = model.layers().flat_map(|(_, layer)| {
                let step = if let Op::Quantise { quantiser } = layer.op() {
                    Some(format!("{quantiser:?}"))
                } else {
                    None
                };
                layer.quantisers().map(|q| format!("{q:?}")).chain(step).collect::<Vec<_>>()
            });
            all.collect()
        };
        assert_eq!(quantisers(&again), quantisers(&model), "{}", case.model);
        assert_eq!(again.parameters(), model.parameters(), "{}", case.model);
    }
}

/// Every pass by itself leaves the answers as they are.
#[test]
fn no_pass_changes_an_answer() {
    for case in cases("small.json") {
        let path = root().join("fixtures/onnx").join(&case.model);
        let mut model = onnx::load_to(&path, onnx::BEFORE_PASSES).unwrap();
        for pass in PIPELINES.iter().flat_map(|pipeline| pipeline.passes) {
            model = pass.run(model).unwrap();
            let difference = difference(&model, &case.outputs);
            assert!(difference <= TOLERANCE, "{} after {}: {difference}", case.model, pass.name());
            let known = onnx::load_to(&path, pass.name()).is_ok_and(|known| known == model);
            assert!(known || pass.name() == "unit-scales", "{} {}", case.model, pass.name());
        }
    }
}

/// What was masked is still zero in the file and behind it, and the file of a network of which half was taken out is half as long.
#[test]
fn masks_survive_and_reduced_files_are_smaller() {
    let network = |units: usize| {
        let mut model = Model::new("network");
        let input = model.add("in", Op::Input { shape: vec![64] }, &[]).unwrap();
        let first = model.add("fc1", Op::Dense { units, bias: true }, &[input]).unwrap();
        model.add("relu", Op::Activation { function: Activation::Relu }, &[first]).unwrap();
        let last = model.find("relu").unwrap();
        model.add("fc2", Op::Dense { units: 64, bias: true }, &[last]).unwrap();
        model
    };
    for case in cases("small.json") {
        let original = fixture(&case.model);
        let mut pruned = original.clone();
        let mut masks = Masks::default();
        for (id, layer) in original.layers() {
            if let Some(kernel) = layer.kernel() {
                let count = kernel.values().len();
                masks.insert(id, Mask::new((0..count).map(|place| place % 3 != 0).collect()));
            }
        }
        masks.apply(&mut pruned).unwrap();
        let again = onnx::from_bytes(&onnx::to_bytes(&pruned).unwrap()).unwrap();
        let kernels = |model: &Model| -> Vec<Vec<u32>> {
            let kernels = model.layers().filter_map(|(_, layer)| layer.kernel());
            kernels.map(|kernel| kernel.values().iter().map(|w| w.to_bits()).collect()).collect()
        };
        assert_eq!(kernels(&again), kernels(&pruned), "{}", case.model);
    }
    let length = |units| onnx::to_bytes(&network(units)).unwrap().len();
    assert!(length(32) * 100 < length(64) * 52, "{} {}", length(32), length(64));
}

/// Elements are moved where nothing else will do: behind an input or before an output that is channels first, and where
/// axes are mixed.
#[test]
fn no_transpose_is_left_where_none_is_needed() {
    let transposes = |model: &Model| {
        let all = model.layers().filter(|(_, layer)| matches!(layer.op(), Op::Permute { .. }));
        all.count()
    };
    for (name, expected) in [
        ("image_to_vector", 1), // channels first in the input
        ("image_to_image", 3),  // the input, both outputs
        ("series", 0),
        ("shapes_of_exports", 0),
        ("linear_codes", 2),
        ("quantised", 1),
    ] {
        assert_eq!(transposes(&fixture(&format!("small/{name}.onnx"))), expected, "{name}");
    }
    let shared = root().join("../shared/data");
    if !shared.is_dir() {
        println!("SKIPPED: shared data absent");
        return;
    }
    for case in cases("expected.json").into_iter().filter(|case| case.error.is_none()) {
        assert_eq!(
            transposes(&onnx::load(&shared.join(&case.model)).unwrap()),
            0,
            "{}",
            case.model
        );
    }
}

/// A state dict of PyTorch over a graph of the same layers gives the weights that the graph was exported with, those behind a
/// Flatten of channels first in the graph's order too.
#[test]
fn a_state_dict_is_laid_over_a_graph() {
    let folder = root().join("fixtures/onnx/small");
    let mut graph = fixture("small/state_dict.onnx");
    let whole = graph.clone();
    let weights: Vec<_> = whole
        .layers()
        .flat_map(|(id, layer)| {
            layer.weights().map(move |(name, w)| (id, name, w.shape().to_vec()))
        })
        .collect();
    for (id, name, shape) in weights {
        graph.set_weight(id, name, Tensor::full(&shape, 0.5)).unwrap();
    }
    let out = tempfile::tempdir().unwrap();
    let emptied = out.path().join("graph.safetensors");
    model::save(&graph, &emptied).unwrap();
    let state = folder.join("state_dict.safetensors");
    let reference = format!("{}:weights={}", emptied.display(), state.display());
    assert_eq!(model::load(&reference).unwrap(), whole);
    let other = format!("{}:weights={}", folder.join("series.onnx").display(), state.display());
    let error = model::load(&other).unwrap_err().to_string();
    assert!(error.contains("missing are") && error.contains("fc.bias"), "{error}");
}

/// The numbers of a `.npy` file of f32.
fn numbers(path: &Path) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap();
    let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert!(String::from_utf8_lossy(&bytes[..start]).contains("<f4"), "{}", path.display());
    bytes[start..].as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// The sample and the answer that came with the keyword spotter of MLPerf Tiny.
#[test]
fn the_keyword_is_spotted() {
    let folder = root().join("../shared/data/models/mlperf-tiny");
    if !folder.is_dir() {
        println!("SKIPPED: shared data absent");
        return;
    }
    let model = onnx::load(&folder.join("KWS_W3A3_qonnx.onnx")).unwrap();
    // In Fortran's order: the first axis changes fastest.
    let given = numbers(&folder.join("KWS_W3A3_input.npy"));
    let sample = (0..490).map(|place| given[place % 49 * 10 + place / 49]).collect();
    let sample = Tensor::new(vec![1, 1, 10, 49], sample).unwrap();
    let answers = predict(&model, &[sample]).unwrap();
    let best = (0..12).max_by(|&a, &b| answers[0].values()[a].total_cmp(&answers[0].values()[b]));
    assert_eq!(best, Some(3));
}
