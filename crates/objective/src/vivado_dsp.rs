use handaxe_graph::{LayerAttributes, OptimizationAttributes, Strategy, Structure};

use crate::hardware::{Hardware, prunes};
use crate::{Action, Objective, Obstacle, resource};

/// Multiplications of weights narrower than this are built from LUTs.
pub const DSP_WIDTH: u64 = 9;

/// DSP blocks on AMD devices: a layer of W weights and reuse factor RF takes W / RF of them.
///
/// With the Resource strategy a block works through RF consecutive weights of the transposed kernel, so these are
/// pruned together.
#[derive(Debug, Clone, Copy)]
pub struct VivadoDsp {
    /// Weights of fewer bits don't use DSP blocks.
    pub threshold: u64,
}

impl Default for VivadoDsp {
    /// [`DSP_WIDTH`].
    fn default() -> Self {
        Self { threshold: DSP_WIDTH }
    }
}

const NAME: &str = "vivado-dsp";

impl Objective for VivadoDsp {
    fn name(&self) -> &str {
        NAME
    }

    fn resources(&self) -> &[&'static str] {
        &[resource::DSP]
    }

    fn optimisable(&self, layer: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        let hardware = Hardware::of(layer, NAME)?;
        if hardware.width < self.threshold {
            let (width, threshold) = (hardware.width, self.threshold);
            return Err(Obstacle::NarrowWeights { width, threshold });
        }
        Ok(OptimizationAttributes::pruning(match hardware.strategy {
            Strategy::Resource => {
                Structure::Pattern { offset: hardware.multipliers() as usize, consecutive: 1 }
            }
            _ => Structure::Unstructured,
        }))
    }

    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        match Hardware::of(layer, NAME) {
            Ok(hardware) if hardware.width >= self.threshold => vec![hardware.multipliers()],
            _ => vec![0],
        }
    }

    fn savings(
        &self,
        layer: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        match Hardware::of(layer, NAME) {
            Ok(hardware) if hardware.width >= self.threshold && prunes(how, action) => {
                vec![hardware.dsps_freed(&how.structure, group)]
            }
            _ => vec![0],
        }
    }
}
