use std::collections::{BTreeMap, BTreeSet};

use handaxe_fixed::Precision;
use serde::{Deserialize, Serialize};

use crate::{
    Diagnostic, Error, HlsConfig, IoType, Layer, LayerId, LayerType, Model, Op, Strategy,
    closest_reuse_factor, is_valid_reuse_factor, nearest,
};

/// What hls4ml builds where nothing is said.
const DEFAULT_REUSE_FACTOR: usize = 1;
const DEFAULT_STRATEGY: Strategy = Strategy::Latency;

/// How a layer is to be built in firmware.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HlsAttributes {
    /// Rows of the layer's matrix multiplication.
    pub n_in: usize,
    /// Columns of the layer's matrix multiplication.
    pub n_out: usize,
    /// How arrays pass between layers.
    pub io_type: IoType,
    /// How multiplications are laid out.
    pub strategy: Strategy,
    /// Type of the kernel.
    pub weight_precision: Precision,
    /// Type of the output.
    pub output_precision: Precision,
    /// Multiplications a multiplier does for one output; valid for `n_in` and `n_out`.
    pub reuse_factor: usize,
    /// Output positions of a convolution computed at once.
    pub parallelization_factor: usize,
}

/// All that an objective may know of a layer with a kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerAttributes {
    /// Place in the model.
    pub id: LayerId,
    /// The layer's name.
    pub name: String,
    /// The kind of layer.
    pub layer_type: LayerType,
    /// Names of the layers it reads.
    pub inbound: Vec<String>,
    /// Shape of the kernel, empty for a layer without one.
    pub weight_shape: Vec<usize>,
    /// Shape of its (first) input, without the sample axis.
    pub input_shape: Vec<usize>,
    /// Shape of its output, without the sample axis.
    pub output_shape: Vec<usize>,
    /// True when no other kernel follows: its outputs are the network's answers.
    pub is_last: bool,
    /// How it is to be built, if a configuration was given.
    pub hls: Option<HlsAttributes>,
    /// Values for objectives on other platforms, by the user's own keys: what [`Model::set_extra`] noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, serde_json::Value>,
}

impl LayerAttributes {
    /// Number of weights in the kernel, 0 without one.
    pub fn weight_count(&self) -> usize {
        if self.weight_shape.is_empty() { 0 } else { self.weight_shape.iter().product() }
    }
}

impl Model {
    /// The attributes of every layer with a kernel, in the model's order, and what was changed to make them buildable.
    /// Without a configuration there are no hardware attributes.
    ///
    /// # Errors
    /// A configuration that does not verify.
    pub fn attributes(
        &self,
        config: Option<&HlsConfig>,
    ) -> Result<(Vec<LayerAttributes>, Vec<Diagnostic>), Error> {
        let mut diagnostics = Vec::new();
        if let Some(config) = config {
            config.verify()?;
            diagnostics.extend(self.unknown_layers(config));
            diagnostics.extend(self.defaults(config));
        }
        let last = self.layers_without_kernel_after();
        let layers = self.layers().filter_map(|(id, layer)| {
            let weight_shape = layer.kernel()?.shape().to_vec();
            let input = self.layer(*layer.inputs().first()?);
            let hls = config.map(|config| hls_attributes(layer, input, config, &mut diagnostics));
            Some(LayerAttributes {
                id,
                name: layer.name().to_owned(),
                layer_type: layer.op().layer_type(),
                inbound: layer
                    .inputs()
                    .iter()
                    .map(|&id| self.layer(id).name().to_owned())
                    .collect(),
                weight_shape,
                input_shape: input.output_shape().to_vec(),
                output_shape: layer.output_shape().to_vec(),
                is_last: last[id.index()],
                hls,
                extra: layer.extra().clone(),
            })
        });
        let layers = layers.collect();
        Ok((layers, diagnostics))
    }

    /// How one layer with a kernel is to be built, and what was changed to make it buildable, as [`Self::attributes`] has it of a
    /// configuration that verifies.
    pub fn hls_attributes(
        &self,
        id: LayerId,
        config: &HlsConfig,
    ) -> Option<(HlsAttributes, Vec<Diagnostic>)> {
        let layer = self.layer(id);
        layer.kernel()?;
        let input = self.layer(*layer.inputs().first()?);
        let mut diagnostics = Vec::new();
        let attributes = hls_attributes(layer, input, config, &mut diagnostics);
        Some((attributes, diagnostics))
    }

    /// Names in the configuration that no layer bears. hls4ml itself adds `<layer>_<activation>` and `<layer>_input`.
    fn unknown_layers(&self, config: &HlsConfig) -> Vec<Diagnostic> {
        let names: Vec<&str> = self.layers().map(|(_, layer)| layer.name()).collect();
        let lower: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
        let known = |name: &str| {
            let name = name.to_lowercase();
            let bears = |layer: &str| lower.contains(layer);
            bears(&name) || name.rsplit_once('_').is_some_and(|(layer, _)| bears(layer))
        };
        let unknown = config.layer_name.keys().filter(|name| !known(name));
        unknown
            .map(|name| Diagnostic::UnknownLayer {
                name: name.clone(),
                nearest: nearest(name, names.iter().copied()),
            })
            .collect()
    }

    /// Settings of layers with a kernel that no level of the configuration states.
    fn defaults(&self, config: &HlsConfig) -> Vec<Diagnostic> {
        type States = fn(&HlsConfig, &str, LayerType) -> bool;
        let settings: [(&'static str, String, States); 3] = [
            ("precision", HlsConfig::DEFAULT_PRECISION.to_string(), |config, name, kind| {
                ["weight", "result"]
                    .iter()
                    .all(|variable| config.stated_precision(name, kind, variable).is_some())
            }),
            ("reuse factor", DEFAULT_REUSE_FACTOR.to_string(), |config, name, kind| {
                config.setting(name, kind, |section| section.reuse_factor).is_some()
            }),
            ("strategy", DEFAULT_STRATEGY.to_string(), |config, name, kind| {
                config.setting(name, kind, |section| section.strategy).is_some()
            }),
        ];
        let left_to_default = |(setting, value, states): (&'static str, String, States)| {
            let kernels = self.layers().filter(|(_, layer)| layer.kernel().is_some());
            let unstated =
                kernels.filter(|(_, layer)| !states(config, layer.name(), layer.op().layer_type()));
            let layers: Vec<String> = unstated.map(|(_, layer)| layer.name().to_owned()).collect();
            (!layers.is_empty()).then_some(Diagnostic::DefaultUsed { setting, value, layers })
        };
        settings.into_iter().filter_map(left_to_default).collect()
    }

    /// For every layer, whether no kernel lies behind it.
    fn layers_without_kernel_after(&self) -> Vec<bool> {
        let layers: Vec<&Layer> = self.layers().map(|(_, layer)| layer).collect();
        let mut last = vec![true; layers.len()];
        for (index, layer) in layers.iter().enumerate().rev() {
            if !last[index] || layer.op().has_kernel() {
                layer.inputs().iter().for_each(|input| last[input.index()] = false);
            }
        }
        last
    }
}

fn hls_attributes(
    layer: &Layer,
    input: &Layer,
    config: &HlsConfig,
    diagnostics: &mut Vec<Diagnostic>,
) -> HlsAttributes {
    let (name, kind) = (layer.name(), layer.op().layer_type());
    let (n_in, n_out) = multiplication(layer, input);
    let asked =
        config.setting(name, kind, |section| section.reuse_factor).unwrap_or(DEFAULT_REUSE_FACTOR);
    let reuse_factor = closest_reuse_factor(asked, n_in, n_out);
    if !is_valid_reuse_factor(asked, n_in, n_out) {
        let layer = name.to_owned();
        diagnostics.push(Diagnostic::ReuseFactorSnapped {
            layer,
            asked,
            used: reuse_factor,
            n_in,
            n_out,
        });
    }
    let asked = config.setting(name, kind, |section| section.strategy).unwrap_or(DEFAULT_STRATEGY);
    let io_type = config.io_type.unwrap_or_default();
    let strategy = match asked {
        Strategy::Unrolled => match packed(layer.op(), reuse_factor, io_type) {
            Some((used, why)) => {
                let layer = name.to_owned();
                diagnostics.push(Diagnostic::StrategyBuiltAs { layer, asked, used, why });
                used
            }
            None => asked,
        },
        _ => asked,
    };
    if strategy.nearest_basic() != strategy {
        let (layer, used) = (name.to_owned(), strategy.nearest_basic());
        diagnostics.push(Diagnostic::StrategyTreatedAs { layer, asked: strategy, used });
    }
    HlsAttributes {
        n_in,
        n_out,
        io_type,
        strategy,
        weight_precision: config.planned_precision(name, kind, "weight"),
        output_precision: config.planned_precision(name, kind, "result"),
        reuse_factor,
        parallelization_factor: config
            .setting(name, kind, |section| section.parallelization_factor)
            .unwrap_or(1),
    }
}

/// What hls4ml builds in place of strategy Unrolled, and where, if it has no code for it (1.3, `init_dense`, `init_conv1d`,
/// `init_depconv1d` of its Vivado backend).
fn packed(op: &Op, reuse_factor: usize, io_type: IoType) -> Option<(Strategy, &'static str)> {
    match op {
        Op::DepthwiseConv { .. } => Some((Strategy::Latency, "in depthwise layers")),
        _ if reuse_factor == 1 => Some((Strategy::Resource, "with a reuse factor of 1")),
        Op::Conv { .. } if io_type == IoType::IoParallel => {
            Some((Strategy::Resource, "in convolutions with io_parallel"))
        }
        _ => None,
    }
}

/// Rows and columns of the matrix multiplication that the firmware repeats over all positions.
fn multiplication(layer: &Layer, input: &Layer) -> (usize, usize) {
    let channels = input.output_shape().last().copied().unwrap_or(1);
    match layer.op() {
        Op::Dense { units, .. } => (channels, *units),
        Op::Conv { filters, window, .. } => {
            (window.size.iter().product::<usize>() * channels, *filters)
        }
        Op::DepthwiseConv { multiplier, window, .. } => {
            (window.size.iter().product(), channels * multiplier)
        }
        _ => (1, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Padding, Window};

    fn convnet() -> Model {
        let mut model = Model::new("cnn");
        let input = model.add("in", Op::Input { shape: vec![8, 8, 3] }, &[]).unwrap();
        let window = Window::dense(&[3, 3], Padding::Valid);
        let conv =
            model.add("conv", Op::Conv { filters: 6, window, bias: true }, &[input]).unwrap();
        let dense = model.add("pointwise", Op::Dense { units: 4, bias: true }, &[conv]).unwrap();
        let flat = model.add("flat", Op::Flatten, &[dense]).unwrap();
        model.add("out", Op::Dense { units: 5, bias: true }, &[flat]).unwrap();
        model
    }

    /// Correction 6: a convolution's n_in counts channels, a Dense layer's n_in is its last axis only.
    #[test]
    fn multiplication_sizes() {
        let config =
            HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 1, Strategy::Latency).unwrap();
        let mut model = convnet();
        let pointwise = model.find("pointwise").unwrap();
        model.set_extra(pointwise, "unit", "aie".into());
        let (layers, diagnostics) = model.attributes(Some(&config)).unwrap();
        let noted = |layer: &LayerAttributes| layer.extra.get("unit").cloned();
        assert_eq!(layers.iter().map(noted).collect::<Vec<_>>(), [None, Some("aie".into()), None]);
        let sizes: Vec<_> =
            layers.iter().map(|l| l.hls.as_ref().map(|h| (h.n_in, h.n_out)).unwrap()).collect();
        assert_eq!(sizes, [(27, 6), (6, 4), (144, 5)]);
        assert_eq!(layers.iter().map(|l| l.is_last).collect::<Vec<_>>(), [false, false, true]);
        assert!(diagnostics.is_empty());
    }

    /// Correction 5: a reuse factor that cannot be built is snapped, and that is said.
    #[test]
    fn snaps_reuse_factors_and_says_so() {
        let mut config =
            HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 4, Strategy::Resource).unwrap();
        config.layer_name.insert("pointwsie".to_owned(), crate::Section::default());
        config.layer_name.insert("conv_relu".to_owned(), crate::Section::default());
        let (layers, diagnostics) = convnet().attributes(Some(&config)).unwrap();
        assert_eq!(layers[0].hls.as_ref().unwrap().reuse_factor, 3);
        let alone = convnet().hls_attributes(layers[0].id, &config).unwrap();
        assert_eq!((Some(&alone.0), &alone.1[..]), (layers[0].hls.as_ref(), &diagnostics[1..2]));
        assert_eq!(convnet().hls_attributes(convnet().find("flat").unwrap(), &config), None);
        let said: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        assert!(
            said[0].contains("`pointwsie`") && said[0].contains("did you mean `pointwise`?"),
            "{said:?}"
        );
        assert!(said[1].contains("reuse factor 4 cannot be built for 27 x 6; 3"), "{said:?}");
    }

    /// What is left to defaults is said once a setting; a name in another case is no unknown layer.
    #[test]
    fn defaults_are_told() {
        let mut config = HlsConfig::default();
        let section = crate::Section { reuse_factor: Some(2), ..crate::Section::default() };
        config.layer_name.insert("POINTWISE".to_owned(), section);
        config.model.precision.insert("default".to_owned(), "half".parse().unwrap());
        let (layers, diagnostics) = convnet().attributes(Some(&config)).unwrap();
        assert_eq!(layers[1].hls.as_ref().unwrap().reuse_factor, 2);
        let said: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "no reuse factor is stated for conv, out: 1, hls4ml's default, is used",
                "no strategy is stated for conv, pointwise, out: Latency, hls4ml's default, is used",
            ]
        );
    }

    #[test]
    fn an_impossible_factor_names_its_place() {
        let error =
            HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 0, Strategy::Resource).unwrap_err();
        assert_eq!(error.to_string(), "Model: ReuseFactor must be 1 or more, not 0");
    }
}
