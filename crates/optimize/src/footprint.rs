use handaxe_graph::{HlsConfig, LayerAttributes, LayerId, Mask, Model};
use handaxe_objective::{Action, Objective};
use handaxe_prune::{Groups, Savings};

use crate::{ByResource, Error};

/// What one layer costs as its weights stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// The layer.
    pub layer: LayerAttributes,
    /// Share of kernel weights that are zero.
    pub sparsity: f64,
    /// Cost by resource, less what the groups that are wholly zero or of one value save.
    pub resources: ByResource<u64>,
}

/// Resources of every layer with a kernel under each objective, counting groups of weights that are zero as pruned and
/// groups of one other value as shared.
///
/// A group is what the objective prunes in that layer: single weights for `parameter`, multipliers for `vivado-dsp`,
/// neurons for `gpu-flops`. So a network pruned for one resource can be judged by all. Where two objectives know the same
/// resource, the first one's figure counts.
///
/// # Errors
/// A configuration that does not verify, or a structure that the layer cannot have.
pub fn footprint(
    model: &Model,
    config: Option<&HlsConfig>,
    objectives: &[&dyn Objective],
) -> Result<Vec<Footprint>, Error> {
    let (layers, _) = model.attributes(config)?;
    layers.into_iter().map(|layer| one_layer(model, layer, objectives)).collect()
}

fn one_layer(
    model: &Model,
    layer: LayerAttributes,
    objectives: &[&dyn Objective],
) -> Result<Footprint, Error> {
    let kernel = kernel(model, layer.id);
    let mask = Mask::new(kernel.iter().map(|&weight| weight != 0.0).collect());
    let mut resources = ByResource::new();
    for objective in objectives {
        let mut cost = objective.cost(&layer);
        if let Ok(how) = objective.optimisable(&layer) {
            let groups = Groups::of(&layer, &how.structure)?;
            let [pruned, shared] = [Action::Prune, Action::Share].map(|action| {
                Savings::of(&groups, |size| objective.savings(&layer, &how, size, action))
            });
            for group in 0..groups.count() {
                let saved = match only_value(&groups, group, kernel) {
                    Some(0.0) => pruned.by(&groups, group),
                    Some(_) => shared.by(&groups, group),
                    None => continue,
                };
                for (cost, saved) in cost.iter_mut().zip(saved) {
                    *cost = cost.saturating_sub(*saved);
                }
            }
        }
        for (resource, cost) in objective.resources().iter().zip(cost) {
            resources.entry((*resource).to_owned()).or_insert(cost);
        }
    }
    Ok(Footprint { sparsity: mask.sparsity(), layer, resources })
}

/// The kernel of a layer, row-major; empty where it has none.
pub(crate) fn kernel(model: &Model, layer: LayerId) -> &[f32] {
    model.layer(layer).kernel().map_or(&[], |kernel| kernel.values())
}

/// The value of all weights of a group, if they have but one.
pub(crate) fn only_value(groups: &Groups, group: usize, kernel: &[f32]) -> Option<f32> {
    let mut values = groups.members(group).map(|index| kernel[index]);
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use handaxe_data::Tensor;
    use handaxe_graph::{Op, Padding, Window};
    use handaxe_objective::{GpuFlops, Parameter, WeightMemory};

    use super::*;

    /// Of three columns one is zero, one has a single value, one is kept.
    #[test]
    fn groups_of_one_value_are_stored_once() {
        let mut model = Model::new("small");
        let input = model.add("in", Op::Input { shape: vec![4] }, &[]).unwrap();
        let layer = model.add("fc", Op::Dense { units: 3, bias: true }, &[input]).unwrap();
        model.add("out", Op::Dense { units: 2, bias: true }, &[layer]).unwrap();
        let kernel = [0.0, 0.5, 1.0, 0.0, 0.5, 2.0, -0.0, 0.5, 3.0, 0.0, 0.5, 4.0];
        let kernel = Tensor::new(vec![4, 3], kernel.to_vec()).unwrap();
        model.set_weight(layer, "kernel", kernel).unwrap();
        let found = footprint(&model, None, &[&WeightMemory::default(), &Parameter]).unwrap();
        assert_eq!(found[0].resources["weight-bits"], (1 + 4) * 32);
        assert_eq!((found[0].resources["parameters"], found[0].sparsity), (8, 1.0 / 3.0));
        assert_eq!(found[1].resources["weight-bits"], 0);
    }

    /// The group of a depthwise layer is an output channel, not all that share a multiplier.
    #[test]
    fn a_depthwise_filter_can_be_gone() {
        let mut model = Model::new("small");
        let input = model.add("in", Op::Input { shape: vec![4, 2] }, &[]).unwrap();
        let window = Window::dense(&[3], Padding::Same);
        let op = Op::DepthwiseConv { multiplier: 2, window, bias: true };
        let layer = model.add("depthwise", op, &[input]).unwrap();
        model.add("out", Op::Dense { units: 2, bias: true }, &[layer]).unwrap();
        let full = [1.0, 0.0, 1.0, 1.0].repeat(3);
        model.set_weight(layer, "kernel", Tensor::new(vec![3, 2, 2], full).unwrap()).unwrap();
        let found = footprint(&model, None, &[&GpuFlops]).unwrap();
        assert_eq!(found[0].resources["flops"], 3 * (2 * 3 * 4 + 1));
    }
}
