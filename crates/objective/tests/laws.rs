//! What holds for every objective, layer and structure.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use handaxe_graph::{
    HlsConfig, IoType, LayerAttributes, Model, Op, OptimizationAttributes, Padding,
    Strategy as Layout, Structure, Window,
};
use handaxe_objective::{Action, OBJECTIVES, Objective, Obstacle, VivadoDspBram, objective};
use proptest::prelude::*;

/// Dense on one or more axes, Conv1D, Conv2D and depthwise layers, built any way.
fn layers() -> impl Strategy<Value = LayerAttributes> {
    let op = (0..5usize, 1..9usize, 1..4usize, 1..4usize, 1..5usize);
    let hls = (2u32..40, 1..3000usize, 0..4usize, any::<bool>());
    (op, hls).prop_map(
        |((kind, outputs, height, width, channels), (bits, reuse, strategy, stream))| {
            let window = Window::dense(&[height, width], Padding::Valid);
            let (shape, op) = match kind {
                0 => (vec![channels * 7], Op::Dense { units: outputs, bias: true }),
                1 => (vec![6, channels], Op::Dense { units: outputs, bias: true }),
                2 => {
                    let window = Window::dense(&[width], Padding::Same);
                    (vec![9, channels], Op::Conv { filters: outputs, window, bias: true })
                }
                3 => (vec![5, 6, channels], Op::Conv { filters: outputs, window, bias: true }),
                _ => (
                    vec![5, 6, channels],
                    Op::DepthwiseConv { multiplier: outputs, window, bias: true },
                ),
            };
            let mut model = Model::new("one");
            let input = model.add("in", Op::Input { shape }, &[]).unwrap();
            let layer = model.add("layer", op, &[input]).unwrap();
            model.add("out", Op::Dense { units: 2, bias: true }, &[layer]).unwrap();
            let strategies = [
                Layout::Latency,
                Layout::Resource,
                Layout::Unrolled,
                Layout::DistributedArithmetic,
            ];
            let precision = format!("fixed<{bits},1>").parse().unwrap();
            let mut config = HlsConfig::uniform(precision, reuse, strategies[strategy]).unwrap();
            config.io_type = stream.then_some(IoType::IoStream);
            model.attributes(Some(&config)).unwrap().0.swap_remove(0)
        },
    )
}

/// The structures of this kernel: every pattern that divides it among them.
fn structures(layer: &LayerAttributes, consecutive: usize) -> Vec<Structure> {
    let weights = layer.weight_count();
    let offsets = (1..=weights).filter(|offset| weights.is_multiple_of(*offset));
    let patterns = offsets.map(|offset| Structure::Pattern { offset, consecutive });
    let mut structures: Vec<Structure> = patterns.collect();
    structures.extend([Structure::Unstructured, Structure::Structured]);
    if let &[height, width] = &layer.weight_shape[..] {
        structures.push(Structure::Block { height, width: 1 });
        structures.push(Structure::Block { height: 1, width });
    }
    structures
}

/// Sizes of all groups; only the last may be smaller.
fn sizes(layer: &LayerAttributes, structure: &Structure) -> Vec<usize> {
    let weights = layer.weight_count();
    let full = match *structure {
        Structure::Unstructured => 1,
        Structure::Structured => weights / layer.output_shape.last().unwrap(),
        Structure::Pattern { offset, consecutive } => (weights / offset * consecutive).min(weights),
        Structure::Block { height, width } => height * width,
    };
    let rest = weights % full;
    std::iter::repeat_n(full, weights / full).chain((rest > 0).then_some(rest)).collect()
}

fn total(
    objective: &dyn Objective,
    layer: &LayerAttributes,
    how: &OptimizationAttributes,
    action: Action,
) -> Vec<u64> {
    let mut total = vec![0; objective.resources().len()];
    for size in sizes(layer, &how.structure) {
        let saved = objective.savings(layer, how, size, action);
        total.iter_mut().zip(saved).for_each(|(total, saved)| *total += saved);
    }
    total
}

fn at_most(smaller: &[u64], larger: &[u64]) -> bool {
    smaller.len() == larger.len()
        && smaller.iter().zip(larger).all(|(smaller, larger)| smaller <= larger)
}

/// The built-in objectives, and some of them joined.
fn objectives() -> impl Iterator<Item = Box<dyn Objective>> {
    let joined = ["vivado-dsp+vivado-ff", "weight-memory+gpu-flops+vivado-dsp-bram"];
    OBJECTIVES.iter().map(|(name, _)| *name).chain(joined).map(|name| objective(name).unwrap())
}

/// Pruning, and sharing beside it.
fn ways(structure: Structure) -> [(OptimizationAttributes, Action); 3] {
    let prune = OptimizationAttributes::pruning(structure);
    let both = OptimizationAttributes { weight_sharing: true, ..prune };
    [(prune, Action::Prune), (both, Action::Prune), (both, Action::Share)]
}

proptest! {
    #[test]
    fn groups_never_save_more_than_the_layer_costs(layer in layers(), consecutive in 1..40usize) {
        for objective in objectives() {
            let cost = objective.cost(&layer);
            for (how, action) in structures(&layer, consecutive).into_iter().flat_map(ways) {
                let total = total(&*objective, &layer, &how, action);
                prop_assert!(at_most(&total, &cost), "{} {:?}: {:?} of {:?}", objective.name(), how, total, cost);
            }
        }
    }

    #[test]
    fn larger_groups_never_save_less(layer in layers(), consecutive in 1..40usize) {
        for objective in objectives() {
            for (how, action) in structures(&layer, consecutive).into_iter().flat_map(ways) {
                let saved = |size| objective.savings(&layer, &how, size, action);
                for size in 1..=layer.weight_count() {
                    prop_assert!(at_most(&saved(size - 1), &saved(size)), "{} {:?}: {}", objective.name(), how, size);
                }
            }
        }
    }

    /// The sum over the two parts, and nothing else.
    #[test]
    fn joined_objectives_answer_as_their_parts_do(layer in layers(), consecutive in 1..9usize) {
        let parts = ["weight-memory", "vivado-ff", "vivado-dsp"].map(|name| objective(name).unwrap());
        let joined = objective("weight-memory+vivado-ff+vivado-dsp").unwrap();
        prop_assert_eq!(joined.resources(), parts.iter().flat_map(|part| part.resources().to_vec()).collect::<Vec<_>>());
        prop_assert_eq!(joined.cost(&layer), parts.iter().flat_map(|part| part.cost(&layer)).collect::<Vec<_>>());
        for (how, action) in structures(&layer, consecutive).into_iter().flat_map(ways) {
            let size = sizes(&layer, &how.structure)[0];
            let alone = parts.iter().flat_map(|part| {
                let weight_sharing = how.weight_sharing && part.name() == "weight-memory";
                part.savings(&layer, &OptimizationAttributes { weight_sharing, ..how }, size, action)
            });
            prop_assert_eq!(joined.savings(&layer, &how, size, action), alone.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_structure_in_common_saves_something_of_each_part(layer in layers()) {
        let (dsp, ff) = (objective("vivado-dsp").unwrap(), objective("vivado-ff").unwrap());
        let alone = |part: &dyn Objective| {
            let how = part.optimisable(&layer).ok()?;
            let saved = part.savings(&layer, &how, sizes(&layer, &how.structure)[0], Action::Prune);
            (saved[0] > 0).then_some(how)
        };
        let joined = objective("vivado-dsp+vivado-ff").unwrap();
        match (alone(&*dsp), alone(&*ff), joined.optimisable(&layer)) {
            (Some(_), Some(_), Ok(how)) => {
                let saved = joined.savings(&layer, &how, sizes(&layer, &how.structure)[0], Action::Prune);
                prop_assert!(saved.iter().all(|&saving| saving > 0), "{:?}", saved);
            }
            (Some(_), Some(_), Err(obstacle)) => {
                prop_assert!(matches!(obstacle, Obstacle::NoCommonStructure { .. }), "{}", obstacle);
            }
            (Some(one), None, how) | (None, Some(one), how) => prop_assert_eq!(how, Ok(one)),
            (None, None, _) => {}
        }
    }

    /// Correction 4: nothing is lost at the end of the memory.
    #[test]
    fn multipliers_and_their_memory_can_be_freed_to_the_last(layer in layers()) {
        let objective = VivadoDspBram::default();
        if let Ok(how) = objective.optimisable(&layer)
            && let Structure::Pattern { .. } = how.structure
        {
            prop_assert_eq!(total(&objective, &layer, &how, Action::Prune), objective.cost(&layer));
        }
    }

    #[test]
    fn nothing_is_saved_by_what_is_not_allowed(layer in layers()) {
        for (name, _) in OBJECTIVES {
            let objective = objective(name).unwrap();
            let Ok(how) = objective.optimisable(&layer) else { continue };
            let size = sizes(&layer, &how.structure)[0];
            let none = vec![0; objective.resources().len()];
            let forbidden =
                OptimizationAttributes { pruning: false, weight_sharing: false, ..how };
            for action in [Action::Prune, Action::Share] {
                prop_assert_eq!(&objective.savings(&layer, &forbidden, size, action), &none);
            }
        }
    }
}
