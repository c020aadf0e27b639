//! Wrong input: exit code 2, one clear message with a hint, nothing half-written.

use std::fs;

use crate::common::{SMALL, folder, handaxe};

/// Calls with `arguments`, which name `out` as output, and expects every one of `said` in the message.
fn refused(folder: &tempfile::TempDir, arguments: &str, said: &[&str]) {
    let ran = handaxe(folder.path(), arguments);
    assert_eq!(ran.code, 2, "{arguments}\n{}{}", ran.stdout, ran.stderr);
    for part in said {
        assert!(ran.stderr.contains(part), "{arguments}\nlacks {part:?}: {}", ran.stderr);
    }
    assert!(
        !ran.stderr.contains("panicked") && !ran.stderr.contains("stack backtrace"),
        "{}",
        ran.stderr
    );
    assert!(!folder.path().join("out").exists(), "{arguments}: something was written");
}

#[test]
fn data_that_cannot_be_used() {
    let folder = folder();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("empty.csv", "");
    write("ragged.csv", "1,2,0\n1,2,3,0\n");
    write("nan.csv", "1,2,0\n1,nan,1\n2,1,0\n");
    write("broken.npz", "this is no archive");
    let run = |data: &str| {
        format!("optimize {} --final-sparsity 0.5 --out out", SMALL.replace("points.csv", data))
    };
    refused(&folder, &run("poinst.csv"), &["poinst.csv", "no file", "did you mean"]);
    refused(&folder, &run("empty.csv"), &["empty.csv"]);
    refused(&folder, &run("ragged.csv"), &["ragged.csv", "2"]);
    refused(&folder, &run("nan.csv"), &["nan.csv", "line 2", "not a finite"]);
    refused(&folder, &run("broken.npz"), &["broken.npz"]);
    refused(&folder, &run("points.csv:y=label"), &["label"]);
}

#[test]
fn settings_that_cannot_work() {
    let folder = folder();
    let run = |flags: &str| format!("optimize {SMALL} --out out {flags}");
    refused(&folder, &run("--final-sparsity 50"), &["50", "fraction"]);
    refused(&folder, &run("--final-sparsity -0.1"), &["-0.1"]);
    refused(&folder, &run("--final-sparsity 0.5 --objective vivado"), &["vivado", "vivado-dsp"]);
    refused(&folder, &run("--final-sparsity 0.5 --solver simplex"), &["simplex", "branch_bound"]);
    refused(&folder, &run("--final-sparsity 0.5 --ranking l3"), &["l3", "l2"]);
    refused(&folder, &run("--final-sparsity 0.5 --scheduler linear"), &["linear", "polynomial"]);
    refused(&folder, &run("--final-sparsity 0.5 --metric f1"), &["f1", "accuracy"]);
    refused(&folder, &run("--epochs 1 --rewinding 1"), &["rewinding"]);
    refused(&folder, &run("--metric mse"), &["mse cannot judge", "classes"]);
    refused(&folder, &run("--test-split 1.5"), &["1.5"]);
    refused(&folder, &run("--folds 2 --fold 3"), &["fold"]);
    refused(&folder, &run("--nonsense"), &["--nonsense"]);
    refused(&folder, &run("--reuse-factor 0"), &["ReuseFactor", "0"]);
    refused(&folder, &run("--precision ap_fixed<16>"), &["ap_fixed<16>"]);
    refused(&folder, &run("--learning-rate 0"), &["learning rate"]);
}

/// Correction 12: no layer that the objective can optimise is an error that names layers and reasons.
#[test]
fn nothing_to_optimise() {
    let folder = folder();
    let narrow = SMALL.replace("ap_fixed<16,6>", "ap_fixed<8,3>");
    refused(&folder, &format!("optimize {narrow} --out out"), &["fc1:", "fc3:", "8", "9"]);
    let unconfigured = "optimize --data points.csv --network dense:4,softmax --out out";
    refused(&folder, unconfigured, &["fc1:", "configuration"]);
}

#[test]
fn networks_that_do_not_fit() {
    let folder = folder();
    let run = |network: &str| {
        format!("optimize --data points.csv --network {network} --reuse-factor 1 --out out")
    };
    refused(&folder, &run("dense:5,softmax"), &["[5]", "4"]);
    refused(&folder, &run("dens:5,softmax"), &["dens:5", "dense"]);
    refused(&folder, &run("conv:4x3,flatten,dense:4"), &["conv", "[8]"]);
    refused(&folder, "optimize --data points.csv --out out", &["network"]);
    fs::write(folder.path().join("model.safetensors"), b"not a model").unwrap();
    refused(
        &folder,
        "optimize --data points.csv --model model.safetensors --out out",
        &["model.safetensors"],
    );
    refused(&folder, "inspect model.safetensors", &["model.safetensors"]);
    refused(&folder, "inspect nothing.safetensors", &["nothing.safetensors", "no file"]);
}

#[test]
fn run_files_with_mistakes() {
    let folder = folder();
    let write = |text: &str| fs::write(folder.path().join("run.toml"), text).unwrap();
    write("final-sparsty = 0.5");
    refused(&folder, "optimize run.toml --out out", &["run.toml", "final-sparsty", "line 1"]);
    write("final-sparsity = 'half'");
    refused(&folder, "optimize run.toml --out out", &["run.toml", "half"]);
    refused(&folder, "optimize other.toml --out out", &["other.toml"]);
    write(
        "objective = 'parameter'\nmodel = 'a.safetensors'\nnetwork = 'dense:4'\ndata = 'points.csv'",
    );
    refused(&folder, "optimize run.toml --out out", &["model", "network"]);
}

#[test]
fn an_output_that_exists_is_left_alone() {
    let folder = folder();
    let out = folder.path().join("there");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("precious.txt"), "mine").unwrap();
    let ran = handaxe(folder.path(), &format!("optimize {SMALL} --out there"));
    assert!(ran.code == 2 && ran.stderr.contains("--force"), "{}", ran.stderr);
    let ran = handaxe(folder.path(), &format!("optimize {SMALL} --out there --force"));
    assert!(ran.code == 2 && ran.stderr.contains("`precious.txt`"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(out.join("precious.txt")).unwrap(), "mine");

    let small = format!("optimize {SMALL} --final-sparsity 0.2 --steps 1 --out run");
    assert_eq!(handaxe(folder.path(), &small).code, 0);
    assert_eq!(handaxe(folder.path(), &small).code, 2);
    assert_eq!(handaxe(folder.path(), &format!("{small} --force")).code, 0);
    let ran = handaxe(folder.path(), "optimize --resume there");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
}
