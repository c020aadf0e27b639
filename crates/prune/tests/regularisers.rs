//! Regularisers against the reference's penalties, and their slopes against differences.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

use handaxe_graph::{Model, Op, Padding, Structure, Window};
use handaxe_prune::{Error, Norm, Penalties, Regulariser};
use serde_json::Value;

/// A kernel with its shape.
struct Kernel {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Kernel {
    fn read(nested: &Value) -> Self {
        let (mut shape, mut values) = (Vec::new(), Vec::new());
        let mut first = nested;
        while let Some(rows) = first.as_array() {
            shape.push(rows.len());
            first = &rows[0];
        }
        flatten(nested, &mut values);
        Self { shape, values }
    }

    /// Input channels of a filter; a Dense kernel has no filters.
    fn channels(&self) -> usize {
        if self.shape.len() == 2 { 1 } else { self.shape[self.shape.len() - 2] }
    }
}

fn flatten(nested: &Value, into: &mut Vec<f32>) {
    match nested.as_array() {
        Some(rows) => rows.iter().for_each(|row| flatten(row, into)),
        None => into.push(nested.as_f64().unwrap() as f32),
    }
}

/// Every case: its kernel, its regulariser, and the reference's penalty.
fn cases() -> Vec<(Kernel, Regulariser, f64)> {
    let text = include_str!("../../../fixtures/prune/regularizers.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let case = |case: &Value| {
        let number = |key: &str| case[key].as_f64().unwrap();
        let count = |value: &Value| value.as_u64().unwrap() as usize;
        let structure = match case["structure"].as_str().unwrap() {
            "unstructured" => Structure::Unstructured,
            "structured" => Structure::Structured,
            "pattern" => Structure::Pattern {
                offset: count(&case["pattern_offset"]),
                consecutive: count(&case["consecutive_patterns"]),
            },
            "block" => Structure::Block {
                height: count(&case["block_shape"][0]),
                width: count(&case["block_shape"][1]),
            },
            other => panic!("{other}"),
        };
        let kernel = match case["layer"].as_str().unwrap() {
            "Dense" => Kernel::read(&file["dense_w"]),
            _ => Kernel::read(&file["conv_w"]),
        };
        let norm = Norm::try_from(case["norm"].as_u64().unwrap() as u8).unwrap();
        let penalties = Penalties { sparse: number("alpha"), variance: number("beta"), norm };
        let regulariser =
            Regulariser::new(&kernel.shape, &structure, kernel.channels(), penalties).unwrap();
        (kernel, regulariser, number("penalty"))
    };
    file["cases"].as_array().unwrap().iter().map(case).collect()
}

/// All 66 to the rounding of the reference's single precision.
#[test]
fn penalties_are_those_of_the_reference() {
    let cases = cases();
    assert_eq!(cases.len(), 66);
    for (number, (kernel, regulariser, expected)) in cases.into_iter().enumerate() {
        let value = regulariser.value(&kernel.values);
        assert!((value - expected).abs() <= 2e-6 * expected, "case {number}: {value}, {expected}");
    }
}

/// Central differences: rounding of 1e-7 in a value around 10 over 2e-2, and the square of the step.
#[test]
fn slopes_are_differences() {
    const STEP: f32 = 1.0 / 128.0;
    for (number, (mut kernel, regulariser, _)) in cases().into_iter().enumerate() {
        let mut slopes = vec![0.0; kernel.values.len()];
        regulariser.add_slope(&kernel.values, &mut slopes, &mut vec![f32::NAN; 3]);
        for (index, slope) in slopes.into_iter().enumerate() {
            let weight = kernel.values[index];
            // |w| bends at 0.
            if weight.abs() < 2.0 * STEP {
                continue;
            }
            let mut at = |value| {
                kernel.values[index] = value;
                regulariser.value(&kernel.values)
            };
            let (high, low) = (weight + STEP, weight - STEP);
            let difference = (at(high) - at(low)) / f64::from(high - low);
            kernel.values[index] = weight;
            let near = (difference - f64::from(slope)).abs() <= 5e-4;
            assert!(near, "case {number}, weight {index}: {slope}, not {difference}");
        }
    }
}

#[test]
fn zeros_have_no_slope_and_bad_strengths_are_refused() {
    for norm in [Norm::One, Norm::Two] {
        let penalties = Penalties { sparse: 1.0, variance: 1.0, norm };
        let structures = [
            Structure::Unstructured,
            Structure::Structured,
            Structure::Block { height: 2, width: 1 },
        ];
        for structure in structures {
            let regulariser = Regulariser::new(&[4, 3], &structure, 1, penalties).unwrap();
            let mut slope = [0.5; 12];
            regulariser.add_slope(&[0.0; 12], &mut slope, &mut Vec::new());
            assert_eq!(slope, [0.5; 12]);
            assert_eq!(regulariser.value(&[0.0; 12]), 0.0);
        }
    }
    for given in [-1.0, f64::NAN, f64::INFINITY] {
        let penalties = Penalties { sparse: given, ..Penalties::default() };
        let refused = Regulariser::new(&[4, 3], &Structure::Structured, 1, penalties);
        assert!(matches!(refused, Err(Error::Penalty { what: "sparse penalty", .. })));
    }
    assert!(matches!(Norm::try_from(3), Err(Error::Norm { given: 3 })));
}

/// The filter of a depthwise layer is an output channel, for lengths and variances alike.
#[test]
fn depthwise_filters_are_output_channels() {
    let mut model = Model::new("depthwise");
    let input = model.add("in", Op::Input { shape: vec![4, 2] }, &[]).unwrap();
    let window = Window::dense(&[2], Padding::Valid);
    let op = Op::DepthwiseConv { multiplier: 2, window, bias: false };
    model.add("filters", op, &[input]).unwrap();
    let (layers, _) = model.attributes(None).unwrap();
    // Two taps of four channels: lengths 5, 0, 0, 0 and variances 0.25, 0, 0, 0.
    let kernel = [3.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0];
    for (sparse, variance, expected) in [(1.0, 0.0, 5.0), (0.0, 1.0, 0.25)] {
        let penalties = Penalties { sparse, variance, norm: Norm::One };
        let filters = Regulariser::of(&layers[0], &Structure::Structured, penalties).unwrap();
        assert_eq!(filters.value(&kernel), expected);
    }
}
