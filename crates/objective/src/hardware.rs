//! What the hardware objectives read from a layer.

use handaxe_fixed::Precision;
use handaxe_graph::{LayerAttributes, OptimizationAttributes, Strategy, Structure};

use crate::{Action, Obstacle};

/// A layer's matrix of weights and the multipliers that work on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hardware {
    /// Weights in the kernel, at least 1.
    pub(crate) weights: u64,
    /// Bits of a weight.
    pub(crate) width: u64,
    /// Cycles in which a multiplier works through its weights, at least 1.
    pub(crate) reuse: u64,
    /// Latency or Resource: the one that the layer's strategy is treated as.
    pub(crate) strategy: Strategy,
    /// Rows of the matrix multiplication.
    pub(crate) n_in: u64,
}

impl Hardware {
    /// Reads a layer for `objective`.
    pub(crate) fn of(layer: &LayerAttributes, objective: &'static str) -> Result<Self, Obstacle> {
        let weights = layer.weight_count() as u64;
        if weights == 0 {
            return Err(Obstacle::NoWeights);
        }
        let hls = layer.hls.as_ref().ok_or(Obstacle::NoConfiguration { objective })?;
        Ok(Self {
            weights,
            width: width(hls.weight_precision, "weight")?,
            reuse: hls.reuse_factor.max(1) as u64,
            strategy: hls.strategy.nearest_basic(),
            n_in: hls.n_in as u64,
        })
    }

    /// Multipliers, and so runs of weights: each has as many weights as cycles.
    pub(crate) fn multipliers(&self) -> u64 {
        self.weights / self.reuse
    }

    /// Whole runs in a group of `group` weights, if `structure` cuts the kernel the way the multipliers do.
    pub(crate) fn runs(&self, structure: &Structure, group: usize) -> Option<u64> {
        match structure {
            Structure::Pattern { offset, .. }
                if (*offset as u64).checked_mul(self.reuse) == Some(self.weights) =>
            {
                Some(group as u64 / self.reuse)
            }
            _ => None,
        }
    }

    /// DSP blocks that `group` weights free: a block is free once all the weights it works on are gone.
    pub(crate) fn dsps_freed(&self, structure: &Structure, group: usize) -> u64 {
        if self.strategy == Strategy::Latency {
            return u64::from(self.reuse == 1);
        }
        match structure {
            Structure::Unstructured => u64::from(self.reuse == 1),
            Structure::Structured => u64::from(self.reuse == self.n_in),
            Structure::Pattern { .. } => self.runs(structure, group).unwrap_or(0),
            Structure::Block { .. } => 0,
        }
    }
}

/// Bits of a type.
pub(crate) fn width(precision: Precision, what: &'static str) -> Result<u64, Obstacle> {
    precision.width().map(u64::from).ok_or(Obstacle::UnknownWidth { what })
}

/// Whether anything can be saved at all: no hardware objective here gains from equal weights.
pub(crate) fn prunes(how: &OptimizationAttributes, action: Action) -> bool {
    how.pruning && action == Action::Prune
}
