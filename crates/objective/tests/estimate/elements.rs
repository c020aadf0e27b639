//! Types of single elements, and weights with codes of their own.

use std::collections::BTreeMap;

use handaxe_fixed::{Overflow, Rounding};
use handaxe_graph::{CodeRounding, HlsConfig, Integer, LayerId, Model, Op, Quantiser, Strategy};
use handaxe_objective::estimate::{Figures, Matrix, Profile, Work, estimate};

use super::dense;

/// A layer of HGQ's quantisers with these bits for each element.
fn quantise(model: &mut Model, name: &str, input: LayerId, bits: &[f32]) -> LayerId {
    let quantiser = Quantiser::PerElement {
        rounding: Rounding::Trn,
        overflow: Overflow::Wrap,
        shape: vec![bits.len()],
        overrides: BTreeMap::new(),
    };
    let id = model.add(name, Op::Quantise { quantiser }, &[input]).unwrap();
    // Whole numbers.
    for weight in ["bits", "integers"] {
        let mut tensor = model.layer(id).weight(weight).unwrap().clone();
        tensor.values_mut().copy_from_slice(bits);
        model.set_weight(id, weight, tensor).unwrap();
    }
    id
}

/// Inputs and layers of a network whose numbers have so many bits each.
fn per_element(bits: &[f32]) -> (Figures, Matrix) {
    let mut model = Model::new("hgq");
    let input = model.add("in", Op::Input { shape: vec![bits.len()] }, &[]).unwrap();
    let quantised = quantise(&mut model, "q", input, bits);
    let fc = model.add("fc", Op::Dense { units: 12, bias: false }, &[quantised]).unwrap();
    let mut kernel = model.layer(fc).kernel().unwrap().clone();
    let values = kernel.values_mut().iter_mut().enumerate();
    values.for_each(|(place, weight)| *weight = (place * 7 % 31) as f32 / 16.0 - 1.0);
    model.set_weight(fc, "kernel", kernel).unwrap();
    let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 1, Strategy::Latency).unwrap();
    let (estimate, _) = estimate(&model, &config, &Profile::default()).unwrap();
    let layer = &estimate.layers[fc.index()];
    let Work::Matrix(matrix) = layer.unit.work.clone() else { panic!("a matrix") };
    (layer.figures, matrix)
}

/// What HGQ gives each element is what is built: narrow elements take less, those without bits nothing.
#[test]
fn widths_of_elements_count() {
    let (wide, all) = per_element(&[8.0; 10]);
    let (mixed, _) = per_element(&[8.0, 2.0, 8.0, 2.0, 8.0, 2.0, 8.0, 2.0, 8.0, 2.0]);
    let (narrow, _) = per_element(&[2.0; 10]);
    assert!(narrow.lut.value < mixed.lut.value && mixed.lut.value < wide.lut.value);
    let (dead, left) = per_element(&[8.0, 0.0, 8.0, 0.0, 8.0, 0.0, 8.0, 0.0, 8.0, 0.0]);
    assert!(3 * dead.lut.value < 2 * wide.lut.value, "{dead:?}");
    assert!(left.codes.nonzeros < all.codes.nonzeros && left.codes.deepest <= 5);
    assert_eq!(per_element(&[0.0; 10]).1.codes.nonzeros, 0);
    // Weights are held exactly, whatever is configured.
    assert_eq!(all.weight_bits, 5);
}

/// Codes of one or two bits take no blocks, whatever type is configured and whatever they are scaled by.
#[test]
fn signs_are_not_multiplied() {
    let weights: Vec<f32> = (0..32 * 8).map(|place| (place * 7 % 31) as f32 / 31.0 - 0.5).collect();
    let built = |quantiser: Option<Quantiser>| {
        let mut model = dense(&weights, 32);
        let fc = model.find("fc").unwrap();
        if let Some(quantiser) = quantiser {
            model.set_quantiser(fc, "kernel", quantiser).unwrap();
        }
        let config =
            HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 8, Strategy::Resource).unwrap();
        let (estimate, _) = estimate(&model, &config, &Profile::default()).unwrap();
        let Work::Matrix(matrix) = estimate.layers[1].unit.work.clone() else { panic!("a matrix") };
        (estimate.synthesis.dsp.value, matrix)
    };
    assert_eq!(built(None).0, 32);
    let (blocks, signs) = built(Some(Quantiser::Sign { scale: 0.3 }));
    assert_eq!((blocks, signs.weight_bits, signs.codes.zeros), (0, 2, 0));
    let (blocks, ternary) = built(Some(Quantiser::Ternarise { scale: 0.4 }));
    let zeros = weights.iter().filter(|weight| weight.abs() < 0.2).count();
    assert_eq!((blocks, ternary.codes.zeros), (0, zeros as u64));
    let scale: Vec<f32> = (0..8).map(|column| 0.1 + 0.01 * column as f32).collect();
    let integer = Integer {
        bits: 4,
        signed: true,
        narrow: false,
        rounding: CodeRounding::HalfEven,
        zero_after: false,
        scale,
        zero_point: vec![0.0],
        shape: vec![1, 8],
    };
    let (blocks, four) = built(Some(Quantiser::Integer(integer)));
    // -0.5 / 0.1 to 0.48 / 0.1: three digits and the sign.
    assert_eq!((blocks, four.weight_bits, four.codes.last_bits <= 4), (0, 4, true));
    assert!(four.codes.zeros > 0);
}
