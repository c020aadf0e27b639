//! `handaxe train`, `inspect` and `estimate`.

use crate::common::{folder, handaxe};

const TRAIN: &str = "train --data points.csv --network dense:16,relu,dense:4,softmax --baseline-epochs 20 --batch-size 16 --seed 2 --quiet";

#[test]
fn trains_shows_and_estimates() {
    let folder = folder();
    let ran = handaxe(
        folder.path(),
        &format!("{TRAIN} --l1 1e-4 --initialiser he_normal --out net.safetensors --json"),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.json()["weights"], 8 * 16 + 16 + 16 * 4 + 4);
    assert_eq!(ran.json()["parameters"], 8 * 16 + 16 * 4);
    assert!(ran.json()["test"].as_f64().unwrap() > 0.5);

    let ran =
        handaxe(folder.path(), "inspect net.safetensors --reuse-factor 4 --strategy Resource");
    assert_eq!(ran.code, 0);
    for part in [
        "fc1",
        "Dense",
        "8 x 16",
        "fixed<16,6",
        "Resource",
        "vivado-dsp",
        "pattern 32/1",
        "32 dsp",
        "212",
    ] {
        assert!(ran.stdout.contains(part), "lacks {part}: {}", ran.stdout);
    }
    let ran = handaxe(
        folder.path(),
        "estimate net.safetensors --reuse-factor 4 --strategy Resource --json",
    );
    assert_eq!(ran.json()["total"]["dsp"], 128 / 4 + 64 / 4);
    assert_eq!(ran.json()["total"]["parameters"], 128 + 64);
    let ran = handaxe(folder.path(), "estimate net.safetensors --json");
    assert!(ran.json()["total"]["dsp"].is_null() && ran.json()["total"]["flops"].is_u64());
}

/// What a model was trained with goes with it: pruning it standardises the data alike.
#[test]
fn a_trained_model_can_be_pruned_and_estimated_again() {
    let folder = folder();
    handaxe(folder.path(), &format!("{TRAIN} --out net.safetensors"));
    let flags = "--objective parameter --final-sparsity 0.5 --steps 2 --epochs 3 --rtol 0.5 --seed 2 --quiet";
    let ran = handaxe(
        folder.path(),
        &format!("optimize --model net.safetensors --data points.csv {flags} --out slim --json"),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let before = ran.json()["baseline"]["test"].as_f64().unwrap();
    let again = handaxe(
        folder.path(),
        "train --model net.safetensors --data points.csv --baseline-epochs 0 --seed 2 --out same.safetensors --json --quiet",
    );
    assert_eq!(again.json()["test"].as_f64(), Some(before), "{}", again.stderr);
    let ran = handaxe(folder.path(), "estimate slim/model.safetensors --json");
    assert_eq!(ran.json()["total"]["parameters"], (128 + 64) / 2);
}

/// A reuse factor that cannot be built is snapped, and that is said.
#[test]
fn says_what_it_does_differently() {
    let folder = folder();
    handaxe(folder.path(), &format!("{TRAIN} --out net.safetensors"));
    let ran =
        handaxe(folder.path(), "estimate net.safetensors --reuse-factor 3 --strategy Resource");
    assert!(
        ran.stderr.contains("reuse factor 3") && ran.stderr.contains("2, the closest"),
        "{}",
        ran.stderr
    );
}
