//! The reference's cases as its files have them.

use std::collections::HashMap;
use std::io::Read;

use handaxe_graph::{LayerAttributes, OptimizationAttributes};
use serde::{Deserialize, de::DeserializeOwned};

use crate::reference::{self, Attributes, how, layer_attributes};

/// Model -> layer -> weights.
pub(crate) type Weights = HashMap<String, HashMap<String, Tensors>>;

#[derive(Deserialize)]
pub(crate) struct Tensors {
    pub(crate) kernel: Vec<f32>,
    #[serde(default)]
    pub(crate) gradient: Vec<f32>,
    #[serde(default)]
    pub(crate) hessian: Vec<f32>,
}

#[derive(Deserialize)]
pub(crate) struct Case {
    pub(crate) tag: String,
    pub(crate) model: String,
    pub(crate) estimator: String,
    pub(crate) metric: String,
    pub(crate) local: bool,
    pub(crate) sparsity: f64,
    pub(crate) solver: String,
    pub(crate) layers: Vec<Layer>,
    #[serde(default)]
    pub(crate) mask_zeros: HashMap<String, Vec<usize>>,
    #[serde(default)]
    pub(crate) offsets: HashMap<String, Vec<(usize, f32)>>,
    pub(crate) knapsack: Vec<Instance>,
    pub(crate) error: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Layer {
    pub(crate) name: String,
    #[serde(rename = "type")]
    kind: String,
    weight_shape: Vec<u64>,
    input_shape: Vec<u64>,
    output_shape: Vec<u64>,
    pub(crate) optimizable: bool,
    pub(crate) optimization_attributes: Option<Attributes>,
    hls4ml: Option<Hls>,
}

#[derive(Deserialize)]
struct Hls {
    n_in: Option<u64>,
    io_type: String,
    strategy: String,
    reuse_factor: u64,
    weight_width: u64,
    output_width: u64,
}

/// A knapsack instance: whole, or of large ones only the capacity.
#[derive(Deserialize)]
pub(crate) struct Instance {
    #[serde(default)]
    pub(crate) values: Option<Vec<f64>>,
    #[serde(default)]
    pub(crate) weights: Vec<Vec<u64>>,
    pub(crate) capacity: Capacity,
    pub(crate) selected: Option<Vec<usize>>,
    pub(crate) optimal: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Capacity {
    Each(Vec<i64>),
    /// Of an instance without items.
    None(serde::de::IgnoredAny),
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/../../fixtures/prune/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn cases() -> (Vec<Case>, Weights) {
    (read("mask_cases.json.gz"), read("mask_weights.json.gz"))
}

/// A layer with a kernel, for the naive statement and for ours.
pub(crate) struct Kernel<'a> {
    pub(crate) name: &'a str,
    pub(crate) tensors: &'a Tensors,
    pub(crate) stated: reference::Layer,
    pub(crate) attributes: LayerAttributes,
    /// How the reference optimised it, if it did.
    pub(crate) golden: Option<&'a Attributes>,
    /// How it is to be optimised where that was set by hand.
    pub(crate) by_hand: Option<&'a Attributes>,
}

impl Case {
    /// Whether the structures were set by hand, and not by the estimator.
    fn is_by_hand(&self) -> bool {
        self.tag.starts_with("uniform") || self.tag.starts_with("sharing")
    }

    /// The name of our objective; `mock` is the reference's own stand-in.
    pub(crate) fn objective(&self) -> &'static str {
        match self.estimator.as_str() {
            "ParameterEstimator" => "parameter",
            "GPUFLOPEstimator" => "gpu-flops",
            "VivadoDSPEstimator" => "vivado-dsp",
            "VivadoFFEstimator" => "vivado-ff",
            "VivadoMultiObjectiveEstimator" => "vivado-dsp-bram",
            _ => "mock",
        }
    }

    pub(crate) fn kernels<'a>(&'a self, weights: &'a Weights) -> Vec<Kernel<'a>> {
        let with_kernel: Vec<&Layer> =
            self.layers.iter().filter(|layer| !layer.weight_shape.is_empty()).collect();
        let last = with_kernel.len() - 1;
        let kernel = |(place, layer): (usize, &&'a Layer)| {
            let stated = layer.stated();
            let attributes =
                LayerAttributes { is_last: place == last, ..layer_attributes(&stated) };
            let given = layer.optimization_attributes.as_ref();
            Kernel {
                name: &layer.name,
                tensors: &weights[&self.model][&layer.name],
                stated,
                attributes,
                golden: given.filter(|_| layer.optimizable),
                by_hand: given.filter(|_| self.is_by_hand()),
            }
        };
        with_kernel.iter().enumerate().map(kernel).collect()
    }
}

impl Layer {
    fn stated(&self) -> reference::Layer {
        let hls = self.hls4ml.as_ref().unwrap();
        reference::Layer {
            layer_type: self.kind.clone(),
            weight_shape: self.weight_shape.clone(),
            input_shape: self.input_shape.clone(),
            output_shape: self.output_shape.clone(),
            io_type: hls.io_type.clone(),
            strategy: hls.strategy.clone(),
            weight_precision: format!("ap_fixed<{},6>", hls.weight_width),
            output_precision: format!("ap_fixed<{},6>", hls.output_width),
            reuse_factor: hls.reuse_factor,
            n_in: hls.n_in,
        }
    }
}

impl Kernel<'_> {
    /// How a user would have it by hand.
    pub(crate) fn how_by_hand(&self) -> Option<OptimizationAttributes> {
        self.by_hand.map(how)
    }
}
