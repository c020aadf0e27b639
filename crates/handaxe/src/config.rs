mod parts;
mod text;

use std::collections::BTreeMap;
use std::path::PathBuf;

use handaxe_objective::estimate::{Profile, Tool};
use handaxe_optimize::LayerSettings;
use serde::{Deserialize, Serialize};

use crate::{Available, FinalSparsity};

/// Everything a run can be told: the flags of the command line and the keys of a `run.toml`, under the same names.
///
/// ```
/// let run = handaxe::RunConfig::parse("
///     data = 'jets.npz:x=hlf_ungroomed,y=label'
///     network = 'dense:64,relu,dense:32,relu,dense:5,softmax'
///     objective = 'vivado-dsp'
///     final-sparsity = 0.5
///     reuse-factor = 4
///     strategy = 'Resource'
/// ")?;
/// assert_eq!(run.epochs, 10);
/// # Ok::<(), handaxe::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RunConfig {
    /// A trained network: `.safetensors`, `.keras`, `.h5` or `model.json:weights=FILE.h5`. Either this or `network`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// A network to train first, such as `dense:64,relu,dense:5,softmax`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The samples: a file of one of [`FORMATS`](handaxe_formats::data::FORMATS), with the names of its arrays or columns
    /// after a colon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Share of the samples kept for the final figures, where the data come without a test part.
    pub test_split: f64,
    /// Share of the training samples that decisions are based on.
    pub validation_split: f64,
    /// Bring every feature to mean 0 and deviation 1, as measured on the training part. By default for a network that is
    /// trained here; a given model brings its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standardise: Option<bool>,
    /// Divide the data into this many parts, one of them the test part; `handaxe optimize` runs once for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Which of the folds is the test part, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<usize>,
    /// What is judged: `accuracy`, `auc`, `mse` or `mae`. By default accuracy for classes, mse for values. Of several, as in
    /// `auc,accuracy`, the first decides and the others are recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,

    /// What training makes small: `categorical-cross-entropy`, `binary-cross-entropy`, `mse` or `mae`. By default what the
    /// targets and the network's outputs ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,
    /// Epochs in which `network` is trained.
    pub baseline_epochs: usize,
    /// How the weights of `network` start, by default `glorot_uniform`; a given model is only drawn anew where this is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initialiser: Option<String>,

    /// An hls4ml configuration, YAML or JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
    /// Precision of the whole model, in place of the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
    /// Reuse factor of the whole model, in place of the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_factor: Option<usize>,
    /// Strategy of the whole model, in place of the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// `io_parallel` or `io_stream`, in place of the configuration's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_type: Option<String>,

    /// What is to be saved.
    pub objective: String,
    /// The share of the resource to save, of the layers that the objective can optimise: a number, or a table such as
    /// `{ dsp = 0.5, bram36 = 0.3 }`. Without it, as much as the metric allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_sparsity: Option<FinalSparsity>,
    /// What the network must fit into, in place of a final sparsity: `{ dsp = 220, bram36 = 140 }`, judged by the upper ends
    /// of the estimates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Available>,
    /// The part or board that the network must fit on; `budget` stands in place of what it has of the resources named there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<String>,
    /// More parts, as a JSON list in the form of `handaxe parts --json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<PathBuf>,
    /// The share of that part that may be taken.
    pub utilisation: f64,
    /// The tool whose figures count; by default the part's today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<Tool>,
    /// The clock's period that is asked of the tool, in nanoseconds.
    pub clock: f64,
    /// The share to begin with.
    pub initial_sparsity: f64,
    /// How the share grows: `polynomial`, `constant` or `binary`.
    pub scheduler: String,
    /// polynomial: number of steps.
    pub steps: u32,
    /// polynomial: the power by which steps shrink.
    pub power: f64,
    /// constant: what each step adds.
    pub step: f64,
    /// binary: how close the search comes.
    pub threshold: f64,
    /// Which groups of weights matter: `l1`, `l2`, `oracle` or `saliency`.
    pub ranking: String,
    /// saliency: random directions a batch by which the curvature of convolutions is estimated.
    pub curvature_samples: usize,
    /// Solve a knapsack for each layer instead of one for the network.
    pub local: bool,
    /// Groups that every layer keeps.
    pub floor: usize,
    /// Take idle neurons and filters out at the end and train what is left; by default as the objective has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduce: Option<bool>,
    /// Who solves the knapsack.
    pub solver: String,
    /// Seconds that one solve may take; then the best selection found counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<f64>,

    /// Epochs a step, rewinding included.
    pub epochs: usize,
    /// Epochs at the end of a step in which pruned weights may grow again.
    pub rewinding: usize,
    /// Bad steps in a row that are forgiven.
    pub cutoff: usize,
    /// The factor of the baseline's metric that must hold; by default 0.975, or 1/0.975 for an error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtol: Option<f64>,
    /// Samples a training step.
    pub batch_size: usize,
    /// Learning rate.
    pub learning_rate: f64,
    /// How it goes over each stretch of training: `constant`, `cosine` or `exponential`.
    pub learning_rate_schedule: String,
    /// exponential: the share of the learning rate that each epoch takes over from the one before.
    pub learning_rate_decay: f64,
    /// Epochs without a better metric after which a stretch of training ends early; without it, it never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// `adam`, `adamw` or `sgd`.
    pub optimiser: String,
    /// sgd: momentum.
    pub momentum: f64,
    /// Penalty on the absolute values of kernel weights.
    pub l1: f64,
    /// Penalty on the squares of kernel weights.
    pub l2: f64,
    /// How strongly groups of weights are drawn to zero while the network is trained around the cut.
    pub sparse_penalty: f64,
    /// How strongly the weights of a group are drawn to their mean.
    pub variance_penalty: f64,
    /// How groups count in these penalties: 1 by the sum of their lengths, 2 by the root of the sum of squares.
    pub penalty_norm: u8,
    /// Train the value that a group of weights shares, as one weight, in place of holding it at the group's mean.
    pub train_shared: bool,
    /// How the strengths of these penalties are found: `manual` takes those given here, `bayesian` and `hyperband` try some for
    /// each layer on short training. By default bayesian, and manual where a penalty is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// bayesian: number of trials.
    pub trials: usize,
    /// bayesian, hyperband: the least and the greatest strength to try, as `1e-6..1e-2`; 16 values between them, evenly spaced
    /// in their logarithms.
    pub search_range: String,
    /// Where all randomness comes from.
    pub seed: u64,
    /// The form in which the final network is written beside handaxe's own: `keras`, `h5`, or `safetensors` for no other. By
    /// default that of `model`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Where the run goes; a new directory. Without it, `runs/<name>-NNN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// What holds for single layers in place of the above, by their names: a table with `exclude`, `structure`, `floor`,
    /// `sparse-penalty`, `variance-penalty`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub layers: BTreeMap<String, LayerSettings>,
}

impl Default for RunConfig {
    fn default() -> Self {
        let schedule = handaxe_schedule::Settings::default();
        let settings = handaxe_optimize::Settings::default();
        let search = handaxe_search::Settings::default();
        Self {
            model: None,
            network: None,
            data: None,
            test_split: 0.2,
            validation_split: 0.2,
            standardise: None,
            folds: None,
            fold: None,
            metric: None,
            loss: None,
            baseline_epochs: 30,
            initialiser: None,
            config: None,
            precision: None,
            reuse_factor: None,
            strategy: None,
            io_type: None,
            objective: "vivado-dsp".to_owned(),
            final_sparsity: None,
            budget: None,
            fit: None,
            parts: None,
            utilisation: 1.0,
            tool: None,
            clock: Profile::default().clock_ns,
            initial_sparsity: schedule.initial_sparsity,
            scheduler: schedule.kind.to_string(),
            steps: schedule.steps,
            power: schedule.power,
            step: schedule.step,
            threshold: schedule.threshold,
            ranking: "l1".to_owned(),
            curvature_samples: handaxe_train::Settings::default().probes,
            local: false,
            floor: settings.floor,
            reduce: settings.reduce,
            solver: "auto".to_owned(),
            time_limit: None,
            epochs: settings.epochs,
            rewinding: settings.rewinding,
            cutoff: settings.cutoff,
            rtol: settings.rtol,
            batch_size: 128,
            learning_rate: 1e-3,
            learning_rate_schedule: "constant".to_owned(),
            learning_rate_decay: 0.9,
            patience: settings.patience,
            optimiser: "adam".to_owned(),
            momentum: 0.9,
            l1: 0.0,
            l2: 0.0,
            sparse_penalty: 0.0,
            variance_penalty: 0.0,
            penalty_norm: 1,
            train_shared: settings.train_shared,
            search: None,
            trials: search.trials,
            search_range: format!("{:e}..{:e}", search.range.0, search.range.1),
            seed: 0,
            format: None,
            out: None,
            layers: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_survive_their_own_file() {
        let run = RunConfig::default();
        assert_eq!(RunConfig::parse(&run.to_toml().unwrap()).unwrap(), run);
    }

    #[test]
    fn flags_override_the_file_and_typos_are_refused() {
        #[derive(Serialize)]
        #[serde(rename_all = "kebab-case")]
        struct Flags {
            final_sparsity: Option<f64>,
            epochs: Option<usize>,
        }
        let file = RunConfig::parse("epochs = 4\nseed = 7").unwrap();
        let run = file.overridden(&Flags { final_sparsity: Some(0.5), epochs: None }).unwrap();
        assert_eq!((run.epochs, run.seed, run.final_sparsity), (4, 7, Some(0.5.into())));
        let error = RunConfig::parse("epoch = 4").unwrap_err().to_string();
        assert!(error.contains("unknown field `epoch`") && error.contains("line 1"), "{error}");
    }
}
