//! What a change of a network does to its estimate.

use handaxe_graph::{HlsConfig, Model, Op, Strategy, Structure};
use handaxe_objective::estimate::{Frame, Profile, estimate};
use handaxe_objective::{Action, Obstacle, objective};
use proptest::prelude::*;

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
