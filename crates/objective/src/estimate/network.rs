//! Whole networks: their layers as they will be built, and what these come to.

mod frame;
mod layers;
mod widths;

use std::borrow::Borrow;

use handaxe_graph::{Diagnostic, Error, HlsConfig, IoType, LayerId, Model, Strategy};
use serde::Serialize;

use super::delay::Delay;
use super::figure::{Figure, Figures, Quantity};
use super::profile::{Profile, Tool};
use super::table::Table;
use super::unit::{Regime, Unit, Work};
pub use frame::Frame;

/// The report that a figure stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// What C synthesis (HLS) reports; it counts more look-up tables than are left in the end.
    Synthesis,
    /// What is left after logic synthesis and implementation.
    Implementation,
}

/// What one layer costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerEstimate {
    /// The layer, as it will be built.
    pub unit: Unit,
    /// What C synthesis will report of it.
    pub figures: Figures,
    /// Whether all of them come from results of this very profile.
    pub calibrated: bool,
}

/// What a network costs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// What it holds for.
    pub profile: Profile,
    /// Layer by layer.
    pub layers: Vec<LayerEstimate>,
    /// What C synthesis will report of the whole.
    pub synthesis: Figures,
    /// What implementation will leave of it.
    pub implementation: Figures,
    /// Whether all of it comes from results of this very profile.
    pub calibrated: bool,
    /// What may go wrong.
    pub warnings: Vec<Warning>,
}

/// Something that the user should know before the tool is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each message names its fields")]
pub enum Warning {
    Unrolled { layer: String, weights: u64, certain: bool },
    Unknown { layer: String },
    Uncalibrated { tool: Tool },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unrolled { layer, weights, certain } => {
                let fate = if *certain { "always failed" } else { "sometimes failed" };
                write!(
                    f,
                    "layer `{layer}` unrolls {weights} multiplications: above {SAFE} synthesis {fate} in our records; strategy Resource with a reuse factor above 1 builds"
                )
            }
            Self::Unknown { layer } => {
                write!(
                    f,
                    "layer `{layer}`: no results of its kind are known, so nothing is estimated for it"
                )
            }
            Self::Uncalibrated { tool } => {
                write!(
                    f,
                    "no synthesis results of {tool} are known: the figures are carried over from AMD's tools"
                )
            }
        }
    }
}

/// Multiplications that every tool of the records unrolled.
const SAFE: u64 = 2048;
/// Multiplications from which on none did.
const HOPELESS: u64 = 4096;

impl Estimate {
    /// The figures of a stage.
    pub fn stage(&self, stage: Stage) -> &Figures {
        match stage {
            Stage::Synthesis => &self.synthesis,
            Stage::Implementation => &self.implementation,
        }
    }

    /// What several pieces come to.
    fn of(layers: Vec<LayerEstimate>, profile: &Profile) -> Self {
        let table = Table::committed();
        let (units, parts): (Vec<&Unit>, Vec<Figures>) =
            layers.iter().map(|layer| (&layer.unit, layer.figures)).unzip();
        let synthesis = whole(&units, &parts, profile, table);
        let implementation = implemented(&synthesis, table);
        let warnings = warnings(&units, profile);
        let calibrated = layers.iter().all(|layer| layer.calibrated);
        Self { profile: *profile, layers, synthesis, implementation, calibrated, warnings }
    }

    /// What the network costs with another piece in the place of a layer's, as [`Frame::unit`] has it of a layer that was changed.
    #[must_use]
    pub fn with(&self, place: LayerId, unit: Unit) -> Self {
        let mut layers = self.layers.clone();
        if let Some(layer) = layers.get_mut(place.index()) {
            *layer = LayerEstimate::new(unit, &self.profile);
        }
        Self::of(layers, &self.profile)
    }
}

impl LayerEstimate {
    fn new(unit: Unit, profile: &Profile) -> Self {
        let (figures, calibrated) = unit.figures(profile);
        Self { unit, figures, calibrated }
    }
}

/// What `model` costs when it is built as `config` says: from its actual weights, zeros included.
///
/// The second answer says what was done differently from what was written, as [`Model::attributes`] does.
///
/// ```
/// use handaxe_graph::{HlsConfig, Model, Op, Strategy};
/// use handaxe_objective::estimate::{Profile, estimate};
///
/// let mut model = Model::new("small");
/// let input = model.add("in", Op::Input { shape: vec![16] }, &[]).unwrap();
/// model.add("fc", Op::Dense { units: 64, bias: true }, &[input]).unwrap();
/// let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 4, Strategy::Resource).unwrap();
/// let (estimate, _) = estimate(&model, &config, &Profile::default())?;
/// let total = &estimate.synthesis;
/// // 1,024 weights, 4 to a multiplier; the last multiplier's weights are all zero.
/// assert_eq!(total.dsp.value, 255);
/// assert!(total.lut.low <= total.lut.value && total.lut.value <= total.lut.high);
/// # Ok::<(), handaxe_graph::Error>(())
/// ```
///
/// # Errors
/// A configuration that does not verify.
pub fn estimate(
    model: &Model,
    config: &HlsConfig,
    profile: &Profile,
) -> Result<(Estimate, Vec<Diagnostic>), Error> {
    let (units, diagnostics) = Frame::new(model, config)?.units(model, config)?;
    let layers = units.into_iter().map(|unit| LayerEstimate::new(unit, profile)).collect();
    Ok((Estimate::of(layers, profile), diagnostics))
}

/// Figures of C synthesis for several units that make up one design, by constants of choice.
pub fn whole_by(units: &[Unit], profile: &Profile, table: &Table) -> Figures {
    let units: Vec<&Unit> = units.iter().collect();
    let parts: Vec<Figures> = units.iter().map(|unit| unit.figures_by(profile, table).0).collect();
    whole(&units, &parts, profile, table)
}

/// The whole of several units. Errors of designs among the rows give the interval, of the tool's if there are none of this
/// profile; where no design of the tool is known, the ends of the parts add up.
fn whole(units: &[&Unit], parts: &[Figures], profile: &Profile, table: &Table) -> Figures {
    let mut figures = compose(units, parts, profile, &table.delay(profile));
    let registers = registers(units, profile, table);
    figures.ff = figures.ff.and(Figure::exact(registers));
    if !is_design(units) {
        return figures;
    }
    let usual = units.iter().all(|unit| unit.is_usual());
    for quantity in Quantity::ALL {
        if let Some((group, _)) = table.group((Regime::Design, quantity), profile, usual) {
            let between = if quantity == Quantity::Ff { registers } else { 0 };
            let of_parts = figures.get(quantity).value - between;
            let value = of_parts as f64 * group.scale + between as f64;
            *figures.get_mut(quantity) = Figure::spread(quantity, value, group.low, group.high);
        }
    }
    figures
}

/// Whether there is more than one thing to build.
pub(crate) fn is_design(units: &[impl Borrow<Unit>]) -> bool {
    units.iter().filter(|unit| !matches!((*unit).borrow().work, Work::Wires)).count() > 1
}

/// Parts put together: resources add up, the slowest part sets the interval, and a sample passes through one after the other.
pub(crate) fn compose(
    units: &[impl Borrow<Unit>],
    parts: &[Figures],
    profile: &Profile,
    delay: &Delay,
) -> Figures {
    let mut whole = Figures::default();
    for quantity in [Quantity::Dsp, Quantity::Lut, Quantity::Ff, Quantity::Bram18, Quantity::Uram] {
        let sum = parts.iter().map(|part| part.get(quantity));
        *whole.get_mut(quantity) = sum.fold(Figure::default(), Figure::and);
    }
    let intervals = parts.iter().map(|part| part.interval);
    whole.interval = intervals.fold(Figure::exact(1), Figure::or);
    whole.latency = latency(units, parts, profile, delay);
    whole
}

/// Bits of the registers at a design's ports and between its layers: pipelined logic registers what it takes and what each matrix
/// gives, unless all is done in one cycle; multipliers that are shared hand the design's answers over as they are.
pub(crate) fn registers(units: &[impl Borrow<Unit>], profile: &Profile, table: &Table) -> u64 {
    let matrices = units.iter().map(Borrow::borrow).filter_map(|unit| match &unit.work {
        Work::Matrix(matrix) if unit.io_type == IoType::IoParallel => {
            let depth = unit.depth(profile, table);
            Some((unit, matrix.regime(), depth))
        }
        _ => None,
    });
    let matrices: Vec<(&Unit, Regime, u64)> = matrices.collect();
    let bits = |count: u64, width: u32| count * u64::from(width);
    let count = matrices.len();
    let of_one = |(place, (unit, regime, depth)): (usize, &(&Unit, Regime, u64))| {
        let (first, last) = (place == 0, place + 1 == count);
        let (takes, gives) = match regime {
            Regime::Latency | Regime::LatencyNarrow => (first, *depth > 0),
            Regime::Shared | Regime::SharedNarrow => (first, !last),
            Regime::Flat | Regime::FlatNarrow => (false, last),
            _ => (false, false),
        };
        let inputs = if takes { bits(unit.inputs, unit.input_bits) } else { 0 };
        inputs + if gives { bits(unit.outputs, unit.output_bits) } else { 0 }
    };
    matrices.iter().enumerate().map(of_one).sum()
}

/// A sample passes through one part after the other, and the registers between them. Layers that stream position after position work
/// at the same time, so the slowest counts alone.
fn latency(
    units: &[impl Borrow<Unit>],
    parts: &[Figures],
    profile: &Profile,
    delay: &Delay,
) -> Figure {
    let built: Vec<(&Unit, &Figures)> = units
        .iter()
        .map(Borrow::borrow)
        .zip(parts)
        .filter(|(unit, _)| !matches!(unit.work, Work::Wires))
        .collect();
    let streams = |unit: &Unit| unit.io_type == IoType::IoStream && unit.positions > 1;
    let at_once = built.iter().filter(|(unit, _)| !streams(unit));
    let sum = at_once.map(|(_, part)| part.latency).fold(Figure::default(), Figure::and);
    let streaming = built.iter().filter(|(unit, _)| streams(unit));
    let slowest = streaming.map(|(_, part)| part.latency).fold(Figure::default(), Figure::or);
    let built: Vec<&Unit> = built.iter().map(|(unit, _)| *unit).collect();
    sum.and(slowest).and(Figure::exact(between(&built, profile, delay)))
}

/// Cycles of the registers between layers. Where all weights are in memory, each matrix but the last has them.
fn between(built: &[&Unit], profile: &Profile, delay: &Delay) -> u64 {
    let matrices = built.iter().filter_map(|unit| match &unit.work {
        Work::Matrix(matrix) => Some((matrix.strategy.nearest_basic(), matrix.reuse)),
        _ => None,
    });
    let matrices: Vec<(Strategy, u64)> = matrices.collect();
    let unrolled = matrices.iter().filter(|(strategy, _)| *strategy == Strategy::Latency);
    let pipelined = unrolled.clone().filter(|(_, reuse)| *reuse <= 1).count() as u64;
    // A factor for each element is made in the same cycle as what follows.
    let parts = built.iter().filter(|unit| !matches!(unit.work, Work::Scale { .. })).count();
    match built {
        [] | [_] => 0,
        _ if unrolled.count() > 0 => delay.between(profile, parts as u64, pipelined),
        _ => (matrices.len() as u64).saturating_sub(1),
    }
}

/// What implementation leaves. The errors of both steps have nothing to do with one another, so that their squares add up (of
/// logarithms, as errors are of a factor).
fn implemented(synthesis: &Figures, table: &Table) -> Figures {
    let mut figures = *synthesis;
    for shrink in &table.shrink {
        let before = synthesis.get(shrink.quantity);
        let some = shrink.quantity.some_implemented();
        let doubt = |end: u64| ((end as f64 + some) / (before.value as f64 + some)).ln();
        let both = |end: u64, factor: f64| doubt(end).hypot((factor / shrink.scale).ln()).exp();
        let ends = (both(before.low, shrink.low).recip(), both(before.high, shrink.high));
        *figures.get_mut(shrink.quantity) =
            Figure::around(before.value as f64 * shrink.scale, some, ends, 0);
    }
    figures
}

fn warnings(units: &[&Unit], profile: &Profile) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if profile.tool == Tool::Quartus {
        warnings.push(Warning::Uncalibrated { tool: profile.tool });
    }
    for unit in units {
        match &unit.work {
            Work::Matrix(matrix) => {
                let weights = matrix.weights();
                if !matrix.is_looped() && weights > SAFE {
                    let (layer, certain) = (unit.name.clone(), weights >= HOPELESS);
                    warnings.push(Warning::Unrolled { layer, weights, certain });
                }
            }
            Work::Unknown => warnings.push(Warning::Unknown { layer: unit.name.clone() }),
            _ => {}
        }
    }
    warnings
}
