use handaxe_graph::{LayerAttributes, LayerType, OptimizationAttributes, Structure};

use crate::hardware::prunes;
use crate::{Action, Objective, Obstacle, resource};

/// Floating-point operations for one sample: a multiplication and an addition for each use of a weight, and one
/// addition for each neuron's or filter's bias. Single zeros save nothing on a GPU, whole neurons do.
#[derive(Debug, Clone, Copy, Default)]
pub struct GpuFlops;

const NAME: &str = "gpu-flops";

impl Objective for GpuFlops {
    fn name(&self) -> &str {
        NAME
    }

    fn resources(&self) -> &[&'static str] {
        &[resource::FLOPS]
    }

    fn reduces(&self) -> bool {
        true
    }

    fn optimisable(&self, layer: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        if layer.weight_count() == 0 {
            return Err(Obstacle::NoWeights);
        }
        if layer.is_last {
            return Err(Obstacle::LastLayer { objective: NAME });
        }
        Ok(OptimizationAttributes::pruning(Structure::Structured))
    }

    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        if layer.weight_count() == 0 {
            return vec![0];
        }
        let biases = layer.output_shape.last().copied().unwrap_or(0) as u64;
        vec![2 * layer.weight_count() as u64 * uses_of_a_weight(layer) + biases]
    }

    fn savings(
        &self,
        layer: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        let saves = prunes(how, action) && !how.weight_sharing;
        if !saves || how.structure != Structure::Structured {
            return vec![0];
        }
        vec![2 * group as u64 * uses_of_a_weight(layer) + 1]
    }
}

/// Positions that a convolution's kernel is applied at.
fn uses_of_a_weight(layer: &LayerAttributes) -> u64 {
    match (layer.layer_type, layer.output_shape.split_last()) {
        (LayerType::Dense, _) | (_, None) => 1,
        (_, Some((_, positions))) => positions.iter().map(|&extent| extent as u64).product(),
    }
}
