//! hls4ml's configurations: its own files, people's files, and mistakes.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

use std::path::{Path, PathBuf};

use handaxe_formats::hls::{Backend, Project, Template, json, load, parse};
use handaxe_formats::model;
use handaxe_graph::{HlsConfig, IoType, Strategy};
use proptest::prelude::*;

fn precision(config: &HlsConfig, layer: &str, variable: &str) -> String {
    config.layer_name[layer].precision[variable].to_string()
}

#[test]
fn the_forms_that_hls4ml_writes() {
    let fixture = |name: &str| {
        load(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/hls_config").join(name))
            .unwrap()
    };
    let named = fixture("mlp.Vitis.name.rf4_p18_max24.json");
    assert_eq!(named.model.precision["default"].to_string(), "fixed<18,8,TRN,WRAP,0>");
    assert_eq!(named.model.precision["maximum"].to_string(), "fixed<24,12,TRN,WRAP,0>");
    assert_eq!(
        (named.model.reuse_factor, named.model.strategy),
        (Some(4), Some(Strategy::Latency))
    );
    assert_eq!(named.layer_name["fc1"].reuse_factor, Some(4));
    assert_eq!(precision(&named, "fc1", "weight"), "auto");
    assert_eq!(precision(&named, "softmax", "exp_table"), "fixed<18,8,RND,SAT,0>");
    assert_eq!(named.io_type, None);

    let quantised = fixture("qmlp.Vivado.name.yml");
    assert_eq!(precision(&quantised, "relu1", "result"), "ufixed<6,0,RND_CONV,SAT,0>");
    let typed = fixture("seq.Vitis.type.yml");
    assert_eq!(typed.layer_type["Dense"].precision["accum"].to_string(), "auto");
    let model = fixture("mlp.none.model.json");
    assert!(model.layer_name.is_empty() && model.layer_type.is_empty());

    let project = fixture("hp_cnn_Vitis_io_stream_Latency.hls4ml_config.yml");
    assert_eq!(project.io_type, Some(IoType::IoStream));
    assert_eq!(project.layer_name["conv1"].parallelization_factor, Some(1));
    assert_eq!(precision(&project, "bn1", "scale"), "auto");
    assert_eq!(fixture("create_config.VivadoAccelerator.json").io_type, Some(IoType::IoParallel));
}

/// What is written for a network is what hls4ml writes for it, quantised types and all.
#[test]
fn a_template_is_what_hls4ml_writes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/hls_config");
    let model = model::load(&folder.join("qmlp.h5").display().to_string()).unwrap();
    let template = Template { backend: Backend::Vivado, ..Template::default() };
    let text = template.yaml(&model);
    assert_eq!(parse(&text).unwrap(), load(folder.join("qmlp.Vivado.name.yml")).unwrap());
    assert!(text.contains("      weight: fixed<6,1,TRN,WRAP,0>\n"), "{text}");

    let project = Project { io_type: IoType::IoStream, model: Some("qmlp.h5".to_owned()) };
    let whole = Template { project: Some(project), ..template };
    let read = parse(&whole.yaml(&model)).unwrap();
    assert_eq!(read, HlsConfig { io_type: Some(IoType::IoStream), ..parse(&text).unwrap() });
}

/// Of two names that differ in case only one would count in hls4ml.
#[test]
fn names_in_two_cases_are_one_too_many() {
    let error = parse("LayerName: {fc1: {ReuseFactor: 2}, FC1: {ReuseFactor: 4}}").unwrap_err();
    assert!(error.to_string().contains("is given twice"), "{error}");
}

#[test]
fn spellings_of_people() {
    let config = parse(
        "
hls_config:
  model: {precision: 'AP_FIXED<16, 6>', reuse_factor: 8, strategy: resource, BitExact: null}
  layer_name:
    softmax:
      Precision: ap_fixed<16,6>
      Strategy: Stable
      exp_table_t: ap_fixed<18,8,AP_RND,AP_SAT>
      table_size: 1024
    '7':
      precision: {weight_t: half, BIAS: auto, accum: null}
iotype: IO_STREAM
KerasModel: !keras_model 'a/b.h5'
ClockPeriod: 5
",
    )
    .unwrap();
    assert_eq!(config.model.precision["default"].to_string(), "fixed<16,6,TRN,WRAP,0>");
    assert_eq!(
        (config.model.reuse_factor, config.model.strategy),
        (Some(8), Some(Strategy::Resource))
    );
    assert_eq!(config.layer_name["softmax"].strategy, None);
    assert_eq!(precision(&config, "softmax", "exp_table_t"), "fixed<18,8,RND,SAT,0>");
    assert_eq!(precision(&config, "softmax", "default"), "fixed<16,6,TRN,WRAP,0>");
    assert_eq!(precision(&config, "7", "weight"), "half");
    assert_eq!(config.layer_name["7"].precision.len(), 2);
    assert_eq!(config.io_type, Some(IoType::IoStream));
    // A layer's name may look like a number.
    assert_eq!(
        parse("LayerName: {7: {ReuseFactor: 2}}").unwrap().layer_name["7"].reuse_factor,
        Some(2)
    );
    assert_eq!(parse("{}").unwrap(), HlsConfig::default());
}

/// hls4ml takes the type of a table from `table_t` alone; what it writes into `Precision` it does not read.
#[test]
fn tables_have_keys_of_their_own() {
    let text = "LayerName: {norm: {Precision: {table: 'ufixed<8,5>', scale: auto}, table_t: 'ufixed<9,5>', TableRangePower2: 3, TableSize: 9}}";
    let config = parse(text).unwrap();
    assert_eq!(precision(&config, "norm", "table"), "ufixed<8,5,TRN,WRAP,0>");
    assert_eq!(precision(&config, "norm", "table_t"), "ufixed<9,5,TRN,WRAP,0>");
    assert_eq!(config.layer_name["norm"].table_range_power2, Some(3));
    let written = json(&config);
    assert!(written.contains("\n      \"table_t\": \"ufixed<9,5,TRN,WRAP,0>\""), "{written}");
    assert_eq!(parse(&written).unwrap().layer_name, config.layer_name);
}

#[test]
fn mistakes_are_named() {
    for (text, lesson) in [
        (
            "Model: {ReuseFaktor: 4}",
            "Model: unknown key `ReuseFaktor`; did you mean `ReuseFactor`?",
        ),
        (
            "LayerName: {fc1: {Precision: {wieght: auto}}}",
            "LayerName fc1 Precision: unknown key `wieght`; did you mean `weight`?",
        ),
        ("LayerNames: {}", "unknown key `LayerNames`; did you mean `LayerName`?"),
        ("HLSConfig: {Modell: {}}", "HLSConfig: unknown key `Modell`; did you mean `Model`?"),
        ("{HLSConfig: {}, Model: {}}", "the file: unknown key `Model`"),
        (
            "Model: {Precision: 'ap_fixed<16>'}",
            "Model: default: `ap_fixed<16>` lacks its integer bits",
        ),
        (
            "LayerName: {fc1: {Precision: {weight: 16}}}",
            "LayerName fc1: Precision must be a type such as ap_fixed<16,6>, not 16",
        ),
        ("Model: {Precision: {weight: auto, weight_t: half}}", "Model: `weight` is given twice"),
        (
            "Model: {ReuseFactor: -4}",
            "Model: ReuseFactor must be a whole number of 1 or more, not -4",
        ),
        ("Model: {ReuseFactor: 0}", "Model: ReuseFactor must be"),
        ("Model: {ReuseFactor: 1.5}", "ReuseFactor must be a whole number"),
        ("Model: {Strategy: Fast}", "Strategy must be Latency, Resource"),
        ("IOType: io_serial", "IOType must be io_parallel or io_stream"),
        ("Model: [1, 2]", "Model: its content must be a mapping"),
        ("just words", "the file: its content must be a mapping"),
        ("", "the file: its content must be a mapping"),
        ("Model: {Precision: 'ap_fixed<16,6>'", "neither YAML nor JSON"),
        ("{\"Model\": {\"ReuseFactor\": 4,}", "at line 1 column"),
        ("Model: {}\nModel: {}", "neither YAML nor JSON"),
        (": : :", "at line 1, column 1"),
    ] {
        let message = parse(text).map(|config| format!("{config:?}")).unwrap_err().to_string();
        assert!(message.contains(lesson), "{text}: {message}");
    }
    let message = load("no/such/config.yml").unwrap_err().to_string();
    assert_eq!(message, "there is no file no/such/config.yml");
}

proptest! {
    #[test]
    fn hostile_text_never_panics(text in "[ \\n:{}\\[\\]\"'&*!a-zA-Z0-9<>,_-]{0,80}", deep in 0..3000usize) {
        let _ = parse(&text);
        let _ = parse(&format!("Model: {text}"));
        let _ = parse(&format!("{}{}", "{\"Model\":".repeat(deep), "[".repeat(deep)));
    }
}

/// An alias bomb: nine levels of ten aliases each would unfold to a thousand million entries.
#[test]
fn aliases_do_not_explode() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    assert!(parse(&text).is_err());
}

/// Every configuration among the shared data loads; where hls4ml wrote YAML and JSON, both say the same.
#[test]
fn all_of_the_golden_files() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    if !shared.exists() {
        println!("SKIPPED: shared data absent");
        return;
    }
    let mut found = Vec::new();
    walk(&shared.join("golden/hls_config"), &mut found);
    walk(&shared.join("data/models"), &mut found);
    let (mut read, mut pairs) = (0, 0);
    for path in found.iter().filter(|path| is_config(path)) {
        let config = load(path).unwrap_or_else(|error| panic!("{error}"));
        read += 1;
        let twin = path.with_extension("yml");
        if path.extension().is_some_and(|extension| extension == "json") && twin.exists() {
            assert_eq!(config, load(&twin).unwrap(), "{}", path.display());
            pairs += 1;
        }
    }
    println!("{read} configurations read, {pairs} of them equal in YAML and JSON");
    assert_eq!((read, pairs), (152, 60));
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

fn is_config(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    let golden = path.to_string_lossy().contains("hls_config/") && name.ends_with(".json");
    let described = name.contains("keras_arch") || name == "INDEX.json";
    name.ends_with(".yml") || (golden && !described)
}
