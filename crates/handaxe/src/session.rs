//! A whole run from its settings: load, train what is to be trained, prune, record, report.

use std::path::{Path, PathBuf};
use std::time::Duration;

use handaxe_data::{Dataset, Metric, Parts, Tensor, metric};
use handaxe_formats::data::load_parts;
use handaxe_formats::model::{self, Format};
use handaxe_graph::Model;
use handaxe_knapsack::Limits;
use handaxe_optimize::{
    CurveRecord, EpochRecord, Event, Fit, Flow, ForeignError, Observer, Part, Patience, Phase,
    ResultRecord, RunDir, Scores, Trainer, default_rtol,
};
use handaxe_prune::{Penalties, Scope};
use handaxe_train::{Initialiser, Optimiser, Rate, initialise, parse};

use crate::form::{form, untold};
use crate::optimize::trainer;
use crate::predict::check_inputs;
use crate::{Error, Optimize, RunConfig};

/// Where runs go that are not told where.
pub const RUNS: &str = "runs";

/// Said where the test part may not be what it is called.
const SEEN: &str = "the test part was drawn here from data that the model may have been trained on: unless it was trained \
     with the same data, shares and seed, give data that come with a test part (x_test=, y_test=)";

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

/// The samples of a run before they are divided.
#[derive(Debug, Clone)]
pub struct Samples {
    /// All, or all but the test part.
    pub train: Dataset,
    /// The test part, if the data have one.
    pub test: Option<Dataset>,
}

impl Samples {
    /// Loads what `config` names.
    ///
    /// # Errors
    /// No data named, or data that cannot be read.
    pub fn load(config: &RunConfig) -> Result<Self, Error> {
        let how = "`--data FILE` or `data = 'FILE'`";
        let reference = config.data.as_ref().ok_or(Error::Missing { what: "the data set", how })?;
        let loaded = load_parts(reference)?;
        Ok(Self { train: loaded.train, test: loaded.test })
    }

    /// Divides them as `config` says.
    ///
    /// # Errors
    /// Shares or folds that leave a part empty.
    pub fn divide(&self, config: &RunConfig) -> Result<Parts, Error> {
        let (validation, seed) = (config.validation_split, config.seed);
        let Some(folds) = config.folds else {
            return Ok(match &self.test {
                Some(test) => Parts::with_test(&self.train, test.clone(), validation, seed)?,
                None => Parts::split(&self.train, config.test_split, validation, seed)?,
            });
        };
        let number = config.fold.unwrap_or(1);
        let fold = || number.checked_sub(1).and_then(|index| (index < folds).then_some(index));
        let index = fold().ok_or_else(|| Error::Value {
            what: "the fold",
            given: number.to_string(),
            right: "from 1 to the number of folds",
        })?;
        Ok(Parts::folds(&self.train, folds, validation, seed)?.swap_remove(index))
    }
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
    prepared.run(model, dir, observer)
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
    prepared.run(model, dir, observer)
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

/// Everything that is checked before anything is trained or written.
struct Prepared {
    /// The settings with every default said.
    effective: RunConfig,
    model: Model,
    parts: Parts,
    training: handaxe_train::Settings,
    /// The form in which the final network is written beside handaxe's own.
    form: Format,
    /// What the user should know of the run.
    notes: Vec<String>,
}

impl Prepared {
    /// `model` is the one to start from, where it is known already.
    fn new(config: &RunConfig, samples: &Samples, model: Option<Model>) -> Result<Self, Error> {
        let parts = samples.divide(config)?;
        let resumed = model.is_some();
        let mut model = match model {
            Some(model) => model,
            None => starting_model(config, &parts)?,
        };
        for part in [&parts.train, &parts.validation, &parts.test] {
            check_inputs(&model, part.inputs())?;
        }
        if config.standardise.unwrap_or(config.network.is_some())
            && model.preprocessing().is_empty()
        {
            model.set_preprocessing(parts.standardisers()?)?;
        }
        let parts = match model.preprocessing() {
            _ if config.standardise == Some(false) => parts,
            [] => parts,
            by => parts.standardised(by)?,
        };
        let name = config.metric.clone().unwrap_or_else(|| parts.natural_metric().to_owned());
        let judges = metrics(&name)?;
        let targets = parts.validation.targets();
        // A metric that cannot judge these targets says so here, not after minutes of training.
        for metric in &judges {
            metric.evaluate(&Tensor::full(&[targets.len(), targets.width()], 0.0), targets)?;
        }
        let rtol = config.rtol.unwrap_or(default_rtol(judges[0].direction()));
        let (form, refused) = form(config, &model, resumed)?;
        let mut notes = Vec::from_iter(refused);
        if config.model.is_some() && samples.test.is_none() {
            notes.push(SEEN.to_owned());
        }
        let format = Some(form.to_string());
        let effective =
            RunConfig { metric: Some(name), rtol: Some(rtol), format, ..config.clone() };
        let prepared = Self { effective, model, parts, training: training(config)?, form, notes };
        prepared.trainer(&prepared.model)?;
        Ok(prepared)
    }

    fn trainer(&self, model: &Model) -> Result<handaxe_train::CandleTrainer, Error> {
        let name = self.effective.metric.as_deref().unwrap_or_else(|| self.parts.natural_metric());
        trainer(model, &self.parts, metrics(name)?.swap_remove(0), &self.training)
    }

    /// Trains the network that is to be pruned.
    fn fit(&self, observer: &mut dyn Observer) -> Result<(Model, Vec<CurveRecord>), Error> {
        let mut curves = Vec::new();
        let mut trainer = self.trainer(&self.model)?;
        let fit = Fit {
            epochs: self.effective.baseline_epochs,
            frozen: None,
            stream: 0,
            ..Fit::default()
        };
        let mut patience = Patience::new(trainer.direction(), self.effective.patience);
        let mut progress = |epoch: &EpochRecord| -> Result<Flow, ForeignError> {
            let record = CurveRecord { step: 0, phase: Phase::Baseline, epoch: *epoch };
            let flow = observer.notify(&Event::Epoch(&record))?;
            curves.push(record);
            Ok(if patience.is_over(epoch.metric) { Flow::Stop } else { flow })
        };
        trainer.fit(&fit, &mut progress).map_err(handaxe_optimize::Error::Trainer)?;
        let model = trainer.model().map_err(handaxe_optimize::Error::Trainer)?;
        Ok((model, curves))
    }

    /// The run over `model` as the settings have it.
    fn pruning(&self, model: Model) -> Result<Optimize, Error> {
        let config = &self.effective;
        let schedule = handaxe_schedule::Settings {
            kind: config.scheduler.parse()?,
            initial_sparsity: config.initial_sparsity,
            final_sparsity: 1.0,
            step: config.step,
            steps: config.steps,
            power: config.power,
            threshold: config.threshold,
        };
        let settings = handaxe_optimize::Settings {
            epochs: config.epochs,
            rewinding: config.rewinding,
            rtol: config.rtol,
            cutoff: config.cutoff,
            patience: config.patience,
            scope: if config.local { Scope::Local } else { Scope::Global },
            floor: config.floor,
            reduce: config.reduce,
            penalties: Penalties {
                sparse: config.sparse_penalty,
                variance: config.variance_penalty,
                norm: config.penalty_norm.try_into()?,
            },
            layers: config.layers.clone(),
        };
        let mut run = Optimize::new(model, self.parts.clone())
            .boxed_objective(handaxe_objective::objective(&config.objective)?)
            .boxed_ranking(handaxe_prune::ranking(&config.ranking)?)
            .boxed_solver(handaxe_knapsack::solver(&config.solver)?)
            .schedule(schedule)
            .settings(settings)
            .limits(limits(config)?)
            .training(self.training.clone());
        if let Some(name) = &config.metric {
            let mut judges = metrics(name)?.into_iter();
            if let Some(first) = judges.next() {
                run = judges.fold(run.metric(first), Optimize::also);
            }
        }
        if let Some(hls) = config.hls()? {
            run = run.config(hls);
        }
        Ok(match &config.final_sparsity {
            Some(target) => run.final_sparsity(target.clone()),
            None => run,
        })
    }

    fn run(
        &self,
        model: Model,
        mut dir: RunDir,
        observer: &mut dyn Observer,
    ) -> Result<Finished, Error> {
        let mut run = self.pruning(model.clone())?;
        if let Some(checkpoint) = dir.checkpoint()? {
            run = run.resume(checkpoint);
        }
        let mut done = run.run(&mut Both(&mut dir, observer))?;
        done.result.diagnostics.extend(self.notes.iter().cloned());
        let untold = untold(&done.outcome.model, self.form);
        done.result.diagnostics.extend(untold.map(str::to_owned));
        dir.finish(&done.outcome.model, self.form, &done.result)?;
        let report = handaxe_report::Run {
            result: &done.result,
            steps: dir.steps(),
            curves: dir.epochs(),
            before: &model,
            after: &done.outcome.model,
            config: &dir.config()?,
        };
        handaxe_report::write(dir.path(), &report)?;
        Ok(Finished { result: done.result, path: dir.path().to_owned() })
    }
}

/// Tells the run directory first, so that what people see is on disk.
struct Both<'a>(&'a mut RunDir, &'a mut dyn Observer);

impl Observer for Both<'_> {
    fn notify(&mut self, event: &Event<'_>) -> Result<Flow, ForeignError> {
        let flow = self.0.notify(event)?;
        Ok(flow.or(self.1.notify(event)?))
    }
}

fn starting_model(config: &RunConfig, parts: &Parts) -> Result<Model, Error> {
    match (&config.model, &config.network) {
        (Some(_), Some(_)) => Err(Error::ModelAndNetwork),
        (None, None) => Err(Error::Missing {
            what: "the network",
            how: "`model`, a file, or `network`, a short spec",
        }),
        (Some(reference), None) => {
            let mut model = model::load(reference)?;
            if let Some(name) = &config.initialiser {
                initialise(&mut model, name.parse()?, config.seed)?;
            }
            Ok(model)
        }
        (None, Some(spec)) => {
            let shapes = parts.input_shapes();
            let [shape] = shapes.as_slice() else {
                let (given, right) =
                    (shapes.len().to_string(), "1 for a network given as a short spec");
                return Err(Error::Value { what: "the number of inputs", given, right });
            };
            let mut model = parse(spec, "network", shape)?;
            let initialiser = match &config.initialiser {
                Some(name) => name.parse()?,
                None => Initialiser::default(),
            };
            initialise(&mut model, initialiser, config.seed)?;
            Ok(model)
        }
    }
}

fn training(config: &RunConfig) -> Result<handaxe_train::Settings, Error> {
    let optimiser = match config.optimiser.parse()? {
        Optimiser::Sgd { .. } => Optimiser::Sgd { momentum: config.momentum },
        optimiser => optimiser,
    };
    let RunConfig { batch_size, learning_rate, l1, l2, seed, .. } = *config;
    let (probes, loss) = (config.curvature_samples, config.loss.clone());
    let rate = match config.learning_rate_schedule.parse()? {
        Rate::Exponential { .. } => Rate::Exponential { decay: config.learning_rate_decay },
        rate => rate,
    };
    Ok(handaxe_train::Settings {
        batch_size,
        learning_rate,
        rate,
        optimiser,
        l1,
        l2,
        loss,
        probes,
        seed,
    })
}

/// The metrics of names joined by commas: the one that decides, and those that are recorded beside it.
fn metrics(names: &str) -> Result<Vec<Box<dyn Metric>>, Error> {
    Ok(names.split(',').map(|name| metric(name.trim())).collect::<Result<_, _>>()?)
}

fn limits(config: &RunConfig) -> Result<Limits, Error> {
    let Some(seconds) = config.time_limit else { return Ok(Limits::default()) };
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| Error::Value {
        what: "the time limit",
        given: seconds.to_string(),
        right: "a number of seconds, 0 or more",
    })?;
    Ok(Limits { time: Some(time), ..Limits::default() })
}

#[cfg(test)]
mod tests {
    use handaxe_data::Targets;

    use super::*;

    /// What a network standardises by is measured on the training part alone, travels with it, and is applied to whatever is
    /// read for it later.
    #[test]
    fn standardisation_goes_with_the_network() {
        let values = (0..400).map(|value| (value * 37 % 101) as f32).collect();
        let labels = (0..100).map(|sample| sample % 2).collect();
        let inputs = vec![Tensor::new(vec![100, 4], values).unwrap()];
        let train = Dataset::new(inputs, Targets::classes(labels, 2).unwrap()).unwrap();
        let samples = Samples { train, test: None };
        let network = Some("dense:3,relu,dense:2,softmax".to_owned());
        let config = RunConfig { network, baseline_epochs: 1, ..RunConfig::default() };
        let model = train_baseline(&config, &samples, &mut ()).unwrap().model;
        let parts = samples.divide(&config).unwrap();
        assert_eq!(model.preprocessing(), parts.standardisers().unwrap());

        let file = std::env::temp_dir().join(format!("handaxe-{}.safetensors", std::process::id()));
        handaxe_formats::native::save(&model, &file).unwrap();
        let loaded = handaxe_formats::native::load(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(loaded.preprocessing(), model.preprocessing());
        let prepared = Prepared::new(&config, &samples, Some(loaded)).unwrap();
        let expected = parts.test.standardised(model.preprocessing()).unwrap();
        let rows = |data: &Dataset| data.inputs()[0].block(0..data.len()).unwrap();
        assert_eq!(rows(&prepared.parts.test), rows(&expected));
    }
}
