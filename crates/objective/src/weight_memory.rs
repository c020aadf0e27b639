use handaxe_graph::{LayerAttributes, OptimizationAttributes, Strategy, Structure};

use crate::hardware::width;
use crate::{Action, Objective, Obstacle, resource};

/// Bits of a weight where no configuration says: those of an `f32`.
const FLOAT_WIDTH: u64 = 32;

/// Bits of stored weights, on any platform: W weights of w bits are `W * w`.
///
/// A group of g weights that is pruned frees all its `g * w` bits, one that is shared keeps a single value and frees
/// `(g - 1) * w`. Without a configuration weights are floats of 32 bits.
#[derive(Debug, Clone, Copy, Default)]
pub struct WeightMemory {
    /// Which weights are stored as one.
    pub unit: StorageUnit,
}

/// The weights that [`WeightMemory`] prunes or shares together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum StorageUnit {
    /// As the layer is built. Resource strategy with a reuse factor above 1: [`Words`](Self::Words), the way they lie in
    /// memory. Else [`Neurons`](Self::Neurons); in a last Dense layer, whose neurons must all stay, the weights that read
    /// the same input, which are blocks of one row.
    #[default]
    ByStrategy,
    /// Structured: a neuron or a filter.
    Neurons,
    /// Pattern: the weights that one multiplier works on, as many as the reuse factor. Needs a configuration.
    Words,
    /// Blocks of a Dense kernel.
    Blocks {
        /// Rows of a block.
        height: usize,
        /// Columns of a block.
        width: usize,
    },
}

const NAME: &str = "weight-memory";

impl Objective for WeightMemory {
    fn name(&self) -> &str {
        NAME
    }

    fn resources(&self) -> &[&'static str] {
        &[resource::WEIGHT_BITS]
    }

    fn optimisable(&self, layer: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        if layer.weight_count() == 0 {
            return Err(Obstacle::NoWeights);
        }
        bits(layer)?;
        let structure = self.unit.structure(layer)?;
        Ok(OptimizationAttributes { structure, pruning: true, weight_sharing: true })
    }

    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        vec![layer.weight_count() as u64 * bits(layer).unwrap_or(0)]
    }

    fn savings(
        &self,
        layer: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        let values = match action {
            Action::Prune if how.pruning => group,
            Action::Share if how.weight_sharing => group.saturating_sub(1),
            _ => 0,
        };
        vec![values as u64 * bits(layer).unwrap_or(0)]
    }
}

impl StorageUnit {
    fn structure(self, layer: &LayerAttributes) -> Result<Structure, Obstacle> {
        match (self, words(layer)) {
            (Self::ByStrategy, Some(words)) => Ok(words),
            (Self::ByStrategy, None) => {
                neurons(layer).or_else(|obstacle| row(layer).ok_or(obstacle))
            }
            (Self::Neurons, _) => neurons(layer),
            (Self::Words, Some(words)) => Ok(words),
            (Self::Words, None) => multipliers(layer),
            (Self::Blocks { height, width }, _) => blocks(layer, height, width),
        }
    }
}

/// The words of the memory that the Resource strategy puts the weights into, if it does.
fn words(layer: &LayerAttributes) -> Option<Structure> {
    let hls = layer.hls.as_ref()?;
    let in_memory = hls.strategy.nearest_basic() == Strategy::Resource && hls.reuse_factor > 1;
    if in_memory { multipliers(layer).ok() } else { None }
}

fn multipliers(layer: &LayerAttributes) -> Result<Structure, Obstacle> {
    let hls = layer.hls.as_ref().ok_or(Obstacle::NoConfiguration { objective: NAME })?;
    Ok(Structure::Pattern {
        offset: layer.weight_count() / hls.reuse_factor.max(1),
        consecutive: 1,
    })
}

fn neurons(layer: &LayerAttributes) -> Result<Structure, Obstacle> {
    if layer.is_last {
        Err(Obstacle::LastLayer { objective: NAME })
    } else {
        Ok(Structure::Structured)
    }
}

/// The weights of a Dense layer that read one input.
fn row(layer: &LayerAttributes) -> Option<Structure> {
    match layer.weight_shape[..] {
        [_, width] => Some(Structure::Block { height: 1, width }),
        _ => None,
    }
}

fn blocks(layer: &LayerAttributes, height: usize, width: usize) -> Result<Structure, Obstacle> {
    let divides = |part: usize, whole: usize| part > 0 && whole.is_multiple_of(part);
    match layer.weight_shape[..] {
        [rows, columns] if divides(height, rows) && divides(width, columns) => {
            Ok(Structure::Block { height, width })
        }
        _ => Err(Obstacle::Blocks { height, width, shape: layer.weight_shape.clone() }),
    }
}

/// Bits of a weight.
fn bits(layer: &LayerAttributes) -> Result<u64, Obstacle> {
    layer.hls.as_ref().map_or(Ok(FLOAT_WIDTH), |hls| width(hls.weight_precision, "weight"))
}
