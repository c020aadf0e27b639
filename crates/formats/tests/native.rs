//! The native model: bit-exact round trips, and what broken files give.

#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use handaxe_data::Tensor;
use handaxe_formats::native::{load, save};
use handaxe_graph::{Activation, LayerId, Model, Op, Padding, PoolKind, Window};
use proptest::prelude::*;
use tempfile::TempDir;

/// A network with a residual branch, of layers drawn from a list; what does not fit is left out.
fn model(name: &str, shape: Vec<usize>, draws: &[(u8, usize)], bits: &[u32]) -> Model {
    let mut model = Model::new(name);
    let mut last = model.add("in", Op::Input { shape }, &[]).unwrap();
    for (index, &(kind, size)) in draws.iter().enumerate() {
        let window = |padding| Window::dense(&[size, 1], padding);
        let op = match kind {
            0 => Op::Dense { units: size, bias: index % 2 == 0 },
            1 => Op::Conv { filters: size, window: window(Padding::Same), bias: true },
            2 => {
                Op::DepthwiseConv { multiplier: size, window: window(Padding::Valid), bias: false }
            }
            3 => Op::BatchNorm { epsilon: 0.001 / size as f64, momentum: 0.99 },
            4 => Op::Activation { function: Activation::LeakyRelu { slope: 0.1 * size as f64 } },
            5 => Op::Pool { kind: PoolKind::Average, window: window(Padding::Valid) },
            6 => Op::Flatten,
            _ => Op::Dropout { rate: 0.3 },
        };
        if let Ok(id) = model.add(&format!("layer.{index} é"), op, &[last]) {
            last = model.add(&format!("sum{index}"), Op::Add, &[id, id]).unwrap();
        }
    }
    fill(&mut model, bits);
    model
}

/// Any finite floats, in turn: subnormal, negative zero, huge.
fn fill(model: &mut Model, bits: &[u32]) {
    let mut bits = bits.iter().cycle().map(|bits| f32::from_bits(*bits)).filter(|v| v.is_finite());
    let slots: Vec<(LayerId, &'static str, Vec<usize>)> = model
        .layers()
        .flat_map(|(id, layer)| {
            layer.weights().map(move |(name, tensor)| (id, name, tensor.shape().to_vec()))
        })
        .collect();
    for (id, name, shape) in slots {
        let values = bits.by_ref().take(shape.iter().product()).collect();
        model.set_weight(id, name, Tensor::new(shape, values).unwrap()).unwrap();
    }
}

fn weight_bits(model: &Model) -> Vec<u32> {
    let weights = model.layers().flat_map(|(_, layer)| layer.weights());
    weights.flat_map(|(_, tensor)| tensor.values().iter().map(|v| v.to_bits())).collect()
}

fn small() -> Model {
    model("small", vec![4, 3, 2], &[(1, 3), (3, 1), (6, 1), (0, 2)], &[0x3f80_0000, 0xbf00_0001])
}

/// A saved model and its folder, which goes when dropped.
fn saved(model: &Model) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    save(model, &path).unwrap();
    (folder, path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_saved_is_loaded_bit_for_bit(
        name in "\\PC{0,20}",
        shape in prop::collection::vec(1..5usize, 1..4),
        draws in prop::collection::vec((0..8u8, 1..4usize), 0..6),
        bits in prop::collection::vec(any::<u32>(), 1..50),
    ) {
        let model = model(&name, shape, &draws, &[&bits[..], &[0x8000_0000]].concat());
        let (_folder, path) = saved(&model);
        let loaded = load(&path).unwrap();
        prop_assert_eq!(&loaded, &model);
        prop_assert_eq!(weight_bits(&loaded), weight_bits(&model));
        // The same model gives the same file.
        let (_again, second) = saved(&loaded);
        prop_assert_eq!(std::fs::read(path).unwrap(), std::fs::read(second).unwrap());
    }

    #[test]
    fn broken_files_are_errors(
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let (_folder, path) = saved(&small());
        let mut bytes = std::fs::read(&path).unwrap();
        let whole = bytes.len();
        for (index, value) in noise {
            bytes[index.index(whole)] = value;
        }
        bytes.truncate(cut.index(whole));
        std::fs::write(&path, &bytes).unwrap();
        prop_assert!(load(&path).is_err());
    }
}

/// Rewrites a saved file: its header text, then its bytes.
fn tampered(header: impl Fn(String) -> String, data: impl Fn(&mut Vec<u8>)) -> String {
    let (_folder, path) = saved(&small());
    let bytes = std::fs::read(&path).unwrap();
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let text = header(String::from_utf8(bytes[8..8 + length].to_vec()).unwrap());
    let mut rest = bytes[8 + length..].to_vec();
    data(&mut rest);
    let bytes = [&(text.len() as u64).to_le_bytes(), text.as_bytes(), &rest].concat();
    std::fs::write(&path, bytes).unwrap();
    load(&path).unwrap_err().to_string()
}

#[test]
fn tampering_is_named() {
    let keep = |_: &mut Vec<u8>| ();
    let replace = |from: &'static str, to: &'static str| {
        move |text: String| {
            assert!(text.contains(from), "{from} is not in {text}");
            text.replace(from, to)
        }
    };
    for (message, lesson) in [
        (tampered(replace("handaxe", "someone"), keep), "its metadata lack the key `handaxe`"),
        (
            tampered(replace("\\\"format\\\":1", "\\\"format\\\":2"), keep),
            "written in format 2, this handaxe reads format 1",
        ),
        (
            tampered(replace("[7,7]", "[8,8]"), keep),
            "its graph cannot be read: layer `sum3` takes its input from layer number 8",
        ),
        (
            tampered(replace("layer.3 é.kernel", "layer.3 é.kernal"), keep),
            "did you mean `layer.3 é.kernel`?",
        ),
        (
            tampered(replace("\\\"units\\\":2", "\\\"units\\\":3"), keep),
            "must have shape [36, 3], not [36, 2]",
        ),
        (tampered(replace("\\\"units\\\":2", "\\\"units\\\":9007199254740993"), keep), "layer.3 é"),
        (tampered(replace("dense", "magic"), keep), "its graph cannot be read"),
        (tampered(replace("F32", "I32"), keep), "is of type I32"),
        (
            tampered(|text| text, |data| data[..4].copy_from_slice(&f32::NAN.to_le_bytes())),
            "holds NaN",
        ),
        (tampered(|text| text, |data| data.truncate(8)), "not a readable .safetensors file"),
    ] {
        assert!(message.contains(lesson), "expected {lesson}: {message}");
        assert!(message.contains("model.safetensors: "), "{message}");
    }
}

#[test]
fn missing_models_are_hinted_at() {
    let (_folder, path) = saved(&small());
    let message = load(path.with_file_name("modle.safetensors")).unwrap_err().to_string();
    assert!(message.ends_with("did you mean `model.safetensors`?"), "{message}");
    let message = save(&small(), path.join("deeper/model.safetensors")).unwrap_err().to_string();
    assert!(message.contains("does not exist: make it first"), "{message}");
}
