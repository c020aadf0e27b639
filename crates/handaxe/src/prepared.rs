//! A run from its settings: what is loaded, checked and built before anything is trained.

use std::time::Duration;

use handaxe_data::{Metric, Parts, Tensor, metric};
use handaxe_formats::model::{self, Format};
use handaxe_graph::Model;
use handaxe_knapsack::Limits;
use handaxe_optimize::{
    CurveRecord, EpochRecord, Event, Fit, Flow, ForeignError, Observer, Patience, Phase, Trainer,
    default_rtol,
};
use handaxe_prune::{Penalties, Scope};
use handaxe_train::{Initialiser, Optimiser, Rate, initialise, parse};

use crate::form::form;
use crate::optimize::trainer;
use crate::predict::check_inputs;
use crate::{Error, Optimize, RunConfig, Samples};

/// Said where the test part may not be what it is called.
const SEEN: &str = "the test part was drawn here from data that the model may have been trained on: unless it was trained \
     with the same data, shares and seed, give data that come with a test part (x_test=, y_test=)";

/// Everything that is checked before anything is trained or written.
pub(crate) struct Prepared {
    /// The settings with every default said.
    pub(crate) effective: RunConfig,
    pub(crate) model: Model,
    parts: Parts,
    training: handaxe_train::Settings,
    /// The form in which the final network is written beside handaxe's own.
    pub(crate) form: Format,
    /// What the user should know of the run.
    pub(crate) notes: Vec<String>,
}

impl Prepared {
    /// `model` is the one to start from, where it is known already.
    pub(crate) fn new(
        config: &RunConfig,
        samples: &Samples,
        model: Option<Model>,
    ) -> Result<Self, Error> {
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
        let effective = RunConfig {
            metric: Some(name),
            rtol: Some(rtol),
            format,
            search: Some(config.search_name().to_owned()),
            ..config.clone()
        };
        let prepared = Self { effective, model, parts, training: training(config)?, form, notes };
        prepared.trainer(&prepared.model)?;
        Ok(prepared)
    }

    pub(crate) fn trainer(&self, model: &Model) -> Result<handaxe_train::CandleTrainer, Error> {
        let name = self.effective.metric.as_deref().unwrap_or_else(|| self.parts.natural_metric());
        trainer(model, &self.parts, metrics(name)?.swap_remove(0), &self.training)
    }

    /// Trains the network that is to be pruned.
    pub(crate) fn fit(
        &self,
        observer: &mut dyn Observer,
    ) -> Result<(Model, Vec<CurveRecord>), Error> {
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
    pub(crate) fn pruning(&self, model: Model) -> Result<Optimize, Error> {
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
            train_shared: config.train_shared,
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
        if let Some(method) = config.method()? {
            run = run.boxed_search(method);
        }
        run = run.profile(config.profile()?);
        if let Some(budget) = config.fits()? {
            run = run.budget(budget);
        }
        Ok(match &config.final_sparsity {
            Some(target) => run.final_sparsity(target.clone()),
            None => run,
        })
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
    use handaxe_data::{Dataset, Targets};

    use super::*;
    use crate::train_baseline;

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
