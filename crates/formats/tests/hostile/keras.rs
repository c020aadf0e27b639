//! Architectures of Keras and other text.

use handaxe_formats::{hls, keras};
use handaxe_graph::{Activation, MOST_LAYERS, Model, Op};
use serde_json::{Value, json};

use crate::{assert_says, fixture};

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
