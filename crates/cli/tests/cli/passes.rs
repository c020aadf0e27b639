//! `inspect --print-passes` and `--dump-after`, and firmware of a network's own quantisers.

use std::fs;
use std::path::Path;

use crate::common::{handaxe, told};

/// A folder with models of fixtures/onnx/small.
fn models(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/onnx/small");
    for name in names {
        fs::copy(fixtures.join(name), folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn passes_are_listed_and_shown() {
    let folder = models(&["own_scales.onnx"]);
    let said = ["merge-lines", "prove-transposes", "when a network in ONNX is read", "unit-scales"];
    told(&folder, "inspect --print-passes", 0, &said);
    let ran = told(&folder, "inspect own_scales.onnx --dump-after read", 0, &["Mul_", "Add_"]);
    assert!(!ran.stdout.contains("bias [3]"), "{}", ran.stdout);
    let ran = told(&folder, "inspect own_scales.onnx --dump-after fuse-bias", 0, &["bias [3]"]);
    assert!(ran.stdout.ends_with('\n') && ran.stderr.is_empty(), "{}", ran.stderr);
    let ran = told(&folder, "inspect own_scales.onnx --dump-after unit-scales --json", 0, &[]);
    assert_eq!(ran.json()["pass"], "unit-scales");
    assert!(ran.json()["graph"].as_str().unwrap().contains("_scale"), "{}", ran.stdout);
    let wrong = "inspect own_scales.onnx --dump-after merge-line";
    told(&folder, wrong, 2, &["did you mean `merge-lines`?", "read"]);
    let saved = "convert own_scales.onnx own.safetensors";
    assert_eq!(handaxe(folder.path(), saved).code, 0);
    told(&folder, "inspect own.safetensors --dump-after merge-lines", 2, &["no ONNX file"]);
    told(&folder, "inspect own.safetensors --dump-after unit-scales", 0, &["_scale"]);
}

#[test]
fn own_quantisers_are_firmware() {
    let folder = models(&["own_scales.onnx", "quantised.onnx"]);
    // Steps of 1/50: none is a tie of the first quantiser, whose step is 3/100.
    let number = |place: i32| f64::from(place * 37 % 101) / 50.0 - 1.0;
    let row = |row: i32| (0..8).map(move |k| number(row * 8 + k).to_string());
    let rows: Vec<String> =
        (0..40).map(|n| row(n).collect::<Vec<_>>().join(",") + ",0\n").collect();
    let text = format!("a,b,c,d,e,f,g,h,label\n{}", rows.concat());
    fs::write(folder.path().join("rows.csv"), text).unwrap();
    let predict = "predict --model own_scales.onnx --data rows.csv";
    told(&folder, &format!("{predict} --out float.csv"), 0, &["40 samples"]);
    told(&folder, &format!("{predict} --bit-exact --out exact.csv"), 0, &["40 samples"]);
    let numbers = |name: &str| -> Vec<f64> {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        text.lines().flat_map(|line| line.split(',').filter_map(|n| n.parse().ok())).collect()
    };
    let (float, exact) = (numbers("float.csv"), numbers("exact.csv"));
    assert!(float.len() >= 120 && float.len() == exact.len(), "{} {}", float.len(), exact.len());
    let off = float.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off < 1e-5, "{off}");
    // With a configuration it is that which counts.
    let given = format!("{predict} --bit-exact --precision ap_fixed<16,6>");
    told(&folder, &given, 2, &["such quantiser", "power of two", "unit-scales"]);
}
