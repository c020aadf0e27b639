//! Laws of the estimates, and the rules against reports of synthesis (fixtures/synthesis).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};

use flate2::read::GzDecoder;
use handaxe_fixed::{Overflow, Rounding};
use handaxe_graph::{
    CodeRounding, HlsConfig, Integer, IoType, LayerId, Model, Op, Quantiser, Strategy, Structure,
};
use handaxe_objective::estimate::{
    Codes, Family, Figures, Frame, Matrix, Multipliers, Profile, Quantity, Regime, Row, Stage,
    Table, Tool, Work, codes, estimate, whole_by,
};
use handaxe_objective::{Action, Obstacle, objective};
use proptest::prelude::*;

const ROWS: &[u8] = include_bytes!("../../../fixtures/synthesis/rows.jsonl.gz");

fn rows() -> Vec<Row> {
    let lines = BufReader::new(GzDecoder::new(ROWS)).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

/// Rows of the sweep of single Dense layers, with what is estimated of them.
fn sweep() -> Vec<(Row, Regime, Figures)> {
    let sweep = rows().into_iter().filter(|row| row.source.contains("wa-hls4ml"));
    sweep
        .map(|row| {
            let regime = row.units[0].regime();
            let (figures, calibrated) = row.units[0].figures(&row.profile);
            assert!(calibrated);
            (row, regime, figures)
        })
        .collect()
}

/// Share of the rows whose figure is exactly right.
fn exact(rows: &[&(Row, Regime, Figures)], quantity: Quantity) -> f64 {
    let right = rows
        .iter()
        .filter(|(row, _, figures)| figures.get(quantity).value == row.figures[&quantity]);
    right.count() as f64 / rows.len() as f64
}

/// Errors in percent, sorted.
fn errors(rows: &[&(Row, Regime, Figures)], quantity: Quantity) -> Vec<f64> {
    let error = |(row, _, figures): &&(Row, Regime, Figures)| {
        let actual = row.figures[&quantity] as f64;
        100.0 * (figures.get(quantity).value as f64 - actual).abs() / actual
    };
    let mut errors: Vec<f64> = rows.iter().map(error).collect();
    errors.sort_by(f64::total_cmp);
    errors
}

/// What follows from the firmware's loops is exact: nothing of it was fitted.
#[test]
fn rules_are_exact_on_the_resource_strategy() {
    let rows = sweep();
    let looped: Vec<_> = rows
        .iter()
        .filter(|(_, regime, _)| matches!(regime, Regime::Pair | Regime::Outer))
        .collect();
    assert!(looped.len() > 600);
    for quantity in [Quantity::Dsp, Quantity::Bram18, Quantity::Latency, Quantity::Interval] {
        assert_eq!(exact(&looped, quantity), 1.0, "{quantity:?}");
    }
    let lut = errors(&looped, Quantity::Lut);
    assert!(lut[lut.len() / 2] < 0.2 && lut[lut.len() * 9 / 10] < 1.0, "{}", lut[lut.len() / 2]);
    let ff = errors(&looped, Quantity::Ff);
    assert!(ff[ff.len() / 2] < 0.3 && ff[ff.len() * 9 / 10] < 2.0, "{}", ff[ff.len() / 2]);
}

#[test]
fn dsp_blocks_of_constants_are_exact() {
    let rows = sweep();
    let unrolled: Vec<_> = rows
        .iter()
        .filter(|(_, regime, _)| !matches!(regime, Regime::Pair | Regime::Outer))
        .collect();
    assert!(unrolled.len() > 70);
    assert_eq!(exact(&unrolled, Quantity::Dsp), 1.0);
    assert_eq!(exact(&unrolled, Quantity::Bram18), 1.0);
}

/// Cycles follow from the weights' digits and the delays of products and additions, of which two are fitted.
#[test]
fn cycles_of_the_latency_strategy_are_exact() {
    let rows = sweep();
    let unrolled: Vec<_> = rows
        .iter()
        .filter(|(row, _, _)| match &row.units[0].work {
            Work::Matrix(matrix) => matrix.strategy == Strategy::Latency,
            _ => false,
        })
        .collect();
    assert!(unrolled.len() > 50);
    assert_eq!(exact(&unrolled, Quantity::Latency), 1.0);
    assert_eq!(exact(&unrolled, Quantity::Interval), 1.0);
    let lut = errors(&unrolled, Quantity::Lut);
    assert!(lut[lut.len() / 2] < 0.5 && lut[lut.len() * 9 / 10] < 4.0, "{}", lut[lut.len() / 2]);
}

#[test]
fn intervals_cover_about_nine_in_ten() {
    let rows = sweep();
    for quantity in [Quantity::Lut, Quantity::Ff] {
        let covered = rows.iter().filter(|(row, _, figures)| {
            let figure = figures.get(quantity);
            // A report in use has registers at its ports that a unit alone has not.
            quantity == Quantity::Ff || figure.covers(row.figures[&quantity])
        });
        assert!(covered.count() as f64 / rows.len() as f64 > 0.85, "{quantity:?}");
    }
}

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

/// Whole networks of other tools than the common one, by constants fitted on them too; errors.md has those of networks left out.
#[test]
fn designs_are_the_sum_of_their_parts() {
    let designs: Vec<Row> = rows().into_iter().filter(|row| row.units.len() > 1).collect();
    assert!(designs.len() > 20);
    let mut errors: BTreeMap<Quantity, Vec<f64>> = BTreeMap::new();
    for row in &designs {
        let figures = whole_by(&row.units, &row.profile, Table::committed());
        for (&quantity, &actual) in row.figures.iter().filter(|(_, actual)| **actual > 0) {
            let error = figures.get(quantity).value as f64 / actual as f64 - 1.0;
            errors.entry(quantity).or_default().push(100.0 * error.abs());
        }
    }
    for (quantity, bar) in [(Quantity::Dsp, 5.0), (Quantity::Lut, 20.0), (Quantity::Latency, 20.0)]
    {
        let errors = errors.get_mut(&quantity).unwrap();
        errors.sort_by(f64::total_cmp);
        assert!(errors[errors.len() / 2] < bar, "{quantity:?}: {}", errors[errors.len() / 2]);
    }
}

/// Digits by writing a number out as sums and differences of powers of two.
fn fewest_digits(code: i64) -> u32 {
    let mut left = code;
    let mut digits = 0;
    while left != 0 {
        if left & 1 != 0 {
            let digit = if left & 3 == 3 { -1 } else { 1 };
            left -= digit;
            digits += 1;
        }
        left /= 2;
    }
    digits
}

proptest! {
    /// Counts against sets of each row's codes.
    #[test]
    fn counts_are_those_of_sets(
        columns in 1usize..6,
        codes in prop::collection::vec(-70_000i64..70_000, 20),
        small in any::<bool>(),
    ) {
        let codes: Vec<i64> = codes[..4 * columns].iter().map(|code| if small { code / 3000 } else { *code }).collect();
        let found = Codes::of(&codes, columns, columns);
        let leaves = |code: &i64| match fewest_digits(*code) {
            1 if *code > 0 => 1,
            1 | 2 => 2,
            0 => 0,
            _ => 4,
        };
        let of_column = |column: usize| codes.iter().skip(column).step_by(columns);
        let most = |of: &dyn Fn(&i64) -> u64| {
            (0..columns).map(|column| of_column(column).map(of).sum::<u64>()).max().unwrap()
        };
        prop_assert_eq!((found.leaves, found.deepest), (most(&leaves), most(&|code| u64::from(*code != 0))));
        let by_column: Vec<&i64> = (0..columns).flat_map(of_column).collect();
        let busy = by_column.chunks(columns).filter(|run| run.iter().any(|code| **code != 0)).count();
        prop_assert_eq!(found.busy, busy as u64);
        let mut expected: BTreeMap<u32, u64> = BTreeMap::new();
        let (mut negative, mut two) = (0, 0);
        for row in codes.chunks(columns) {
            for &code in row.iter().collect::<BTreeSet<_>>() {
                match fewest_digits(code) {
                    0 => {}
                    1 => negative += u64::from(code < 0),
                    2 => two += 1,
                    _ => {
                        let bits = (1..).find(|&bits| {
                            if code > 0 { code < 1 << bits } else { -code <= 1 << (bits - 1) }
                        });
                        *expected.entry(bits.unwrap()).or_default() += 1;
                    }
                }
            }
        }
        prop_assert_eq!((found.negative_powers, found.two_digits), (negative, two));
        prop_assert_eq!(found.many_digits, expected);
        prop_assert_eq!(found.zeros, codes.iter().filter(|code| **code == 0).count() as u64);
    }

    /// Large numbers among them make others no different: they are cast one by one.
    #[test]
    fn casts_of_many_are_those_of_each(
        values in prop::collection::vec(-300.0f32..300.0, 1..9),
        mode in prop::sample::select(vec!["", ",RND", ",RND_CONV,SAT", ",TRN_ZERO,SAT_SYM", ",RND_INF,SAT_ZERO"]),
    ) {
        let handaxe_fixed::Precision::Fixed(kind) = format!("fixed<9,4{mode}>").parse().unwrap() else { panic!() };
        let alone = codes(&values, &kind);
        let beside: Vec<f32> = values.iter().copied().chain([3e30]).collect();
        prop_assert_eq!(&codes(&beside, &kind)[..values.len()], &alone[..]);
        for (value, code) in values.iter().zip(alone) {
            let exact = f64::from(*value) * 32.0;
            if mode.is_empty() && exact.abs() < 255.0 {
                prop_assert_eq!(code, exact.floor() as i64);
            }
        }
    }

    /// An interval holds its value; zeros never make the sums dearer.
    #[test]
    fn zeros_save(
        weights in prop::collection::vec(-1.0f32..1.0, 48),
        zeroed in prop::collection::vec(any::<bool>(), 48),
        reuse in prop::sample::select(vec![1usize, 4, 12]),
        strategy in prop::sample::select(vec![Strategy::Latency, Strategy::Resource, Strategy::Unrolled]),
    ) {
        let figures = |weights: &[f32]| {
            let config = HlsConfig::uniform("fixed<12,3>".parse().unwrap(), reuse, strategy).unwrap();
            estimate(&dense(weights, 12), &config, &Profile::default()).unwrap().0
        };
        let pruned: Vec<f32> =
            weights.iter().zip(&zeroed).map(|(weight, zero)| if *zero { 0.0 } else { *weight }).collect();
        let (before, after) = (figures(&weights), figures(&pruned));
        for quantity in Quantity::ALL {
            let figure = before.synthesis.get(quantity);
            prop_assert!(figure.low <= figure.value && figure.value <= figure.high);
        }
        for quantity in [Quantity::Dsp, Quantity::Lut, Quantity::Ff, Quantity::Bram18] {
            let value = |estimate: &handaxe_objective::estimate::Estimate| estimate.synthesis.get(quantity).value;
            prop_assert!(value(&after) <= value(&before), "{quantity:?}");
        }
    }
}

fn dense(weights: &[f32], n_in: usize) -> Model {
    let units = weights.len() / n_in;
    let mut model = Model::new("one");
    let input = model.add("in", Op::Input { shape: vec![n_in] }, &[]).unwrap();
    let id = model.add("fc", Op::Dense { units, bias: false }, &[input]).unwrap();
    let kernel = model.layer(id).kernel().unwrap().shape().to_vec();
    let mut tensor = model.layer(id).kernel().unwrap().clone();
    assert_eq!(kernel, [n_in, units]);
    tensor.values_mut().copy_from_slice(weights);
    model.set_weight(id, "kernel", tensor).unwrap();
    model
}

#[test]
fn casts_are_the_firmware_s() {
    let of = |text: &str, value: f32| {
        let handaxe_fixed::Precision::Fixed(kind) = text.parse().unwrap() else { panic!() };
        codes(&[value], &kind)[0]
    };
    assert_eq!(of("fixed<8,1>", -0.004), -1); // cut off, not rounded
    assert_eq!(of("fixed<8,1,RND>", -0.004), -1);
    assert_eq!(of("fixed<8,1,RND>", -0.003), 0);
    assert_eq!(of("fixed<8,1>", 1.0), -128); // wraps
    assert_eq!(of("fixed<8,1,TRN,SAT>", 1.0), 127);
    assert_eq!(of("fixed<8,1,TRN,SAT_SYM>", -1.0), -127);
    assert_eq!(of("ufixed<8,0,TRN,SAT>", -0.5), 0);
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

/// What a multiplier's weights save is what synthesis reports for one multiplier less.
#[test]
fn calibrated_objectives_save_what_synthesis_reports() {
    let mut model = Model::new("one");
    let input = model.add("in", Op::Input { shape: vec![64] }, &[]).unwrap();
    let fc = model.add("fc", Op::Dense { units: 64, bias: true }, &[input]).unwrap();
    model.add("out", Op::Dense { units: 5, bias: true }, &[fc]).unwrap();
    let layer = |reuse, strategy| {
        let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), reuse, strategy).unwrap();
        model.attributes(Some(&config)).unwrap().0.swap_remove(0)
    };
    let saved = |name: &str, reuse, strategy| {
        let objective = objective(name).unwrap();
        let layer = layer(reuse, strategy);
        let how = objective.optimisable(&layer).unwrap();
        let cost = objective.cost(&layer)[0];
        let group = match how.structure {
            Structure::Pattern { offset, consecutive } => {
                layer.weight_count() / offset * consecutive
            }
            _ => 1,
        };
        (how.structure, cost, objective.savings(&layer, &how, group, Action::Prune)[0])
    };
    // 4,096 weights, 256 to a multiplier.
    let pattern = Structure::Pattern { offset: 16, consecutive: 1 };
    assert_eq!(saved("dsp", 256, Strategy::Unrolled), (pattern, 16, 1));
    let (structure, _, lut) = saved("lut", 256, Strategy::Unrolled);
    assert_eq!(structure, pattern);
    assert!(
        (290..420).contains(&lut),
        "a multiplexer to 64 outputs, and its part of the rest: {lut}"
    );
    let (structure, blocks, freed) = saved("bram36", 256, Strategy::Unrolled);
    assert_eq!(structure, Structure::Pattern { offset: 16, consecutive: 9 });
    assert!(blocks >= 4 && freed >= 1);
    // Weights in memory are multiplied, zeros like others.
    let refused = objective("dsp").unwrap().optimisable(&layer(256, Strategy::Resource));
    assert!(matches!(refused, Err(Obstacle::ZerosInMemory { objective: "dsp" })), "{refused:?}");
    let (structure, cost, lut) = saved("lut", 1, Strategy::Latency);
    assert_eq!(structure, Structure::Unstructured);
    assert!(cost > 90_000 && lut >= 20, "{cost}, {lut}");
}

/// A thousand layers take no time that a person would notice.
#[test]
fn deep_networks_are_estimated_whole() {
    let mut model = Model::new("deep");
    let mut last = model.add("in", Op::Input { shape: vec![8] }, &[]).unwrap();
    for layer in 0..1000 {
        last =
            model.add(&format!("fc{layer}"), Op::Dense { units: 8, bias: true }, &[last]).unwrap();
    }
    let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 4, Strategy::Resource).unwrap();
    let (estimate, _) = estimate(&model, &config, &Profile::default()).unwrap();
    assert_eq!(estimate.layers.len(), 1001);
    assert!(estimate.synthesis.interval.value == 4 && estimate.synthesis.latency.value > 4000);
}

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// A network with one layer looked at again is the network looked at again.
    #[test]
    fn one_layer_is_estimated_without_the_others(
        changed in 1usize..4,
        reuse in 1usize..40,
        strategy in prop::sample::select(vec![Strategy::Latency, Strategy::Resource, Strategy::Unrolled]),
        width in 2u32..18,
        zeros in any::<bool>(),
    ) {
        let mut model = Model::new("chain");
        let mut last = model.add("in", Op::Input { shape: vec![6] }, &[]).unwrap();
        for (place, units) in [9, 12, 5].into_iter().enumerate() {
            last = model.add(&format!("fc{place}"), Op::Dense { units, bias: true }, &[last]).unwrap();
            let mut kernel = model.layer(last).kernel().unwrap().clone();
            let values = kernel.values_mut().iter_mut().enumerate();
            values.for_each(|(place, weight)| *weight = (place * 11 % 23) as f32 / 7.0 - 1.5);
            model.set_weight(last, "kernel", kernel).unwrap();
        }
        let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 2, Strategy::Resource).unwrap();
        let profile = Profile::default();
        let frame = Frame::new(&model, &config).unwrap();
        let (before, _) = estimate(&model, &config, &profile).unwrap();
        let (id, layer) = model.layers().nth(changed).unwrap();
        let mut config = config.clone();
        let section = config.layer_name.entry(layer.name().to_owned()).or_default();
        (section.strategy, section.reuse_factor) = (Some(strategy), Some(reuse));
        section.precision.insert("weight".to_owned(), format!("fixed<{width},2>").parse().unwrap());
        if zeros {
            let mut kernel = model.layer(id).kernel().unwrap().clone();
            kernel.values_mut().iter_mut().step_by(3).for_each(|weight| *weight = 0.0);
            model.set_weight(id, "kernel", kernel).unwrap();
        }
        let (after, _) = estimate(&model, &config, &profile).unwrap();
        prop_assert_eq!(before.with(id, frame.unit(id, &model, &config)), after);
    }
}
