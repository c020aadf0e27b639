//! Configurations written for people's networks are those that hls4ml itself writes (golden/hls_config).
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use handaxe_formats::hls::{Backend, Granularity, Template, parse};
use handaxe_formats::model;
use serde_json::Value;

fn golden() -> Option<PathBuf> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/golden/hls_config");
    if !golden.is_dir() {
        println!("SKIPPED: shared data absent");
        return None;
    }
    Some(golden)
}

fn reference(name: &str) -> Value {
    let golden = golden().unwrap();
    serde_json::from_str(&std::fs::read_to_string(golden.join(name)).unwrap()).unwrap()
}

/// Takes out what is known to differ: the spelling of the model's precision, and the linear activations that hls4ml only
/// sees in layers whose file gives them no other, which the graph no longer knows. They stay idle where there are none.
fn comparable(mut config: Value, like: &Value) -> Value {
    config["Model"]["Precision"]["default"] = like["Model"]["Precision"]["default"].clone();
    if let Some(layers) = config.get_mut("LayerName").and_then(Value::as_object_mut) {
        layers
            .retain(|name, _| !name.ends_with("_linear") || like["LayerName"].get(name).is_some());
    }
    config
}

/// Four networks (the fifth is recurrent), every backend and granularity that there is a golden file of.
#[test]
fn templates_are_what_hls4ml_writes() {
    let Some(golden) = golden() else { return };
    let mut compared = 0;
    for network in ["mlp", "cnn", "qmlp", "res"] {
        let model =
            model::load(&golden.join(format!("{network}.h5")).display().to_string()).unwrap();
        for backend in ["Vivado", "Vitis", "oneAPI", "Quartus", "Catapult"] {
            for granularity in ["model", "type", "name"] {
                let name = format!("{network}.{backend}.{granularity}.json");
                if !golden.join(&name).is_file() {
                    continue;
                }
                let expected = reference(&name);
                let template = Template {
                    granularity: granularity.parse::<Granularity>().unwrap(),
                    backend: backend.parse::<Backend>().unwrap(),
                    ..Template::default()
                };
                let written = template.json(&model);
                assert_eq!(comparable(written, &expected), expected, "{name}");
                let read = parse(&template.yaml(&model)).unwrap();
                assert_eq!(read.model, parse(&expected.to_string()).unwrap().model, "{name}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 36);
}

#[test]
fn numbers_reach_every_layer() {
    let Some(golden) = golden() else { return };
    let model = model::load(&golden.join("mlp.h5").display().to_string()).unwrap();
    let mut expected = reference("mlp.Vitis.name.rf4_p18_max24.json");
    expected["Model"]["Precision"].as_object_mut().unwrap().remove("maximum");
    let template = Template {
        precision: "ap_fixed<18,8>".parse().unwrap(),
        reuse_factor: 4,
        ..Template::default()
    };
    assert_eq!(comparable(template.json(&model), &expected), expected);
}

/// Everything that hls4ml wrote is read: no key of its own is unknown.
#[test]
fn every_golden_file_is_read() {
    let Some(golden) = golden() else { return };
    let mut read = 0;
    for folder in [golden.clone(), golden.join("cli")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let architecture = name == "INDEX.json" || name.ends_with("keras_arch.json");
            if (name.ends_with(".yml") || name.ends_with(".json")) && !architecture {
                handaxe_formats::hls::load(&path).unwrap_or_else(|error| panic!("{error}"));
                read += 1;
            }
        }
    }
    assert!(read > 100, "{read}");
}
