//! `handaxe optimize` and `handaxe` alone, as a user calls them.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::common::{SMALL, command, folder, handaxe};
use serde_json::Value;

fn lines(path: &Path) -> Vec<Value> {
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The promise of the README: half of the DSPs, at most two points of accuracy, and it can be run again at once.
#[test]
fn the_example_keeps_its_promise() {
    let folder = folder();
    for number in ["001", "002"] {
        let ran = handaxe(folder.path(), "--json --quiet");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let result = ran.json();
        assert_eq!(result["schema"], 1);
        let dsp = |when: &str| result["resources"][when]["dsp"].as_u64().unwrap();
        assert!(2 * dsp("after") <= dsp("before") && dsp("before") > 1000);
        let test = |network: &str| result[network]["test"].as_f64().unwrap();
        assert!(test("final") >= test("baseline") - 0.02 && test("baseline") > 0.9);
        assert!(folder.path().join(format!("runs/vivado-dsp-{number}/report.html")).is_file());
    }
    assert_eq!(handaxe(folder.path(), "optimize --resume runs/vivado-dsp-001 --quiet").code, 0);
}

#[test]
fn a_run_leaves_its_directory_and_the_same_seed_the_same_bits() {
    let folder = folder();
    let first =
        handaxe(folder.path(), &format!("optimize {SMALL} --final-sparsity 0.5 --out a --json"));
    assert_eq!(first.code, 0, "{}", first.stderr);
    let second =
        handaxe(folder.path(), &format!("optimize {SMALL} --final-sparsity 0.5 --out b --json"));
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    for name in ["baseline.safetensors", "model.safetensors", "epochs.jsonl"] {
        assert!(
            fs::read(a.join(name)).unwrap() == fs::read(b.join(name)).unwrap(),
            "{name} differs"
        );
    }
    assert_eq!(first.json()["resources"], second.json()["resources"]);

    let steps = lines(&a.join("steps.jsonl"));
    let expected = [
        "achieved",
        "asked",
        "estimated",
        "feasible",
        "good",
        "metric",
        "seconds",
        "solver",
        "sparsity",
        "step",
    ];
    assert!(steps.iter().all(|step| keys(step) == expected), "{:?}", keys(&steps[0]));
    assert!(steps.iter().all(|step| keys(&step["solver"]) == ["bound", "name", "status", "value"]));
    assert!(steps.iter().all(|step| step["solver"]["status"] == "optimal"));
    let result: Value = serde_json::from_slice(&fs::read(a.join("result.json")).unwrap()).unwrap();
    for key in ["baseline", "final", "resources", "layers", "seed", "version", "schema"] {
        assert!(!result[key].is_null(), "{key}");
    }
    assert!(result["achieved"]["dsp"].as_f64().unwrap() >= 0.5);
    for name in
        ["run.toml", "report.html", "metric.svg", "resources.svg", "masks.svg", "training.svg"]
    {
        assert!(fs::metadata(a.join(name)).unwrap().len() > 100, "{name}");
    }
}

/// The effective configuration of a run, given back as a file, repeats it; a flag overrides it.
#[test]
fn a_run_file_says_everything() {
    let folder = folder();
    handaxe(folder.path(), &format!("optimize {SMALL} --final-sparsity 0.5 --out a"));
    let ran = handaxe(folder.path(), "optimize a/run.toml --out again --quiet");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let model = |run: &str| fs::read(folder.path().join(run).join("model.safetensors")).unwrap();
    assert!(model("a") == model("again"));
    let ran = handaxe(
        folder.path(),
        "optimize a/run.toml --out other --seed 4 --final-sparsity 0.25 --json --quiet",
    );
    assert_eq!(
        (ran.json()["seed"].as_u64(), ran.json()["asked"]["dsp"].as_f64()),
        (Some(4), Some(0.25))
    );
}

#[test]
fn every_objective_reaches_what_is_asked_or_feasible() {
    let folder = folder();
    for objective in ["parameter", "gpu-flops", "vivado-dsp", "vivado-ff", "vivado-dsp-bram"] {
        let strategy =
            if objective == "vivado-ff" { "--strategy Latency" } else { "--strategy Resource" };
        let arguments =
            SMALL.replace("--strategy Resource", strategy).replace("--rtol 0.9", "--rtol 0.5");
        let arguments = format!(
            "optimize {arguments} --objective {objective} --final-sparsity 0.5 --out {objective} --json"
        );
        let ran = handaxe(folder.path(), &arguments);
        assert_eq!(ran.code, 0, "{objective}: {}", ran.stderr);
        let result = ran.json();
        for (resource, asked) in result["asked"].as_object().unwrap() {
            let share = |of: &str| result[of][resource].as_f64().unwrap();
            let wanted = asked.as_f64().unwrap().min(share("feasible"));
            assert!(
                share("achieved") >= wanted - 1e-9,
                "{objective} {resource}: {}",
                share("achieved")
            );
        }
    }
}

#[test]
fn resources_may_have_a_share_each() {
    let folder = folder();
    let arguments = SMALL.replace("--rtol 0.9", "--rtol 0.5");
    let arguments = format!(
        "optimize {arguments} --objective vivado-dsp-bram --final-sparsity dsp=0.6,bram36=0.2"
    );
    let ran = handaxe(folder.path(), &format!("{arguments} --out both --json"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let result = ran.json();
    assert_eq!((&result["asked"]["dsp"], &result["asked"]["bram36"]), (&0.6.into(), &0.2.into()));
    assert!(result["achieved"]["dsp"].as_f64().unwrap() >= 0.6 - 1e-9);
    let again = handaxe(folder.path(), "optimize both/run.toml --out again --json --quiet");
    assert_eq!(again.json()["achieved"], result["achieved"], "{}", again.stderr);
    let ran =
        handaxe(folder.path(), &format!("optimize {SMALL} --final-sparsity lut=0.5 --out bad"));
    assert!(ran.code == 2 && ran.stderr.contains("`lut`"), "{}", ran.stderr);
}

/// What is said of single layers is the same from flags and from the run's own file.
#[test]
fn layers_have_settings_of_their_own() {
    let folder = folder();
    let layers = "--layer fc1:exclude --layer fc2:structure=structured,floor=6,sparse-penalty=1e-3";
    let arguments = SMALL.replace("--rtol 0.9", "--rtol 0.3");
    let arguments =
        format!("optimize {arguments} --objective parameter --final-sparsity 0.5 {layers}");
    let ran = handaxe(folder.path(), &format!("{arguments} --ranking saliency --out a --json"));
    let result = ran.json();
    assert_eq!(result["layers"][0]["left_alone"], "the settings exclude it", "{}", ran.stderr);
    let columns = 16.0 * result["layers"][1]["sparsity"].as_f64().unwrap();
    assert!(columns.fract() == 0.0 && columns <= 10.0, "{columns}");
    let again = handaxe(folder.path(), "optimize a/run.toml --out again --json --quiet").json();
    assert_eq!(again["layers"], result["layers"]);
    for (flag, part) in [
        ("fc1", "no colon"),
        ("fc1:florr=2", "unknown field `florr`"),
        ("fc1:structure=stripes", "block 2x4"),
        ("fc9:exclude", "`fc9`"),
    ] {
        let ran = handaxe(folder.path(), &format!("optimize {SMALL} --layer {flag} --out bad"));
        assert!(ran.code == 2 && ran.stderr.contains(part), "{flag}: {}", ran.stderr);
    }
    assert!(!folder.path().join("bad").exists());
}

/// Stops a run after some step has been recorded, whenever that is; what follows must not show it.
#[test]
fn an_interrupted_run_ends_with_the_same_bits() {
    let folder = folder();
    let arguments = SMALL.replace("--steps 3", "--steps 12");
    handaxe(folder.path(), &format!("optimize {arguments} --final-sparsity 0.6 --out whole"));
    let mut child =
        command(folder.path(), &format!("optimize {arguments} --final-sparsity 0.6 --out cut"))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
    let steps = folder.path().join("cut/steps.jsonl");
    while child.try_wait().unwrap().is_none() {
        if fs::read_to_string(&steps).is_ok_and(|text| text.lines().count() >= 3) {
            child.kill().unwrap();
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let ran = handaxe(folder.path(), "optimize --resume cut --quiet");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for name in ["model.safetensors", "epochs.jsonl"] {
        let read = |run: &str| fs::read(folder.path().join(run).join(name)).unwrap();
        assert!(read("whole") == read("cut"), "{name} differs");
    }
}

#[test]
fn folds_are_run_each_and_their_mean_is_told() {
    let folder = folder();
    let arguments = SMALL.replace("--rtol 0.9", "--rtol 0.5");
    let ran = handaxe(
        folder.path(),
        &format!("optimize {arguments} --final-sparsity 0.3 --folds 3 --out folds --json"),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let summary = ran.json();
    assert_eq!(summary["folds"].as_array().unwrap().len(), 3);
    let tests: Vec<f64> = summary["folds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fold| fold["final"]["test"].as_f64().unwrap())
        .collect();
    let mean = tests.iter().sum::<f64>() / 3.0;
    assert!((summary["mean_final_test"].as_f64().unwrap() - mean).abs() < 1e-12);
    assert!(folder.path().join("folds/fold-3/report.html").is_file());

    // Interrupted between folds, it goes on; finished, it can be replaced.
    fs::remove_dir_all(folder.path().join("folds/fold-3")).unwrap();
    let resumed = handaxe(folder.path(), "optimize --resume folds --json --quiet").json();
    for figure in ["mean_baseline_test", "mean_final_test"] {
        assert_eq!(resumed[figure], summary[figure]);
    }
    let again = format!("optimize {arguments} --final-sparsity 0.3 --folds 2 --out folds --force");
    assert_eq!(handaxe(folder.path(), &again).code, 0);
    let ran = handaxe(folder.path(), &format!("optimize {arguments} --folds 0 --out none"));
    assert!(ran.code == 2 && !folder.path().join("none").exists(), "{}", ran.stderr);
}

/// A run must not fail because nobody reads what it says, nor say that it went well when its output is lost.
#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written() {
    let folder = folder();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let arguments = SMALL.replace("--quiet", "");
    let small =
        |out: &str| format!("optimize {arguments} --final-sparsity 0.2 --steps 1 --out {out}");
    let status =
        command(folder.path(), &small("a")).stdout(Stdio::null()).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let status =
        command(folder.path(), &small("b")).stdout(full()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

/// Too much asked of too little training: the run ends, the network is the best that held, and the exit code tells.
#[test]
fn what_is_not_met_is_told_by_the_exit_code() {
    let folder = folder();
    let arguments = SMALL.replace("--rtol 0.9", "--rtol 0.999").replace("--epochs 3", "--epochs 2");
    let ran = handaxe(
        folder.path(),
        &format!("optimize {arguments} --final-sparsity 0.99 --cutoff 0 --out hard"),
    );
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("--rtol") && ran.stdout.contains("not met"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(folder.path().join("hard/result.json").is_file());
}
