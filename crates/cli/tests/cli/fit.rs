//! `handaxe optimize --fit` and `--budget`, and parts from a file.

use std::fs;

use serde_json::Value;

use crate::common::{Ran, SMALL, folder, handaxe};

/// Flags under which single weights free what they take.
const UNROLLED: &str =
    "--strategy Latency --reuse-factor 1 --search manual --threshold 0.1 --rtol 0.5";
const TOY: &str = r#"[{"name": "toy", "family": "Artix-7", "boards": ["My-Toy"], "source": "me",
    "resources": {"dsp": 250, "lut": 900000, "ff": 900000, "bram36": 99}},
    {"name": "half", "family": "Artix-7", "source": "me", "resources": {"dsp": 250, "lut": 900000}}]"#;

fn optimize(folder: &tempfile::TempDir, flags: &str) -> Ran {
    handaxe(folder.path(), &format!("optimize {SMALL} {UNROLLED} {flags}"))
}

#[test]
fn the_least_pruning_that_fits() {
    let folder = folder();
    let ran = optimize(&folder, "--budget dsp=250 --out run --json");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let result = ran.json();
    assert!(result["budget"]["dsp"]["used"].as_f64().unwrap() <= 250.0);
    let before = &result["estimated"]["before"]["dsp"]["high"];
    assert!(before.as_f64().unwrap() > 250.0, "there was nothing to do: {before}");
    // Every step is judged by the upper end of what is estimated of its own network.
    let steps = fs::read_to_string(folder.path().join("run/steps.jsonl")).unwrap();
    let steps: Vec<Value> = steps.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(steps.len() > 1);
    for step in &steps {
        let [used, high] = [&step["budget"]["dsp"]["used"], &step["estimated"]["dsp"]["high"]];
        assert_eq!(used.as_f64(), high.as_f64());
    }
    for name in ["report.html", "estimated.svg"] {
        let drawn = fs::read_to_string(folder.path().join("run").join(name)).unwrap();
        assert!(drawn.contains("Synthesis will leave") && drawn.contains("budget 250"), "{name}");
    }
    let ran = handaxe(folder.path(), "optimize run/run.toml --out again --quiet");
    assert!(ran.code == 0 && ran.stdout.contains("at most"), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("yes") && ran.stdout.contains("estimated"), "{}", ran.stdout);
}

#[test]
fn what_does_not_fit_is_told_with_what_was_reached() {
    let folder = folder();
    let ran = optimize(&folder, "--budget dsp=900,lut=10 --out run");
    assert_eq!(ran.code, 3, "{}{}", ran.stdout, ran.stderr);
    for part in ["does not fit", "lut: up to", "of 10", "`handaxe advise --part`"] {
        assert!(ran.stderr.contains(part), "lacks {part}: {}", ran.stderr);
    }
    assert!(!ran.stderr.contains("dsp: up to"), "{}", ran.stderr);
    assert!(ran.stdout.contains("not met"), "{}", ran.stdout);
    let report = fs::read_to_string(folder.path().join("run/report.html")).unwrap();
    assert!(report.contains("does not fit"));
}

/// Nothing is said to fit of which something was asked that is not judged.
#[test]
fn what_cannot_be_judged_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("mine.json"), TOY).unwrap();
    for (flags, told) in [
        ("--budget mlab=3", "it has dsp, lut, ff, bram36, uram"),
        ("--budget dsp", "dsp=220,bram36=140"),
        ("--budget dsp=-1", "0 or more"),
        ("--fit agf014", "one of AMD's"),
        ("--fit xc7z021", "did you mean `xc7z020`"),
        ("--fit xczu", "did you mean `xczu"),
        ("--fit toy", "no part or board is called `toy`"),
        ("--fit half --parts mine.json", "what part `half` has of ff is not listed"),
        ("--fit half --parts mine.json --budget ff=9", "has of bram36 is not listed"),
        ("--fit pynq-z2 --parts nowhere.json", "nowhere.json"),
        ("--fit pynq-z2 --parts points.csv", "list of parts cannot be read"),
        ("--fit pynq-z2 --utilisation 70", "a share of the part"),
        ("--utilisation 0.7", "left out where no part"),
        ("--fit pynq-z2 --final-sparsity 0.5", "cannot be used with"),
        ("--budget dsp=9 --tool yosys", "yosys"),
        ("--budget dsp=9 --clock 0", "above 0"),
    ] {
        let ran = optimize(&folder, &format!("{flags} --out out"));
        assert!(ran.code == 2 && ran.stderr.contains(told), "{flags}: {}", ran.stderr);
        assert!(!folder.path().join("out").exists() && !ran.stdout.contains("fits"), "{flags}");
    }
    let bare = "optimize --data points.csv --network dense:4,softmax --objective parameter --fit pynq-z2 --out out";
    let ran = handaxe(folder.path(), bare);
    assert!(ran.code == 2 && ran.stderr.contains("how the network is"), "{}", ran.stderr);
}

/// The same file serves every command, as a list or as `handaxe parts --json` prints it.
#[test]
fn parts_come_from_a_file() {
    let folder = folder();
    fs::write(folder.path().join("list.json"), TOY).unwrap();
    let printed = handaxe(folder.path(), "parts toy --parts list.json --json").stdout;
    fs::write(folder.path().join("mine.json"), printed).unwrap();
    for part in ["toy", "my-toy"] {
        let flags = format!("--fit {part} --parts mine.json --out {part} --json");
        let ran = optimize(&folder, &flags);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(ran.json()["budget"]["dsp"]["available"], 250.0);
    }
    let net =
        "toy/model.safetensors --precision ap_fixed<16,6> --part toy --parts mine.json --json";
    let estimated = handaxe(folder.path(), &format!("estimate {net}")).json();
    assert_eq!(estimated["synthesis"]["part"]["name"], "toy");
    assert_eq!(handaxe(folder.path(), &format!("advise {net}")).json()["fits"], true);
    // A run goes on with the parts that it began with.
    fs::write(folder.path().join("mine.json"), TOY).unwrap();
    let ran = handaxe(folder.path(), "optimize --resume toy --quiet");
    assert!(
        ran.code == 2 && ran.stderr.contains("parts file mine.json has changed"),
        "{}",
        ran.stderr
    );
}

/// Vitis' designs on the 7 series are known well enough for a part to be reached by pruning that the network stands.
#[test]
fn a_part_of_the_7_series_is_reached() {
    let folder = folder();
    let ran = optimize(&folder, "--fit pynq-z2 --rtol 0.9 --out run --json");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let flip_flops = &ran.json()["estimated"]["before"]["ff"];
    assert!(flip_flops["high"].as_f64() > Some(106_400.0), "nothing to do: {flip_flops}");
}
