//! What a layer costs on given hardware, and what cutting one group of its weights saves.
//!
//! An [`Objective`] answers in whole units of its resources, from a layer's attributes alone: it never sees a weight.
//! Costs and savings are estimates of what hls4ml builds (spec/optimization.md section 5), after the corrections of
//! section 10; golden numbers of the reference and every difference from them are checked in `tests/golden.rs`.
//!
//! ```
//! use handaxe_graph::{HlsConfig, Model, Op, Strategy};
//! use handaxe_objective::{Action, objective, resource};
//!
//! let mut model = Model::new("small");
//! let input = model.add("in", Op::Input { shape: vec![16] }, &[]).unwrap();
//! model.add("fc", Op::Dense { units: 64, bias: true }, &[input]).unwrap();
//! let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 4, Strategy::Resource).unwrap();
//! let (layers, _) = model.attributes(Some(&config)).unwrap();
//!
//! let dsp = objective("vivado-dsp")?;
//! assert_eq!(dsp.resources(), [resource::DSP]);
//! assert_eq!(dsp.cost(&layers[0]), [256]); // 16 * 64 multiplications, 4 of them per DSP
//! let how = dsp.optimisable(&layers[0]).unwrap();
//! assert_eq!(how.structure.to_string(), "pattern 256/1"); // the 4 weights of one DSP form a group
//! assert_eq!(dsp.savings(&layers[0], &how, 4, Action::Prune), [1]);
//! # Ok::<(), handaxe_objective::Error>(())
//! ```

mod both;
mod calibrated;
mod error;
pub mod estimate;
mod gpu_flops;
mod hardware;
mod parameter;
pub mod parts;
mod vivado_dsp;
mod vivado_dsp_bram;
mod vivado_ff;
mod weight_memory;

pub use both::Both;
pub use calibrated::Calibrated;
pub use error::{Error, Obstacle};
pub use gpu_flops::GpuFlops;
pub use parameter::Parameter;
pub use vivado_dsp::{DSP_WIDTH, VivadoDsp};
pub use vivado_dsp_bram::VivadoDspBram;
pub use vivado_ff::VivadoFf;
pub use weight_memory::{StorageUnit, WeightMemory};

use handaxe_graph::{LayerAttributes, OptimizationAttributes};

/// Names of resources, as files and messages use them.
pub mod resource {
    /// Stored weights.
    pub const PARAMETERS: &str = "parameters";
    /// Floating-point operations for one sample.
    pub const FLOPS: &str = "flops";
    /// DSP blocks.
    pub const DSP: &str = "dsp";
    /// Blocks of 36 kbit of memory.
    pub const BRAM36: &str = "bram36";
    /// Flip-flops.
    pub const FF: &str = "ff";
    /// Look-up tables.
    pub const LUT: &str = "lut";
    /// UltraRAM blocks.
    pub const URAM: &str = "uram";
    /// Bits of stored weights.
    pub const WEIGHT_BITS: &str = "weight-bits";
}

/// What is done to a group of weights that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// All its weights become 0.
    Prune,
    /// All its weights become their mean.
    Share,
}

/// What is to be saved on some hardware.
///
/// All answers are numbers per resource, in the order of [`Objective::resources`], in whole units; an objective of
/// real-valued units scales them and says how. Two rules keep them true: the savings of all groups of a layer
/// never exceed its cost, and a larger group never saves less.
pub trait Objective: Send + Sync {
    /// The name on the command line and in files.
    fn name(&self) -> &str;

    /// The names of its resources, those of [`resource`] where they fit.
    fn resources(&self) -> &[&'static str];

    /// How the layer can be made cheaper.
    ///
    /// The outputs of a layer with [`is_last`](LayerAttributes::is_last) are the network's answers: no objective may
    /// answer [`Structured`](handaxe_graph::Structure::Structured) there.
    ///
    /// # Errors
    /// Why it cannot.
    fn optimisable(&self, layer: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle>;

    /// What the whole layer costs; 0 where that cannot be told.
    fn cost(&self, layer: &LayerAttributes) -> Vec<u64>;

    /// What doing `action` to one group of `group` weights saves, the layer being optimised as `how` says.
    fn savings(
        &self,
        layer: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64>;

    /// Whether zeros save nothing until whole neurons are taken out, so that a run ends with a reduction.
    fn reduces(&self) -> bool {
        false
    }

    /// This objective and another: the resources of both, in this order. By name: `vivado-dsp+vivado-ff`.
    ///
    /// ```
    /// use handaxe_objective::{Objective, VivadoDsp, VivadoFf, resource};
    ///
    /// let both = VivadoDsp::default().and(VivadoFf)?;
    /// assert_eq!((both.name(), both.resources()), ("vivado-dsp+vivado-ff", &[resource::DSP, resource::FF][..]));
    /// # Ok::<(), handaxe_objective::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::CountedTwice`] if both count the same resource.
    fn and(self, other: impl Objective + 'static) -> Result<Both, Error>
    where
        Self: Sized + 'static,
    {
        Both::new(Box::new(self), Box::new(other))
    }
}

/// The built-in objectives: name and what each saves.
pub const OBJECTIVES: &[(&str, &str)] = &[
    ("parameter", "stored weights"),
    ("gpu-flops", "floating-point operations, by whole neurons and filters"),
    ("vivado-dsp", "DSP blocks on AMD devices"),
    ("vivado-ff", "flip-flops on AMD devices"),
    ("vivado-dsp-bram", "DSP blocks and 36-kbit block memories on AMD devices"),
    ("weight-memory", "bits of stored weights, by pruning and by sharing one value"),
    ("dsp", "DSP blocks, calibrated on synthesis results"),
    ("lut", "look-up tables, calibrated on synthesis results"),
    ("ff", "flip-flops, calibrated on synthesis results"),
    ("bram36", "36-kbit block memories, calibrated on synthesis results"),
];

/// The objective of this name, one of [`OBJECTIVES`], with its defaults, or several joined by `+`
/// ([`Objective::and`]).
///
/// # Errors
/// [`Error::UnknownObjective`], which lists the names; [`Error::CountedTwice`].
pub fn objective(name: &str) -> Result<Box<dyn Objective>, Error> {
    match name.rsplit_once('+') {
        None => single(name),
        Some((first, second)) => Ok(Box::new(Both::new(objective(first)?, single(second)?)?)),
    }
}

fn single(name: &str) -> Result<Box<dyn Objective>, Error> {
    Ok(match name {
        "parameter" => Box::new(Parameter),
        "gpu-flops" => Box::new(GpuFlops),
        "vivado-dsp" => Box::new(VivadoDsp::default()),
        "vivado-ff" => Box::new(VivadoFf),
        "vivado-dsp-bram" => Box::new(VivadoDspBram::default()),
        "weight-memory" => Box::new(WeightMemory::default()),
        "dsp" => Box::new(Calibrated::dsp()),
        "lut" => Box::new(Calibrated::lut()),
        "ff" => Box::new(Calibrated::ff()),
        "bram36" => Box::new(Calibrated::bram36()),
        _ => return Err(Error::UnknownObjective { given: name.to_owned() }),
    })
}

/// The names of the objectives, for messages.
fn names() -> String {
    OBJECTIVES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}
