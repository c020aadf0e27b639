//! `precision`, `trace`, `profile`, `scan` and `predict --bit-exact`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::common::{folder, handaxe, told};

/// A folder with `points.csv` and `net.safetensors`, trained on it.
fn trained() -> tempfile::TempDir {
    let folder = folder();
    let arguments = "train --network dense:12,relu,dense:4,softmax --data points.csv --baseline-epochs 12 --out net.safetensors";
    assert_eq!(handaxe(folder.path(), arguments).code, 0);
    folder
}

#[test]
fn types_are_told_and_useless_ones_warned_of() {
    let folder = trained();
    let config = "Model: {Precision: {default: 'ap_fixed<16,6>', accum: auto, result: auto}, ReuseFactor: 1}\n";
    fs::write(folder.path().join("auto.yml"), config).unwrap();
    let ran = told(
        &folder,
        "precision --model net.safetensors --config auto.yml",
        0,
        &["fixed<36,16,TRN,WRAP,0>", "one entry for", "give the result of"],
    );
    assert!(ran.stderr.contains("warning: layer `softmax1`"), "{}", ran.stderr);
    // hls4ml's own configuration has the same fault: who writes it, or prunes with it, is told.
    told(&folder, "config net.safetensors --out own.yml", 0, &["one entry for"]);
    let prune = "optimize --model net.safetensors --data points.csv --config own.yml --objective parameter --final-sparsity 0.3 --out pruned";
    let quick = "--steps 1 --epochs 2 --rtol 0.9";
    told(&folder, &format!("{prune} {quick}"), 0, &["at hardware precision", "one entry for"]);
    let json = told(
        &folder,
        "precision --model net.safetensors --precision ap_fixed<12,5> --json",
        0,
        &[],
    )
    .json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["layers"][1]["types"]["weight"], "fixed<12,5,TRN,WRAP,0>");
    told(
        &folder,
        "precision --model net.safetensors --precision float",
        2,
        &["layer `input`", "no fixed point"],
    );
    told(
        &folder,
        "precision --model net.safetensors --io-type io_stream",
        2,
        &["io_stream", "io_parallel"],
    );
}

#[test]
fn answers_to_the_bit() {
    let folder = trained();
    let with = "predict --model net.safetensors --data points.csv";
    let float = told(&folder, &format!("{with} --json"), 0, &[]).json();
    let wide = told(
        &folder,
        &format!("{with} --bit-exact --precision ap_fixed<24,5,AP_RND,AP_SAT> --json"),
        0,
        &[],
    )
    .json();
    assert_eq!(float["metric"], wide["metric"]);
    assert!((float["value"].as_f64().unwrap() - wide["value"].as_f64().unwrap()).abs() < 0.03);
    told(
        &folder,
        &format!("{with} --bit-exact --raw --precision ap_fixed<16,6> --out codes.csv"),
        0,
        &["Answers: codes.csv"],
    );
    let codes = fs::read_to_string(folder.path().join("codes.csv")).unwrap();
    let line: Vec<i64> =
        codes.lines().nth(1).unwrap().split(',').map(|code| code.parse().unwrap()).collect();
    assert_eq!((codes.lines().count(), line.len()), (601, 4));
    assert!(
        (900..1200).contains(&line.iter().sum::<i64>()),
        "a softmax sums to about 1024/1024: {line:?}"
    );
    told(&folder, &format!("{with} --precision ap_fixed<16,6>"), 2, &["add --bit-exact"]);
    told(&folder, &format!("{with} --bit-exact --raw --out codes.npy"), 2, &["codes.npy", ".csv"]);
}

#[test]
fn layers_are_set_beside_floating_point() {
    let folder = trained();
    let ran = told(
        &folder,
        "trace --model net.safetensors --data points.csv --precision ap_fixed<20,5> --json",
        0,
        &[],
    )
    .json();
    // A softmax is coarse whatever the types of its neighbours: the table of 1 / sum has an entry for every quarter.
    let (softmax, layers) = ran["layers"].as_array().unwrap().split_last().unwrap();
    let worst = |layer: &Value| layer["worst_relative"].as_f64().unwrap();
    assert!(layers.len() >= 4 && layers.iter().all(|layer| worst(layer) < 0.01), "{layers:?}");
    assert!(worst(softmax) < 0.25, "{softmax}");
    told(
        &folder,
        "trace --model net.safetensors --data points.csv --precision ap_fixed<2,8>",
        0,
        &["worst error", "every output is"],
    );
}

#[test]
fn profiles_count_what_types_cannot_hold() {
    let folder = trained();
    let with = "profile --model net.safetensors --data points.csv";
    told(
        &folder,
        &format!("{with} --precision ap_fixed<6,1> --out boxes.svg"),
        0,
        &["overflows", "wrap around in", "holds", "Plot: boxes.svg"],
    );
    let drawn = fs::read_to_string(folder.path().join("boxes.svg")).unwrap();
    assert!(drawn.starts_with("<svg") && drawn.contains("do not hold"), "{drawn}");
    told(&folder, &format!("{with} --out boxes.svg"), 2, &["already exists"]);
    told(&folder, &format!("{with} --out boxes.png"), 2, &[".svg"]);
    let json =
        told(&folder, "profile --model net.safetensors --precision ap_fixed<16,6> --json", 0, &[])
            .json();
    assert!(json["profiles"].as_array().unwrap().iter().all(|profile| profile["what"] == "weight"));
}

/// Four samples of 6 x 8 numbers `scale` apart, as a file of NumPy.
fn write_series(path: &Path, scale: f32) {
    let head = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 6, 8), }";
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{head:117}\n").bytes());
    let values = (0..4 * 6 * 8).map(|place| scale * (place * place % 7) as f32);
    bytes.extend(values.flat_map(f32::to_le_bytes));
    fs::write(path, bytes).unwrap();
}

/// hls4ml's table of 1 / sqrt ends at a variance of 1, or lower if so configured.
#[test]
fn variances_beyond_the_table_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/hls/models/norms.h5");
    let at = |name: &str| folder.path().join(name);
    fs::copy(model, at("norms.h5")).unwrap();
    write_series(&at("large.npy"), 3.0);
    write_series(&at("small.npy"), 0.1);
    let config = "Model: {Precision: {default: 'ap_fixed<24,10>'}, ReuseFactor: 1}\nLayerName: {norm1: {TableRangePower2: 8}}\n";
    fs::write(at("short.yml"), config).unwrap();
    let flags = "--precision ap_fixed<24,10>";
    let beyond = "layer `norm1`: variances reach";
    for command in ["trace", "profile"] {
        let with = |data: &str, hardware: &str| {
            format!("{command} --model norms.h5 --data {data} {hardware}")
        };
        told(
            &folder,
            &with("large.npy", flags),
            0,
            &[beyond, "ends at 1,", "multiply what enters by 0."],
        );
        let ran = told(&folder, &with("small.npy", flags), 0, &[]);
        assert!(!ran.stderr.contains(beyond), "{}", ran.stderr);
        let short = ["ends at 0.00390625", "`TableRangePower2: 5` in its section reaches 0.03125"];
        told(&folder, &with("small.npy", "--config short.yml"), 0, &short);
    }
    let profiled =
        told(&folder, &format!("profile --model norms.h5 --data small.npy {flags} --json"), 0, &[]);
    let profiles = profiled.json()["profiles"].as_array().unwrap().clone();
    let variances = profiles.iter().filter(|profile| profile["what"] == "variance");
    assert_eq!(
        variances.map(|profile| profile["count"].as_u64()).collect::<Vec<_>>(),
        [Some(24); 4]
    );
}

#[test]
fn widths_are_scanned_and_tuned() {
    let folder = trained();
    let with = "scan --model net.safetensors --data points.csv";
    let arguments = "--bits 4..7 --integer 3 --reuse-factor 1,2 --strategy Resource --out widths";
    let said = ["ap_fixed<7,3>", "dsp", "bram36", "widths", "Counted by the objectives", "flops"];
    told(&folder, &format!("{with} {arguments}"), 0, &said);
    let csv = fs::read_to_string(folder.path().join("widths/scan.csv")).unwrap();
    assert_eq!(csv.lines().count(), 9);
    assert!(csv.starts_with("bits,integer,reuse_factor,sparsity,value,latency,"), "{csv}");
    assert!(csv.lines().next().unwrap().ends_with(",flops_counted"), "{csv}");
    assert!(
        csv.lines()
            .all(|line| line.split(',').count() == csv.lines().next().unwrap().split(',').count())
    );
    assert!(fs::read_to_string(folder.path().join("widths/scan.html")).unwrap().contains("<svg"));
    told(&folder, &format!("{with} {arguments}"), 2, &["already exists"]);
    told(&folder, &format!("{with} --bits 9..4"), 2, &["lower to the higher"]);

    let sparse = "--bits 12,16 --integer 4 --sparsity 0,0.5 --strategy Latency --part pynq-z2";
    let said = ["without training it again", "50.0 %", "fits", "front", "*"];
    let ran = told(&folder, &format!("{with} {sparse} --out sparse"), 0, &said);
    assert!(!ran.stdout.contains("uram"), "the part has none: {}", ran.stdout);
    let page = fs::read_to_string(folder.path().join("sparse/scan.html")).unwrap();
    assert!(page.contains("xc7z020: 220") && page.contains("The Pareto front"), "{page}");
    let json = told(&folder, &format!("{with} {sparse} --json"), 0, &[]).json();
    let points = json["points"].as_array().unwrap();
    assert_eq!((points.len(), &json["limits"]["dsp"]), (4, &220.into()));
    let counted = |place: usize, name: &str| points[place]["counted"][name].as_u64().unwrap();
    assert!(counted(1, "parameters") < counted(0, "parameters"), "zeros are not counted");
    assert!(counted(2, "dsp") > 0 && counted(0, "flops") == counted(2, "flops"));
    let lut = |place: usize| points[place]["resources"]["lut"]["value"].as_u64().unwrap();
    assert!(lut(1) < lut(0) && lut(3) < lut(2), "zeros take nothing with strategy Latency");
    assert!(points.iter().any(|point| point["front"] == true));
    // Zeros in memory are multiplied, and that is said.
    let stored = format!("{with} --bits 16 --sparsity 0.5 --strategy Resource --reuse-factor 4");
    told(&folder, &stored, 0, &["multiplies by zeros too"]);
    told(&folder, &format!("{with} --sparsity 0,50"), 2, &["shares in 0..=1"]);
    told(&folder, &format!("{with} --part xc7z021"), 2, &["did you mean"]);
    told(&folder, &format!("{with} --tune-precision --sparsity 0.5"), 2, &["--tune-precision"]);

    let tuned =
        told(&folder, &format!("{with} --tune-precision --rtol 0.99 --out tuned --json"), 0, &[])
            .json();
    let (float, value) = (tuned["float"].as_f64().unwrap(), tuned["value"].as_f64().unwrap());
    assert!(tuned["met"] == true && value >= 0.99 * float);
    let judged = "predict --model net.safetensors --data points.csv --bit-exact --config tuned/hls_config.json --json";
    assert_eq!(told(&folder, judged, 0, &[]).json()["value"].as_f64(), Some(value));
    told(&folder, &format!("{with} --tune-precision --rtol 1.5"), 3, &["no types"]);
    told(&folder, &format!("{with} --tune-precision --rtol 0"), 2, &["--rtol"]);
}
