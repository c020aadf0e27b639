use std::collections::BTreeMap;

use handaxe_graph::LayerType;
use handaxe_objective::estimate::Figure;
use serde::{Deserialize, Serialize};

use crate::{EpochRecord, Estimate, Use};

/// The version of the JSON that runs write.
pub const SCHEMA: u32 = 1;

/// Numbers by resource name (`dsp`, `bram36`, ...).
pub type ByResource<T> = BTreeMap<String, T>;

/// One step of the loop: a line of `steps.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Counted from 1.
    pub step: usize,
    /// Sparsity asked for, of each resource of the optimisable layers.
    pub asked: ByResource<f64>,
    /// The largest sparsity that any choice of groups could reach.
    pub feasible: ByResource<f64>,
    /// Sparsity reached: savings of the removed groups over the resources of the optimisable layers.
    pub achieved: ByResource<f64>,
    /// The metric on the validation samples after training under the masks.
    pub metric: f64,
    /// Other metrics on the same samples, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// Whether the metric held its tolerance.
    pub good: bool,
    /// What the network takes of the resources of a budget, where there is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub budget: ByResource<Use>,
    /// What implementation will leave of the network as this step's training left it, where it is known how it is built.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub estimated: ByResource<Figure>,
    /// Share of weights held at zero, by layer.
    pub sparsity: BTreeMap<String, f64>,
    /// Weights that share a value with their group, by layer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shared: BTreeMap<String, SharedRecord>,
    /// How well the curvature was known that the ranking went by, for the layers for which it was estimated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub curvature: BTreeMap<String, Estimate>,
    /// How the knapsack was solved.
    pub solver: SolverRecord,
    /// Wall time of the step.
    pub seconds: f64,
}

impl StepRecord {
    /// Whether the network fits its budget, if there is one.
    pub fn fits(&self) -> bool {
        self.budget.values().all(Use::fits)
    }
}

/// Weights of a layer that share values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedRecord {
    /// How many weights.
    pub weights: usize,
    /// How many values they have between them.
    pub values: usize,
}

/// How a knapsack was solved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SolverRecord {
    /// Which solver answered.
    pub name: String,
    /// `optimal` with proof, else `feasible`.
    pub status: String,
    /// No choice can be worth more than this.
    pub bound: f64,
    /// What the kept groups are worth.
    pub value: f64,
}

/// One trial of the search for the strengths of penalties: a line of `trials.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Counted from 1.
    pub trial: usize,
    /// Epochs that it was given.
    pub epochs: usize,
    /// The strengths that it tried, by layer.
    pub penalties: BTreeMap<String, Strengths>,
    /// The best metric on the validation samples after any of its epochs; none where its training diverged.
    pub metric: Option<f64>,
    /// Wall time of the trial.
    pub seconds: f64,
}

/// How strongly the groups of a layer are drawn, where a search chose.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Strengths {
    /// To zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse: Option<f64>,
    /// To one value each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variance: Option<f64>,
}

/// What came of the search for the strengths of penalties.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchRecord {
    /// Who searched.
    pub name: String,
    /// Trials made.
    pub trials: usize,
    /// The one whose strengths the run took.
    pub best: TrialRecord,
}

/// One epoch of one stretch of training: a line of `epochs.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveRecord {
    /// The step it belongs to, 0 for the baseline; the trial, for one of a search.
    pub step: usize,
    /// Which stretch.
    pub phase: Phase,
    /// Loss and metric.
    #[serde(flatten)]
    pub epoch: EpochRecord,
}

/// What a stretch of training is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Training the network that is to be pruned.
    Baseline,
    /// A trial of the search for penalties; not written down.
    Trial,
    /// Training around the cut, masked weights held.
    Fit,
    /// Training without masks, so that pruned weights may grow again.
    Rewind,
    /// Training what a reduction left.
    Reduce,
}

/// What came of taking idle neurons and filters out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReductionRecord {
    /// Whether the reduced network is handed back.
    pub kept: bool,
    /// Whether it is so as trained after the reduction; else that training lost the tolerance and is not in it.
    pub trained: bool,
    /// The metric on the validation samples.
    pub metric: f64,
    /// The share of each resource of the optimisable layers that the reduced network does without.
    pub achieved: ByResource<f64>,
    /// Neurons and filters that are gone, by layer.
    pub removed: BTreeMap<String, usize>,
}

/// The metric of one network on the two parts that it was not trained on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// On the samples that decisions were based on.
    pub validation: f64,
    /// On samples never seen.
    pub test: f64,
}

/// Another metric of the network as given and of the one handed back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MetricRecord {
    /// Of the original.
    pub baseline: Scores,
    /// Of the network handed back.
    #[serde(rename = "final")]
    pub last: Scores,
}

/// A layer before and after: one row of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The layer's name.
    pub name: String,
    /// The kind of layer.
    #[serde(rename = "type")]
    pub layer_type: LayerType,
    /// Shape of the kernel.
    pub shape: Vec<usize>,
    /// Shape of the kernel that is left, where the network was reduced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduced: Option<Vec<usize>>,
    /// Share of kernel weights that are zero or gone afterwards.
    pub sparsity: f64,
    /// Why the run's objective left the layer alone, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_alone: Option<String>,
    /// Resources of the layer.
    pub resources: BeforeAfter,
}

/// Resources of the original and of the final network.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BeforeAfter<T = u64> {
    /// Of the original.
    pub before: ByResource<T>,
    /// Of the final network.
    pub after: ByResource<T>,
}

/// The whole run in figures: `result.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultRecord {
    /// Version of this form.
    pub schema: u32,
    /// Name of the network.
    pub model: String,
    /// Name of the objective.
    pub objective: String,
    /// Name of the metric.
    pub metric: String,
    /// Whether more of the metric is better.
    pub increasing: bool,
    /// What every step's metric had to hold on the validation samples.
    pub tolerance: f64,
    /// The original network.
    pub baseline: Scores,
    /// The network handed back.
    #[serde(rename = "final")]
    pub last: Scores,
    /// Other metrics, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, MetricRecord>,
    /// Whether an observer ended the run before its schedule did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// The step it comes from; none when no step held the tolerance and the baseline is handed back.
    pub best_step: Option<usize>,
    /// The sparsity that the run was asked to reach; empty where it was to save as much as the metric allows.
    pub asked: ByResource<f64>,
    /// The largest sparsity within reach.
    pub feasible: ByResource<f64>,
    /// The sparsity that the final network has, of each resource of the optimisable layers.
    pub achieved: ByResource<f64>,
    /// Whether all that was asked was reached and the metric held; what is not feasible cannot be met.
    pub met: bool,
    /// Resources of the whole network.
    pub resources: BeforeAfter,
    /// What implementation will leave of both networks, where it is known how they are built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated: Option<BeforeAfter<Figure>>,
    /// What the final network takes of the resources of a budget, where there is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub budget: ByResource<Use>,
    /// What came of the search for penalties, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchRecord>,
    /// What came of taking idle neurons out, where that was to be done and there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduction: Option<ReductionRecord>,
    /// Every layer with a kernel.
    pub layers: Vec<LayerRecord>,
    /// What was done differently from what was written.
    pub diagnostics: Vec<String>,
    /// The seed of the run.
    pub seed: u64,
    /// The version of handaxe.
    pub version: String,
    /// Wall time of the whole run.
    pub seconds: f64,
}
