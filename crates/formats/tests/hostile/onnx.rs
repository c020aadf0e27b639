//! Graphs of ONNX, and state dicts that are laid over them.

use handaxe_formats::{onnx, pytorch};
use handaxe_graph::{Activation, MOST_LAYERS, Model, Op};

use crate::{assert_says, fixture};

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
