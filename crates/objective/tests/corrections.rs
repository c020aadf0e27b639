//! The corrections of spec/optimization.md section 10 that are this crate's, one by one.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use handaxe_graph::{HlsConfig, IoType, LayerAttributes, Model, Op, Padding, Strategy, Window};
use handaxe_objective::{
    Action, Objective, Obstacle, Parameter, VivadoDsp, VivadoDspBram, VivadoFf, objective,
};

fn config(precision: &str, reuse: usize, strategy: Strategy) -> HlsConfig {
    HlsConfig::uniform(precision.parse().unwrap(), reuse, strategy).unwrap()
}

/// A hidden and a last Dense layer, 64 x 32 and 32 x 5.
fn dense(config: Option<&HlsConfig>) -> Vec<LayerAttributes> {
    let mut model = Model::new("mlp");
    let input = model.add("in", Op::Input { shape: vec![64] }, &[]).unwrap();
    let hidden = model.add("fc", Op::Dense { units: 32, bias: true }, &[input]).unwrap();
    model.add("out", Op::Dense { units: 5, bias: true }, &[hidden]).unwrap();
    model.attributes(config).unwrap().0
}

/// 6 filters of 3 x 3 x 3 over 8 x 8 positions, and a last layer.
fn conv(config: &HlsConfig) -> LayerAttributes {
    let mut model = Model::new("cnn");
    let input = model.add("in", Op::Input { shape: vec![8, 8, 3] }, &[]).unwrap();
    let window = Window::dense(&[3, 3], Padding::Same);
    let conv = model.add("conv", Op::Conv { filters: 6, window, bias: true }, &[input]).unwrap();
    let flat = model.add("flat", Op::Flatten, &[conv]).unwrap();
    model.add("out", Op::Dense { units: 5, bias: true }, &[flat]).unwrap();
    model.attributes(Some(config)).unwrap().0.swap_remove(0)
}

/// Correction 4: every width has its block memories, and the last, shorter group its share.
#[test]
fn correction_4_memory_for_every_width() {
    let bram = VivadoDspBram::default();
    for (precision, cost, structure, saved) in [
        ("fixed<16,6>", [512, 228], "pattern 512/9", [9, 4]), // ceil(512 * 16 / 36)
        ("fixed<18,6>", [512, 256], "pattern 512/2", [2, 1]),
        ("fixed<24,6>", [512, 342], "pattern 512/3", [3, 2]),
        ("fixed<37,6>", [512, 527], "pattern 512/36", [36, 37]),
    ] {
        let layer = &dense(Some(&config(precision, 4, Strategy::Resource)))[0];
        let how = bram.optimisable(layer).unwrap();
        assert_eq!(bram.cost(layer), cost);
        assert_eq!(how.structure.to_string(), structure);
        let group = 4 * saved[0] as usize;
        assert_eq!(bram.savings(layer, &how, group, Action::Prune), saved);
    }
    let layer = &dense(Some(&config("fixed<16,6>", 4, Strategy::Resource)))[0];
    let how = bram.optimisable(layer).unwrap();
    // 512 = 56 * 9 + 8 runs, and 228 = 56 * 4 + 4 columns: the last ends within a column.
    assert_eq!(bram.savings(layer, &how, 8 * 4, Action::Prune), [8, 4]);
}

/// Correction 4: a memory deeper than a block takes several for each column.
#[test]
fn correction_4_deep_memories() {
    let layer = &dense(Some(&config("fixed<18,6>", 2048, Strategy::Resource)))[0];
    assert_eq!(layer.hls.as_ref().unwrap().reuse_factor, 2048);
    assert_eq!(VivadoDspBram::default().cost(layer), [1, 2]);
    let how = VivadoDspBram::default().optimisable(layer).unwrap();
    assert_eq!(VivadoDspBram::default().savings(layer, &how, 2048, Action::Prune), [1, 2]);
}

/// Correction 5: objectives see a reuse factor that can be built, whatever was asked.
#[test]
fn correction_5_snapped_first() {
    let asked = config("fixed<16,6>", 7, Strategy::Resource);
    let layer = &dense(Some(&asked))[0];
    assert_eq!(VivadoDsp::default().cost(layer), [64 * 32 / 8]);
    assert_eq!(
        VivadoDsp::default().optimisable(layer).unwrap().structure.to_string(),
        "pattern 256/1"
    );
}

/// Correction 7: a filter's outputs at all 8 x 8 positions go with it.
#[test]
fn correction_7_flip_flops_of_a_filter() {
    let layer = conv(&config("fixed<16,6>", 1, Strategy::Resource));
    let how = VivadoFf.optimisable(&layer).unwrap();
    assert_eq!(VivadoFf.cost(&layer), [6 * 64 * 16]);
    assert_eq!(VivadoFf.savings(&layer, &how, 27, Action::Prune), [64 * 16]);
}

/// Correction 12: why a layer is left alone is said, with what would help.
#[test]
fn correction_12_obstacles() {
    let narrow = &dense(Some(&config("fixed<8,2>", 1, Strategy::Resource)))[0];
    let expected = Obstacle::NarrowWeights { width: 8, threshold: 9 };
    assert_eq!(VivadoDsp::default().optimisable(narrow), Err(expected.clone()));
    assert_eq!(VivadoDspBram::default().optimisable(narrow), Err(expected));
    assert_eq!(VivadoDsp { threshold: 8 }.cost(narrow), [2048]);

    let mut stream = config("fixed<16,6>", 4, Strategy::Resource);
    stream.io_type = Some(IoType::IoStream);
    let error = VivadoFf.optimisable(&dense(Some(&stream))[0]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "with io_stream and strategy Resource `vivado-ff` has nothing to gain in it"
    );

    let unconfigured = &dense(None)[0];
    for name in ["vivado-dsp", "vivado-ff", "vivado-dsp-bram"] {
        let objective = objective(name).unwrap();
        let error = objective.optimisable(unconfigured).unwrap_err();
        assert!(error.to_string().contains("give an hls configuration"), "{error}");
        assert!(objective.cost(unconfigured).iter().all(|&cost| cost == 0));
    }
    assert!(Parameter.optimisable(unconfigured).is_ok());
    assert_eq!(
        objective("dsps").err().unwrap().to_string(),
        "no objective is called `dsps`: there are parameter, gpu-flops, vivado-dsp, vivado-ff, vivado-dsp-bram, weight-memory, dsp, lut, ff, bram36"
    );
}

/// Section 3: the network's answers are not cut away.
#[test]
fn the_last_layer_keeps_its_neurons() {
    let layers = dense(Some(&config("fixed<16,6>", 4, Strategy::Resource)));
    for name in ["gpu-flops", "vivado-ff"] {
        let objective = objective(name).unwrap();
        assert!(objective.optimisable(&layers[0]).is_ok());
        let error = objective.optimisable(&layers[1]).unwrap_err();
        assert!(matches!(error, Obstacle::LastLayer { .. }), "{error}");
    }
}

/// Correction 18: narrow weights take no DSP, but memory like others.
#[test]
fn correction_18_threshold_of_the_dsp_part() {
    let bram = VivadoDspBram::default();
    let layer = &dense(Some(&config("fixed<8,2>", 4, Strategy::Resource)))[0];
    let how = bram.optimisable(layer).unwrap();
    assert_eq!(bram.cost(layer), [0, 114]); // 512 * 8 / 36 = 113.8
    assert_eq!(how.structure.to_string(), "pattern 512/9");
    assert_eq!(bram.savings(layer, &how, 36, Action::Prune), [0, 2]);
}

/// hls4ml has code of strategy Unrolled only for some layers; what it builds of others is said.
#[test]
fn unrolled_is_what_is_built() {
    let built = |op: Op, reuse, io_type| {
        let mut model = Model::new("one");
        let shape = if matches!(op, Op::Dense { .. }) { vec![16] } else { vec![5, 5, 4] };
        let input = model.add("in", Op::Input { shape }, &[]).unwrap();
        model.add("layer", op, &[input]).unwrap();
        let mut config = config("fixed<16,6>", reuse, Strategy::Unrolled);
        config.io_type = Some(io_type);
        let (layers, diagnostics) = model.attributes(Some(&config)).unwrap();
        let told = diagnostics.iter().map(ToString::to_string).collect::<String>();
        (
            layers[0].hls.as_ref().unwrap().strategy,
            told.contains("hls4ml builds strategy Unrolled as"),
        )
    };
    let window = || Window::dense(&[3, 3], Padding::Same);
    let dense = || Op::Dense { units: 4, bias: true };
    let conv = || Op::Conv { filters: 4, window: window(), bias: true };
    let depthwise = Op::DepthwiseConv { multiplier: 1, window: window(), bias: true };
    let (parallel, stream) = (IoType::IoParallel, IoType::IoStream);
    assert_eq!(built(dense(), 4, parallel), (Strategy::Unrolled, false));
    assert_eq!(built(dense(), 1, parallel), (Strategy::Resource, true));
    assert_eq!(built(conv(), 4, parallel), (Strategy::Resource, true));
    assert_eq!(built(conv(), 4, stream), (Strategy::Unrolled, false));
    assert_eq!(built(depthwise, 3, stream), (Strategy::Latency, true));
}

/// Section 5: other strategies count as the nearest of the two that the formulas know.
#[test]
fn other_strategies_are_treated_as_the_nearest() {
    for (given, basic) in [
        (Strategy::Unrolled, Strategy::Resource),
        (Strategy::DistributedArithmetic, Strategy::Latency),
    ] {
        let [given, basic] =
            [given, basic].map(|strategy| dense(Some(&config("fixed<16,6>", 4, strategy))));
        for name in ["vivado-dsp", "vivado-ff", "vivado-dsp-bram"] {
            let objective = objective(name).unwrap();
            assert_eq!(objective.cost(&given[0]), objective.cost(&basic[0]));
            assert_eq!(objective.optimisable(&given[0]), objective.optimisable(&basic[0]));
        }
    }
}
