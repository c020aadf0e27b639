//! One layer as a model holds it.

use std::collections::BTreeMap;

use handaxe_data::Tensor;
use serde_json::Value;

use super::LayerId;
use crate::{Op, Quantiser};

/// One node of the graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    pub(super) name: String,
    pub(super) op: Op,
    pub(super) inputs: Vec<LayerId>,
    pub(super) output_shape: Vec<usize>,
    pub(super) weights: BTreeMap<&'static str, Tensor>,
    pub(super) quantisers: BTreeMap<&'static str, Quantiser>,
    pub(super) extra: BTreeMap<String, Value>,
}

impl Layer {
    /// The name, unique in the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the layer computes.
    pub fn op(&self) -> &Op {
        &self.op
    }

    /// The layers it reads.
    pub fn inputs(&self) -> &[LayerId] {
        &self.inputs
    }

    /// Shape of its output, without the sample axis.
    pub fn output_shape(&self) -> &[usize] {
        &self.output_shape
    }

    /// All weights by name (`kernel`, `bias`, `gamma`, ...), in alphabetical order.
    pub fn weights(&self) -> impl Iterator<Item = (&'static str, &Tensor)> {
        self.weights.iter().map(|(name, weight)| (*name, weight))
    }

    /// The weight called `name`, if the layer has one.
    pub fn weight(&self, name: &str) -> Option<&Tensor> {
        self.weights.get(name)
    }

    /// What its weights are rounded to when the layer is computed, by weight. The weights themselves are stored unrounded.
    pub fn quantisers(&self) -> impl Iterator<Item = (&'static str, &Quantiser)> {
        self.quantisers.iter().map(|(name, quantiser)| (*name, quantiser))
    }

    /// The quantiser of the weight called `name`, if it has one.
    pub fn quantiser(&self, name: &str) -> Option<&Quantiser> {
        self.quantisers.get(name)
    }

    /// The weights that pruning works on.
    pub fn kernel(&self) -> Option<&Tensor> {
        self.weight("kernel")
    }

    /// What the user noted for objectives on other platforms, by the user's own keys.
    pub fn extra(&self) -> &BTreeMap<String, Value> {
        &self.extra
    }

    /// Number of stored numbers, running statistics included.
    pub fn parameters(&self) -> usize {
        self.weights.values().map(|weight| weight.values().len()).sum()
    }
}
