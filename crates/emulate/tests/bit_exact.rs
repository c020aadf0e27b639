//! The two paths of bit-exact inference against each other, the golden softmaxes, and limits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::Read;

use handaxe_data::Tensor;
use handaxe_emulate::{BitExact, Error, Path};
use handaxe_fixed::{FixedType, Overflow, Precision, Rounding};
use handaxe_graph::{
    Activation, HlsConfig, LayerId, Model, Op, Padding, PoolKind, Quantiser, Section, Softmax,
    Strategy as Order, Window,
};
use proptest::prelude::*;

fn any_type() -> impl Strategy<Value = FixedType> {
    (1u32..26, -3i32..14, any::<bool>(), 0usize..7, 0usize..5, 0u32..3).prop_map(
        |(width, integer, signed, rounding, overflow, bits)| {
            let (rounding, overflow) = (Rounding::ALL[rounding], Overflow::ALL[overflow]);
            FixedType::new(width, integer, signed, rounding, overflow, bits.min(width)).unwrap()
        },
    )
}

/// The same, and integers.
fn any_type_or_int() -> impl Strategy<Value = FixedType> {
    let int = (1u32..26, any::<bool>())
        .prop_map(|(width, signed)| FixedType::int(width, signed).unwrap());
    prop_oneof![3 => any_type(), 1 => int]
}

/// Weights in -2..2 from a seed, some of them 0.
fn fill(model: &mut Model, id: LayerId, seed: u64) {
    let mut state = seed | 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 22) as f32 - 2.0
    };
    let weights: Vec<(&str, Vec<usize>)> =
        model.layer(id).weights().map(|(name, weight)| (name, weight.shape().to_vec())).collect();
    for (name, shape) in weights {
        let values = (0..shape.iter().product())
            .map(|_| Some(next()).filter(|value| value.abs() > 0.4).unwrap_or(0.0));
        model.set_weight(id, name, Tensor::new(shape, values.collect()).unwrap()).unwrap();
    }
}

fn network(seed: u64) -> Model {
    let mut model = Model::new("any");
    let input = model.add("in", Op::Input { shape: vec![5, 4, 3] }, &[]).unwrap();
    let window = Window { strides: vec![2, 1], ..Window::dense(&[3, 2], Padding::Same) };
    let conv = model.add("conv", Op::Conv { filters: 4, window, bias: true }, &[input]).unwrap();
    let relu = model.add("relu", Op::Activation { function: Activation::Relu }, &[conv]).unwrap();
    let depth = Op::DepthwiseConv {
        multiplier: 2,
        window: Window::dense(&[2, 2], Padding::Valid),
        bias: false,
    };
    let depth = model.add("depth", depth, &[relu]).unwrap();
    let pool = Op::Pool { kind: PoolKind::Average, window: Window::dense(&[2, 2], Padding::Same) };
    let pool = model.add("pool", pool, &[depth]).unwrap();
    let flat = model.add("flat", Op::Flatten, &[pool]).unwrap();
    let out = model.add("out", Op::Dense { units: 3, bias: true }, &[flat]).unwrap();
    for (id, more) in [(conv, 1), (depth, 2), (out, 3)] {
        fill(&mut model, id, seed ^ more);
    }
    model
}

fn inputs(seed: u64, samples: usize) -> Tensor {
    let mut model = Model::new("source");
    let input = model.add("in", Op::Input { shape: vec![60] }, &[]).unwrap();
    let source = model.add("fc", Op::Dense { units: samples, bias: false }, &[input]).unwrap();
    fill(&mut model, source, seed);
    let values = model.layer(source).kernel().unwrap().values();
    Tensor::new(vec![samples, 5, 4, 3], values.iter().map(|value| 2.0 * value).collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Whatever the types: the lanes give the bits of the steps.
    #[test]
    fn both_paths_give_the_same_bits(
        seed in any::<u64>(), of in any_type_or_int(), weight in any_type_or_int(), bias in any_type_or_int(), accum in any_type_or_int(), auto in 0u32..4, reuse_factor in 1usize..7,
    ) {
        let model = network(seed);
        let mut config = HlsConfig::uniform(Precision::Fixed(of), reuse_factor, Order::Resource).unwrap();
        let accum = if auto == 0 { Precision::Auto } else { Precision::Fixed(accum) };
        for (variable, precision) in [("weight", Precision::Fixed(weight)), ("bias", Precision::Fixed(bias)), ("accum", accum)] {
            config.model.precision.insert(variable.to_owned(), precision);
        }
        // Types whose widths are no numbers of bits are refused alike.
        let Ok(fast) = BitExact::on(&model, &config, Path::Fast) else { return Ok(()) };
        let exact = BitExact::on(&model, &config, Path::Exact).unwrap();
        let x = inputs(seed, 3);
        prop_assert_eq!(fast.codes(std::slice::from_ref(&x)).unwrap(), exact.codes(&[x]).unwrap());
    }
}

/// Three arrays joined by one layer, or by a chain of two of which the first is `auto`.
fn joined(op: &Op, types: &[FixedType], result: FixedType, chained: bool) -> (Model, HlsConfig) {
    let (mut model, mut config) = (Model::new("joined"), HlsConfig::default());
    let mut state = |name: &str, precision| {
        let precision = [("result".to_owned(), precision)].into();
        config.layer_name.insert(name.to_owned(), Section { precision, ..Section::default() });
    };
    let mut arrays = Vec::new();
    for (place, of) in types.iter().enumerate() {
        let name = format!("in{place}");
        state(&name, Precision::Fixed(*of));
        arrays.push(model.add(&name, Op::Input { shape: vec![2, 3] }, &[]).unwrap());
    }
    if chained {
        state("first", Precision::Auto);
        let first = model.add("first", op.clone(), &arrays[..2]).unwrap();
        arrays.splice(..2, [first]);
    }
    state("last", Precision::Fixed(result));
    model.add("last", op.clone(), &arrays).unwrap();
    (model, config)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A join of three arrays is a chain of two whose first does not round.
    #[test]
    fn joins_of_three_are_chains(
        seed in any::<u64>(), types in prop::collection::vec(any_type(), 3), result in any_type(),
        op in prop::sample::select(vec![Op::Add, Op::Multiply, Op::Maximum, Op::Minimum, Op::Concatenate]),
    ) {
        // Inferred types take over how their inputs overflow, and SAT_SYM takes the least code away: elements that are put side by side
        // do not pass through such a type.
        let symmetric = types[..2].iter().any(|of| of.overflow == Overflow::SatSym);
        prop_assume!(op != Op::Concatenate || !symmetric);
        let x: Vec<Tensor> = (0..3).map(|more| {
            let values = inputs(seed ^ more, 4).values()[..4 * 6].to_vec();
            Tensor::new(vec![4, 2, 3], values).unwrap()
        }).collect();
        let codes = |chained| {
            let (model, config) = joined(&op, &types, result, chained);
            let firmware = BitExact::new(&model, &config).map_err(|error| error.to_string())?;
            firmware.codes(&x).map_err(|error| error.to_string())
        };
        prop_assert_eq!(codes(false).unwrap(), codes(true).unwrap());
    }
}

/// Logits and outputs of two networks of hls4ml, 5,000 samples of each.
#[test]
fn softmaxes_are_golden() {
    let mut text = String::new();
    let packed = include_bytes!("../../../fixtures/fixed/softmax.json.gz");
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    let golden: serde_json::Value = serde_json::from_str(&text).unwrap();
    let integers = |name: &str, key: &str| -> Vec<i64> {
        golden[name][key]
            .as_array()
            .unwrap()
            .iter()
            .map(|number| number.as_i64().unwrap())
            .collect()
    };
    for (name, way) in [("stable", Softmax::Stable), ("latency", Softmax::Latency)] {
        let (logits, expected) = (integers(name, "logits"), integers(name, "y"));
        assert!(logits.len() == 25_000 && logits.len() == expected.len());
        let outputs = softmax(way, &logits);
        let differ = outputs.iter().zip(&expected).filter(|(ours, theirs)| ours != theirs).count();
        assert_eq!(differ, 0, "{name}: {differ} of {}", expected.len());
    }
}

fn softmax(way: Softmax, logits: &[i64]) -> Vec<i64> {
    let mut model = Model::new("softmax");
    let input = model.add("in", Op::Input { shape: vec![5] }, &[]).unwrap();
    model.add("out", Op::Activation { function: Activation::Softmax }, &[input]).unwrap();
    let mut config =
        HlsConfig::uniform("ap_fixed<16,6>".parse().unwrap(), 1, Order::Latency).unwrap();
    config.model.softmax = Some(way);
    config
        .model
        .precision
        .insert("accum".to_owned(), "ap_fixed<18,8,AP_RND,AP_SAT>".parse().unwrap());
    let values = logits.iter().map(|code| *code as f32 / 1024.0).collect();
    let x = Tensor::new(vec![logits.len() / 5, 5], values).unwrap();
    BitExact::new(&model, &config).unwrap().codes(&[x]).unwrap().remove(0).codes
}

#[test]
fn what_cannot_be_is_said() {
    let model = network(1);
    let wide = |width: u32| {
        HlsConfig::uniform(format!("ap_fixed<{width},9>").parse().unwrap(), 1, Order::Latency)
            .unwrap()
    };
    assert!(BitExact::new(&model, &wide(120)).is_ok());
    let error = BitExact::new(&model, &wide(200)).err().unwrap();
    assert!(matches!(error, Error::TooWide { .. }), "{error}");
    let float = HlsConfig::uniform("float".parse().unwrap(), 1, Order::Latency).unwrap();
    let error = BitExact::new(&model, &float).err().unwrap().to_string();
    assert!(error.contains("layer `in`") && error.contains("no fixed point"), "{error}");
    let config = wide(16);
    let firmware = BitExact::new(&model, &config).unwrap();
    let error = firmware.predict(&[Tensor::full(&[1, 5, 4, 3], f32::NAN)]).unwrap_err();
    assert_eq!(error, Error::NotFinite { index: 0 });

    let mut model = Model::new("gelu");
    let input = model.add("in", Op::Input { shape: vec![5] }, &[]).unwrap();
    model.add("curve", Op::Activation { function: Activation::Gelu }, &[input]).unwrap();
    let error = BitExact::new(&model, &config).err().unwrap().to_string();
    assert!(
        error.contains("layer `curve`") && error.contains("gelu") && error.contains("softsign"),
        "{error}"
    );
}

/// What the vendors' integers compute by accident, and signs that hls4ml makes thresholds of.
#[test]
fn accidents_are_refused_by_name() {
    let said = |input: &str, result: &str, ops: &[Op]| {
        let (mut model, mut config) = (Model::new("refused"), HlsConfig::default());
        let mut last = model.add("in", Op::Input { shape: vec![4] }, &[]).unwrap();
        for (place, op) in ops.iter().enumerate() {
            last = model.add(&format!("it{place}"), op.clone(), &[last]).unwrap();
        }
        let mut state = |name: &str, variable: &str, of: &str| {
            let section: &mut Section = config.layer_name.entry(name.to_owned()).or_default();
            section.precision.insert(variable.to_owned(), of.parse().unwrap());
        };
        state("in", "result", input);
        state("it0", "result", result);
        state("it0", "weight", input);
        BitExact::new(&model, &config).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let relu = [Op::Activation { function: Activation::Relu }];
    let dense = [Op::Dense { units: 2, bias: false }];
    let sign = Op::Quantise { quantiser: Quantiser::Sign { scale: 1.0 } };
    let signs = [Op::BatchNorm { epsilon: 1e-3, momentum: 0.9 }, sign.clone()];
    let folded = [dense[0].clone(), signs[0].clone(), sign];
    assert_eq!(said("ap_fixed<8,1>", "ap_int<8>", &relu), "");
    assert_eq!(said("ap_fixed<8,0>", "ap_int<8>", &dense), "");
    assert_eq!(said("ap_fixed<8,2>", "auto", &folded), "");
    for (said, lesson) in [
        (said("ap_fixed<8,0>", "ap_int<8>", &relu), "cast of fixed<8,0,TRN,WRAP,0>"),
        (said("ap_uint<1>", "ap_int<8>", &dense), "products of two ap_uint<1>"),
        (said("ap_fixed<8,2>", "ap_fixed<8,2>", &signs), "right behind `it0`"),
    ] {
        assert!(said.contains("layer `it") && said.contains(lesson), "{said}");
    }
}

/// hls4ml has layer normalisations of two axes, a table from a power of ten on, and a mean of two arrays.
#[test]
fn what_hls4ml_has_not_is_refused_by_name() {
    let said = |shape: &[usize], op: &Op, inputs: usize, range| {
        let mut model = Model::new("refused");
        let input = model.add("in", Op::Input { shape: shape.to_vec() }, &[]).unwrap();
        model.add("it", op.clone(), &vec![input; inputs]).unwrap();
        let section = Section { table_range_power2: Some(range), ..Section::default() };
        let layer_name = [("it".to_owned(), section)].into();
        let config = HlsConfig { layer_name, ..HlsConfig::default() };
        BitExact::new(&model, &config).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let norm = |epsilon| Op::LayerNorm { epsilon };
    assert_eq!(said(&[4, 3], &norm(0.3), 1, 30), "");
    for (said, lesson) in [
        (said(&[3], &norm(1e-3), 1, 0), "layer normalisation of an input of shape [3]"),
        (said(&[2, 4, 3], &norm(1e-3), 1, 0), "use an input of two axes"),
        (said(&[4, 3], &norm(0.4), 1, 0), "an epsilon of 0.4; use one between"),
        (said(&[4, 3], &norm(1e-38), 1, 0), "use one between 1e-37 and 0.3"),
        (said(&[4, 3], &norm(1e-3), 1, 31), "TableRangePower2 must be between 0 and 30, not 31"),
        (said(&[4, 3], &Op::Average, 3, 0), "firmware has no mean of 3 arrays"),
    ] {
        assert!(said.contains("it") && said.contains(lesson), "{said}");
    }
}

/// The numbers of every layer, and of the floating-point network where types are wide enough.
#[test]
fn wide_types_come_near_floating_point() {
    let model = network(7);
    let config = HlsConfig::uniform("ap_fixed<48,16>".parse().unwrap(), 1, Order::Latency).unwrap();
    let firmware = BitExact::new(&model, &config).unwrap();
    let x = inputs(3, 70);
    let (ours, float) = (
        firmware.trace(std::slice::from_ref(&x)).unwrap(),
        handaxe_emulate::predict(&model, &[x]).unwrap(),
    );
    assert_eq!(ours.len(), model.layers().count());
    let last = ours.last().unwrap();
    let worst =
        last.values().iter().zip(float[0].values()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst}");
}
