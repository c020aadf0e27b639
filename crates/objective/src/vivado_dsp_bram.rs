use handaxe_graph::{LayerAttributes, OptimizationAttributes, Strategy, Structure};

use crate::hardware::{Hardware, prunes};
use crate::vivado_dsp::DSP_WIDTH;
use crate::{Action, Objective, Obstacle, resource};

/// A block memory of 36 kbit holds words this wide...
const COLUMN_BITS: u64 = 36;
/// ... and this many of them.
const COLUMN_DEPTH: u64 = 1024;

/// DSP blocks and 36-kbit block memories on AMD devices.
///
/// With the Resource strategy and a reuse factor RF above 1 the W weights of w bits lie in a memory of RF words, each
/// W / RF * w bits wide: `ceil(W * w / (36 * RF)) * ceil(RF / 1024)` blocks. The runs of weights of `36 / gcd(w, 36)`
/// neighbouring multipliers fill whole columns of it, so these are pruned together.
#[derive(Debug, Clone, Copy)]
pub struct VivadoDspBram {
    /// Weights of fewer bits don't use DSP blocks; they lie in memory all the same.
    pub threshold: u64,
}

impl Default for VivadoDspBram {
    /// [`DSP_WIDTH`].
    fn default() -> Self {
        Self { threshold: DSP_WIDTH }
    }
}

const NAME: &str = "vivado-dsp-bram";

impl Objective for VivadoDspBram {
    fn name(&self) -> &str {
        NAME
    }

    fn resources(&self) -> &[&'static str] {
        &[resource::DSP, resource::BRAM36]
    }

    fn optimisable(&self, layer: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        let hardware = Hardware::of(layer, NAME)?;
        if in_memory(&hardware) {
            let offset = hardware.multipliers() as usize;
            let consecutive = column_group(hardware.width);
            return Ok(OptimizationAttributes::pruning(Structure::Pattern { offset, consecutive }));
        }
        if hardware.width < self.threshold {
            let (width, threshold) = (hardware.width, self.threshold);
            return Err(Obstacle::NarrowWeights { width, threshold });
        }
        Ok(OptimizationAttributes::pruning(Structure::Unstructured))
    }

    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        let Ok(hardware) = Hardware::of(layer, NAME) else { return vec![0, 0] };
        let runs = hardware.multipliers();
        let columns = (runs * hardware.width).div_ceil(COLUMN_BITS);
        self.in_use(&hardware, runs, columns)
    }

    fn savings(
        &self,
        layer: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        match Hardware::of(layer, NAME) {
            Ok(hardware) if prunes(how, action) => self.freed(&hardware, &how.structure, group),
            _ => vec![0, 0],
        }
    }
}

impl VivadoDspBram {
    fn freed(&self, hardware: &Hardware, structure: &Structure, group: usize) -> Vec<u64> {
        let every_weight_a_multiplier = hardware.reuse == 1;
        match (hardware.runs(structure, group), structure) {
            (Some(runs), Structure::Pattern { consecutive, .. })
                if every_weight_a_multiplier || in_memory(hardware) =>
            {
                let bits = runs * hardware.width;
                // Groups that begin on a column's edge free all that they touch, so the last one frees its remainder.
                let from_edge = (*consecutive as u64 * hardware.width).is_multiple_of(COLUMN_BITS)
                    || group as u64 == hardware.weights;
                let columns =
                    if from_edge { bits.div_ceil(COLUMN_BITS) } else { bits / COLUMN_BITS };
                self.in_use(hardware, runs, columns)
            }
            _ => self.in_use(hardware, u64::from(every_weight_a_multiplier), 0),
        }
    }

    /// What `multipliers` and `columns` of memory come to in blocks, where the layer has such blocks.
    fn in_use(&self, hardware: &Hardware, multipliers: u64, columns: u64) -> Vec<u64> {
        let dsps = if hardware.width < self.threshold { 0 } else { multipliers };
        let deep = hardware.reuse.div_ceil(COLUMN_DEPTH);
        vec![dsps, if in_memory(hardware) { columns * deep } else { 0 }]
    }
}

/// Multipliers whose words of weights of `width` bits fill whole columns.
pub(crate) fn column_group(width: u64) -> usize {
    (COLUMN_BITS / gcd(width, COLUMN_BITS)) as usize
}

/// Weights that are used one a cycle lie in memory, others are wired in.
fn in_memory(hardware: &Hardware) -> bool {
    hardware.strategy == Strategy::Resource && hardware.reuse > 1
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}
