//! `handaxe parts`, and what `handaxe estimate` says of synthesis.

use crate::common::{folder, handaxe};

const TRAIN: &str = "train --data points.csv --network dense:16,relu,dense:4,softmax --baseline-epochs 1 --batch-size 16 --seed 2 --quiet";

#[test]
fn parts_are_listed() {
    let folder = folder();
    let ran = handaxe(folder.path(), "parts PYNQ");
    assert!(ran.code == 0 && ran.stdout.contains("xc7z020"), "{}", ran.stdout);
    assert!(ran.stdout.contains("BRAM36") && !ran.stdout.contains("M20K"), "{}", ran.stdout);
    let ran = handaxe(folder.path(), "parts agilex --json");
    assert_eq!(ran.json()["parts"][0]["family"], "Agilex 7");
    let ran = handaxe(folder.path(), "parts xc7s50csga324-1");
    assert!(ran.code == 0 && ran.stdout.contains("Spartan-7"), "{}", ran.stderr);
    let ran = handaxe(folder.path(), "parts nowhere");
    assert!(ran.code == 2 && ran.stderr.contains("`handaxe parts` lists all"), "{}", ran.stderr);

    std::fs::write(
        folder.path().join("mine.json"),
        r#"[{"name": "toy", "family": "Artix-7", "resources": {"dsp": 3, "lut": 900}, "source": "me"}]"#,
    )
    .unwrap();
    let ran = handaxe(folder.path(), "parts toy --parts mine.json --json");
    assert_eq!(ran.json()["parts"][0]["resources"]["dsp"], 3);
    let ran = handaxe(folder.path(), "parts --parts points.csv");
    assert!(ran.code == 2 && ran.stderr.contains("points.csv"), "{}", ran.stderr);
}

#[test]
fn synthesis_is_foretold() {
    let folder = folder();
    handaxe(folder.path(), &format!("{TRAIN} --out net.safetensors"));
    let flags = "--reuse-factor 4 --strategy Resource";
    let estimate = format!("estimate net.safetensors {flags}");
    let ran = handaxe(folder.path(), &format!("{estimate} --part pynq-z2 --picture bars.svg"));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for part in ["C synthesis", "implementation", "at most", "xc7z020", "used", "Resource, reuse 4"]
    {
        assert!(ran.stdout.contains(part), "lacks {part}: {}", ran.stdout);
    }
    let picture = std::fs::read_to_string(folder.path().join("bars.svg")).unwrap();
    assert!(picture.contains("on xc7z020") && picture.contains("BRAM36"), "{picture}");
    let again = handaxe(folder.path(), &format!("{estimate} --picture bars.svg"));
    assert!(again.code == 2 && again.stderr.contains("--force"), "{}", again.stderr);

    let json = handaxe(folder.path(), &format!("{estimate} --part xc7z020 --json")).json();
    let synthesis = &json["synthesis"];
    assert_eq!(synthesis["synthesis"]["dsp"]["value"], 128 / 4 + 64 / 4 + 4);
    assert_eq!(synthesis["part"]["resources"]["dsp"], 220);
    assert!(synthesis["used"]["dsp"]["value"].as_f64().unwrap() < 1.0);
    assert_eq!(synthesis["profile"]["tool"], "vitis");

    let shouted = handaxe(folder.path(), &format!("{estimate} --tool VIVADO --multipliers DSP"));
    assert!(shouted.code == 0 && shouted.stdout.contains("Vivado HLS"), "{}", shouted.stderr);
    let ran = handaxe(folder.path(), "estimate net.safetensors --part pynq-z2");
    assert!(ran.code == 2 && !ran.stderr.contains("only parameters"), "{}", ran.stderr);
    for (wrong, told) in [
        ("--part xc7z021", "did you mean `xc7z020`?"),
        ("--tool yosys", "vivado, vitis or quartus"),
        ("--clock -1", "nanoseconds above 0"),
        ("--multipliers many", "auto, dsp or fabric"),
    ] {
        let ran = handaxe(folder.path(), &format!("{estimate} {wrong}"));
        assert!(ran.code == 2 && ran.stderr.contains(told), "{wrong}: {}", ran.stderr);
    }
    let ran = handaxe(folder.path(), "estimate net.safetensors --part pynq-z2");
    assert!(ran.code == 2 && ran.stderr.contains("how the network is built"), "{}", ran.stderr);
}
