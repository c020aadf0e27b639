use handaxe_graph::{HlsConfig, LayerAttributes, Mask, Model};
use handaxe_objective::{Action, Objective};
use handaxe_prune::{Groups, zeroed_groups};

use crate::{ByResource, Error};

/// What one layer costs as its weights stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// The layer.
    pub layer: LayerAttributes,
    /// Share of kernel weights that are zero.
    pub sparsity: f64,
    /// Cost by resource, less what the groups that are wholly zero save.
    pub resources: ByResource<u64>,
}

/// Resources of every layer with a kernel under each objective, counting groups of weights that are zero as removed.
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
    let kernel = model.layer(layer.id).kernel().map_or(&[][..], |kernel| kernel.values());
    let mask = Mask::new(kernel.iter().map(|&weight| weight != 0.0).collect());
    let mut resources = ByResource::new();
    for objective in objectives {
        let mut cost = objective.cost(&layer);
        if let Ok(how) = objective.optimisable(&layer) {
            let groups = Groups::new(&layer.weight_shape, &how.structure)?;
            for size in zeroed_groups(&groups, &mask) {
                let savings = objective.savings(&layer, &how, size, Action::Prune);
                cost.iter_mut()
                    .zip(savings)
                    .for_each(|(cost, saved)| *cost = cost.saturating_sub(saved));
            }
        }
        for (resource, cost) in objective.resources().iter().zip(cost) {
            resources.entry((*resource).to_owned()).or_insert(cost);
        }
    }
    Ok(Footprint { sparsity: mask.sparsity(), layer, resources })
}
