//! hls4ml's configuration of a model: types and look-up. Reading the files is `handaxe-formats`' work.

use std::collections::BTreeMap;

use handaxe_fixed::{FixedType, Overflow, Precision, Rounding};
use serde::{Deserialize, Serialize};

use crate::{Error, LayerType, Softmax};

/// How a layer's multiplications are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strategy {
    /// Everything unrolled, shortest latency.
    Latency,
    /// Multipliers reused in time, weights in memory.
    Resource,
    /// Resource with zero weights left out.
    Unrolled,
    /// Adder graphs in place of multipliers.
    DistributedArithmetic,
}

impl Strategy {
    const NAMED: [(&str, Self); 6] = [
        ("latency", Self::Latency),
        ("resource", Self::Resource),
        ("unrolled", Self::Unrolled),
        ("resource_unrolled", Self::Unrolled),
        ("distributed_arithmetic", Self::DistributedArithmetic),
        ("da", Self::DistributedArithmetic),
    ];

    /// The nearest of the two strategies that the pruning objectives know.
    pub fn nearest_basic(self) -> Self {
        match self {
            Self::Latency | Self::DistributedArithmetic => Self::Latency,
            Self::Resource | Self::Unrolled => Self::Resource,
        }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Latency => "Latency",
            Self::Resource => "Resource",
            Self::Unrolled => "Unrolled",
            Self::DistributedArithmetic => "DistributedArithmetic",
        })
    }
}

impl std::str::FromStr for Strategy {
    type Err = Error;

    /// Reads hls4ml's names in any case.
    fn from_str(text: &str) -> Result<Self, Error> {
        let wanted = text.to_lowercase();
        let found = Self::NAMED.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, strategy)| *strategy).ok_or_else(|| Error::UnknownName {
            what: "strategy",
            given: text.to_owned(),
            known: "Latency, Resource, Unrolled, distributed_arithmetic".to_owned(),
        })
    }
}

/// How arrays pass between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IoType {
    /// Whole arrays in registers.
    #[default]
    IoParallel,
    /// Element after element through FIFOs.
    IoStream,
}

impl std::fmt::Display for IoType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::IoParallel => "io_parallel",
            Self::IoStream => "io_stream",
        })
    }
}

impl std::str::FromStr for IoType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_lowercase().as_str() {
            "io_parallel" => Ok(Self::IoParallel),
            "io_stream" => Ok(Self::IoStream),
            _ => Err(Error::UnknownName {
                what: "io_type",
                given: text.to_owned(),
                known: "io_parallel, io_stream".to_owned(),
            }),
        }
    }
}

/// The settings of one level of the configuration: the whole model, a type of layer, or one layer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Section {
    /// Precision by variable (`weight`, `bias`, `accum`, `result`, ...); `default` stands for the rest. As in hls4ml, tables' count under
    /// `table_t`, `exp_table_t`, `inv_table_t` and `inv_inp_t` only, not under the names without `_t`.
    pub precision: BTreeMap<String, Precision>,
    /// How often a multiplier is used for one inference.
    pub reuse_factor: Option<usize>,
    /// How multiplications are laid out.
    pub strategy: Option<Strategy>,
    /// How many output positions of a convolution are computed at once.
    pub parallelization_factor: Option<usize>,
    /// Entries of the tables of an activation or a layer normalisation.
    pub table_size: Option<usize>,
    /// The table of a layer normalisation covers variances up to 2^-this.
    pub table_range_power2: Option<u32>,
    /// How a softmax is computed.
    pub softmax: Option<Softmax>,
}

/// A model's configuration: the more particular level wins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HlsConfig {
    /// For the whole model.
    pub model: Section,
    /// For all layers of a type, by the name of hls4ml's class.
    pub layer_type: BTreeMap<String, Section>,
    /// For single layers.
    pub layer_name: BTreeMap<String, Section>,
    /// How arrays pass between layers; io_parallel where nothing is said.
    pub io_type: Option<IoType>,
}

impl HlsConfig {
    /// The precision hls4ml uses where nothing is said.
    pub const DEFAULT_PRECISION: Precision = Precision::Fixed(FixedType {
        width: 16,
        integer: 6,
        signed: true,
        rounding: Rounding::Trn,
        overflow: Overflow::Wrap,
        saturation_bits: 0,
        is_int: false,
    });

    /// The same settings for every layer.
    ///
    /// # Errors
    /// A reuse factor of 0.
    pub fn uniform(
        precision: Precision,
        reuse_factor: usize,
        strategy: Strategy,
    ) -> Result<Self, Error> {
        let config = Self {
            model: Section {
                precision: BTreeMap::from([("default".to_owned(), precision)]),
                reuse_factor: Some(reuse_factor),
                strategy: Some(strategy),
                ..Section::default()
            },
            ..Self::default()
        };
        config.verify()?;
        Ok(config)
    }

    /// Checks what no file form can rule out.
    ///
    /// # Errors
    /// A reuse or parallelisation factor of 0, with the place it stands in.
    pub fn verify(&self) -> Result<(), Error> {
        let named = |level: &'static str, sections: &BTreeMap<String, Section>| {
            sections
                .iter()
                .map(|(name, section)| (format!("{level} {name}"), section.clone()))
                .collect::<Vec<_>>()
        };
        let mut places = vec![("Model".to_owned(), self.model.clone())];
        places.extend(named("LayerType", &self.layer_type));
        places.extend(named("LayerName", &self.layer_name));
        for (place, section) in places {
            let factors = [
                ("ReuseFactor", section.reuse_factor),
                ("ParallelizationFactor", section.parallelization_factor),
            ];
            if let Some((what, _)) = factors.into_iter().find(|(_, factor)| *factor == Some(0)) {
                return Err(Error::Config {
                    place,
                    what,
                    given: "0".to_owned(),
                    right: "1 or more",
                });
            }
        }
        Ok(())
    }

    /// The precision of `variable` (`weight`, `result`, ...) in a layer. `auto` is answered as it is written.
    ///
    /// Order: name and variable, name's default, type and variable, type's default, model and variable, model's default. As
    /// in hls4ml, the case of names and types does not matter.
    pub fn precision(&self, name: &str, layer_type: LayerType, variable: &str) -> Precision {
        self.stated_precision(name, layer_type, variable).unwrap_or(Self::DEFAULT_PRECISION)
    }

    /// The precision of a layer's variable if any level states it.
    pub(crate) fn stated_precision(
        &self,
        name: &str,
        layer_type: LayerType,
        variable: &str,
    ) -> Option<Precision> {
        self.setting(name, layer_type, |section| {
            section.precision.get(variable).or_else(|| section.precision.get("default")).copied()
        })
    }

    /// The precision to plan with: `auto` stands for the model's default until types are inferred.
    pub(crate) fn planned_precision(
        &self,
        name: &str,
        layer_type: LayerType,
        variable: &str,
    ) -> Precision {
        match self.precision(name, layer_type, variable) {
            Precision::Auto => match self.model.precision.get("default") {
                None | Some(Precision::Auto) => Self::DEFAULT_PRECISION,
                Some(precision) => *precision,
            },
            precision => precision,
        }
    }

    /// A setting of a layer, from the most particular level that states it.
    pub(crate) fn setting<T>(
        &self,
        name: &str,
        layer_type: LayerType,
        of: impl Fn(&Section) -> Option<T>,
    ) -> Option<T> {
        self.sections(name, layer_type).find_map(of)
    }

    /// A setting that only a layer's own section or its type's counts for.
    pub(crate) fn own_setting<T>(
        &self,
        name: &str,
        layer_type: LayerType,
        of: impl Fn(&Section) -> Option<T>,
    ) -> Option<T> {
        self.sections(name, layer_type)
            .filter(|section| !std::ptr::eq(*section, &self.model))
            .find_map(of)
    }

    /// The precision of a variable, if a layer's own section or its type's names it; defaults do not count.
    pub(crate) fn own_precision(
        &self,
        name: &str,
        layer_type: LayerType,
        variable: &str,
    ) -> Option<Precision> {
        self.own_setting(name, layer_type, |section| section.precision.get(variable).copied())
    }

    fn sections(&self, name: &str, layer_type: LayerType) -> impl Iterator<Item = &Section> {
        let typed =
            classes(layer_type).into_iter().find_map(|class| entry(&self.layer_type, class));
        entry(&self.layer_name, name).into_iter().chain(typed).chain([&self.model])
    }
}

/// The names under which hls4ml looks up what is said of a type: those of its own classes, not all of which are Keras'. What it writes under
/// other names (`MaxPooling2D`, `QDense`, ...) it does not read.
fn classes(layer_type: LayerType) -> [&'static str; 2] {
    use LayerType::{
        Add, Average, AveragePooling1D, AveragePooling2D, ELU, Flatten, GlobalAveragePooling,
        GlobalMaxPooling, InputLayer, LeakyReLU, MaxPooling1D, MaxPooling2D, Maximum, Minimum,
        Multiply, Permute, QActivation, Subtract, UpSampling1D, UpSampling2D,
    };
    let class = match layer_type {
        GlobalMaxPooling | GlobalAveragePooling => return ["GlobalPooling1D", "GlobalPooling2D"],
        InputLayer => "Input",
        LeakyReLU | ELU => "ParametrizedActivation",
        QActivation => "Activation",
        MaxPooling1D | AveragePooling1D => "Pooling1D",
        MaxPooling2D | AveragePooling2D => "Pooling2D",
        Flatten => "Reshape",
        Permute => "Transpose",
        UpSampling1D | UpSampling2D => "Resize",
        Add | Subtract | Multiply | Average | Maximum | Minimum => "Merge",
        other => other.name(),
    };
    [class; 2]
}

/// The entry under a name, whose case does not matter.
fn entry<'a>(sections: &'a BTreeMap<String, Section>, name: &str) -> Option<&'a Section> {
    let any_case = || {
        let lower = name.to_lowercase();
        sections.iter().find(|(known, _)| known.to_lowercase() == lower).map(|(_, found)| found)
    };
    sections.get(name).or_else(any_case)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn precisions(entries: &[(&str, &str)]) -> Section {
        let precision = entries
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.parse().unwrap()))
            .collect();
        Section { precision, ..Section::default() }
    }

    #[test]
    fn the_more_particular_level_wins() {
        let config = HlsConfig {
            model: precisions(&[("default", "fixed<16,6>"), ("weight", "fixed<9,1>")]),
            layer_type: [("Dense".to_owned(), precisions(&[("default", "fixed<12,4>")]))].into(),
            layer_name: [("fc".to_owned(), precisions(&[("result", "fixed<10,4>")]))].into(),
            ..HlsConfig::default()
        };
        let width = |name, kind, variable| config.precision(name, kind, variable).width();
        assert_eq!(width("fc", LayerType::Dense, "result"), Some(10));
        assert_eq!(width("fc", LayerType::Dense, "weight"), Some(12));
        assert_eq!(width("conv", LayerType::Conv2D, "weight"), Some(9));
        assert_eq!(width("conv", LayerType::Conv2D, "bias"), Some(16));
    }

    /// hls4ml looks names and types up in lower case (`HLSConfig.get_precision`, `get_reuse_factor`, `get_strategy`).
    #[test]
    fn the_case_of_names_does_not_matter() {
        let config = HlsConfig {
            layer_type: [("dense".to_owned(), precisions(&[("weight", "fixed<6,1>")]))].into(),
            layer_name: [("FC_1".to_owned(), precisions(&[("result", "fixed<10,4>")]))].into(),
            ..HlsConfig::default()
        };
        let width = |variable| config.precision("fc_1", LayerType::Dense, variable).width();
        assert_eq!(
            (width("result"), width("weight"), width("bias")),
            (Some(10), Some(6), Some(16))
        );
    }
}
