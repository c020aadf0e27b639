//! A whole run from its settings: load, train what is to be trained, prune, record, report.

use std::path::{Path, PathBuf};

use handaxe_graph::Model;
use handaxe_optimize::{
    Event, Flow, ForeignError, Observer, Part, ResultRecord, RunDir, Scores, Trainer,
};

use crate::form::untold;
use crate::prepared::Prepared;
use crate::{Error, RunConfig, Samples};

/// Where runs go that are not told where.
pub const RUNS: &str = "runs";

/// A run that has ended, on disk.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The run in figures.
    pub result: ResultRecord,
    /// Its directory.
    pub path: PathBuf,
}

/// A network trained here.
#[derive(Debug, Clone)]
pub struct Trained {
    /// The network; it remembers how its inputs were standardised.
    pub model: Model,
    /// The name of the metric.
    pub metric: String,
    /// How good it is.
    pub scores: Scores,
}

/// Prunes as `config` says and leaves a run directory with its report. `force` replaces a run that stands at `config.out`.
///
/// # Errors
/// Whatever is wrong with the settings or their files, before anything is written; then what the run meets.
pub fn optimize(
    config: &RunConfig,
    samples: &Samples,
    force: bool,
    observer: &mut dyn Observer,
) -> Result<Finished, Error> {
    if let Some(out) = &config.out {
        RunDir::check_free(out, force)?;
    }
    let dir = || match &config.out {
        Some(out) => RunDir::create(out, force),
        None => RunDir::numbered(Path::new(RUNS), &config.objective),
    };
    begin(config, samples, dir, observer)
}

/// [`optimize()`] into a new directory that is there already.
///
/// # Errors
/// As [`optimize()`].
pub fn optimize_in(
    config: &RunConfig,
    samples: &Samples,
    dir: RunDir,
    observer: &mut dyn Observer,
) -> Result<Finished, Error> {
    begin(config, samples, || Ok(dir), observer)
}

fn begin(
    config: &RunConfig,
    samples: &Samples,
    dir: impl FnOnce() -> Result<RunDir, handaxe_optimize::Error>,
    observer: &mut dyn Observer,
) -> Result<Finished, Error> {
    let prepared = check(config, samples)?;
    let (model, curves) = match config.network {
        Some(_) => prepared.fit(observer)?,
        None => (prepared.model.clone(), Vec::new()),
    };
    let mut dir = dir()?;
    dir.record_inputs(&config.inputs())?;
    dir.begin(&prepared.effective.to_toml()?, &model, &curves)?;
    run(&prepared, model, dir, observer)
}

/// Whether [`optimize()`] could start: what is wrong with the settings, before minutes of training.
///
/// # Errors
/// As [`optimize()`].
pub fn check_settings(config: &RunConfig, samples: &Samples) -> Result<(), Error> {
    check(config, samples).map(|_| ())
}

fn check(config: &RunConfig, samples: &Samples) -> Result<Prepared, Error> {
    let prepared = Prepared::new(config, samples, None)?;
    prepared.pruning(prepared.model.clone())?.check()?;
    Ok(prepared)
}

/// Goes on with an interrupted run where it stood; one that has ended is only reported again.
///
/// # Errors
/// A directory that is not a run's, a model, data or config file that has changed since the run began, or what the run
/// meets.
pub fn resume(
    path: &Path,
    samples: &dyn Fn(&RunConfig) -> Result<Samples, Error>,
    observer: &mut dyn Observer,
) -> Result<Finished, Error> {
    let dir = RunDir::open(path)?;
    dir.check_inputs()?;
    let config = RunConfig::parse(&dir.config()?)?;
    let model = dir.baseline()?;
    let prepared = Prepared::new(&config, &samples(&config)?, Some(model.clone()))?;
    run(&prepared, model, dir, observer)
}

/// Trains the network or the model of `config`.
///
/// # Errors
/// Settings, data or a network that do not fit, or training that diverges.
pub fn train_baseline(
    config: &RunConfig,
    samples: &Samples,
    observer: &mut dyn Observer,
) -> Result<Trained, Error> {
    let prepared = Prepared::new(config, samples, None)?;
    let (model, _) = prepared.fit(observer)?;
    let mut trainer = prepared.trainer(&model)?;
    let mut score = |part| trainer.evaluate(part).map_err(handaxe_optimize::Error::Trainer);
    let scores = Scores { validation: score(Part::Validation)?, test: score(Part::Test)? };
    let metric = prepared.effective.metric.unwrap_or_default();
    Ok(Trained { model, metric, scores })
}

fn run(
    prepared: &Prepared,
    model: Model,
    mut dir: RunDir,
    observer: &mut dyn Observer,
) -> Result<Finished, Error> {
    let run = prepared.pruning(model.clone())?.resume(dir.checkpoint()?);
    let mut done = run.run(&mut Both(&mut dir, observer))?;
    done.result.diagnostics.extend(prepared.notes.iter().cloned());
    let untold = untold(&done.outcome.model, prepared.form);
    done.result.diagnostics.extend(untold.map(str::to_owned));
    dir.finish(&done.outcome.model, prepared.form, &done.result)?;
    let report = handaxe_report::Run {
        result: &done.result,
        trials: dir.trials(),
        steps: dir.steps(),
        curves: dir.epochs(),
        before: &model,
        after: &done.outcome.model,
        config: &dir.config()?,
    };
    handaxe_report::write(dir.path(), &report)?;
    Ok(Finished { result: done.result, path: dir.path().to_owned() })
}

/// Tells the run directory first, so that what people see is on disk.
struct Both<'a>(&'a mut RunDir, &'a mut dyn Observer);

impl Observer for Both<'_> {
    fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError> {
        let flow = self.0.notify(event)?;
        Ok(flow.or(self.1.notify(event)?))
    }
}
