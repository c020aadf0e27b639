//! The loop of spec/optimization.md section 8.

use std::collections::BTreeMap;
use std::time::Instant;

use handaxe_data::Direction;
use handaxe_graph::{HlsConfig, LayerId, Mask, Masks, Model};
use handaxe_knapsack::{Limits, Solver};
use handaxe_objective::Objective;
use handaxe_objective::estimate::{Figure, Profile};
use handaxe_prune::{Ranking, Regularisers, Selection};
use handaxe_schedule::{Scheduler, Step};
use handaxe_search::Method;

use crate::budget::best;
use crate::outcome::Judged;
use crate::plan::{Derivatives, Plan};
use crate::reduction::Judge;
use crate::state::State;
use crate::{
    Budget, ByResource, Checkpoint, CurveRecord, EpochRecord, Error, Estimated, Event, Fit, Flow,
    MetricRecord, Observer, Outcome, Part, Patience, Phase, Settings, SharedRecord, SolverRecord,
    StepRecord, Trainer, Use,
};

/// The parts of a run that can be swapped, each behind its trait.
#[derive(Clone)]
pub struct Optimisation<'a> {
    /// What is to be saved.
    pub objective: &'a dyn Objective,
    /// Which groups of weights matter.
    pub ranking: &'a dyn Ranking,
    /// Who solves the knapsack.
    pub solver: &'a dyn Solver,
    /// How long and on how much memory the solver may work.
    pub limits: &'a Limits,
    /// Who finds the strengths of penalties that the settings do not give for a layer; without one, none are searched.
    pub search: Option<&'a dyn Method>,
    /// What the network must fit into: the least pruning is then sought that makes it fit, with a scheduler that goes both
    /// ways, such as [`handaxe_schedule::Binary`].
    pub budget: Option<&'a dyn Budget>,
    /// How the network is to be built, where the objective needs it.
    pub config: Option<&'a HlsConfig>,
    /// Whose figures every step's network is estimated by, where it is known how it is built.
    pub profile: Profile,
    /// How hard to try.
    pub settings: &'a Settings,
    /// How far each resource of the objective goes, as a share in `0.0..=1.0` of the scheduler's sparsity. Resources beyond
    /// the end go all the way.
    pub proportions: Vec<f64>,
}

impl Optimisation<'_> {
    /// Whether a run over `model` could start: settings in range, and layers that the objective can optimise.
    ///
    /// # Errors
    /// What [`Optimisation::run`] would say at once.
    pub fn check(&self, model: &Model, direction: Direction) -> Result<(), Error> {
        self.settings.checked_rtol(direction)?;
        let plan = Plan::new(model, self.objective, self.config, self.settings)?;
        self.searching(&plan)?;
        self.judged(model)?;
        if self.settings.reduce == Some(true) {
            handaxe_prune::reduce(model)?;
        }
        Ok(())
    }

    /// Prunes the trainer's network step by step as far as `scheduler` asks and the metric holds; the trainer ends with the
    /// weights of the best network as it was before any reduction. `checkpoint` continues an interrupted run with the same
    /// settings.
    ///
    /// # Errors
    /// Settings that cannot work, no layer to optimise, a metric that is no number, or what a part of the run reports.
    pub fn run(
        &self,
        trainer: &mut dyn Trainer,
        scheduler: &mut dyn Scheduler,
        observer: &mut dyn Observer,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Outcome, Error> {
        let direction = trainer.direction();
        let rtol = self.settings.checked_rtol(direction)?;
        let original = trainer.model().map_err(Error::Trainer)?;
        let mut plan = Plan::new(&original, self.objective, self.config, self.settings)?;

        let baseline = Judged::of(trainer, None)?;
        if !(baseline.scores.validation.is_finite() && baseline.scores.test.is_finite()) {
            let given = baseline.scores.validation + baseline.scores.test;
            return Err(Error::Baseline { given });
        }
        let judge = Judge { direction, tolerance: rtol * baseline.scores.validation };

        let mut state = State::new(original.clone());
        let mut next = Step::To(scheduler.sparsity());
        if let Some(checkpoint) = checkpoint {
            trainer.restore(&checkpoint.current).map_err(Error::Trainer)?;
            next = state.replay(checkpoint, scheduler, self.settings.cutoff)?;
        }
        let validation = baseline.scores.validation;
        let done = tell(observer, &Event::Baseline { validation })
            .and_then(|()| self.search(&mut plan, &original, &mut state, trainer, observer))
            .and_then(|()| {
                self.steps(&plan, &judge, &mut state, (next, scheduler), trainer, observer)
            })
            .and_then(|()| self.end(&mut plan, &judge, &mut state, trainer, observer));
        let stopped = match done {
            Err(Error::Stopped) => true,
            done => done.map(|()| false)?,
        };
        trainer.restore(&state.best).map_err(Error::Trainer)?;
        let outcome = self.outcome(original, baseline, judge, state, plan, trainer)?;
        Ok(Outcome { stopped, ..outcome })
    }

    /// Takes step after step until the scheduler has no next one.
    fn steps(
        &self,
        plan: &Plan,
        judge: &Judge,
        state: &mut State,
        (mut next, scheduler): (Step, &mut dyn Scheduler),
        trainer: &mut dyn Trainer,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        while let Step::To(sparsity) = next {
            // What a step finds counts once it is whole: stopped in it, the run ends as it was before.
            let record = self.step(plan, sparsity, state, trainer, observer)?;
            let found = trainer.model().map_err(Error::Trainer)?;
            let (good, budget) = (judge.is_good(record.metric), self.judged(&found)?);
            let estimated = self.estimated(&found)?;
            let record = StepRecord { good, budget, estimated, ..record };
            let step = record.step;
            next = state.decide(&record, scheduler, self.settings.cutoff);
            if next != Step::Done {
                // What grows again in a last rewinding would be thrown away with it.
                let stretch = (self.settings.rewinding, 2 * step as u64 + 1);
                let held = (None, Some(&plan.regularisers));
                self.fit(trainer, observer, (step, Phase::Rewind), stretch, held)?;
            }
            let current = trainer.model().map_err(Error::Trainer)?;
            state.steps.push(record);
            if best(&state.steps).is_some_and(|best| best.step == step) {
                state.best = found;
            }
            if let Some(record) = state.steps.last() {
                tell(observer, &Event::Step { record, current: &current, best: &state.best })?;
            }
        }
        Ok(())
    }

    /// What `model` takes of the budget, if there is one.
    fn judged(&self, model: &Model) -> Result<ByResource<Use>, Error> {
        let judged = self.budget.map(|budget| budget.judge(model)).transpose();
        Ok(judged.map_err(Error::Budget)?.unwrap_or_default())
    }

    /// What implementation will leave of `model`, if it is known how it is built, and all of its layers are known kinds.
    fn estimated(&self, model: &Model) -> Result<ByResource<Figure>, Error> {
        let Some(config) = self.config else { return Ok(ByResource::new()) };
        let estimated = Estimated::new(model, config, &self.profile)?;
        Ok(if estimated.unknown.is_none() { estimated.resources } else { ByResource::new() })
    }

    /// What follows the last step.
    fn end(
        &self,
        plan: &mut Plan,
        judge: &Judge,
        state: &mut State,
        trainer: &mut dyn Trainer,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        if !self.reduces() || state.reduction.is_some() || state.best_metric().is_none() {
            return Ok(());
        }
        let step = state.steps.len() + 1;
        trainer.restore(&state.best).map_err(Error::Trainer)?;
        match self.reduce(plan, &state.best, judge, trainer, observer, step) {
            Ok(reduction) => state.reduction = reduction,
            // The objective would have it so, not the user: what can be had without counts.
            Err(Error::Prune(error)) if self.settings.reduce.is_none() => {
                plan.diagnostics.push(format!("the network is not reduced: {error}"));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// What is handed back of a run that has ended.
    fn outcome(
        &self,
        original: Model,
        baseline: Judged,
        judge: Judge,
        state: State,
        plan: Plan,
        trainer: &mut dyn Trainer,
    ) -> Result<Outcome, Error> {
        let best = state.best_metric();
        let (reduction, reduced) = state.reduction.map(|it| (it.record, it.model)).unzip();
        let reduced = reduced.flatten();
        let last = match (&reduced, &reduction) {
            (Some(model), Some(record)) => {
                let mut trainer = trainer.of(model).map_err(Error::Trainer)?;
                Judged::of(&mut *trainer, Some(record.metric))?
            }
            _ => Judged::of(trainer, Some(best.unwrap_or(baseline.scores.validation)))?,
        };
        let metrics = last.others.into_iter().zip(baseline.others.into_values());
        let metrics =
            metrics.map(|((name, last), baseline)| (name, MetricRecord { baseline, last }));
        let model = reduced.unwrap_or(state.best);
        Ok(Outcome {
            budget: self.judged(&model)?,
            original,
            direction: judge.direction,
            tolerance: judge.tolerance,
            model,
            reduction,
            baseline: baseline.scores,
            last: last.scores,
            metrics: metrics.collect(),
            stopped: false,
            search: state.search,
            steps: state.steps,
            left_alone: plan.left_alone,
            diagnostics: plan.diagnostics,
        })
    }

    /// Chooses groups at `sparsity`, cuts, trains around the cut, and judges; `good` is left to the caller.
    fn step(
        &self,
        plan: &Plan,
        sparsity: f64,
        state: &State,
        trainer: &mut dyn Trainer,
        observer: &mut dyn Observer,
    ) -> Result<StepRecord, Error> {
        let started = Instant::now();
        let step = state.steps.len() + 1;
        let mut model = trainer.model().map_err(Error::Trainer)?;
        let known = Derivatives::of(trainer, self.ranking.needs(), step as u64)?;
        let selection = plan.select(&model, sparsity, self, &known)?;
        tell(observer, &Event::Masked { step, sparsity, masks: &selection.masks })?;
        selection.masks.apply(&mut model)?;
        trainer.restore(&model).map_err(Error::Trainer)?;
        trainer.reset().map_err(Error::Trainer)?;
        let Settings { epochs, rewinding, .. } = *self.settings;
        let stretch = (epochs - rewinding, 2 * step as u64);
        let held = (Some(&selection.masks), Some(&plan.regularisers));
        self.fit(trainer, observer, (step, Phase::Fit), stretch, held)?;
        let metric = trainer.evaluate(Part::Validation).map_err(Error::Trainer)?;
        if !metric.is_finite() {
            return Err(Error::Diverged { step, given: metric });
        }
        let name = |id| model.layer(id).name().to_owned();
        let estimates = known.curvature.estimates.into_iter();
        let curvature = estimates.map(|(id, estimate)| (name(id), estimate)).collect();
        let record = self.record(step, &model, &selection, metric);
        let metrics = trainer.others(Part::Validation).map_err(Error::Trainer)?;
        Ok(StepRecord { curvature, metrics, seconds: started.elapsed().as_secs_f64(), ..record })
    }

    fn record(&self, step: usize, model: &Model, selection: &Selection, metric: f64) -> StepRecord {
        let by_resource = |values: &dyn Fn(usize) -> f64| {
            let names = self.objective.resources().iter().enumerate();
            names.map(|(place, name)| ((*name).to_owned(), values(place))).collect()
        };
        let layers = selection.masks.iter();
        let shared = |(id, mask): (LayerId, &Mask)| {
            let weights = mask.shared().iter().map(Vec::len).sum();
            let record = SharedRecord { weights, values: mask.shared().len() };
            (weights > 0).then(|| (model.layer(id).name().to_owned(), record))
        };
        StepRecord {
            step,
            asked: by_resource(&|place| selection.resources[place].asked),
            feasible: by_resource(&|place| selection.resources[place].feasible),
            achieved: by_resource(&|place| selection.resources[place].achieved),
            metric,
            metrics: BTreeMap::new(),
            good: false,
            budget: ByResource::new(),
            estimated: ByResource::new(),
            sparsity: layers
                .map(|(id, mask)| (model.layer(id).name().to_owned(), mask.sparsity()))
                .collect(),
            shared: selection.masks.iter().filter_map(shared).collect(),
            solver: SolverRecord {
                name: selection.solver.clone(),
                status: selection.status.as_str().to_owned(),
                bound: selection.bound,
                value: selection.value,
            },
            curvature: BTreeMap::new(),
            seconds: 0.0,
        }
    }

    /// One stretch of training. Its stream is its place in the run, so that it does not depend on what ran before.
    pub(crate) fn fit(
        &self,
        trainer: &mut dyn Trainer,
        observer: &mut dyn Observer,
        (step, phase): (usize, Phase),
        (epochs, stream): (usize, u64),
        (frozen, regularisers): (Option<&Masks>, Option<&Regularisers>),
    ) -> Result<(), Error> {
        if epochs == 0 {
            return Ok(());
        }
        let train_shared = self.settings.train_shared;
        let fit = Fit { epochs, frozen, train_shared, regularisers, stream };
        let mut patience = Patience::new(trainer.direction(), self.settings.patience);
        let mut flow = Flow::GoOn;
        let mut progress = |epoch: &EpochRecord| {
            flow = observer.notify(&Event::Epoch(&CurveRecord { step, phase, epoch: *epoch }))?;
            Ok(if patience.is_over(epoch.metric) { Flow::Stop } else { flow })
        };
        let done = trainer.fit(&fit, &mut progress);
        done.map_err(|error| Error::from_part(error, Error::Trainer))?;
        if flow == Flow::Stop { Err(Error::Stopped) } else { Ok(()) }
    }
}

pub(crate) fn tell(observer: &mut dyn Observer, event: &Event<'_>) -> Result<(), Error> {
    match observer.notify(event) {
        Ok(Flow::GoOn) => Ok(()),
        Ok(Flow::Stop) => Err(Error::Stopped),
        Err(error) => Err(Error::from_part(error, Error::Observer)),
    }
}
