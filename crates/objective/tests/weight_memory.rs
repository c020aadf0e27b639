//! Stored bits, and objectives joined.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use handaxe_graph::{HlsConfig, LayerAttributes, Model, Op, Padding, Strategy, Structure, Window};
use handaxe_objective::{
    Action, Error, GpuFlops, Objective, Obstacle, StorageUnit, VivadoDsp, VivadoDspBram, VivadoFf,
    WeightMemory, objective,
};

fn config(reuse: usize, strategy: Strategy) -> HlsConfig {
    HlsConfig::uniform("fixed<12,4>".parse().unwrap(), reuse, strategy).unwrap()
}

/// A depthwise layer of 3 x 3 x 4 with multiplier 2, a Dense one of 48 x 6 and a last one of 6 x 5.
fn layers(config: Option<&HlsConfig>) -> Vec<LayerAttributes> {
    let mut model = Model::new("small");
    let input = model.add("in", Op::Input { shape: vec![4, 5, 4] }, &[]).unwrap();
    let window = Window::dense(&[3, 3], Padding::Valid);
    let op = Op::DepthwiseConv { multiplier: 2, window, bias: true };
    let depthwise = model.add("depthwise", op, &[input]).unwrap();
    let flat = model.add("flat", Op::Flatten, &[depthwise]).unwrap();
    let dense = model.add("fc", Op::Dense { units: 6, bias: true }, &[flat]).unwrap();
    model.add("out", Op::Dense { units: 5, bias: true }, &[dense]).unwrap();
    model.attributes(config).unwrap().0
}

fn structures(layers: &[LayerAttributes], unit: StorageUnit) -> Vec<String> {
    let memory = WeightMemory { unit };
    let how = |layer| match memory.optimisable(layer) {
        Ok(how) => {
            assert!(how.pruning && how.weight_sharing);
            how.structure.to_string()
        }
        Err(obstacle) => obstacle.to_string(),
    };
    layers.iter().map(how).collect()
}

#[test]
fn a_shared_group_keeps_one_value() {
    let memory = WeightMemory::default();
    for (layer, width) in
        [(&layers(None)[1], 32), (&layers(Some(&config(1, Strategy::Latency)))[1], 12)]
    {
        let how = memory.optimisable(layer).unwrap();
        assert_eq!(memory.cost(layer), [48 * 6 * width]);
        assert_eq!(memory.savings(layer, &how, 48, Action::Prune), [48 * width]);
        assert_eq!(memory.savings(layer, &how, 48, Action::Share), [47 * width]);
        assert_eq!(memory.savings(layer, &how, 1, Action::Share), [0]);
    }
}

#[test]
fn the_unit_of_storage_follows_the_strategy_or_is_chosen() {
    let rows = ["structured", "structured", "block 1x5"];
    assert_eq!(structures(&layers(None), StorageUnit::ByStrategy), rows);
    let latency = layers(Some(&config(3, Strategy::Latency)));
    assert_eq!(structures(&latency, StorageUnit::ByStrategy), rows);
    let resource = layers(Some(&config(3, Strategy::Resource)));
    let words = ["pattern 24/1", "pattern 96/1", "pattern 10/1"];
    assert_eq!(structures(&resource, StorageUnit::ByStrategy), words);
    assert_eq!(structures(&resource, StorageUnit::Words), words);
    let wired = layers(Some(&config(1, Strategy::Resource)));
    assert_eq!(structures(&wired, StorageUnit::ByStrategy), rows);

    let neurons = structures(&resource, StorageUnit::Neurons);
    assert!(neurons[2].contains("the network's answers"), "{neurons:?}");
    let blocks = structures(&resource, StorageUnit::Blocks { height: 3, width: 5 });
    assert!(
        blocks[1].contains("blocks of 3 x 5 do not fit its kernel of shape [48, 6]"),
        "{blocks:?}"
    );
    assert_eq!(blocks[2], "block 3x5");
    let words = structures(&layers(None), StorageUnit::Words);
    assert!(words[0].contains("give an hls configuration"), "{words:?}");
}

/// A filter of a depthwise layer has the weights of one output channel, and one bias.
#[test]
fn a_depthwise_filter_is_one_output_channel() {
    let parallel = layers(Some(&config(9, Strategy::Resource)));
    let (layer, positions) = (&parallel[0], 2 * 3);
    let flops = GpuFlops.optimisable(layer).unwrap();
    assert_eq!(GpuFlops.cost(layer), [2 * 72 * positions + 8]);
    assert_eq!(GpuFlops.savings(layer, &flops, 9, Action::Prune), [2 * 9 * positions + 1]);
    let ff = VivadoFf.optimisable(layer).unwrap();
    assert_eq!(VivadoFf.cost(layer), [8 * positions * 12]);
    assert_eq!(VivadoFf.savings(layer, &ff, 9, Action::Prune), [positions * 12]);
    // Reuse factor 9: one multiplier for each of the 8 channels.
    assert_eq!(VivadoDsp::default().cost(layer), [8]);
    assert_eq!(VivadoDsp::default().savings(layer, &ff, 9, Action::Prune), [1]);
}

#[test]
fn joined_objectives_take_the_structure_that_both_can_count() {
    let joined = objective("vivado-dsp+vivado-ff").unwrap();
    let how = |config| joined.optimisable(&layers(Some(&config))[1]).map(|how| how.structure);
    assert_eq!(how(config(1, Strategy::Latency)), Ok(Structure::Unstructured));
    // A multiplier for each neuron: the flip-flops of its output are counted by neurons.
    assert_eq!(how(config(48, Strategy::Resource)), Ok(Structure::Structured));
    let obstacle = how(config(3, Strategy::Resource)).unwrap_err();
    assert_eq!(
        obstacle.to_string(),
        "`vivado-dsp+vivado-ff` has no structure in common for it: the parts want pattern 96/1 and structured, and neither saves anything of both; build the layer so that they agree, or optimise for one after the other"
    );
    // Without a multiplier to save, flip-flops decide.
    assert_eq!(how(config(3, Strategy::Latency)), Ok(Structure::Unstructured));
}

#[test]
fn joined_objectives_share_what_only_one_can_share() {
    let joined = WeightMemory::default().and(GpuFlops).unwrap();
    let layer = &layers(None)[1];
    let how = joined.optimisable(layer).unwrap();
    assert!(how.weight_sharing && how.structure == Structure::Structured);
    assert_eq!(joined.savings(layer, &how, 48, Action::Prune), [48 * 32, 2 * 48 + 1]);
    assert_eq!(joined.savings(layer, &how, 48, Action::Share), [47 * 32, 0]);
}

#[test]
fn joined_objectives_say_what_is_wrong() {
    let twice = VivadoDsp::default().and(VivadoDspBram::default()).err().unwrap();
    assert_eq!(
        twice.to_string(),
        "`vivado-dsp+vivado-dsp-bram` counts `dsp` twice: join objectives of different resources"
    );
    assert!(matches!(objective("parameter+parameter"), Err(Error::CountedTwice { .. })));
    let unknown = objective("parameter+ffs").err().unwrap();
    assert!(unknown.to_string().starts_with("no objective is called `ffs`"), "{unknown}");
    let joined = objective("vivado-dsp+vivado-ff").unwrap();
    let obstacle = joined.optimisable(&layers(None)[0]).unwrap_err();
    assert!(matches!(obstacle, Obstacle::Other { .. }));
    assert!(obstacle.to_string().contains("`vivado-ff` depends on how"), "{obstacle}");
}
