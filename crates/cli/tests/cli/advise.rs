//! `handaxe advise`.

use serde_json::Value;

use crate::common::{folder, handaxe};

const NET: &str = "train --data points.csv --network dense:64,relu,dense:64,relu,dense:4,softmax --baseline-epochs 1 --seed 2 --quiet --out net.safetensors";

#[test]
fn each_finding_saves_what_two_estimates_differ_by() {
    let folder = folder();
    handaxe(folder.path(), NET);
    let built = "net.safetensors --precision ap_fixed<16,6> --reuse-factor 8 --strategy Resource --tool vivado";
    let advice = handaxe(folder.path(), &format!("advise {built} --part xc7z020 --json")).json();
    let findings = advice["findings"].as_array().unwrap();
    let share = |finding: &Value| finding["share"].as_f64().unwrap();
    assert!(findings.windows(2).all(|pair| share(&pair[0]) >= share(&pair[1])));
    let reasons: Vec<&str> = findings.iter().map(|one| one["reason"].as_str().unwrap()).collect();
    for reason in ["multiplexer", "reuse", "dominates", "spare_bits"] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    let collapsed =
        findings.iter().find(|one| one["reason"] == "multiplexer" && one["layer"] == "fc2");
    let collapsed = collapsed.unwrap();
    assert_eq!(collapsed["change"]["reuse_factor"], 128);
    let config = "Model: {Precision: {default: 'ap_fixed<16,6>'}, ReuseFactor: 8, Strategy: Resource}\n\
                  LayerName: {fc2: {ReuseFactor: 128}}\n";
    std::fs::write(folder.path().join("changed.yml"), config).unwrap();
    let estimate = |flags: &str| {
        let ran = handaxe(folder.path(), &format!("estimate {flags} --part xc7z020 --json"));
        ran.json()["synthesis"]["implementation"].clone()
    };
    let (before, after) =
        (estimate(built), estimate("net.safetensors --config changed.yml --tool vivado"));
    for resource in ["dsp", "lut", "ff"] {
        let value = |of: &Value| of[resource]["value"].as_i64().unwrap();
        assert_eq!(collapsed["saves"][resource], value(&before) - value(&after), "{resource}");
    }
}

#[test]
fn a_plan_makes_it_fit() {
    let folder = folder();
    handaxe(folder.path(), NET);
    let unrolled = "net.safetensors --precision ap_fixed<16,6> --reuse-factor 1 --strategy Latency";
    let ran =
        handaxe(folder.path(), &format!("advise {unrolled} --part xc7z045 --out fitting.json"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for part in [
        "not fit on xc7z045",
        "unrolling 4096 weights fails",
        "it fits: at most",
        "fc2: strategy Resource",
    ] {
        assert!(ran.stdout.contains(part), "lacks {part}: {}", ran.stdout);
    }
    assert!(ran.stderr.contains("warning: layer `fc2` unrolls 4096"), "{}", ran.stderr);
    let again = "net.safetensors --config fitting.json --part xc7z045";
    let fitting = handaxe(folder.path(), &format!("advise {again} --json")).json();
    assert_eq!((&fitting["fits"], &fitting["plan"]), (&true.into(), &Value::Null));
    let used = handaxe(folder.path(), &format!("estimate {again} --json")).json();
    let used = used["synthesis"]["used"].as_object().unwrap().clone();
    assert!(
        used.len() == 4 && used.values().all(|of| of["high"].as_f64().unwrap() <= 1.0),
        "{used:?}"
    );
    // Nothing can be made of a part that is far too small.
    let tiny = r#"[{"name": "tiny", "family": "Artix-7", "source": "me", "resources": {"dsp": 1, "lut": 9, "ff": 9, "bram36": 0}}]"#;
    std::fs::write(folder.path().join("tiny.json"), tiny).unwrap();
    let ran = handaxe(folder.path(), &format!("advise {unrolled} --part tiny --parts tiny.json"));
    assert!(
        ran.code == 0 && ran.stdout.contains("`handaxe optimize --fit tiny`"),
        "{}",
        ran.stdout
    );
    // What is not known to be enough is not said to fit.
    let ran = handaxe(folder.path(), &format!("advise {unrolled} --part agf014"));
    assert!(ran.stdout.contains("is not known"), "{}", ran.stdout);
}

#[test]
fn wrong_input_is_told() {
    let folder = folder();
    handaxe(folder.path(), NET);
    for (flags, told) in [
        ("net.safetensors", "how the network is built is not known"),
        ("net.safetensor --reuse-factor 2", "did you mean"),
        ("net.safetensors --reuse-factor 2 --part xc7z021", "did you mean"),
        ("net.safetensors --reuse-factor 2 --out x.json", "--part"),
        ("net.safetensors --reuse-factor 2 --part pynq-z2 --out points.csv", "--force"),
        ("net.safetensors --reuse-factor 2 --clock nan", "above 0"),
    ] {
        let ran = handaxe(folder.path(), &format!("advise {flags}"));
        assert!(ran.code == 2 && ran.stderr.contains(told), "{flags}: {}", ran.stderr);
    }
}
