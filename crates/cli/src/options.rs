//! The flags of `optimize` and `train`. Each is a key of `run.toml` under the same name; what is not given is not said.

use std::path::PathBuf;

use clap::Args;
use handaxe::run::LayerSettings;
use handaxe::{Available, FinalSparsity, RunConfig};
use serde::{Serialize, Serializer};

/// A network and samples that it is to answer.
#[derive(Debug, Args)]
pub(crate) struct Questions {
    /// The network: .safetensors, .keras, .h5, .onnx or model.json:weights=FILE.h5
    #[arg(long, value_name = "FILE")]
    pub(crate) model: String,
    /// Samples, as `handaxe optimize --data` takes them; labels may be missing in .npz and .npy
    #[arg(long, value_name = "FILE")]
    pub(crate) data: String,
}

/// The network and its data.
#[derive(Debug, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Network and data")]
pub(crate) struct Source {
    /// A trained network: .safetensors, .keras, .h5, .onnx or model.json:weights=FILE.h5
    #[arg(long, value_name = "FILE", conflicts_with = "network")]
    pub(crate) model: Option<String>,
    /// A network to train first, such as dense:64,relu,dense:32,relu,dense:5,softmax
    #[arg(long, value_name = "SPEC")]
    pub(crate) network: Option<String>,
    /// Samples: a .npz, .npy, IDX, .csv or .arff file (.parquet with the cargo feature), names after a colon: jets.npz:x=hlf_ungroomed,y=label
    #[arg(long, value_name = "FILE")]
    data: Option<String>,
    /// Share of the samples kept for the final figures, where the data have no test part [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    test_split: Option<f64>,
    /// Share of the training samples that decisions are based on [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    validation_split: Option<f64>,
    /// Standardise the features on the training part [default: for a network trained here]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    standardise: Option<bool>,
    /// accuracy, auc, mse or mae; of several, joined by commas, the first decides [default: accuracy for classes, mse for values]
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
}

/// How to train.
#[derive(Debug, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Training")]
pub(crate) struct Training {
    /// categorical-cross-entropy, binary-cross-entropy, mse or mae [default: what the targets ask for]
    #[arg(long, value_name = "NAME")]
    loss: Option<String>,
    /// Epochs in which --network is trained [default: 30]
    #[arg(long, value_name = "N")]
    baseline_epochs: Option<usize>,
    /// glorot_, he_ or lecun_, uniform or normal [default: glorot_uniform]
    #[arg(long, value_name = "NAME")]
    initialiser: Option<String>,
    /// Samples a training step [default: 128]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Learning rate [default: 0.001]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Over each stretch of training: constant, cosine or exponential [default: constant]
    #[arg(long, value_name = "NAME")]
    learning_rate_schedule: Option<String>,
    /// exponential: share that each epoch takes over from the one before [default: 0.9]
    #[arg(long, value_name = "SHARE")]
    learning_rate_decay: Option<f64>,
    /// End a stretch of training after this many epochs without a better metric [default: never]
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// adam, adamw or sgd [default: adam]
    #[arg(long, value_name = "NAME")]
    optimiser: Option<String>,
    /// Momentum of sgd [default: 0.9]
    #[arg(long, value_name = "M")]
    momentum: Option<f64>,
    /// Penalty on the absolute values of kernel weights [default: 0]
    #[arg(long, value_name = "L1")]
    l1: Option<f64>,
    /// Penalty on the squares of kernel weights [default: 0]
    #[arg(long, value_name = "L2")]
    l2: Option<f64>,
    /// Where all randomness comes from [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

/// The hardware that the network is for.
#[derive(Debug, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Hardware")]
pub(crate) struct Hardware {
    /// hls4ml's configuration, YAML or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Precision of the whole model, such as ap_fixed<16,6>
    #[arg(long, value_name = "TYPE")]
    pub(crate) precision: Option<String>,
    /// Reuse factor of the whole model
    #[arg(long, value_name = "N")]
    pub(crate) reuse_factor: Option<usize>,
    /// Latency, Resource or Unrolled
    #[arg(long, value_name = "NAME")]
    pub(crate) strategy: Option<String>,
    /// io_parallel or io_stream
    #[arg(long, value_name = "NAME")]
    pub(crate) io_type: Option<String>,
}

/// What to prune and how far.
#[derive(Debug, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
#[command(next_help_heading = "Pruning")]
pub(crate) struct Pruning {
    /// parameter, gpu-flops, vivado-dsp, vivado-ff, vivado-dsp-bram, weight-memory, or dsp, lut, ff, bram36 as synthesis
    /// reports them; several joined by + [default: vivado-dsp]
    #[arg(long, value_name = "NAME")]
    objective: Option<String>,
    /// Share of the resource to save, of the layers the objective can optimise; dsp=0.5,bram36=0.3 for several [default: as
    /// much as the metric allows]
    #[arg(long, value_name = "S")]
    final_sparsity: Option<FinalSparsity>,
    /// What the network must fit into, such as dsp=220,lut=40000: the least pruning that fits, by the upper ends of the estimates
    #[arg(long, value_name = "N", conflicts_with = "final_sparsity")]
    budget: Option<Available>,
    /// The part or board that the network must fit on, such as xc7z020 or pynq-z2 (`handaxe parts` lists them)
    #[arg(long, value_name = "PART", conflicts_with = "final_sparsity")]
    fit: Option<String>,
    /// More parts, as a JSON list in the form of `handaxe parts --json`
    #[arg(long, value_name = "FILE")]
    parts: Option<PathBuf>,
    /// Share of the part that may be taken [default: 1]
    #[arg(long, value_name = "SHARE")]
    utilisation: Option<f64>,
    /// With a budget or a part, whose figures count: vivado or vitis [default: the part's today, vivado without a part]
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// With a budget or a part, the clock's period in nanoseconds [default: 5]
    #[arg(long, value_name = "NS")]
    clock: Option<f64>,
    /// Share to begin with [default: 0]
    #[arg(long, value_name = "S")]
    initial_sparsity: Option<f64>,
    /// polynomial, constant or binary [default: polynomial]
    #[arg(long, value_name = "NAME")]
    scheduler: Option<String>,
    /// polynomial: number of steps [default: 10]
    #[arg(long, value_name = "N")]
    steps: Option<u32>,
    /// polynomial: the power by which steps shrink [default: 3]
    #[arg(long, value_name = "P")]
    power: Option<f64>,
    /// constant: what each step adds [default: 0.05]
    #[arg(long, value_name = "S")]
    step: Option<f64>,
    /// binary, or with a budget: how close the search comes [default: 0.01]
    #[arg(long, value_name = "S")]
    threshold: Option<f64>,
    /// l1, l2, oracle (gradients) or saliency (curvature) [default: l1]
    #[arg(long, value_name = "NAME")]
    ranking: Option<String>,
    /// saliency: random directions a batch for the curvature of convolutions; that of dense layers is exact [default: 4]
    #[arg(long, value_name = "N")]
    curvature_samples: Option<usize>,
    /// One knapsack for each layer instead of one for the network
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    local: Option<bool>,
    /// Groups that every layer keeps [default: 1]
    #[arg(long, value_name = "N")]
    floor: Option<usize>,
    /// Take idle neurons and filters out at the end and train what is left [default: for gpu-flops]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    reduce: Option<bool>,
    /// auto, class, dynamic, greedy, branch_bound or mip [default: auto]
    #[arg(long, value_name = "NAME")]
    solver: Option<String>,
    /// Seconds that one knapsack may take [default: no limit]
    #[arg(long, value_name = "S")]
    time_limit: Option<f64>,
    /// Epochs a step, rewinding included [default: 10]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Epochs at the end of a step in which pruned weights may grow again [default: 1]
    #[arg(long, value_name = "N")]
    rewinding: Option<usize>,
    /// Bad steps in a row that are forgiven [default: 3]
    #[arg(long, value_name = "N")]
    cutoff: Option<usize>,
    /// Draw groups of weights to zero while training around the cut [default: 0]
    #[arg(long, value_name = "A")]
    sparse_penalty: Option<f64>,
    /// Draw the weights of a group to their mean [default: 0]
    #[arg(long, value_name = "B")]
    variance_penalty: Option<f64>,
    /// How groups add up in these penalties: 1 or 2 [default: 1]
    #[arg(long, value_name = "P")]
    penalty_norm: Option<u8>,
    /// Train the value that a group of weights shares, in place of holding it at the group's mean
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    train_shared: Option<bool>,
    /// How these penalties are found: manual, bayesian or hyperband [default: bayesian; manual where one is given]
    #[arg(long, value_name = "NAME")]
    search: Option<String>,
    /// bayesian: number of trials [default: 10]
    #[arg(long, value_name = "N")]
    trials: Option<usize>,
    /// bayesian, hyperband: penalties to try, from the least to the greatest [default: 1e-6..1e-2]
    #[arg(long, value_name = "A..B")]
    search_range: Option<String>,
    /// What holds for one layer; more than once for several: exclude, structure=, floor=, sparse-penalty=, variance-penalty=
    #[arg(long = "layer", value_name = "NAME:KEY=VALUE,...", value_parser = RunConfig::layer)]
    #[serde(serialize_with = "by_name", skip_serializing_if = "Vec::is_empty")]
    layers: Vec<(String, LayerSettings)>,
    /// Factor of the baseline's metric that must hold [default: 0.975, or 1/0.975 for an error]
    #[arg(long, value_name = "F")]
    rtol: Option<f64>,
    /// Run once for each of N parts of the data, each being the test part once
    #[arg(long, value_name = "N")]
    folds: Option<usize>,
}

/// The table of layers as a run file has it.
fn by_name<S: Serializer>(
    layers: &[(String, LayerSettings)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(layers.iter().map(|(name, layer)| (name, layer)))
}

/// How to speak.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Speech {
    /// Print one JSON object on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// No progress and no messages but errors
    #[arg(long, global = true)]
    pub(crate) quiet: bool,
}
