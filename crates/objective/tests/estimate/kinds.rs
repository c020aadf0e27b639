//! What is built otherwise than as usual.

use handaxe_graph::{HlsConfig, IoType, Model, Op, Strategy};
use handaxe_objective::estimate::{
    Family, Multipliers, Profile, Quantity, Stage, Tool, Work, estimate,
};

use super::dense;

/// Upper ends of look-up tables and blocks over the estimates, of a chain of two layers.
fn upper_ends(profile: &Profile, strategy: Strategy, stage: Stage) -> [f64; 3] {
    let mut model = dense(&[0.3; 32 * 64], 64);
    let fc = model.find("fc").unwrap();
    model.add("out", Op::Dense { units: 16, bias: true }, &[fc]).unwrap();
    let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 128, strategy).unwrap();
    let (estimate, _) = estimate(&model, &config, profile).unwrap();
    // A few blocks more are no factor.
    let some = if stage == Stage::Implementation { 16.0 } else { 8.0 };
    [Quantity::Lut, Quantity::Dsp, Quantity::Bram18].map(|quantity| {
        let figure = estimate.stage(stage).get(quantity);
        (figure.high as f64 + some) / (figure.value as f64 + some)
    })
}

/// Rows of no strategy but the two basic ones are known, so what is told of others is no more than an interval.
#[test]
fn other_strategies_are_not_calibrated() {
    let model = dense(&[0.3; 32 * 64], 64);
    let of = |strategy| {
        let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 128, strategy).unwrap();
        estimate(&model, &config, &Profile::default()).unwrap().0
    };
    let known = of(Strategy::Resource);
    assert!(known.calibrated);
    for strategy in [Strategy::Unrolled, Strategy::DistributedArithmetic] {
        let told = of(strategy);
        assert!(!told.calibrated && !told.layers[1].calibrated, "{strategy}");
        for quantity in [Quantity::Lut, Quantity::Ff] {
            let figure = told.synthesis.get(quantity);
            assert!(figure.low < figure.value && figure.value < figure.high, "{quantity:?}");
        }
    }
    let (lut, told) = (known.synthesis.lut, of(Strategy::Unrolled).synthesis.lut);
    assert!(told.high * lut.value > lut.high * told.value, "{told:?} beside {lut:?}");
}

/// Without reuse strategy Resource is built as Latency is, but for a cycle more between samples. Only Vivado's rows have it.
#[test]
fn resource_without_reuse_is_like_latency() {
    let weights: Vec<f32> =
        (0..32 * 64).map(|place| (place * 37 % 101) as f32 / 50.0 - 1.0).collect();
    let model = dense(&weights, 64);
    for family in [Family::Series7, Family::Ultrascale] {
        let profile = Profile { tool: Tool::Vitis, family, ..Profile::default() };
        let [resource, latency] = [Strategy::Resource, Strategy::Latency].map(|strategy| {
            let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 1, strategy).unwrap();
            estimate(&model, &config, &profile).unwrap().0
        });
        assert!(!resource.calibrated);
        for quantity in [Quantity::Dsp, Quantity::Lut, Quantity::Ff] {
            let [one, other] =
                [&resource, &latency].map(|of| of.synthesis.get(quantity).value as f64);
            assert!(one > 0.5 * other && one < 2.0 * other, "{quantity:?}: {one} {other}");
        }
    }
}

/// How many multipliers hls4ml 1.3 allows the tool for a matrix of 4 x 6 of which these weights, column by column, are not zero.
#[test]
fn idle_multipliers_of_an_unrolled_matrix_are_left_out() {
    let allowed: [(usize, &[usize], u64); 5] = [
        (4, &[2, 3, 7, 8, 10, 13, 15, 16, 18], 5),
        (4, &[1, 2, 11, 12, 15, 16, 17, 21, 23], 5),
        (4, &[0, 2, 5, 6, 8, 9, 15, 17, 18, 19, 20, 21, 23], 6),
        (2, &[2, 3, 7, 8, 10, 13, 15, 16, 18], 8),
        (2, &[], 0),
    ];
    for (reuse, places, multipliers) in allowed {
        let mut weights = [0.0; 24];
        // The kernel is stored row by row.
        places.iter().for_each(|place| weights[place % 4 * 6 + place / 4] = 0.3);
        let config =
            HlsConfig::uniform("fixed<16,6>".parse().unwrap(), reuse, Strategy::Unrolled).unwrap();
        let (estimate, _) = estimate(&dense(&weights, 4), &config, &Profile::default()).unwrap();
        let Work::Matrix(matrix) = &estimate.layers[1].unit.work else { panic!() };
        assert_eq!((matrix.reuse, matrix.multipliers()), (reuse as u64, multipliers));
        assert_eq!(estimate.synthesis.dsp.value, multipliers);
    }
}

/// A budget is judged by the upper end, so one out of all proportion would never be met.
#[test]
fn upper_ends_are_of_use() {
    let known = |stage: Stage| upper_ends(&Profile::default(), Strategy::Resource, stage);
    let synthesis = known(Stage::Synthesis);
    assert!(synthesis.iter().all(|end| *end < 1.5), "{synthesis:?}");
    // Look-up tables and memories are fewer after implementation, by shares that differ.
    let [lut, dsp, bram18] = known(Stage::Implementation);
    assert!(lut < 2.0 && dsp < 1.5 && bram18 < 2.0, "{lut} {dsp} {bram18}");
    let vitis = Profile { tool: Tool::Vitis, ..Profile::default() };
    for profile in [vitis, Profile { family: Family::Series7, ..vitis }] {
        for strategy in [Strategy::Resource, Strategy::Unrolled, Strategy::Latency] {
            let strange = upper_ends(&profile, strategy, Stage::Synthesis);
            assert!(strange.iter().all(|end| *end < 3.0), "{profile:?} {strategy}: {strange:?}");
        }
    }
}

#[test]
fn what_is_not_known_is_said() {
    let model = dense(&vec![0.3; 64 * 80], 64);
    let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 1, Strategy::Latency).unwrap();
    let profile = Profile { tool: Tool::Quartus, family: Family::Intel, ..Profile::default() };
    let (estimate, _) = estimate(&model, &config, &profile).unwrap();
    assert!(!estimate.calibrated);
    let warnings: Vec<String> = estimate.warnings.iter().map(ToString::to_string).collect();
    assert!(warnings[0].contains("Quartus"), "{warnings:?}");
    assert!(warnings[1].contains("unrolls 5120 multiplications"), "{warnings:?}");
    let lut = estimate.synthesis.lut;
    assert!(lut.high > lut.value && lut.low < lut.value);
}

#[test]
fn fabric_multipliers_take_no_blocks_and_normalisations_are_folded() {
    let mut model = dense(&[0.3; 24], 6);
    let fc = model.find("fc").unwrap();
    model.add("norm", Op::BatchNorm { epsilon: 1e-3, momentum: 0.9 }, &[fc]).unwrap();
    let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 1, Strategy::Latency).unwrap();
    let of = |multipliers| {
        let profile = Profile { multipliers, ..Profile::default() };
        estimate(&model, &config, &profile).unwrap().0
    };
    assert_eq!(of(Multipliers::Fabric).synthesis.dsp.value, 0);
    let estimate = of(Multipliers::Auto);
    // One constant a row, used by all four columns.
    assert_eq!(estimate.synthesis.dsp.value, 6);
    assert!(matches!(estimate.layers[2].unit.work, Work::Wires));
}

/// A convolution in io_stream takes all its pixels one after the other.
#[test]
fn a_stream_of_pixels_sets_the_pace() {
    let mut model = Model::new("conv");
    let input = model.add("in", Op::Input { shape: vec![8, 8, 3] }, &[]).unwrap();
    let window = handaxe_graph::Window::dense(&[3, 3], handaxe_graph::Padding::Valid);
    model.add("conv", Op::Conv { filters: 4, window, bias: true }, &[input]).unwrap();
    let mut config =
        HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 1, Strategy::Latency).unwrap();
    config.io_type = Some(IoType::IoStream);
    let (estimate, _) = estimate(&model, &config, &Profile::default()).unwrap();
    assert!(estimate.synthesis.interval.value >= 64);
    let parallel = HlsConfig { io_type: Some(IoType::IoParallel), ..config };
    let (parallel, _) =
        handaxe_objective::estimate::estimate(&model, &parallel, &Profile::default()).unwrap();
    assert!(parallel.synthesis.interval.value >= 36, "one window a cycle");
}

/// A network of three layers whose weights fill their bits, of strategy Latency without reuse.
fn perceptron(inputs: usize) -> (Model, HlsConfig) {
    let mut model = Model::new("mlp");
    let mut last = model.add("in", Op::Input { shape: vec![inputs] }, &[]).unwrap();
    for (place, units) in [16, 16, 4].into_iter().enumerate() {
        last = model.add(&format!("fc{place}"), Op::Dense { units, bias: true }, &[last]).unwrap();
        let mut kernel = model.layer(last).kernel().unwrap().clone();
        let weights = kernel.values_mut().iter_mut().enumerate();
        weights.for_each(|(at, weight)| *weight = (at * 37 % 101) as f32 / 50.0 - 1.0);
        model.set_weight(last, "kernel", kernel).unwrap();
    }
    let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 1, Strategy::Latency).unwrap();
    (model, config)
}

/// Vitis on a Zynq-7000: its designs stand in for one another, whatever multiplications are bound to. Those of other parts, which did
/// until they were told apart, put the upper end of flip-flops at 6.4 times the estimate.
#[test]
fn upper_ends_on_the_7_series_are_near() {
    let (model, config) = perceptron(8);
    for multipliers in [Multipliers::Auto, Multipliers::Dsp, Multipliers::Fabric] {
        let profile = Profile {
            tool: Tool::Vitis,
            family: Family::Series7,
            multipliers,
            ..Profile::default()
        };
        let estimate = estimate(&model, &config, &profile).unwrap().0;
        for (stage, most) in [(Stage::Synthesis, 2.2), (Stage::Implementation, 3.0)] {
            let figure = estimate.stage(stage).get(Quantity::Ff);
            let over = figure.high as f64 / figure.value as f64;
            assert!(over < most, "{multipliers:?}, {stage:?}: {over} times, {figure:?}");
        }
        for quantity in [Quantity::Latency, Quantity::Interval] {
            let figure = estimate.synthesis.get(quantity);
            let over = (figure.high + 1) as f64 / (figure.value + 1) as f64;
            assert!(over < 1.6, "{multipliers:?}, {quantity:?}: {over} times");
        }
    }
}
