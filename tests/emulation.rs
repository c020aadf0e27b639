//! Bit-exact inference against what hls4ml's generated C++ answers (fixtures/hls, from benches/peers/hls_emulation.py).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use handaxe_data::Tensor;
use handaxe_emulate::BitExact;
use handaxe_fixed::Precision;
use handaxe_formats::hls;
use handaxe_graph::{HlsConfig, Model};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    network: String,
    config: serde_json::Value,
    types: BTreeMap<String, BTreeMap<String, String>>,
    results: Vec<String>,
    x: Vec<f32>,
    y: Vec<Vec<i64>>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/hls")
}

fn cases() -> Vec<(String, Case)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let cases = paths.iter().filter(|path| path.to_string_lossy().ends_with(".json.gz"));
    cases
        .map(|path| {
            let mut text = String::new();
            flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
                .read_to_string(&mut text)
                .unwrap();
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                serde_json::from_str(&text).unwrap(),
            )
        })
        .collect()
}

fn load(case: &Case) -> (Model, HlsConfig) {
    let models = if case.network == "table" { "../keras/small" } else { "models" };
    let path = folder().join(models).join(format!("{}.h5", case.network));
    let model = handaxe_formats::model::load(&path.to_string_lossy()).unwrap();
    (model, hls::parse(&case.config.to_string()).unwrap())
}

#[test]
fn every_type_is_the_one_that_hls4ml_infers() {
    let cases = cases();
    assert!(cases.len() >= 30, "{}", cases.len());
    let (mut wrong, mut compared) = (Vec::new(), 0);
    // Between HGQ's quantisers both compute exactly, but hls4ml looks for the narrowest types that do.
    for (name, case) in cases.iter().filter(|(name, _)| !name.starts_with("hgq")) {
        let (model, config) = load(case);
        let layers = model.firmware(&config).unwrap();
        for (layer, types) in &case.types {
            let Ok(id) = model.find(layer) else {
                wrong.push(format!("{name}: no layer {layer}"));
                continue;
            };
            let built = &layers[id.index()];
            for (variable, theirs) in types {
                let Some(ours) =
                    variable.strip_suffix("_t").and_then(|variable| built.types.get(variable))
                else {
                    continue;
                };
                compared += 1;
                if Precision::Fixed(*ours) != theirs.parse().unwrap() {
                    wrong.push(format!("{name}: {layer} {variable} is {ours}, hls4ml's {theirs}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} types:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 600, "{compared}");
}

#[test]
fn every_output_is_the_one_of_the_generated_code() {
    let mut wrong = Vec::new();
    for (name, case) in cases() {
        let (model, config) = load(&case);
        let shape = model.inputs().next().unwrap().1.output_shape();
        let samples = case.x.len() / shape.iter().product::<usize>();
        let x = Tensor::new([&[samples], shape].concat(), case.x).unwrap();
        for path in [handaxe_emulate::Path::Fast, handaxe_emulate::Path::Exact] {
            let firmware = BitExact::on(&model, &config, path)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let outputs = firmware.codes(std::slice::from_ref(&x)).unwrap();
            assert_eq!(outputs.len(), case.y.len());
            for (place, (ours, theirs)) in outputs.iter().zip(&case.y).enumerate() {
                let differ =
                    ours.codes.iter().zip(theirs).filter(|(ours, theirs)| ours != theirs).count();
                if differ > 0 || ours.of.to_string() != case.results[place] {
                    let layer = model.layer(model.outputs()[place]).name();
                    wrong.push(format!(
                        "{name} {path:?}: {differ} of {} of {layer}, {} for {}",
                        theirs.len(),
                        ours.of,
                        case.results[place]
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
