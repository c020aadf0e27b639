//! Files that mean ill: whatever is in them, a reader gives a model or an error that says what is wrong, and never panics.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers are outside the test functions that clippy knows

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use handaxe_formats::{data, hls, keras, native, onnx, pytorch};
use handaxe_graph::{Activation, MOST_LAYERS, Model, Op};
use proptest::prelude::*;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(path)).expect(path)
}

/// Reads `content` as a target of `tests/fuzz` does; what it gives is of no account.
fn read(target: &str, content: &[u8]) {
    let as_file = |name: &str, reference: &dyn Fn(&str) -> String| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let _ = data::load_parts(&reference(&path.display().to_string()));
    };
    match target {
        "keras_archive" | "keras_h5" => drop(keras::from_bytes(content)),
        "keras_json" => {
            drop(keras::from_parts(content, &fixture("keras/small/parts_2_weights.h5")));
        }
        "native" => drop(native::from_bytes(content)),
        "onnx" => drop(onnx::from_bytes(content)),
        "npz" => drop(data::parts_of_npz(content)),
        "npy" => as_file("array.npy", &|path| format!("{path}:y={path}")),
        "csv" => as_file("table.csv", &str::to_owned),
        "arff" => as_file("table.arff", &str::to_owned),
        // Without the feature: an error that says so.
        "parquet" => as_file("table.parquet", &|path| format!("{path}:y=label")),
        "idx" if content.starts_with(&[0x1f, 0x8b]) => {
            as_file("array.idx.gz", &|path| format!("{path}:y={path}"));
        }
        "idx" => as_file("array.idx", &|path| format!("{path}:y={path}")),
        "hls_yaml" | "hls_json" => drop(hls::parse(&String::from_utf8_lossy(content))),
        _ => {} // other crates' readers
    }
}

/// What fuzzing started from and what it found.
#[test]
fn nothing_that_fuzzing_found_panics() {
    let mut files = 0;
    for folder in std::fs::read_dir(fixtures().join("hostile")).unwrap() {
        let folder = folder.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let target = folder.file_name().unwrap().to_str().unwrap();
        for file in std::fs::read_dir(&folder).unwrap() {
            read(target, &std::fs::read(file.unwrap().path()).unwrap());
            files += 1;
        }
    }
    assert!(files > 10, "{files}");
}

/// One change of a file.
#[derive(Debug, Clone)]
enum Harm {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    /// Eight bytes become a number of such a file's most dangerous kind: an offset or a count.
    Number(prop::sample::Index, u64),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn harms() -> impl Strategy<Value = Vec<Harm>> {
    let place = any::<prop::sample::Index>;
    let number = prop_oneof![Just(u64::MAX), Just(1 << 60), Just(1 << 32), Just(0), 0..100_000u64];
    let harm = prop_oneof![
        5 => (place(), any::<u8>()).prop_map(|(place, byte)| Harm::Set(place, byte)),
        1 => place().prop_map(Harm::Cut),
        3 => (place(), number).prop_map(|(place, number)| Harm::Number(place, number)),
        1 => (place(), place()).prop_map(|(from, to)| Harm::Repeat(from, to)),
    ];
    prop::collection::vec(harm, 1..6)
}

fn harmed(content: &[u8], harms: &[Harm]) -> Vec<u8> {
    let mut content = content.to_vec();
    for harm in harms {
        if content.is_empty() {
            break;
        }
        match harm {
            Harm::Set(place, byte) => *place.get_mut(&mut content) = *byte,
            Harm::Cut(place) => content.truncate(place.index(content.len())),
            Harm::Number(place, number) => {
                let start = place.index(content.len());
                let room = content.len() - start;
                let bytes = &number.to_le_bytes()[..room.min(8)];
                content[start..start + bytes.len()].copy_from_slice(bytes);
            }
            Harm::Repeat(from, to) => {
                let (from, to) = (from.index(content.len()), to.index(content.len()));
                let part = content[from.min(to)..from.max(to)].to_vec();
                content.splice(from..from, part);
            }
        }
    }
    content
}

/// The same archive with one part harmed; its checksum is right again, so that the harm is read.
fn archive_with(content: &[u8], harmed_part: &str, harms: &[Harm]) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(content)).unwrap();
    let mut written = ZipWriter::new(Cursor::new(Vec::new()));
    for place in 0..archive.len() {
        let mut part = archive.by_index(place).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        if name == harmed_part {
            bytes = harmed(&bytes, harms);
        }
        written.start_file(name, SimpleFileOptions::default()).unwrap();
        written.write_all(&bytes).unwrap();
    }
    written.finish().unwrap().into_inner()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn no_harmed_file_panics(
        harms in harms(),
        (target, file) in prop::sample::select(vec![
            ("keras_h5", "keras/small/plain_2.h5"),
            ("keras_h5", "keras/small/plain_3.h5"),
            ("keras_h5", "keras/small/plane_2.h5"),
            ("keras_h5", "keras/small/table.h5"),
            ("keras_h5", "keras/small/pruned.h5"),
            ("keras_archive", "keras/small/plain_3.keras"),
            ("keras_json", "keras/small/parts_2.json"),
            ("onnx", "onnx/small/image_to_vector.onnx"),
            ("onnx", "onnx/small/parts.onnx"),
            ("onnx", "onnx/small/quantised.onnx"),
            ("onnx", "onnx/small/spread_axes.onnx"),
            ("onnx", "onnx/small/shapes_of_exports.onnx"),
            ("native", "hostile/native/conv"),
            ("native", "hostile/native/dense"),
            ("npz", "hostile/npz/packed"),
            ("npy", "hostile/npy/f4_fortran"),
            ("npy", "hostile/npy/text"),
            ("csv", "hostile/csv/labels"),
            ("parquet", "hostile/parquet/plain"),
            ("parquet", "hostile/parquet/pages_2"),
            ("hls_yaml", "hls_config/qmlp.Vivado.name.yml"),
            ("hls_json", "hls_config/mlp.none.model.json"),
        ]),
    ) {
        read(target, &harmed(&fixture(file), &harms));
    }

    #[test]
    fn no_harmed_part_of_an_archive_panics(
        harms in harms(),
        file in prop::sample::select(vec!["line_3", "plane_2", "quantised", "table"]),
        part in prop::sample::select(vec!["config.json", "metadata.json", "model.weights.h5"]),
    ) {
        let archive = fixture(&format!("keras/small/{file}.keras"));
        read("keras_archive", &archive_with(&archive, part, &harms));
    }
}

/// A layer as Keras 2 writes it.
fn layer(class: &str, name: &str, config: Value, reads: &[&str]) -> Value {
    let mut config = config;
    config["name"] = json!(name);
    let calls: Vec<Value> = reads.iter().map(|from| json!([from, 0, 0, {}])).collect();
    let nodes = if calls.is_empty() { json!([]) } else { json!([calls]) };
    json!({"class_name": class, "name": name, "config": config, "inbound_nodes": nodes})
}

fn input(name: &str, shape: Value) -> Value {
    layer("InputLayer", name, json!({"batch_input_shape": shape}), &[])
}

fn functional(layers: Vec<Value>, output: &str) -> Value {
    json!({"class_name": "Functional", "config": {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [[output, 0, 0]]}})
}

/// What reading an architecture says.
fn complaint(architecture: &[u8]) -> String {
    let weights = fixture("keras/small/parts_2_weights.h5");
    keras::from_parts(architecture, &weights).unwrap_err().to_string()
}

fn assert_says(complaint: &str, lesson: &str) {
    assert!(complaint.contains(lesson), "expected `{lesson}`: {complaint}");
    assert!(complaint.len() < 2000, "a message of {} bytes", complaint.len());
}

#[test]
fn graphs_that_cannot_be_are_told() {
    let x = || input("x", json!([null, 4]));
    let relu = |name: &str, reads: &[&str]| layer("ReLU", name, json!({}), reads);
    let huge = |config: Value| layer("Dense", "huge", config, &["x"]);
    let long = "n".repeat(1 << 20);
    let nested = |depth: usize| {
        (0..depth).fold(
            json!({"class_name": "Sequential", "config": {"layers": []}}),
            |inner, _| {
                let config = json!({"build_input_shape": [null, 2], "layers": [inner]});
                json!({"class_name": "Sequential", "config": config})
            },
        )
    };
    for (architecture, lesson) in [
        (functional(vec![x(), relu("a", &["a"])], "a"), "waits for itself"),
        (functional(vec![x(), relu("a", &["b"]), relu("b", &["a"])], "b"), "go round in a circle"),
        (functional(vec![x(), relu("a", &["nobody"])], "a"), "reads an array that is not there"),
        (
            functional(vec![x(), relu("a", &["x"]), relu("a", &["x"])], "a"),
            "layer `a` is listed twice",
        ),
        (functional(vec![x(), relu("a", &["x"])], "nobody"), "reads an array that is not there"),
        (
            functional(vec![x(), huge(json!({"units": 1u64 << 60}))], "huge"),
            "at most 268435456 elements",
        ),
        (
            functional(vec![x(), huge(json!({"units": 100_000_000}))], "huge"),
            "at most 268435456 elements",
        ),
        (
            functional(vec![x(), huge(json!({"units": 50_000_000}))], "huge"),
            "more than 134217728 weights",
        ),
        (
            functional(vec![input("x", json!([null, 1u64 << 60, 1u64 << 60]))], "x"),
            "elements are accepted",
        ),
        (
            functional(vec![input("x", json!(vec![1; 100_000]))], "x"),
            "an array of 99999 axes: at most 32",
        ),
        (functional(vec![x(), relu(&long, &["x"])], &long), "a name of 1048576 bytes"),
        (
            functional(vec![x(), layer(&long, "a", json!({}), &["x"])], "a"),
            "a name of 1048576 bytes",
        ),
        (
            functional(
                vec![
                    x(),
                    layer(
                        "Reshape",
                        "r",
                        json!({"target_shape": [-1, 1u64 << 62, 1u64 << 62]}),
                        &["x"],
                    ),
                ],
                "r",
            ),
            "target_shape",
        ),
        (
            functional(
                vec![
                    input("x", json!([null, 9, 2])),
                    layer(
                        "MaxPooling1D",
                        "p",
                        json!({"pool_size": 3, "strides": 1u64 << 63}),
                        &["x"],
                    ),
                ],
                "p",
            ),
            "no longer than the largest array",
        ),
        (
            functional(
                vec![
                    input("x", json!([null, 9, 2])),
                    layer(
                        "ZeroPadding1D",
                        "p",
                        json!({"padding": [1u64 << 63, 1u64 << 63]}),
                        &["x"],
                    ),
                ],
                "p",
            ),
            "layer `p`",
        ),
        (nested(20), "more than 16 deep"),
        (
            json!({"class_name": "Sequential", "config": {"layers": [json!({"class_name": "Sequential", "config": {"layers": []}})]}}),
            "layer",
        ),
    ] {
        assert_says(&complaint(architecture.to_string().as_bytes()), lesson);
    }
}

#[test]
fn text_that_is_none_is_told() {
    let deep = |open: &str| open.repeat(100_000);
    assert_says(&complaint(b"{\"class_name\": \"\xff\xfe\"}"), "not UTF-8 from byte 16 on");
    assert_says(&complaint(deep("[").as_bytes()), "recursion limit exceeded");
    assert_says(&complaint(deep("{\"config\":").as_bytes()), "recursion limit exceeded");
    assert_says(&complaint(&vec![b' '; (1 << 23) + 1]), "larger than 8388608 bytes");
    let yaml = |text: &str| hls::parse(text).unwrap_err().to_string();
    for text in [deep("["), deep("{\"a\":"), deep("a: {"), deep("- ")] {
        assert!(yaml(&text).len() < 2000);
    }
    // Ten anchors, each ten times the one before.
    let laughs = (1..10).fold("a0: &a0 lol\n".to_owned(), |text, level| {
        let again = vec![format!("*a{}", level - 1); 10].join(", ");
        text + &format!("a{level}: &a{level} [{again}]\n")
    });
    assert_says(&yaml(&laughs), "YAML");
    let keys: String = (0..200_000).map(|key| format!("k{key}: 1\n")).collect();
    assert!(yaml(&keys).len() < 2000);
}

/// Names that are taken get numbers, however many there are; one layer more than is allowed is told.
#[test]
fn many_layers_take_little_time() {
    let mut model = Model::new("long");
    let mut last = model.add("in", Op::Input { shape: vec![2] }, &[]).unwrap();
    let relu = || Op::Activation { function: Activation::Relu };
    for number in 1..MOST_LAYERS {
        last = model.add(&format!("relu{number}"), relu(), &[last]).unwrap();
    }
    let error = model.add("more", relu(), &[last]).unwrap_err().to_string();
    assert_says(&error, "more than 4096 layers");
    let bytes = keras::h5_bytes(&model).unwrap();
    assert_eq!(keras::from_bytes(&bytes).unwrap(), model);
    assert_eq!(keras::from_bytes(&keras::keras_bytes(&model).unwrap()).unwrap(), model);
}

/// A field of a protobuf message that holds bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut length = content.len();
    let mut bytes = vec![number << 3 | 2];
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    [&bytes, content].concat()
}

/// A node of ONNX.
fn node(op: &str, reads: &[&str], makes: &str) -> Vec<u8> {
    let reads: Vec<u8> = reads.iter().flat_map(|name| field(1, name.as_bytes())).collect();
    let parts = [reads, field(2, makes.as_bytes()), field(4, op.as_bytes())].concat();
    field(1, &parts)
}

/// A tensor of f32.
fn tensor(name: &str, dims: &[u8], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let parts = [field(1, dims), vec![0x10, 1], field(8, name.as_bytes()), field(9, &raw)];
    field(5, &parts.concat())
}

/// An input or output of the graph; each axis is a varint.
fn entry(number: u8, name: &str, axes: &[&[u8]]) -> Vec<u8> {
    let dim = |axis: &&[u8]| field(1, &[&[0x08][..], axis].concat());
    let shape: Vec<u8> = axes.iter().flat_map(dim).collect();
    let kind = field(1, &[vec![0x08, 1], field(2, &shape)].concat());
    field(number, &[field(1, name.as_bytes()), field(2, &kind)].concat())
}

fn onnx_file(parts: &[Vec<u8>]) -> Vec<u8> {
    [vec![0x08, 8], field(7, &parts.concat()), field(8, &[0x10, 17])].concat()
}

#[test]
fn graphs_of_onnx_that_cannot_be_are_told() {
    let x = || entry(11, "x", &[&[1], &[4]]);
    let y = || entry(12, "y", &[&[1], &[4]]);
    let huge: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    let relu = |reads: &str, makes: &str| node("Relu", &[reads], makes);
    let long = "n".repeat(1 << 20);
    for (parts, lesson) in [
        (vec![x(), y(), relu("y", "y")], "waits for itself"),
        (vec![x(), y(), relu("z", "y"), relu("y", "z")], "go round in a circle"),
        (vec![x(), y(), relu("nobody", "y")], "reads the array `nobody`"),
        (vec![x(), y(), relu("x", "y"), relu("x", "y")], "made twice"),
        (vec![x(), relu("x", "y")], "output"),
        (vec![x(), y()], "made by no node"),
        (vec![y(), relu("x", "y")], "reads the array `x`"),
        (vec![entry(11, "x", &[&[1], huge]), y(), relu("x", "y")], "elements are accepted"),
        (vec![entry(11, "x", &[&[1], huge, huge]), y(), relu("x", "y")], "elements are accepted"),
        (
            vec![entry(11, "x", &[&[1][..]; 40]), y(), relu("x", "y")],
            "an array of 39 axes: at most 32",
        ),
        (vec![entry(11, "x", &[&[1], &[0]]), y(), relu("x", "y")], "no known shape"),
        (vec![x(), y(), node("LSTM", &["x"], "y")], "recurrent"),
        (vec![x(), y(), node("Frobnicate", &["x"], "y")], "docs/formats.md"),
        (vec![x(), y(), node(&long, &["x"], "y")], "docs/formats.md"),
        (vec![x(), y(), relu(&long, "y")], "reads the array `nnn"),
        (vec![x(), y(), node("MatMul", &["x", "x"], "y")], "needs a constant"),
        (
            vec![x(), y(), tensor("w", &[4, 2], &[0.5; 7]), node("MatMul", &["x", "w"], "y")],
            "holds 7 elements, not 8",
        ),
        (
            vec![x(), y(), tensor("w", huge, &[0.5; 8]), node("MatMul", &["x", "w"], "y")],
            "claims the shape",
        ),
        (
            vec![x(), y(), tensor("w", &[2, 4], &[0.5; 8]), node("MatMul", &["x", "w"], "y")],
            "as many rows",
        ),
        (
            vec![x(), y(), tensor("w", &[4, 1], &[f32::NAN; 4]), node("MatMul", &["x", "w"], "y")],
            "no number at element 0",
        ),
        (
            vec![
                x(),
                y(),
                tensor("w", &[4, 1], &[f32::INFINITY; 4]),
                node("MatMul", &["x", "w"], "y"),
            ],
            "inf at element 0",
        ),
        (
            vec![x(), y(), tensor("w", &[3], &[0.5; 3]), node("Add", &["x", "w"], "y")],
            "must be 1 or as long on each axis",
        ),
        (vec![x(), y(), node("Reshape", &["x", "x"], "y")], "needs a constant"),
        (vec![x(), y(), node("Conv", &["x", "x"], "y")], "Conv"),
        (vec![x(), y(), node("Gemm", &["x"], "y")], "missing"),
        (vec![x(), y(), node("Softmax", &[], "y")], "input 0"),
    ] {
        let error = onnx::from_bytes(&onnx_file(&parts)).unwrap_err().to_string();
        assert_says(&error, lesson);
    }
}

#[test]
fn bytes_that_are_no_onnx_are_told() {
    let says = |bytes: &[u8], lesson| {
        assert_says(&onnx::from_bytes(bytes).unwrap_err().to_string(), lesson);
    };
    says(b"", "no ONNX");
    says(&[0x3a, 0xff, 0xff, 0xff, 0xff, 0x07], "cut short"); // a graph of 2 GiB
    says(&[0x3b], "no ONNX"); // a group
    says(&onnx_file(&[])[..3], "cut short");
    let whole = fixture("onnx/small/series.onnx");
    for length in 0..whole.len() {
        assert!(onnx::from_bytes(&whole[..length]).is_err(), "{length} bytes");
    }
    // Two bytes of an empty node take hundreds in memory, one of a small number takes eight.
    says(&onnx_file(&[[0x0a, 0].repeat(1 << 20)]), "more than 524288 fields");
    says(&onnx_file(&[field(5, &field(7, &vec![1; 1 << 27]))]), "fields");
}

/// A chain of a thousand layers is read in time that grows with its length only.
#[test]
fn long_chains_of_onnx_take_little_time() {
    let mut model = Model::new("long");
    let mut last = model.add("in", Op::Input { shape: vec![2] }, &[]).unwrap();
    for number in 1..MOST_LAYERS {
        let relu = Op::Activation { function: Activation::Relu };
        last = model.add(&format!("relu{number}"), relu, &[last]).unwrap();
    }
    let bytes = onnx::to_bytes(&model).unwrap();
    assert_eq!(onnx::from_bytes(&bytes).unwrap(), model);
}

#[test]
fn state_dicts_that_do_not_fit_are_told() {
    let model = onnx::from_bytes(&fixture("onnx/small/image_to_vector.onnx")).unwrap();
    let dense = |name: &str, shape: Vec<usize>| {
        let bytes = vec![0; shape.iter().product::<usize>() * 4];
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape, &bytes);
        safetensors::serialize([(name, view.unwrap())], None).unwrap()
    };
    for (state, lesson) in [
        (dense("fc1.weight", vec![7, 10]), "missing are conv1.bias, conv1.weight"),
        (dense("fc9.weight", vec![7, 10]), "surplus are fc9.weight"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{".to_vec(), "header"),
        (b"pickle".to_vec(), ".safetensors"),
    ] {
        assert_says(
            &pytorch::set_state(&mut model.clone(), &state).unwrap_err().to_string(),
            lesson,
        );
    }
}
