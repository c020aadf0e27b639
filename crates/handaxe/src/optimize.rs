mod choices;
mod result;

use std::time::Instant;

use handaxe_data::{Metric, Parts, metric};
use handaxe_graph::{HlsConfig, Model};
use handaxe_knapsack::{Limits, Solver};
use handaxe_objective::estimate::Profile;
use handaxe_objective::{Objective, VivadoDsp};
use handaxe_optimize::{
    Budget, Checkpoint, Observer, Optimisation, Outcome, ResultRecord, Settings, Trainer,
};
use handaxe_prune::{L1, Ranking};
use handaxe_schedule::Scheduler;
use handaxe_search::Method;
use handaxe_train::CandleTrainer;

use crate::{Error, FinalSparsity};

pub use result::{counted, known_objectives, total};

/// Prunes a trained network until it fits: the library's way in.
///
/// Every part can be exchanged for one of your own; what is not said has the defaults of [`RunConfig`](crate::RunConfig).
///
/// ```
/// use handaxe::prelude::*;
///
/// // Two classes: is the sum of four numbers positive?
/// let values: Vec<f32> = (0..800).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
/// let labels = values.chunks(4).map(|sample| u32::from(sample.iter().sum::<f32>() > 0.0)).collect();
/// let data = Dataset::new(vec![Tensor::new(vec![200, 4], values)?], Targets::classes(labels, 2)?)?;
/// let parts = Parts::split(&data, 0.25, 0.25, 1)?;
///
/// let training = TrainSettings { seed: 1, ..TrainSettings::default() };
/// let model = train("dense:8,relu,dense:2,softmax", &parts, &training, 5)?;
///
/// let pruned = Optimize::new(model, parts)
///     .config(HlsConfig::uniform("ap_fixed<16,6>".parse()?, 4, Strategy::Resource)?)
///     .objective(VivadoDsp::default())
///     .final_sparsity(0.5)
///     .steps(3)
///     .epochs(3)
///     .training(training)
///     .run(&mut ())?;
/// let dsp = &pruned.result.resources;
/// assert!(!pruned.result.met || dsp.after["dsp"] * 2 <= dsp.before["dsp"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Optimize {
    model: Model,
    parts: Parts,
    objective: Box<dyn Objective>,
    ranking: Box<dyn Ranking>,
    solver: Box<dyn Solver>,
    scheduler: Option<Box<dyn Scheduler>>,
    schedule: handaxe_schedule::Settings,
    target: Option<FinalSparsity>,
    limits: Limits,
    search: Option<Box<dyn Method>>,
    budget: Option<Box<dyn Budget>>,
    config: Option<HlsConfig>,
    profile: Profile,
    settings: Settings,
    training: handaxe_train::Settings,
    metric: Option<Box<dyn Metric>>,
    others: Vec<Box<dyn Metric>>,
    checkpoint: Option<Checkpoint>,
}

/// What a run hands back.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimized {
    /// The networks and every step.
    pub outcome: Outcome,
    /// The run in figures.
    pub result: ResultRecord,
}

impl Optimize {
    /// Prunes `model`, judged on `parts`; as far as the metric allows until a final sparsity is set.
    pub fn new(model: Model, parts: Parts) -> Self {
        Self {
            model,
            parts,
            objective: Box::new(VivadoDsp::default()),
            ranking: Box::new(L1),
            solver: Box::new(handaxe_knapsack::Auto),
            scheduler: None,
            schedule: handaxe_schedule::Settings::default(),
            target: None,
            limits: Limits::default(),
            search: None,
            budget: None,
            config: None,
            profile: Profile::default(),
            settings: Settings::default(),
            training: handaxe_train::Settings::default(),
            metric: None,
            others: Vec::new(),
            checkpoint: None,
        }
    }

    /// Whether [`Optimize::run`] could start: settings in range, and layers that the objective can optimise.
    ///
    /// # Errors
    /// What [`Optimize::run`] would say at once.
    pub fn check(&self) -> Result<(), Error> {
        let direction = match &self.metric {
            Some(metric) => metric.direction(),
            None => metric(self.parts.natural_metric())?.direction(),
        };
        if let Some(target) = &self.target {
            target.check(self.objective.resources())?;
        }
        self.schedule.build()?;
        Ok(self.optimisation().check(&self.model, direction)?)
    }

    /// Runs; `observer` sees every event (`&mut ()` for none).
    ///
    /// # Errors
    /// Settings or data that do not fit, no layer to optimise, training that diverges, or an observer's own.
    pub fn run(mut self, observer: &mut dyn Observer) -> Result<Optimized, Error> {
        let started = Instant::now();
        self.check()?;
        let mut scheduler = match self.scheduler.take() {
            Some(scheduler) => scheduler,
            None if self.budget.is_some() => {
                let kind = handaxe_schedule::Kind::Binary;
                handaxe_schedule::Settings { kind, ..self.schedule.clone() }.build()?
            }
            None => self.schedule.build()?,
        };
        let judge = match self.metric.take() {
            Some(metric) => metric,
            None => metric(self.parts.natural_metric())?,
        };
        let name = judge.name();
        let others = std::mem::take(&mut self.others);
        let trainer = trainer(&self.model, &self.parts, judge, &self.training)?;
        let mut trainer = trainer.with_others(others)?;
        let outcome = self.optimise(&mut trainer, &mut *scheduler, observer)?;
        let mut result = self.result(name, &outcome)?;
        result.seconds = started.elapsed().as_secs_f64();
        Ok(Optimized { outcome, result })
    }

    fn optimise(
        &mut self,
        trainer: &mut dyn Trainer,
        scheduler: &mut dyn Scheduler,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Error> {
        let checkpoint = self.checkpoint.take();
        Ok(self.optimisation().run(trainer, scheduler, observer, checkpoint)?)
    }

    /// How far each resource is to go, as a share of how far the scheduler goes.
    fn proportions(&self) -> Vec<f64> {
        let largest = self.target.as_ref().map_or(0.0, FinalSparsity::largest);
        let of = |name: &&str| match &self.target {
            Some(target) if largest > 0.0 => target.of(name) / largest,
            _ => 1.0,
        };
        self.objective.resources().iter().map(of).collect()
    }

    fn optimisation(&self) -> Optimisation<'_> {
        Optimisation {
            objective: &*self.objective,
            ranking: &*self.ranking,
            solver: &*self.solver,
            limits: &self.limits,
            search: self.search.as_deref(),
            budget: self.budget.as_deref(),
            config: self.config.as_ref(),
            profile: self.profile,
            settings: &self.settings,
            proportions: self.proportions(),
        }
    }
}

/// A trainer of `model` on `parts`.
pub(crate) fn trainer(
    model: &Model,
    parts: &Parts,
    metric: Box<dyn Metric>,
    settings: &handaxe_train::Settings,
) -> Result<CandleTrainer, Error> {
    Ok(CandleTrainer::new(model, parts.clone(), metric, settings.clone())?)
}
