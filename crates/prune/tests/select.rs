//! The choice of groups against brute force, and the laws it keeps.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

mod ids;
mod network;

use handaxe_graph::Structure;
use handaxe_prune::Scope;
use network::{Layer, choose, kept};
use proptest::prelude::*;

/// Sums of magnitudes by group, as shares of the layer's largest in global scope.
fn values(layer: &Layer, scope: Scope) -> Vec<f64> {
    let groups = layer.groups();
    let value = |group| {
        groups.members(group).map(|index| f64::from(layer.kernel[index].abs())).sum::<f64>()
    };
    let values: Vec<f64> = (0..groups.count()).map(value).collect();
    let largest = values.iter().copied().fold(0.0, f64::max);
    let scale = if scope == Scope::Global && largest > 0.0 { largest } else { 1.0 };
    values.into_iter().map(|value| value / scale).collect()
}

/// Whether a group is kept before the solver is asked: it is among the best, or saves nothing.
fn reserved(layer: &Layer, scope: Scope, floor: usize) -> Vec<bool> {
    let values = values(layer, scope);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    let best = &order[..floor.min(order.len())];
    (0..values.len())
        .map(|group| best.contains(&group) || layer.saved_by(group).iter().all(|&s| s == 0))
        .collect()
}

/// The best value of one problem over these layers, by trying every selection. The sparsity is in twentieths, so that
/// capacities are exact.
fn brute_force(layers: &[Layer], twentieths: &[u64], scope: Scope, floor: usize) -> f64 {
    let mut items: Vec<(f64, Vec<u64>)> = Vec::new();
    let mut capacity: Vec<i64> = twentieths
        .iter()
        .enumerate()
        .map(|(resource, s)| {
            layers.iter().map(|layer| layer.cost(resource)).sum::<u64>() * (20 - s) / 20
        })
        .map(|allowed| allowed as i64)
        .collect();
    for layer in layers {
        let (values, reserved) = (values(layer, scope), reserved(layer, scope, floor));
        for (resource, capacity) in capacity.iter_mut().enumerate() {
            *capacity -= layer.fixed[resource] as i64;
            let reserved = (0..values.len()).filter(|&group| reserved[group]);
            *capacity -= reserved.map(|group| layer.saved_by(group)[resource] as i64).sum::<i64>();
        }
        let open = (0..values.len()).filter(|&group| !reserved[group]);
        items.extend(open.map(|group| (values[group], layer.saved_by(group).to_vec())));
    }
    let capacity: Vec<u64> = capacity.into_iter().map(|capacity| capacity.max(0) as u64).collect();
    let value = |chosen: u32| {
        let taken = || {
            items
                .iter()
                .enumerate()
                .filter(|(place, _)| chosen >> place & 1 == 1)
                .map(|(_, item)| item)
        };
        let load = |resource: usize| taken().map(|(_, savings)| savings[resource]).sum::<u64>();
        let fits = (0..capacity.len()).all(|resource| load(resource) <= capacity[resource]);
        if fits { taken().map(|(value, _)| value).sum() } else { 0.0 }
    };
    (0..1u32 << items.len()).map(value).fold(0.0, f64::max)
}

fn layer(resources: usize) -> impl Strategy<Value = Layer> {
    let shape =
        prop::sample::select(vec![vec![4], vec![2, 3], vec![1, 3], vec![3, 2], vec![1, 2, 2, 2]]);
    let savings = || prop::collection::vec(0..6u64, resources);
    (shape, 0..4usize, savings(), savings(), savings(), prop::collection::vec(-3i8..4, 8)).prop_map(
        |(shape, kind, full, last, fixed, weights)| {
            let size: usize = shape.iter().product();
            let structure = match kind {
                0 if size <= 4 => Structure::Unstructured,
                1 => Structure::Structured,
                2 => Structure::Pattern { offset: size, consecutive: 3 },
                _ => Structure::Pattern { offset: size / 2, consecutive: 1 },
            };
            let kernel = weights[..size].iter().map(|&weight| f32::from(weight) / 2.0).collect();
            Layer { kernel, shape, structure, full, last, fixed }
        },
    )
}

/// One to three layers, and a sparsity for each of one to three resources.
fn networks() -> impl Strategy<Value = (Vec<Layer>, Vec<u64>)> {
    (1..4usize).prop_flat_map(|resources| {
        (prop::collection::vec(layer(resources), 1..4), prop::collection::vec(0..21u64, resources))
    })
}

fn fractions(twentieths: &[u64]) -> Vec<f64> {
    twentieths.iter().map(|&s| s as f64 / 20.0).collect()
}

proptest! {
    #[test]
    fn no_selection_is_better((layers, asked) in networks(), floor in 0..3usize) {
        for scope in [Scope::Global, Scope::Local] {
            let selection = choose(&layers, &fractions(&asked), scope, floor).unwrap();
            let best = match scope {
                Scope::Global => brute_force(&layers, &asked, scope, floor),
                Scope::Local => layers.chunks(1).map(|layer| brute_force(layer, &asked, scope, floor)).sum(),
            };
            prop_assert!((selection.value - best).abs() < 1e-9, "{} against {}", selection.value, best);
            prop_assert_eq!(selection.status.as_str(), "optimal");
            prop_assert!((selection.bound - selection.value).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_asked_or_feasible_is_achieved((layers, asked) in networks(), floor in 0..3usize) {
        for scope in [Scope::Global, Scope::Local] {
            let selection = choose(&layers, &fractions(&asked), scope, floor).unwrap();
            let kept = kept(&layers, &selection);
            for (resource, sparsity) in selection.resources.iter().enumerate() {
                let cost: u64 = layers.iter().map(|layer| layer.cost(resource)).sum();
                let cut = |(layer, kept): (&Layer, &Vec<bool>)| {
                    let cut = (0..kept.len()).filter(|&group| !kept[group]);
                    cut.map(|group| layer.saved_by(group)[resource]).sum::<u64>()
                };
                let cut: u64 = layers.iter().zip(&kept).map(cut).sum();
                let achieved = if cost == 0 { 1.0 } else { cut as f64 / cost as f64 };
                prop_assert_eq!(sparsity.achieved, achieved);
                prop_assert!(achieved >= sparsity.asked.min(sparsity.feasible) - 1e-9, "{:?}", sparsity);
            }
            let all = choose(&layers, &vec![1.0; asked.len()], scope, floor).unwrap();
            for (limit, sparsity) in all.resources.iter().zip(&selection.resources) {
                prop_assert!((limit.achieved - limit.feasible).abs() < 1e-9);
                prop_assert!(sparsity.feasible <= limit.feasible + 1e-9);
                prop_assert!(scope == Scope::Local || sparsity.feasible == limit.feasible);
            }
        }
    }

    /// Corrections 9 and 10.
    #[test]
    fn the_best_and_the_free_groups_are_kept((layers, asked) in networks(), floor in 0..3usize) {
        for scope in [Scope::Global, Scope::Local] {
            let selection = choose(&layers, &fractions(&asked), scope, floor).unwrap();
            for (layer, kept) in layers.iter().zip(kept(&layers, &selection)) {
                let reserved = reserved(layer, scope, floor);
                prop_assert!(reserved.iter().zip(kept).all(|(&reserved, kept)| kept || !reserved));
            }
        }
    }
}
