//! What holds for single layers.

use handaxe::prelude::*;
use handaxe::run::{Error as RunError, LayerSettings, Settings};

use crate::{network, optimize, settings};

fn with(layers: &[(&str, LayerSettings)]) -> Settings {
    let named = layers.iter().map(|(name, layer)| ((*name).to_owned(), layer.clone()));
    Settings { layers: named.collect(), rtol: Some(0.1), ..settings() }
}

fn zeros(model: &Model, layer: &str) -> usize {
    let kernel = model.layer(model.find(layer).unwrap()).kernel().unwrap();
    kernel.values().iter().filter(|weight| **weight == 0.0).count()
}

fn run(layers: &[(&str, LayerSettings)]) -> Result<Optimized, Error> {
    optimize(&network())
        .objective(Parameter)
        .final_sparsity(0.9)
        .settings(with(layers))
        .run(&mut ())
}

#[test]
fn excluded_layers_are_left_alone_and_the_record_says_so() {
    let excluded = LayerSettings { exclude: true, ..LayerSettings::default() };
    let done = run(&[("fc2", excluded)]).unwrap();
    assert_eq!(zeros(&done.outcome.model, "fc2"), 0);
    assert!(zeros(&done.outcome.model, "fc1") > 0);
    let reason = done.result.layers[1].left_alone.as_deref();
    assert_eq!(reason, Some("the settings exclude it"));
}

/// A structure of its own, and a floor of its own: of the 12 neurons of the first layer 9 stay whole.
#[test]
fn structures_and_floors_may_differ() {
    let structure = Some(Structure::Structured);
    let own = LayerSettings { structure, floor: Some(9), ..LayerSettings::default() };
    let done = run(&[("fc1", own)]).unwrap();
    assert_eq!(zeros(&done.outcome.model, "fc1"), 3 * 8);
    let kernel =
        done.outcome.model.layer(done.outcome.model.find("fc1").unwrap()).kernel().unwrap();
    for column in 0..12 {
        let rows = (0..8).filter(|row| kernel.values()[row * 12 + column] == 0.0).count();
        assert!(rows == 0 || rows == 8, "column {column}: {rows}");
    }
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let block = LayerSettings {
        structure: Some(Structure::Block { height: 5, width: 5 }),
        ..LayerSettings::default()
    };
    let message = run(&[("fc1", block)]).unwrap_err().to_string();
    assert!(message.contains("5 x 5") && message.contains("[8, 12]"), "{message}");
    let error = run(&[("fc9", LayerSettings::default())]).unwrap_err();
    assert!(matches!(error, Error::Optimize(RunError::Graph(_))), "{error}");
    assert!(error.to_string().contains("`fc9`"), "{error}");
    let negative = LayerSettings { sparse_penalty: Some(-1.0), ..LayerSettings::default() };
    let message = run(&[("fc1", negative)]).unwrap_err().to_string();
    assert!(message.contains("sparse penalty"), "{message}");
}

/// Root of the sum of squares of a layer's kernel after training under penalties, with nothing pruned.
fn length(layer: &str, layers: &[(&str, LayerSettings)]) -> f32 {
    let settings = Settings { epochs: 12, ..with(layers) };
    let run = optimize(&network()).objective(Parameter).settings(settings);
    let model = run.final_sparsity(0.01).steps(1).run(&mut ()).unwrap().outcome.model;
    let kernel = model.layer(model.find(layer).unwrap()).kernel().unwrap();
    kernel.values().iter().map(|weight| weight * weight).sum::<f32>().sqrt()
}

/// The penalty of one layer makes that layer's weights smaller.
#[test]
fn penalties_are_per_layer() {
    let penalised = LayerSettings { sparse_penalty: Some(0.05), ..LayerSettings::default() };
    let (free, drawn) = (length("fc1", &[]), length("fc1", &[("fc1", penalised.clone())]));
    assert!(drawn < 0.7 * free, "{drawn}, {free}");
    let other = length("fc2", &[("fc1", penalised)]);
    assert!(other > 0.8 * length("fc2", &[]), "{other}");
}

/// Weights that share a value stay together whether that value is held or trained; the record counts them.
#[test]
fn shared_values_are_held_or_trained() {
    let model = network();
    let run = |train_shared| {
        let run = optimize(&model)
            .boxed_objective(handaxe::objective::objective("weight-memory").unwrap());
        let precision = "ap_fixed<16,6>".parse().unwrap();
        let run = run.config(HlsConfig::uniform(precision, 1, Strategy::Latency).unwrap());
        run.settings(Settings { train_shared, ..settings() })
            .final_sparsity(0.4)
            .run(&mut ())
            .unwrap()
    };
    let (held, trained) = (run(false), run(true));
    assert!(held.outcome.model != trained.outcome.model);
    for done in [held, trained] {
        let best = done.outcome.best_step().unwrap();
        assert!(done.result.met && !best.shared.is_empty());
        for (layer, shared) in &best.shared {
            assert!(shared.weights > shared.values && shared.values > 0);
            let kernel = done.outcome.model.layer(done.outcome.model.find(layer).unwrap()).kernel();
            let mut bits: Vec<u32> = kernel.unwrap().values().iter().map(|w| w.to_bits()).collect();
            let all = bits.len();
            bits.sort_unstable();
            bits.dedup();
            assert!(bits.len() <= all - shared.weights + shared.values + 1, "{layer}");
        }
    }
}
