//! Quantisers against what QKeras and HGQ2 answer (fixtures/quantisers).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;

use handaxe_data::Tensor;
use handaxe_emulate::{predict, quantise};
use handaxe_graph::{Model, Op, Quantiser, Scale};
use serde_json::Value;

fn rows(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.unwrap()).collect()
}

/// The nearest f32 of what Python printed.
fn number(row: &BTreeMap<String, String>, column: &str) -> f32 {
    row[column].parse::<f64>().unwrap() as f32
}

/// Straight-through sums x + (q - x) lose the last bits of q where x is much larger.
fn agrees(x: f32, got: f32, expected: f32) -> bool {
    (got - expected).abs() <= f32::EPSILON * x.abs().max(expected.abs())
}

fn one(quantiser: &Quantiser, x: f32) -> f32 {
    quantise(quantiser, &Tensor::new(vec![1, 1], vec![x]).unwrap()).values()[0]
}

#[test]
fn quantized_bits() {
    let rows = rows(include_str!("../../../fixtures/quantisers/bits.csv"));
    assert!(rows.len() > 300);
    for row in rows {
        let alpha = row["alpha"].parse().unwrap_or(1.0);
        let quantiser = Quantiser::Bits {
            bits: row["bits"].parse().unwrap(),
            integer: row["integer"].parse().unwrap(),
            keep_negative: row["keep_negative"] == "True",
            symmetric: row["symmetric"] == "1",
            alpha: Scale::Value(alpha),
        };
        let x = number(&row, "x");
        let got = one(&quantiser, x);
        assert!(agrees(x, got, number(&row, "y")), "{row:?} gives {got}");
    }
}

#[test]
fn quantized_relu() {
    let rows = rows(include_str!("../../../fixtures/quantisers/relu.csv"));
    assert!(rows.len() > 300);
    for row in rows {
        let quantiser = Quantiser::Relu {
            bits: row["bits"].parse().unwrap(),
            integer: row["integer"].parse().unwrap(),
            negative_slope: row["negative_slope"].parse().unwrap(),
            use_sigmoid: false,
        };
        let x = number(&row, "x");
        let got = one(&quantiser, x);
        assert!(agrees(x, got, number(&row, "y")), "{row:?} gives {got}");
    }
}

#[test]
fn fitted_scales_and_the_rest_of_qkeras() {
    let golden = include_str!("../../../fixtures/quantisers/tensorwise.json");
    let golden: BTreeMap<String, Value> = serde_json::from_str(golden).unwrap();
    let array = |value: &Value| -> Tensor {
        let rows = value.as_array().unwrap();
        let values = rows.iter().flat_map(|row| row.as_array().unwrap());
        let values: Vec<f32> = values.map(|value| value.as_f64().unwrap() as f32).collect();
        Tensor::new(vec![rows.len(), values.len() / rows.len()], values).unwrap()
    };
    let bits = |bits, integer, alpha| Quantiser::Bits {
        bits,
        integer,
        keep_negative: true,
        symmetric: true,
        alpha,
    };
    let binary = |alpha| Quantiser::Binary { zero_one: false, alpha };
    let ternary = |alpha, threshold| Quantiser::Ternary { threshold, unrolls: 5, alpha };
    let one = Scale::Value(1.0);
    let po2 =
        Quantiser::Po2 { bits: 4, max_value: None, quadratic: false, floor: false, relu: None };
    let quantisers = [
        ("quantized_bits(4,0,1,alpha=auto)", bits(4, 0, Scale::Auto)),
        ("quantized_bits(4,0,1,alpha=auto_po2)", bits(4, 0, Scale::AutoPo2)),
        ("quantized_bits(6,1,1,alpha=auto_po2)", bits(6, 1, Scale::AutoPo2)),
        ("binary()", binary(one)),
        ("binary(alpha=1)", binary(one)),
        ("binary(alpha=auto)", binary(Scale::Auto)),
        ("binary(alpha=auto_po2)", binary(Scale::AutoPo2)),
        ("ternary()", ternary(one, None)),
        ("ternary(alpha=1)", ternary(one, None)),
        ("ternary(alpha=auto)", ternary(Scale::Auto, None)),
        ("ternary(alpha=auto_po2)", ternary(Scale::AutoPo2, None)),
        ("ternary(alpha=1,threshold=0.5)", ternary(one, Some(0.5))),
        ("quantized_po2(4)", po2),
        ("quantized_tanh(5)", Quantiser::Tanh { bits: 5, symmetric: false, real: false }),
        ("quantized_sigmoid(5)", Quantiser::Sigmoid { bits: 5, symmetric: false, real: false }),
    ];
    assert_eq!(golden.len(), quantisers.len() + 1);
    let weight = array(&golden["W"]);
    for (name, quantiser) in quantisers {
        let (got, expected) = (quantise(&quantiser, &weight), array(&golden[name]));
        for (got, expected) in got.values().iter().zip(expected.values()) {
            assert!((got - expected).abs() < 2e-7, "{name}: {got}, not {expected}");
        }
    }
}

/// HGQ's types for each element, through a layer that has them.
#[test]
fn a_type_for_each_element() {
    let rows = rows(include_str!("../../../fixtures/quantisers/fixed.csv"));
    assert!(rows.len() > 200);
    for row in rows {
        let (k, i, f) = (number(&row, "k"), number(&row, "i"), number(&row, "f"));
        let mode = |column: &str| Value::String(row[column].clone());
        let rounding = serde_json::from_value(mode("round_mode")).unwrap();
        let overflow = serde_json::from_value(mode("overflow_mode")).unwrap();
        let mut model = Model::new("one");
        let input = model.add("in", Op::Input { shape: vec![1] }, &[]).unwrap();
        let quantiser = Quantiser::PerElement {
            rounding,
            overflow,
            shape: vec![1],
            overrides: BTreeMap::new(),
        };
        let id = model.add("q", Op::Quantise { quantiser }, &[input]).unwrap();
        for (weight, value) in [("keep_negative", k), ("bits", k + i + f), ("integers", k + i)] {
            model.set_weight(id, weight, Tensor::new(vec![1], vec![value]).unwrap()).unwrap();
        }
        let x = number(&row, "x");
        let got = predict(&model, &[Tensor::new(vec![1, 1], vec![x]).unwrap()]).unwrap();
        assert_eq!(got[0].values()[0], number(&row, "y"), "{row:?}");
    }
}
