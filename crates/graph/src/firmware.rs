//! How each layer is built in firmware: its types, inferred where the configuration says `auto`, the order of its sums, its tables.
//!
//! The rules are those of hls4ml 1.3 (spec/fixed-point.md); what it does beyond them was read off the types that it gives
//! to whole networks (fixtures/hls).

mod exact;
mod fold;
mod hgq;
mod infer;
mod int;
mod kernel;
mod layer;
mod layer_norm;

pub use fold::Affine;
pub use layer_norm::InverseRoots;

use std::collections::BTreeMap;

use handaxe_fixed::{FixedType, Precision};
use serde::{Deserialize, Serialize};

use crate::{Activation, Error, HlsConfig, LayerId, LayerType, Model, Op, Strategy};

/// How a softmax is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Softmax {
    /// exp of the distance to the largest input, by table.
    #[default]
    Stable,
    /// exp of the input, by table.
    Latency,
    /// A sum of exponentials of differences for each output.
    Legacy,
    /// 1 for the first largest input, else 0.
    Argmax,
}

impl std::str::FromStr for Softmax {
    type Err = Error;

    /// Reads hls4ml's names in any case.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_ascii_lowercase().as_str() {
            "stable" => Ok(Self::Stable),
            "latency" => Ok(Self::Latency),
            "legacy" => Ok(Self::Legacy),
            "argmax" => Ok(Self::Argmax),
            _ => Err(Error::UnknownName {
                what: "implementation of a softmax",
                given: text.to_owned(),
                known: "stable, latency, legacy, argmax".to_owned(),
            }),
        }
    }
}

/// One layer as firmware computes it.
#[derive(Debug, Clone, PartialEq)]
pub struct FirmwareLayer {
    /// The layer.
    pub id: LayerId,
    /// Its types by variable: `result`, `weight`, `bias`, `accum`, `table` and so on, as hls4ml names them.
    pub types: BTreeMap<&'static str, FixedType>,
    /// The batch normalisation that is folded into this layer's kernel and bias.
    pub folds: Option<LayerId>,
    /// This layer is computed within another, or passes its input through unchanged.
    pub passes: bool,
    /// In which stride a sum takes its inputs: 0, stride, 2 stride, ..., 1, 1 + stride, ...; 1 for ascending order.
    pub stride: usize,
    /// Entries of each of its tables.
    pub table_size: usize,
    /// How it is computed if it is a softmax.
    pub softmax: Softmax,
    /// What its table covers if it is a layer normalisation.
    pub inverse_roots: Option<InverseRoots>,
}

impl FirmwareLayer {
    /// The type of its output.
    pub fn result(&self) -> FixedType {
        self.types.get("result").copied().unwrap_or(DEFAULT)
    }
}

const DEFAULT: FixedType = match HlsConfig::DEFAULT_PRECISION {
    Precision::Fixed(fixed) => fixed,
    _ => unreachable!(),
};

impl Model {
    /// Every layer as firmware computes it, in the model's order.
    ///
    /// # Errors
    /// A configuration that does not verify, and whatever cannot be computed in fixed point: types that are no fixed point or
    /// too wide, functions and quantisers that hls4ml's firmware has not, streams.
    ///
    /// ```
    /// use handaxe_graph::{HlsConfig, Model, Op, Strategy};
    ///
    /// let mut model = Model::new("small");
    /// let input = model.add("in", Op::Input { shape: vec![16] }, &[])?;
    /// let dense = model.add("fc", Op::Dense { units: 64, bias: true }, &[input])?;
    /// let mut config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 1, Strategy::Latency)?;
    /// config.model.precision.insert("accum".to_owned(), "auto".parse().unwrap());
    /// let layers = model.firmware(&config)?;
    /// assert_eq!(layers[1].types["accum"].to_string(), "fixed<37,17,TRN,WRAP,0>");
    /// # Ok::<(), handaxe_graph::Error>(())
    /// ```
    pub fn firmware(&self, config: &HlsConfig) -> Result<Vec<FirmwareLayer>, Error> {
        config.verify()?;
        let plan = Plan::new(self, config);
        let mut layers: Vec<FirmwareLayer> = Vec::new();
        for (id, _) in self.layers() {
            let layer = plan.layer(id, &layers)?;
            layers.push(layer);
        }
        Ok(layers)
    }
}

/// What the rules look at.
struct Plan<'a> {
    model: &'a Model,
    config: &'a HlsConfig,
    /// HGQ's quantisers alone round: every other type is inferred.
    exact: bool,
}

/// A type as it is configured.
enum Stated {
    Type(FixedType),
    Auto,
}

impl<'a> Plan<'a> {
    fn new(model: &'a Model, config: &'a HlsConfig) -> Self {
        Self { model, config, exact: hgq::is_exact(model) }
    }

    /// The type under which a layer's settings are looked up: hls4ml makes a Dense of several axes a convolution.
    fn kind(&self, id: LayerId) -> LayerType {
        let layer = self.model.layer(id);
        match (layer.op(), layer.output_shape().len()) {
            (Op::Dense { .. }, 2) => LayerType::Conv1D,
            (Op::Dense { .. }, 3..) => LayerType::Conv2D,
            (op, _) => op.layer_type(),
        }
    }

    /// What the configuration says of a variable.
    fn stated(&self, name: &str, kind: LayerType, variable: &'static str) -> Result<Stated, Error> {
        if self.exact {
            return Ok(Stated::Auto);
        }
        self.fixed(name, variable, self.config.precision(name, kind, variable))
    }

    fn fixed(
        &self,
        name: &str,
        variable: &'static str,
        precision: Precision,
    ) -> Result<Stated, Error> {
        match precision {
            Precision::Fixed(fixed) => Ok(Stated::Type(fixed)),
            Precision::Auto => Ok(Stated::Auto),
            _ => Err(Error::NotFixed {
                layer: name.to_owned(),
                variable,
                given: precision.to_string(),
            }),
        }
    }

    /// The stated type, or the model's default in place of `auto`.
    fn or_default(
        &self,
        name: &str,
        kind: LayerType,
        variable: &'static str,
    ) -> Result<FixedType, Error> {
        Ok(match self.stated(name, kind, variable)? {
            Stated::Type(fixed) => fixed,
            Stated::Auto => self.default_type(),
        })
    }

    /// A table's type with a default of its own, which only a layer's or a type's own setting changes, under the name with `_t`.
    fn own(
        &self,
        name: &str,
        kind: LayerType,
        variable: &'static str,
        default: FixedType,
    ) -> Result<FixedType, Error> {
        match self.config.own_precision(name, kind, &format!("{variable}_t")) {
            Some(precision) => match self.fixed(name, variable, precision)? {
                Stated::Type(fixed) => Ok(fixed),
                Stated::Auto => Ok(default),
            },
            None => Ok(default),
        }
    }

    /// The model's default.
    fn default_type(&self) -> FixedType {
        match self.config.model.precision.get("default") {
            Some(Precision::Fixed(fixed)) => *fixed,
            _ => DEFAULT,
        }
    }

    /// An inferred type, no wider than the configuration's `maximum`: width and integer bits are limited each for itself.
    fn inferred(
        &self,
        name: &str,
        variable: &'static str,
        width: i32,
        integer: i32,
        signed: bool,
    ) -> Result<FixedType, Error> {
        let (mut width, mut integer) = (width, integer);
        if let Some(Precision::Fixed(maximum)) = self.config.model.precision.get("maximum") {
            width = width.min(maximum.width as i32);
            integer = integer.min(maximum.integer);
        }
        FixedType::exact(width.max(0) as u32, integer, signed).map_err(|error| Error::Inferred {
            layer: name.to_owned(),
            variable,
            error,
        })
    }

    fn unsupported(&self, id: LayerId, what: String, instead: &'static str) -> Error {
        Error::NotInFirmware { layer: self.model.layer(id).name().to_owned(), what, instead }
    }

    /// Whether a fully unrolled layer's sum goes through its inputs in strides, and in which.
    fn stride(&self, name: &str, kind: LayerType, n_in: usize, n_out: usize) -> usize {
        let strategy = self.config.setting(name, kind, |section| section.strategy);
        let asked = self.config.setting(name, kind, |section| section.reuse_factor).unwrap_or(1);
        if !matches!(strategy, Some(Strategy::Resource | Strategy::Unrolled)) {
            return 1;
        }
        let reuse_factor = crate::closest_reuse_factor(asked, n_in, n_out);
        if reuse_factor < n_in { reuse_factor } else { 1 }
    }

    /// The function of a layer, if it is an activation.
    fn function(&self, id: LayerId) -> Option<Activation> {
        match self.model.layer(id).op() {
            Op::Activation { function } => Some(*function),
            _ => None,
        }
    }
}
