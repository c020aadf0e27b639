//! People's own networks: `convert`, `diff`, `predict` and `config`, and Keras files in every other command.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{folder, told};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/keras/small").join(name)
}

/// A folder with Keras' files of small networks, and `three.csv`: 3 features and a class of 2.
fn keras() -> tempfile::TempDir {
    let folder = folder();
    for name in [
        "plain_3.keras",
        "plain_2.h5",
        "parts_2.json",
        "parts_2_weights.h5",
        "pruned.h5",
        "quantised.h5",
        "table.h5",
    ] {
        fs::copy(fixture(name), folder.path().join(name)).unwrap();
    }
    let value = |index: usize| ((index * 7919) % 997) as f32 / 498.0 - 1.0;
    let line = |sample: usize| {
        let [a, b, c] = [0, 1, 2].map(|place| value(3 * sample + place));
        format!("{a},{b},{c},{}\n", u32::from(a + b > c))
    };
    fs::write(folder.path().join("three.csv"), (0..300).map(line).collect::<String>()).unwrap();
    folder
}

#[test]
fn networks_go_through_every_form() {
    let folder = keras();
    for (from, to) in [
        ("plain_3.keras", "a.h5"),
        ("a.h5", "a.safetensors"),
        ("a.safetensors", "a.keras"),
        ("parts_2.json:weights=parts_2_weights.h5", "b.keras"),
        ("parts_2.json", "b.h5"),
        ("quantised.h5", "q.keras"),
        ("plain_3.keras", "a.onnx"),
        ("a.onnx", "back.h5"),
    ] {
        told(&folder, &format!("convert {from} {to}"), 0, &["layers", to]);
        told(
            &folder,
            &format!("diff {from} {to} --tolerance 0"),
            0,
            &["structure is the same", "Equal"],
        );
    }
    let ran = told(&folder, "--json diff plain_3.keras a.keras --data three.csv", 0, &[]);
    let json = ran.json();
    assert_eq!((&json["equal"], &json["schema"]), (&true.into(), &1.into()));
    assert_eq!(
        (&json["outputs"][0]["absolute"], &json["outputs"][0]["samples"]),
        (&0.0.into(), &300.into())
    );
    assert_eq!(json["outputs"][0]["same_largest"], 1.0);
    let ran = told(&folder, "convert a.keras c.h5 --json", 0, &[]);
    assert_eq!((&ran.json()["format"], &ran.json()["weights"]), (&"h5".into(), &26.into()));
}

#[test]
fn conversions_that_cannot_be() {
    let folder = keras();
    told(&folder, "convert plain_3.keras plain_2.h5", 2, &["already exists", "--force"]);
    told(&folder, "convert plain_3.keras plain_2.h5 --force", 0, &[]);
    told(&folder, "convert plain_3.keras net.tflite", 2, &["net.tflite", ".safetensors", ".onnx"]);
    told(&folder, "convert plian_3.keras a.h5", 2, &["no file", "did you mean `plain_3.keras`?"]);
    told(&folder, "convert three.csv a.h5", 2, &["three.csv", "no model", ".keras"]);
    told(&folder, "convert parts_2_weights.h5 a.keras", 2, &["weights only", ":weights="]);
    told(&folder, "convert plain_3.keras no/such/a.h5", 2, &["does not exist"]);
    told(&folder, "convert plain_3.keras", 2, &["<OUT>"]);
    assert!(!folder.path().join("a.h5").exists() && !folder.path().join("a.keras").exists());
}

#[test]
fn differences_are_shown_and_the_exit_code_tells() {
    let folder = keras();
    let ran = told(
        &folder,
        "diff plain_3.keras pruned.h5 --data three.csv",
        3,
        &["fc1", "layer", "differ by more than"],
    );
    assert!(ran.stderr.contains("not compared"), "{}", ran.stderr);
    let ran = told(&folder, "diff plain_3.keras pruned.h5 --json", 3, &[]);
    assert!(!ran.json()["structure"].as_array().unwrap().is_empty());
    told(
        &folder,
        "diff plain_3.keras plain_3.keras --data points.csv",
        2,
        &["8 features", "takes 3"],
    );
    told(&folder, "diff plain_3.keras nothing.keras", 2, &["nothing.keras"]);
    told(&folder, "diff plain_3.keras plain_3.keras --tolerance -1", 2, &["0 or more", "-1"]);
    told(&folder, "diff plain_3.keras plain_3.keras --data three.csv:y=kind", 2, &["kind"]);
}

#[test]
fn predictions_are_written_and_judged() {
    let folder = keras();
    let at = |name: &str| folder.path().join(name);
    let ran = told(
        &folder,
        "predict --model plain_3.keras --data three.csv --out answers.csv",
        0,
        &["300 samples", "accuracy 0."],
    );
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    let table = fs::read_to_string(at("answers.csv")).unwrap();
    assert_eq!(table.lines().count(), 301);
    assert_eq!(table.lines().next().unwrap().split(',').count(), 2);
    let ran = told(
        &folder,
        "predict --model plain_2.h5 --data three.csv --metric auc --out answers.npy --json",
        0,
        &[],
    );
    let json = ran.json();
    assert_eq!((&json["metric"], &json["samples"]), (&"auc".into(), &300.into()));
    assert_eq!(json["outputs"][0]["shape"], serde_json::json!([2]));
    assert_eq!(fs::read(at("answers.npy")).unwrap().len(), 128 + 300 * 2 * 4);
    told(&folder, "predict --model plain_3.keras --data three.csv", 0, &["--out FILE.npy"]);
    // What a network answers can be what another one reads, without labels.
    let next = "train --network dense:2 --data three.csv:x=0,x=1,y=3 --baseline-epochs 1 --standardise false --out next.h5 --quiet";
    told(&folder, next, 0, &[]);
    let ran =
        told(&folder, "predict --model next.h5 --data answers.npy --out again.csv --json", 0, &[]);
    assert_eq!(
        (&ran.json()["metric"], &ran.json()["samples"]),
        (&serde_json::Value::Null, &300.into())
    );
    told(&folder, "predict --model next.h5 --data answers.npy --metric mse", 2, &["labels"]);
    told(&folder, "diff next.h5 next.h5 --data answers.npy", 0, &["Equal"]);

    told(
        &folder,
        "predict --model plain_3.keras --data three.csv --out answers.csv",
        2,
        &["--force"],
    );
    told(
        &folder,
        "predict --model plain_3.keras --data three.csv --out a.txt",
        2,
        &["a.txt", ".npy or .csv"],
    );
    told(&folder, "predict --model plain_3.keras --data points.csv", 2, &["8 features", "takes 3"]);
    told(
        &folder,
        "predict --model plain_3.keras --data three.csv --metric f1",
        2,
        &["f1", "accuracy"],
    );
    told(
        &folder,
        "predict --model plain_3.keras --data thre.csv",
        2,
        &["did you mean `three.csv`?"],
    );
    told(&folder, "predict --model nothing.h5 --data three.csv", 2, &["nothing.h5"]);
    told(&folder, "predict --data three.csv", 2, &["--model"]);
    fs::write(at("label.csv"), fs::read_to_string(at("three.csv")).unwrap().replace('\n', ",0\n"))
        .unwrap();
    told(&folder, "predict --model plain_3.keras --data label.csv", 2, &["4 features", "label"]);
}

#[test]
fn configurations_are_written_for_hls4ml_and_read_again() {
    let folder = keras();
    told(
        &folder,
        "config pruned.h5 --reuse-factor 5 --strategy Resource --out hls.yml",
        0,
        &["hls.yml"],
    );
    let text = fs::read_to_string(folder.path().join("hls.yml")).unwrap();
    assert!(
        text.starts_with("Model:\n  Precision:\n    default: fixed<16,6,TRN,WRAP,0>\n"),
        "{text}"
    );
    assert!(text.contains("\n  fc2:\n    Trace: false\n"), "{text}");
    told(&folder, "estimate pruned.h5 --config hls.yml", 0, &["fc1", "DSP", "parameters"]);
    let snapped = "fc2`: reuse factor 5 cannot be built for 6 x 3; 6";
    let ran = told(&folder, "inspect pruned.h5 --config hls.yml", 0, &[snapped]);
    assert!(!ran.stdout.contains(snapped));
    let ran = told(&folder, "inspect pruned.h5 --config hls.yml --json", 0, &[]);
    assert!(ran.json()["diagnostics"].to_string().contains(snapped), "{}", ran.stdout);
    let model = "config pruned.h5 --granularity model --reuse-factor 1 --strategy Resource";
    let ran = told(&folder, model, 0, &["Strategy: Resource"]);
    assert!(!ran.stdout.contains("LayerName") && ran.stderr.is_empty(), "{}", ran.stderr);
    told(
        &folder,
        "estimate pruned.h5 --reuse-factor 2",
        0,
        &["no precision is stated", "no strategy"],
    );
    let ran = told(&folder, "config quantised.h5 --granularity type --json", 0, &[]);
    assert!(ran.json()["config"]["LayerType"]["QConv2D"]["Precision"]["weight"].is_string());
    let ran = told(
        &folder,
        "config pruned.h5 --backend Vivado --io-type io_stream",
        0,
        &["IOType: io_stream"],
    );
    assert!(ran.stdout.contains("KerasModel: !keras_model 'pruned.h5'"), "{}", ran.stdout);

    told(&folder, "config pruned.h5 --out hls.yml", 2, &["--force"]);
    told(&folder, "config pruned.h5 --backend Vits", 2, &["Vits", "Vitis"]);
    told(&folder, "config pruned.h5 --granularity layer", 2, &["layer", "model, type, name"]);
    told(&folder, "config pruned.h5 --precision fixed<16>", 2, &["fixed<16>"]);
    told(&folder, "config pruned.h5 --precision auto", 2, &["auto", "ap_fixed<16,6>"]);
    told(&folder, "config pruned.h5 --reuse-factor 0", 2, &["ReuseFactor", "0"]);
    told(&folder, "config pruned.h5 --strategy Fast", 2, &["Fast", "Latency"]);
    told(&folder, "config pruned.h5 --io-type serial", 2, &["serial", "io_stream"]);
    told(&folder, "config nothing.h5", 2, &["nothing.h5"]);
}

/// A network of Keras' goes back as one, masks and all.
#[test]
fn keras_networks_are_optimised_and_go_back_to_keras() {
    let folder = keras();
    let flags = "--objective parameter --final-sparsity 0.5 --steps 2 --epochs 2 --rtol 0.1 --seed 1 --quiet";
    for (model, form) in [("plain_3.keras", "keras"), ("plain_2.h5", "h5")] {
        let run = format!("optimize --model {model} --data three.csv {flags} --out {form} --json");
        let ran = told(&folder, &run, 0, &[]);
        assert_eq!(ran.json()["resources"]["after"]["parameters"], 10);
        let written = format!("{form}/model.{form}");
        told(
            &folder,
            &format!("diff {form}/model.safetensors {written} --tolerance 0"),
            0,
            &["Equal"],
        );
        let ran = told(&folder, &format!("diff {model} {written} --json"), 3, &[]);
        let zeros = |place: usize| -> u64 {
            let weights = ran.json()["weights"].as_array().unwrap().clone();
            let kernels = weights.iter().filter(|weight| weight["weight"] == "kernel");
            kernels.map(|weight| weight["zeros"][place].as_u64().unwrap()).sum()
        };
        assert_eq!((zeros(0), zeros(1)), (0, 10));
        assert_eq!(ran.json()["structure"], serde_json::json!([]));
        let ran = told(&folder, &format!("estimate {written} --json"), 0, &[]);
        assert_eq!(ran.json()["total"]["parameters"], 10);
        let again = format!("optimize {form}/run.toml --out {form} --force --quiet");
        told(&folder, &again, 0, &[]);
        // A run knows where it goes, even if the network that it began with is gone.
        for gone in [model, written.as_str()] {
            fs::remove_file(folder.path().join(gone)).unwrap();
        }
        told(&folder, &format!("optimize --resume {form} --quiet"), 0, &[]);
        assert!(folder.path().join(&written).is_file());
        fs::copy(fixture(model), folder.path().join(model)).unwrap();
    }
    let ran = told(
        &folder,
        &format!(
            "optimize --model plain_3.keras --data three.csv {flags} --format safetensors --out own"
        ),
        0,
        &[],
    );
    assert!(
        ran.stderr.is_empty() && !folder.path().join("own/model.keras").exists(),
        "{}",
        ran.stderr
    );
    let short = "--network dense:4,relu,dense:2,softmax --data three.csv --baseline-epochs 2";
    told(&folder, &format!("optimize {short} {flags} --format h5 --out two"), 0, &[]);
    told(&folder, "diff two/model.h5 two/model.safetensors --tolerance 0", 0, &["Equal"]);
    let result = fs::read_to_string(folder.path().join("two/result.json")).unwrap();
    assert!(result.contains("standardised features"), "{result}");
}

#[test]
fn networks_are_trained_into_keras() {
    let folder = keras();
    let train = "train --network dense:4,relu,dense:2,softmax --data three.csv --baseline-epochs 3 --seed 1";
    let ran = told(&folder, &format!("{train} --out net.keras"), 0, &["26 weights", "net.keras"]);
    assert!(ran.stderr.contains("standardise"), "{}", ran.stderr);
    told(&folder, &format!("{train} --out net.safetensors --quiet"), 0, &[]);
    told(&folder, "diff net.keras net.safetensors --tolerance 0 --data three.csv", 0, &["Equal"]);
    told(
        &folder,
        "train --model plain_2.h5 --data three.csv --baseline-epochs 1 --out more.h5 --quiet",
        0,
        &[],
    );
    told(&folder, &format!("{train} --out net.tflite"), 2, &["net.tflite", ".keras"]);
    told(&folder, &format!("{train} --out net.keras"), 2, &["--force"]);
    assert_eq!(told(&folder, "inspect net.keras --json", 0, &[]).json()["parameters"], 20);
    assert_eq!(told(&folder, "inspect net.keras --json", 0, &[]).json()["weights"], 26);
}

/// What cannot be trained is named by layer and type, before anything is written.
#[test]
fn networks_that_cannot_be_trained() {
    let folder = keras();
    let optimize = |rest: &str| format!("optimize --final-sparsity 0.5 --out out {rest}");
    fs::write(folder.path().join("x.csv"), "1,2,0\n".repeat(40)).unwrap();
    told(
        &folder,
        &optimize("--model plain_3.keras --data points.csv"),
        2,
        &["8 features", "takes 3"],
    );
    told(&folder, &optimize("--model plain_3.keras --data x.csv"), 2, &["2 features", "takes 3"]);
    told(
        &folder,
        &optimize("--model plain_3.keras --data three.csv --format tflite"),
        2,
        &["tflite", "onnx"],
    );
    told(&folder, &optimize("--model three.csv --data three.csv"), 2, &["three.csv", "no model"]);
    let four = "1,2,3,4,0\n5,6,7,8,1\n2,1,0,1,2\n".repeat(40);
    fs::write(folder.path().join("four.csv"), four).unwrap();
    let ran = told(&folder, &optimize("--model table.h5 --data four.csv"), 2, &["`q`"]);
    assert!(
        ran.stderr.contains("FixedPointQuantizer") && ran.stderr.contains("trained"),
        "{}",
        ran.stderr
    );
    told(&folder, "inspect three.csv", 2, &["no model"]);
    told(&folder, "estimate plain_4.keras", 2, &["did you mean `plain_3.keras`?"]);
    assert!(!folder.path().join("out").exists());
}

/// Flags that every command has may stand before it.
#[test]
fn flags_of_all_commands_stand_anywhere() {
    let folder = keras();
    let before = told(&folder, "--json --quiet inspect pruned.h5", 0, &[]);
    let after = told(&folder, "inspect pruned.h5 --json --quiet", 0, &[]);
    assert_eq!(before.json(), after.json());
    let short = "--network dense:4,relu,dense:2,softmax --data three.csv --baseline-epochs 1 --epochs 1 --rewinding 0 --steps 1 --rtol 0.1 --objective parameter --final-sparsity 0.1";
    assert_eq!(
        told(&folder, &format!("--json --quiet optimize {short} --out out"), 0, &[]).json()["schema"],
        1
    );
    told(&folder, "help", 0, &["convert", "Examples"]);
    for command in
        ["convert", "diff", "predict", "config", "optimize", "train", "inspect", "estimate"]
    {
        told(&folder, &format!("{command} --help"), 0, &["Examples:", "--json"]);
    }
}
