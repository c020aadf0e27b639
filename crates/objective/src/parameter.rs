use handaxe_graph::{LayerAttributes, OptimizationAttributes, Structure};

use crate::hardware::prunes;
use crate::{Action, Objective, Obstacle, resource};

/// Stored weights: each costs 1, wherever it stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Parameter;

impl Objective for Parameter {
    fn name(&self) -> &str {
        "parameter"
    }

    fn resources(&self) -> &[&'static str] {
        &[resource::PARAMETERS]
    }

    fn optimisable(&self, layer: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        if layer.weight_count() == 0 {
            return Err(Obstacle::NoWeights);
        }
        Ok(OptimizationAttributes::pruning(Structure::Unstructured))
    }

    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        vec![layer.weight_count() as u64]
    }

    /// As many as the group has; a layer whose weights may be shared saves nothing, for it stores them all.
    fn savings(
        &self,
        _: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        let saves = prunes(how, action) && !how.weight_sharing;
        vec![if saves { group as u64 } else { 0 }]
    }
}
