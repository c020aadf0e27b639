//! What holds for every objective, layer and structure.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use handaxe_graph::{
    HlsConfig, IoType, LayerAttributes, Model, Op, OptimizationAttributes, Padding,
    Strategy as Layout, Structure, Window,
};
use handaxe_objective::{Action, OBJECTIVES, Objective, VivadoDspBram, objective};
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
        Structure::Structured => weights / layer.weight_shape.last().unwrap(),
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
) -> Vec<u64> {
    let mut total = vec![0; objective.resources().len()];
    for size in sizes(layer, &how.structure) {
        let saved = objective.savings(layer, how, size, Action::Prune);
        total.iter_mut().zip(saved).for_each(|(total, saved)| *total += saved);
    }
    total
}

fn at_most(smaller: &[u64], larger: &[u64]) -> bool {
    smaller.len() == larger.len()
        && smaller.iter().zip(larger).all(|(smaller, larger)| smaller <= larger)
}

proptest! {
    #[test]
    fn groups_never_save_more_than_the_layer_costs(layer in layers(), consecutive in 1..40usize) {
        for (name, _) in OBJECTIVES {
            let objective = objective(name).unwrap();
            let cost = objective.cost(&layer);
            for structure in structures(&layer, consecutive) {
                let how = OptimizationAttributes::pruning(structure);
                let total = total(&*objective, &layer, &how);
                prop_assert!(at_most(&total, &cost), "{} {}: {:?} of {:?}", name, structure, total, cost);
            }
        }
    }

    #[test]
    fn larger_groups_never_save_less(layer in layers(), consecutive in 1..40usize) {
        for (name, _) in OBJECTIVES {
            let objective = objective(name).unwrap();
            for structure in structures(&layer, consecutive) {
                let how = OptimizationAttributes::pruning(structure);
                let saved = |size| objective.savings(&layer, &how, size, Action::Prune);
                for size in 1..=layer.weight_count() {
                    prop_assert!(at_most(&saved(size - 1), &saved(size)), "{} {}: {}", name, structure, size);
                }
            }
        }
    }

    /// Correction 4: nothing is lost at the end of the memory.
    #[test]
    fn multipliers_and_their_memory_can_be_freed_to_the_last(layer in layers()) {
        let objective = VivadoDspBram::default();
        if let Ok(how) = objective.optimisable(&layer)
            && let Structure::Pattern { .. } = how.structure
        {
            prop_assert_eq!(total(&objective, &layer, &how), objective.cost(&layer));
        }
    }

    #[test]
    fn nothing_is_saved_by_what_is_not_allowed(layer in layers()) {
        for (name, _) in OBJECTIVES {
            let objective = objective(name).unwrap();
            let Ok(how) = objective.optimisable(&layer) else { continue };
            let size = sizes(&layer, &how.structure)[0];
            let none = vec![0; objective.resources().len()];
            prop_assert_eq!(&objective.savings(&layer, &how, size, Action::Share), &none);
            let forbidden = OptimizationAttributes { pruning: false, ..how };
            prop_assert_eq!(&objective.savings(&layer, &forbidden, size, Action::Prune), &none);
        }
    }
}
