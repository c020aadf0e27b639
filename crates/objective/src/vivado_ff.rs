use handaxe_graph::{IoType, LayerAttributes, OptimizationAttributes, Strategy, Structure};

use crate::hardware::{Hardware, prunes, width};
use crate::{Action, Objective, Obstacle, resource};

/// Flip-flops on AMD devices: bits of weights that are kept in registers (Latency strategy) and bits of
/// outputs that are (io_parallel).
#[derive(Debug, Clone, Copy, Default)]
pub struct VivadoFf;

const NAME: &str = "vivado-ff";

impl Objective for VivadoFf {
    fn name(&self) -> &str {
        NAME
    }

    fn resources(&self) -> &[&'static str] {
        &[resource::FF]
    }

    /// Single weights where they are in registers, else neurons.
    fn optimisable(&self, layer: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        let registers = Registers::of(layer)?;
        Ok(OptimizationAttributes::pruning(match registers {
            Registers { weight_bits: 0, output_bits: 0, io_type, strategy, .. } => {
                return Err(Obstacle::NothingToGain { objective: NAME, io_type, strategy });
            }
            Registers { weight_bits: 0, .. } if layer.is_last => {
                return Err(Obstacle::LastLayer { objective: NAME });
            }
            Registers { weight_bits: 0, .. } => Structure::Structured,
            _ => Structure::Unstructured,
        }))
    }

    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        let Ok(registers) = Registers::of(layer) else { return vec![0] };
        let weights = layer.weight_count() as u64;
        vec![weights * registers.weight_bits + registers.outputs * registers.output_bits]
    }

    fn savings(
        &self,
        layer: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        match Registers::of(layer) {
            Ok(registers) if prunes(how, action) && !how.weight_sharing => {
                let outputs = match how.structure {
                    Structure::Structured => registers.outputs_of_a_neuron(layer),
                    _ => 0,
                };
                vec![group as u64 * registers.weight_bits + outputs * registers.output_bits]
            }
            _ => vec![0],
        }
    }
}

/// What a layer keeps in registers.
struct Registers {
    io_type: IoType,
    strategy: Strategy,
    /// Bits for each weight; 0 where weights lie elsewhere.
    weight_bits: u64,
    /// Bits for each output; 0 where outputs lie elsewhere.
    output_bits: u64,
    /// Outputs for one sample.
    outputs: u64,
}

impl Registers {
    fn of(layer: &LayerAttributes) -> Result<Self, Obstacle> {
        let hardware = Hardware::of(layer, NAME)?;
        let hls = layer.hls.as_ref().ok_or(Obstacle::NoConfiguration { objective: NAME })?;
        let (io_type, strategy) = (hls.io_type, hardware.strategy);
        let output_width = width(hls.output_precision, "result")?;
        Ok(Self {
            io_type,
            strategy,
            weight_bits: if strategy == Strategy::Latency { hardware.width } else { 0 },
            output_bits: if io_type == IoType::IoParallel { output_width } else { 0 },
            outputs: layer.output_shape.iter().map(|&extent| extent as u64).product(),
        })
    }

    /// A filter has an output at every position, not one (correction 7).
    fn outputs_of_a_neuron(&self, layer: &LayerAttributes) -> u64 {
        self.outputs / layer.output_shape.last().copied().unwrap_or(1).max(1) as u64
    }
}
