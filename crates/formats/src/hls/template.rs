use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use handaxe_fixed::Precision;
use handaxe_graph::{HlsConfig, IoType, Layer, Model, Op, Quantiser, Strategy};
use serde_json::Value;

use super::kind::{self, Settings};
use super::yaml::{Node, mapping};
use crate::Error;

/// Down to which level a configuration is spelt out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Granularity {
    /// One section for the whole model.
    Model,
    /// A section for each type of layer.
    Type,
    /// A section for each layer.
    #[default]
    Name,
}

impl FromStr for Granularity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.to_ascii_lowercase().as_str() {
            "model" => Ok(Self::Model),
            "type" => Ok(Self::Type),
            "name" => Ok(Self::Name),
            _ => Err(Error::HlsChoice {
                what: "granularity",
                given: text.to_owned(),
                known: "model, type, name",
            }),
        }
    }
}

/// The tool that hls4ml writes a project for; each has settings of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are hls4ml's")]
pub enum Backend {
    Vivado,
    VivadoAccelerator,
    #[default]
    Vitis,
    Catapult,
    OneApi,
    Quartus,
}

impl Backend {
    const NAMED: [(&str, Self); 6] = [
        ("Vivado", Self::Vivado),
        ("VivadoAccelerator", Self::VivadoAccelerator),
        ("Vitis", Self::Vitis),
        ("Catapult", Self::Catapult),
        ("oneAPI", Self::OneApi),
        ("Quartus", Self::Quartus),
    ];

    fn is_vivado(self) -> bool {
        matches!(self, Self::Vivado | Self::VivadoAccelerator | Self::Vitis)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::NAMED.iter().find(|(_, backend)| backend == self);
        f.pad(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Backend {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::NAMED.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
        found.map(|(_, backend)| *backend).ok_or_else(|| Error::HlsChoice {
            what: "backend",
            given: text.to_owned(),
            known: "Vivado, VivadoAccelerator, Vitis, Catapult, oneAPI, Quartus",
        })
    }
}

/// A configuration to begin with, as hls4ml's `config_from_keras_model` gives it: with the same keys, the types of quantised
/// weights and activations, and `auto` for what hls4ml infers.
///
/// ```
/// use handaxe_formats::hls::{Granularity, Template, parse};
/// use handaxe_graph::{Model, Op};
///
/// let mut model = Model::new("small");
/// let input = model.add("in", Op::Input { shape: vec![4] }, &[])?;
/// model.add("fc", Op::Dense { units: 2, bias: true }, &[input])?;
/// let text = Template { reuse_factor: 4, ..Template::default() }.yaml(&model);
/// assert!(text.contains("  fc:\n    Trace: false\n    Precision:\n      result: auto\n"));
/// assert_eq!(parse(&text)?.layer_name["fc"].reuse_factor, Some(4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// How much is spelt out.
    pub granularity: Granularity,
    /// Whose settings.
    pub backend: Backend,
    /// Precision of the whole model; also of what is `auto` where hls4ml cannot infer it.
    pub precision: Precision,
    /// Reuse factor of the model and of every layer that has one.
    pub reuse_factor: usize,
    /// Strategy of the whole model.
    pub strategy: Strategy,
    /// A whole project's configuration, for `convert_from_config`, instead of the part that `convert_from_keras_model` takes
    /// as `hls_config`.
    pub project: Option<Project>,
}

/// What a project's configuration says beside the `HLSConfig`.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// How arrays pass between layers.
    pub io_type: IoType,
    /// The file of the model, in a form that Keras loads.
    pub model: Option<String>,
}

impl Default for Template {
    fn default() -> Self {
        Self {
            granularity: Granularity::default(),
            backend: Backend::default(),
            precision: HlsConfig::DEFAULT_PRECISION,
            reuse_factor: 1,
            strategy: Strategy::Latency,
            project: None,
        }
    }
}

impl Template {
    /// The configuration of `model` as the text of a YAML file.
    pub fn yaml(&self, model: &Model) -> String {
        self.document(model).to_yaml()
    }

    /// The same as JSON, which hls4ml takes as well.
    pub fn json(&self, model: &Model) -> Value {
        self.document(model).to_json()
    }

    fn document(&self, model: &Model) -> Node {
        let mut levels = vec![("Model", self.of_model())];
        match self.granularity {
            Granularity::Model => {}
            Granularity::Type => levels.push(("LayerType", self.by_type(model))),
            Granularity::Name => levels.push(("LayerName", self.by_name(model))),
        }
        let levels = mapping(levels);
        match &self.project {
            None => levels,
            Some(project) => self.in_project(project, levels),
        }
    }

    /// Part and clock are left to hls4ml, but where it has no default in this form: those of its `create_config`.
    fn in_project(&self, project: &Project, levels: Node) -> Node {
        let mut entries: Vec<(&str, Node)> = Vec::new();
        if let Some(path) = &project.model {
            entries.push(("KerasModel", Node::Model(path.clone())));
        }
        entries.push(("OutputDir", "my-hls-test".into()));
        entries.push(("ProjectName", "myproject".into()));
        entries.push(("Backend", Node::Text(self.backend.to_string())));
        if self.backend.is_vivado() {
            let uncertainty = if self.backend == Backend::Vitis { "27%" } else { "12.5%" };
            entries.push(("Part", "xcvu13p-flga2577-2-e".into()));
            entries.push(("ClockPeriod", Node::Number(5)));
            entries.push(("ClockUncertainty", uncertainty.into()));
        }
        entries.push(("IOType", Node::Text(project.io_type.to_string())));
        entries.push(("HLSConfig", levels));
        mapping(entries)
    }

    fn of_model(&self) -> Node {
        mapping([
            ("Precision", mapping([("default", Node::Text(self.precision.to_string()))])),
            ("ReuseFactor", Node::Number(self.reuse_factor)),
            ("Strategy", strategy(self.strategy).into()),
            ("BramFactor", Node::Number(1_000_000_000)),
            ("TraceOutput", Node::Flag(false)),
        ])
    }

    fn by_name(&self, model: &Model) -> Node {
        let mut entries = Vec::new();
        for (_, layer) in model.layers() {
            let Some(class) = kind::class(model, layer) else { continue };
            entries.push((layer.name().to_owned(), self.of_layer(layer, &class)));
            if layer.op().has_kernel() {
                // hls4ml sees a linear activation in every such layer that has no other. Where it has, this one is idle.
                let linear = format!("{}_linear", layer.name());
                entries.push((linear, self.section("Activation", &[])));
            }
        }
        mapping(entries)
    }

    fn by_type(&self, model: &Model) -> Node {
        let (mut entries, mut seen) = (Vec::new(), BTreeSet::new());
        for (_, layer) in model.layers() {
            let Some(class) = kind::class(model, layer) else { continue };
            if seen.insert(class.clone()) {
                let section = self.of_layer(layer, &class);
                entries.push((class, section));
            }
            if layer.op().has_kernel() && seen.insert("Activation".to_owned()) {
                entries.push(("Activation".to_owned(), self.section("Activation", &[])));
            }
        }
        mapping(entries)
    }

    fn of_layer(&self, layer: &Layer, class: &str) -> Node {
        let mut types: Vec<(String, Precision)> = layer
            .quantisers()
            .filter_map(|(weight, quantiser)| {
                let variable = match weight {
                    "kernel" if matches!(layer.op(), Op::DepthwiseConv { .. }) => "depthwise",
                    "kernel" => "weight",
                    weight => weight.trim_start_matches("moving_"),
                };
                Some((variable.to_owned(), kind::weight_type(weight, quantiser)?))
            })
            .collect();
        if let Op::Quantise { quantiser } = layer.op() {
            types.extend(kind::result_type(quantiser).map(|of| ("result".to_owned(), of)));
        }
        // hls4ml quantises the bias of these alike, whether there is one or not.
        if let Some(quantiser @ (Quantiser::Sign { .. } | Quantiser::Ternarise { .. })) =
            layer.quantiser("kernel")
        {
            types.extend(kind::weight_type("bias", quantiser).map(|of| ("bias".to_owned(), of)));
        }
        self.section(class, &types)
    }

    /// The section of a layer of `class`, some of whose variables have a type of their own.
    fn section(&self, class: &str, types: &[(String, Precision)]) -> Node {
        let settings = Settings::of(class, self.backend.is_vivado());
        let mut precision: Vec<(String, Node)> = settings
            .precision
            .iter()
            .map(|(variable, precision)| ((*variable).to_owned(), (*precision).into()))
            .collect();
        for (variable, of) in types {
            let value = Node::Text(of.to_string());
            match precision.iter_mut().find(|(known, _)| known == variable) {
                Some((_, slot)) => *slot = value,
                None => precision.push((variable.clone(), value)),
            }
        }
        let mut entries: Vec<(&str, Node)> =
            vec![("Trace", Node::Flag(false)), ("Precision", mapping(precision))];
        if settings.reuse_factor {
            entries.push(("ReuseFactor", Node::Number(self.reuse_factor)));
        }
        if settings.parallelization_factor && self.backend != Backend::Quartus {
            entries.push(("ParallelizationFactor", Node::Number(1)));
        }
        if settings.conv_implementation
            && !matches!(self.backend, Backend::Quartus | Backend::OneApi)
        {
            entries.push(("ConvImplementation", "LineBuffer".into()));
        }
        if settings.table_range {
            entries.push(("TableRangePower2", Node::Number(0)));
        }
        if let Some(size) = settings.table_size {
            entries.push(("TableSize", Node::Number(size)));
        }
        if settings.softmax {
            entries.push(("Implementation", "stable".into()));
            entries.push(("Skip", Node::Flag(false)));
        }
        if settings.interpolation {
            entries.push(("Algorithm", "nearest".into()));
        }
        mapping(entries)
    }
}

/// A strategy by hls4ml's own name.
fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Latency => "Latency",
        Strategy::Resource => "Resource",
        Strategy::Unrolled => "resource_unrolled",
        Strategy::DistributedArithmetic => "distributed_arithmetic",
    }
}
