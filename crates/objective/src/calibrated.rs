use handaxe_graph::{LayerAttributes, OptimizationAttributes, Strategy, Structure};

use crate::estimate::{Codes, Figures, Matrix, Profile, Regime, Unit, Work};
use crate::hardware::{prunes, width};
use crate::vivado_dsp_bram::column_group;
use crate::{Action, Objective, Obstacle, resource};

/// A resource as C synthesis reports it, by the constants of [`estimate`](crate::estimate) for Vivado HLS on UltraScale+ at 5 ns.
///
/// An objective sees no weights, so these are taken to be of all codes alike, none of them zero. What synthesis reports of the
/// layer is split evenly among the weights, but for what stays when all weights are gone; a group saves its part, rounded down.
/// Where multiplications of one input by equal constants are made once, that is the expected saving of a weight that may
/// share its multiplier. Groups are what frees a whole unit of the resource: with strategy Unrolled the runs of weights of one
/// multiplier, with Latency single weights, or rows or neurons where a single weight's part is less than one. Strategy Resource
/// reads weights from memory, zeros like others: synthesis reports no less of a pruned layer, so there is nothing to gain in it.
#[derive(Debug, Clone, Copy)]
pub struct Calibrated {
    name: &'static str,
    figure: fn(&Figures) -> u64,
}

impl Calibrated {
    /// DSP blocks: `dsp`.
    pub fn dsp() -> Self {
        Self { name: resource::DSP, figure: |figures| figures.dsp.value }
    }

    /// Look-up tables: `lut`.
    pub fn lut() -> Self {
        Self { name: resource::LUT, figure: |figures| figures.lut.value }
    }

    /// Flip-flops: `ff`.
    pub fn ff() -> Self {
        Self { name: resource::FF, figure: |figures| figures.ff.value }
    }

    /// Block memories of 36 kbit: `bram36`.
    pub fn bram36() -> Self {
        Self { name: resource::BRAM36, figure: |figures| figures.bram36().value }
    }

    /// The whole cost, and the part of it that goes with the weights.
    fn cost_and_share(&self, layer: &LayerAttributes) -> Result<(u64, u64), Obstacle> {
        let (unit, matrix) = built(layer, self.name)?;
        let empty = Matrix { n_out: 0, codes: Codes::default(), ..matrix.clone() };
        let cost = |matrix| {
            let unit = Unit { work: Work::Matrix(matrix), ..unit.clone() };
            (self.figure)(&unit.figures(&Profile::default()).0)
        };
        let (full, left) = (cost(matrix), cost(empty));
        Ok((full, full.saturating_sub(left)))
    }
}

impl Objective for Calibrated {
    fn name(&self) -> &str {
        self.name
    }

    fn resources(&self) -> &[&'static str] {
        std::slice::from_ref(&self.name)
    }

    fn optimisable(&self, layer: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        let (_, share) = self.cost_and_share(layer)?;
        let (_, matrix) = built(layer, self.name)?;
        let weights = layer.weight_count() as u64;
        let frees = |group: u64| share * group / weights.max(1) > 0;
        let looped = matches!(matrix.regime(), Regime::Inner | Regime::Pair | Regime::Outer);
        if looped && matrix.strategy == Strategy::Resource {
            return Err(Obstacle::ZerosInMemory { objective: self.name });
        }
        let structure = if looped {
            let wide = u64::from(matrix.weight_bits);
            let consecutive = if self.name == resource::BRAM36 { column_group(wide) } else { 1 };
            let offset = (weights / matrix.reuse.max(1)) as usize;
            let group = matrix.reuse.saturating_mul(consecutive as u64).min(weights);
            frees(group).then_some(Structure::Pattern { offset, consecutive })
        } else if frees(1) {
            Some(Structure::Unstructured)
        } else {
            match layer.weight_shape[..] {
                [_, columns] if frees(columns as u64) => {
                    Some(Structure::Block { height: 1, width: columns })
                }
                _ if layer.is_last || !frees(weights / matrix.n_out.max(1)) => None,
                _ => Some(Structure::Structured),
            }
        };
        structure.map(OptimizationAttributes::pruning).ok_or_else(|| self.nothing(layer))
    }

    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        vec![self.cost_and_share(layer).map_or(0, |(cost, _)| cost)]
    }

    fn savings(
        &self,
        layer: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        match self.cost_and_share(layer) {
            Ok((_, share)) if prunes(how, action) && !how.weight_sharing => {
                vec![share * group as u64 / layer.weight_count().max(1) as u64]
            }
            _ => vec![0],
        }
    }
}

impl Calibrated {
    fn nothing(&self, layer: &LayerAttributes) -> Obstacle {
        let hls = layer.hls.as_ref();
        Obstacle::NothingToGain {
            objective: self.name,
            io_type: hls.map(|hls| hls.io_type).unwrap_or_default(),
            strategy: hls.map_or(Strategy::Latency, |hls| hls.strategy),
        }
    }
}

/// The layer with all codes of its weights' type alike.
fn built(layer: &LayerAttributes, objective: &'static str) -> Result<(Unit, Matrix), Obstacle> {
    let weights = layer.weight_count() as u64;
    if weights == 0 {
        return Err(Obstacle::NoWeights);
    }
    let hls = layer.hls.as_ref().ok_or(Obstacle::NoConfiguration { objective })?;
    let weight_bits = width(hls.weight_precision, "weight")? as u32;
    let output_bits = width(hls.output_precision, "result")? as u32;
    let positions = layer.output_shape.iter().rev().skip(1).product::<usize>() as u64;
    let copies = (hls.parallelization_factor as u64).clamp(1, positions.max(1));
    let matrix = Matrix {
        n_in: hls.n_in as u64,
        n_out: weights / (hls.n_in as u64).max(1),
        strategy: hls.strategy,
        reuse: hls.reuse_factor as u64,
        weight_bits,
        sum_bits: output_bits,
        copies,
        turns: positions.max(1).div_ceil(copies),
        buffered: 0,
        codes: Codes::expected(
            weight_bits,
            hls.n_in,
            weights as usize / hls.n_in.max(1),
            hls.reuse_factor,
        ),
    };
    let unit = Unit {
        name: layer.name.clone(),
        work: Work::Matrix(matrix.clone()),
        io_type: hls.io_type,
        inputs: matrix.n_in,
        outputs: matrix.n_out,
        input_bits: output_bits,
        output_bits,
        positions: 1,
    };
    Ok((unit, matrix))
}
