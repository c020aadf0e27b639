//! Keras' models load and answer as they do in Keras (fixtures/keras).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read;
use std::path::{Path, PathBuf};

use handaxe_data::{Standardiser, Tensor};
use handaxe_emulate::predict;
use handaxe_formats::keras;
use handaxe_graph::Model;
use serde::Deserialize;

/// What Keras answers is met to this, relative to 1 or the answer if that is larger.
const TOLERANCE: f64 = 1e-5;
const SAMPLES: usize = 4;

/// A model and what its framework answers, or the error that it raised.
#[derive(Clone, Deserialize)]
struct Case {
    model: String,
    /// Shapes of the inputs, in the order in which Keras takes them; empty where the order does not tell.
    #[serde(default)]
    inputs: Vec<Vec<usize>>,
    #[serde(default)]
    outputs: Vec<Vec<f64>>,
    error: Option<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of shared data, unless this is a machine without it.
fn shared() -> Option<PathBuf> {
    let shared = root().join("../shared");
    if !shared.is_dir() {
        println!("SKIPPED: shared data absent");
        return None;
    }
    Some(shared)
}

fn cases(name: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(root().join("fixtures/keras").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The inputs of `expect.py`: spread evenly from -2 to 2, images from 0 to 1.
fn inputs(model: &Model) -> Vec<Tensor> {
    let input = |shape: &[usize]| {
        let size: usize = shape.iter().product();
        let value = |index: usize| {
            let steps = (index as u64 * 2_654_435_761 % (1 << 32)) >> 16;
            let share = steps as f32 / 65536.0;
            if size > 100 { share } else { share * 4.0 - 2.0 }
        };
        let shape = [&[SAMPLES], shape].concat();
        Tensor::new(shape, (0..SAMPLES * size).map(value).collect()).unwrap()
    };
    model.inputs().map(|(_, layer)| input(layer.output_shape())).collect()
}

/// The largest difference from what is expected, relative to 1 or to the value.
fn difference(model: &Model, expected: &[Vec<f64>]) -> f64 {
    let outputs = predict(model, &inputs(model)).unwrap();
    assert_eq!(outputs.len(), expected.len());
    let mut worst = 0.0f64;
    for (output, expected) in outputs.iter().zip(expected) {
        assert_eq!(output.values().len(), expected.len());
        for (&got, want) in output.values().iter().zip(expected) {
            worst = worst.max((f64::from(got) - want).abs() / want.abs().max(1.0));
        }
    }
    worst
}

/// A reference of a fixture, with the folder before both files.
fn reference(folder: &Path, model: &str) -> String {
    let place = |part: &str| folder.join(part).display().to_string();
    match model.split_once(":weights=") {
        Some((model, weights)) => format!("{}:weights={}", place(model), place(weights)),
        None => place(model),
    }
}

/// A model of the fixtures; the larger ones are packed.
fn fixture(model: &str) -> Result<Model, handaxe_formats::Error> {
    let folder = root().join("fixtures/keras");
    let Some(packed) = model.strip_suffix(".gz") else {
        return keras::load(&reference(&folder, model));
    };
    let file = std::fs::File::open(folder.join(model)).unwrap();
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut content).expect(packed);
    keras::from_bytes(&content)
}

#[test]
fn models_of_people_answer_as_in_keras() {
    let Some(shared) = shared() else { return };
    let (mut loaded, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    for case in cases("expected.json") {
        let model = match keras::load(&reference(&shared, &case.model)) {
            Ok(model) => model,
            Err(error) => {
                let error = error.to_string();
                // The framework needs the code of custom layers; recurrent ones it can run.
                let custom = case.error.is_some() && error.contains("a layer of one's own");
                if !custom && !error.contains("recurrent layers cannot be loaded") {
                    wrong.push(format!("{}: {error}", case.model));
                }
                refused += 1;
                continue;
            }
        };
        loaded += 1;
        let difference = difference(&model, &case.outputs);
        if difference > TOLERANCE {
            wrong.push(format!("{}: off by {difference:e}", case.model));
        }
    }
    println!("{loaded} models loaded, {refused} refused");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((loaded, refused), (42, 5));
}

#[test]
fn every_layer_answers_as_in_keras() {
    let mut wrong = Vec::new();
    for case in [cases("small_2.json"), cases("small_3.json")].concat() {
        match fixture(&case.model) {
            Ok(model) => {
                let shapes: Vec<_> =
                    model.inputs().map(|(_, layer)| layer.output_shape()).collect();
                assert_eq!(shapes, case.inputs, "{}", case.model);
                let difference = difference(&model, &case.outputs);
                if difference > TOLERANCE {
                    wrong.push(format!("{}: off by {difference:e}", case.model));
                }
            }
            Err(error) => wrong.push(format!("{}: {error}", case.model)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A model whose layer `it` is not read, and what is said of it.
#[derive(Deserialize)]
struct Refused {
    class: String,
    says: String,
    model: serde_json::Value,
}

#[test]
fn what_is_not_read_is_named() {
    let folder = root().join("fixtures/keras");
    let weights = std::fs::read(folder.join("small/parts_2_weights.h5")).unwrap();
    for name in ["refused_2.json", "refused_3.json"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        for case in serde_json::from_str::<Vec<Refused>>(&text).unwrap() {
            let model = serde_json::to_vec(&case.model).unwrap();
            let error = keras::from_parts(&model, &weights).unwrap_err().to_string();
            for part in ["layer `it", case.class.as_str(), &case.says] {
                assert!(error.contains(part), "{name}, expected {part}: {error}");
            }
        }
    }
    for name in ["shared_2.keras", "shared_3.keras"] {
        let error = fixture(&format!("small/{name}")).unwrap_err().to_string();
        assert!(error.contains("`it` is of type Dense: it is called more than once"), "{error}");
    }
}

/// Inputs and outputs that hls4ml kept beside a model: 3 digits, written with 6 places.
#[test]
fn outputs_beside_a_model_hold() {
    let Some(shared) = shared() else { return };
    let folder = shared.join("data/models/hls4ml-history");
    let model = folder.join("KERAS_mnist_mlp.json").display().to_string();
    let model = keras::load(&model).unwrap();
    let read = |name: &str| -> Vec<f32> {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        text.split_whitespace().map(|number| number.parse().unwrap()).collect()
    };
    let digits = Tensor::new(vec![3, 784], read("KERAS_mnist_mlp_inputs.dat")).unwrap();
    let outputs = predict(&model, &[digits]).unwrap();
    for (got, want) in outputs[0].values().iter().zip(read("KERAS_mnist_mlp_outputs.dat")) {
        assert!((got - want).abs() < 1e-5, "{got} {want}");
    }
}

/// What is written is read back to the bit, quantisers and preprocessing included.
#[test]
fn what_is_written_is_read_back() {
    let out = tempfile::tempdir().unwrap();
    let mut written = 0;
    for case in [cases("small_2.json"), cases("small_3.json")].concat() {
        let mut model = fixture(&case.model).unwrap();
        let standardisers = model.inputs().map(|(_, layer)| {
            let features = *layer.output_shape().last().unwrap();
            Standardiser { mean: vec![0.25; features], deviation: vec![2.0; features] }
        });
        let standardisers = standardisers.collect();
        model.set_preprocessing(standardisers).unwrap();
        let expected = predict(&model, &inputs(&model)).unwrap();
        for file in ["model.keras", "model.h5"] {
            let path = out.path().join(file);
            let saved = if file == "model.h5" {
                keras::save_h5(&model, &path)
            } else {
                keras::save_keras(&model, &path)
            };
            if let Err(error) = saved {
                // Each generation has functions that the other has not.
                let error = error.to_string();
                let known = ["HardSigmoid", "convolution along one axis"];
                assert!(known.iter().any(|known| error.contains(known)), "{}: {error}", case.model);
                continue;
            }
            let read = keras::load(&path.display().to_string()).unwrap();
            assert_eq!(read.preprocessing(), model.preprocessing());
            assert_eq!(
                predict(&read, &inputs(&read)).unwrap(),
                expected,
                "{} as {file}",
                case.model
            );
            for (_, layer) in model.layers() {
                let Ok(again) = read.find(layer.name()) else { continue };
                assert!(layer.quantisers().eq(read.layer(again).quantisers()), "{}", layer.name());
            }
            written += 1;
        }
    }
    assert!(written > 30, "only {written} files were written");
}
