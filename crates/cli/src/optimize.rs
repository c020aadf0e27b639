//! `handaxe optimize`, and what runs when nothing is asked.

use std::path::{Path, PathBuf};

use clap::Args;
use handaxe::run::{ResultRecord, RunDir};
use handaxe::{Error, Finished, RunConfig, Samples};
use serde::Serialize;

use crate::failure::Failure;
use crate::folds;
use crate::options::{Hardware, Pruning, Source, Speech, Training};
use crate::output;
use crate::progress::Progress;

/// The example that runs without any file: a part of MNIST.
const EXAMPLE_DATA: &[u8] = include_bytes!("../../../fixtures/mnist/mnist.npz");
/// The name of these samples in a run file.
const EXAMPLE: &str = "builtin:mnist";
const EXAMPLE_RUN: &str = include_str!("example.toml");

const EXAMPLES: &str = "\
Examples:
  handaxe optimize run.toml --seed 1
  handaxe optimize --network dense:64,relu,dense:32,relu,dense:32,relu,dense:5,softmax --data jets.npz:x=hlf_ungroomed,y=label \\
      --objective vivado-dsp --final-sparsity 0.5 --reuse-factor 4 --strategy Resource --precision 'ap_fixed<16,6>'
  handaxe optimize --model jets.keras --data jets.csv --config hls4ml_config.yml --objective vivado-ff --out slim
  handaxe optimize --resume runs/vivado-dsp-003";

/// Prune a network until it fits its budget, retraining around the cut
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub(crate) struct Command {
    /// Settings of a whole run, as TOML with the names of these flags as keys; flags override it
    #[arg(value_name = "RUN.TOML")]
    file: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    hardware: Hardware,
    #[command(flatten)]
    pruning: Pruning,
    #[command(flatten)]
    training: Training,
    /// Where the run goes: a new directory [default: runs/OBJECTIVE-NNN]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    out: Option<PathBuf>,
    /// keras, h5 or safetensors: form of the final network, beside handaxe's own [default: that of --model]
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    format: Option<String>,
    /// Replace the run that stands at --out
    #[arg(long, requires = "out", help_heading = "Output")]
    force: bool,
    /// Go on with an interrupted run, with its own settings
    #[arg(long, value_name = "DIR", help_heading = "Output", conflicts_with_all = ["file", "out"])]
    resume: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    if let Some(dir) = &command.resume {
        return resume(dir, command, speech);
    }
    let config = command.config()?;
    let samples = load(&config)?;
    match config.folds {
        Some(folds) if config.fold.is_none() => {
            handaxe::check_settings(&RunConfig { fold: Some(1), ..config.clone() }, &samples)?;
            let root = match &config.out {
                Some(out) => RunDir::create(out, command.force),
                None => RunDir::numbered(Path::new(handaxe::RUNS), &config.objective),
            };
            let root = root.map_err(Error::from)?;
            root.begin_folds(&config.to_toml()?).map_err(Error::from)?;
            folds::run(&config, &samples, folds, &root, speech)
        }
        _ => conclude(&one(&config, &samples, command.force, speech)?, speech),
    }
}

/// Goes on with a run, or with those of a run over folds.
fn resume(dir: &Path, command: &Command, speech: Speech) -> Result<(), Failure> {
    if command.config()? != RunConfig::default() {
        let message = "--resume goes on with the run's own settings: leave the other flags out";
        return Err(Failure::Input(message.to_owned()));
    }
    let run = RunDir::open(dir).map_err(Error::from)?;
    let config = RunConfig::parse(&run.config().map_err(Error::from)?)?;
    match config.folds {
        Some(folds) if config.fold.is_none() => {
            folds::run(&config, &load(&config)?, folds, &run, speech)
        }
        _ => conclude(&resume_one(dir, speech)?, speech),
    }
}

fn resume_one(dir: &Path, speech: Speech) -> Result<Finished, Failure> {
    let mut progress = Progress::new(0, 0, speech.quiet);
    Ok(handaxe::resume(dir, &load, &mut progress)?)
}

/// The samples that a run names: the embedded ones or a file's.
pub(crate) fn load(config: &RunConfig) -> Result<Samples, Error> {
    if config.data.as_deref() != Some(EXAMPLE) {
        return Samples::load(config);
    }
    let parts = handaxe::formats::data::parts_of_npz(EXAMPLE_DATA)?;
    Ok(Samples { train: parts.train, test: parts.test })
}

/// Runs the embedded example.
pub(crate) fn run_example(speech: Speech) -> Result<(), Failure> {
    let config = RunConfig::parse(EXAMPLE_RUN)?;
    let samples = load(&config)?;
    if !speech.quiet {
        output::note(
            "No command given: training a network on a part of MNIST and pruning half of its DSPs.",
        );
        output::note("(`handaxe --help` lists the commands.)");
    }
    conclude(&one(&config, &samples, false, speech)?, speech)
}

impl Command {
    fn config(&self) -> Result<RunConfig, Failure> {
        let config = match &self.file {
            Some(path) => RunConfig::load(path)?,
            None => RunConfig::default(),
        };
        // A network given by a flag replaces the file's, whichever way it is given.
        let config = match (&self.source.model, &self.source.network) {
            (Some(_), _) => RunConfig { network: None, ..config },
            (_, Some(_)) => RunConfig { model: None, ..config },
            _ => config,
        };
        let config = config.overridden(&self.source)?.overridden(&self.hardware)?;
        let config = config.overridden(&self.pruning)?.overridden(&self.training)?;
        let out = self.out.clone().or(config.out.clone());
        let format = self.format.clone().or(config.format.clone());
        Ok(RunConfig { out, format, ..config })
    }
}

fn one(
    config: &RunConfig,
    samples: &Samples,
    force: bool,
    speech: Speech,
) -> Result<Finished, Error> {
    let mut progress = Progress::new(config.baseline_epochs, config.epochs, speech.quiet);
    handaxe::optimize(config, samples, force, &mut progress)
}

/// Tells how a run ended: its table, or its figures as JSON. What was asked but not met is a failure.
fn conclude(finished: &Finished, speech: Speech) -> Result<(), Failure> {
    let result = &finished.result;
    if speech.json {
        output::json(&Placed { result, out: &finished.path })?;
    } else {
        output::text(&handaxe::report::table(result))?;
        output::text(&format!("Report: {}\n", finished.path.join("report.html").display()))?;
        if !speech.quiet {
            result
                .diagnostics
                .iter()
                .for_each(|diagnostic| output::note(&format!("note: {diagnostic}")));
        }
    }
    match result.met {
        true => Ok(()),
        false => Err(Failure::NotMet(unmet(result))),
    }
}

/// A run's figures and where it lies.
#[derive(Serialize)]
struct Placed<'a> {
    #[serde(flatten)]
    result: &'a ResultRecord,
    out: &'a Path,
}

/// What there is too little of; none where all fits.
fn over_budget(result: &ResultRecord) -> Option<String> {
    let over = result.budget.iter().filter(|(_, of)| !of.fits());
    let over: Vec<String> =
        over.map(|(name, of)| format!("{name}: up to {} of {}", of.used, of.available)).collect();
    (!over.is_empty()).then(|| over.join("; "))
}

fn unmet(result: &ResultRecord) -> String {
    if result.best_step.is_none() {
        let metric = &result.metric;
        return format!(
            "no step held the tolerance on {metric}, so the network is unchanged; allow more loss with --rtol, or train longer with --epochs"
        );
    }
    if let Some(over) = over_budget(result) {
        return format!(
            "the network does not fit within the tolerance ({over}); allow more loss with --rtol, train longer with --epochs, or build it otherwise (`handaxe advise --part` says how)"
        );
    }
    let shares = result.asked.iter().map(|(name, asked)| {
        let (achieved, feasible) = (result.achieved[name], result.feasible[name]);
        format!("{name}: asked {asked:.3}, feasible {feasible:.3}, reached {achieved:.3}")
    });
    let shares = shares.collect::<Vec<_>>().join("; ");
    let all = |(name, feasible): (&String, &f64)| {
        result.achieved[name] >= feasible.min(result.asked[name]) - 1e-9
    };
    if result.feasible.iter().all(all) {
        return format!(
            "more was asked than can be saved ({shares}); ask for less, or give every layer less to keep"
        );
    }
    format!(
        "the asked sparsity was not met within the tolerance ({shares}); allow more loss with --rtol, or train longer with --epochs"
    )
}
