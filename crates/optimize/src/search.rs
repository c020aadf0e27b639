//! The search for the strengths of penalties (spec/optimization.md section 8.3): what to try is `handaxe-search`'s, a trial
//! is a short training of the network as it was given.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use handaxe_data::Direction;
use handaxe_graph::Model;
use handaxe_prune::Regularisers;
use handaxe_search::{Outcome, Search, Trial, best};

use crate::plan::{Knob, Penalty, Plan};
use crate::run::tell;
use crate::state::State;
use crate::threads::single_threaded;
use crate::{
    CurveRecord, EpochRecord, Error, Event, Fit, Flow, Observer, Optimisation, Patience, Phase,
    SearchRecord, Trainer, TrialRecord,
};

/// The stream of every trial: they differ in their penalties alone. No step comes to it.
const STREAM: u64 = 1 << 32;
/// A trial ends after so many epochs without a better metric.
const PATIENCE: usize = 1;

/// A search, and what it is about.
pub(crate) struct Searching {
    search: Box<dyn Search>,
    knobs: Vec<Knob>,
}

impl Optimisation<'_> {
    /// None where nobody searches, or nothing is left open.
    pub(crate) fn searching(&self, plan: &Plan) -> Result<Option<Searching>, Error> {
        let (Some(method), knobs) = (self.search, plan.knobs()) else { return Ok(None) };
        if knobs.is_empty() {
            return Ok(None);
        }
        let space: Result<_, _> = knobs.iter().map(|knob| method.dimension(&knob.name)).collect();
        let epochs = (self.settings.epochs / 2).max(1);
        Ok(Some(Searching { search: method.build(space?, epochs)?, knobs }))
    }

    /// Tries strengths until the search is over, and has `plan` penalise by the best of them.
    pub(crate) fn search(
        &self,
        plan: &mut Plan,
        original: &Model,
        state: &mut State,
        trainer: &dyn Trainer,
        observer: &mut dyn Observer,
    ) -> Result<(), Error> {
        let Some(Searching { search, knobs }) = self.searching(plan)? else { return Ok(()) };
        let direction = trainer.direction();
        let regularisers = |plan: &Plan, trial: &Trial| {
            let turned: Vec<_> = knobs.iter().zip(trial.values.iter().copied()).collect();
            plan.penalised(self.settings.penalties, &turned)
        };
        let at_once = rayon::current_num_threads();
        loop {
            let done: Vec<Outcome> =
                state.trials.iter().map(|record| outcome(record, &knobs, direction)).collect();
            let round = search.round(&done)?;
            if round.is_empty() {
                let found = best(&done).filter(|found| !found.score.is_nan());
                let found = found.ok_or(Error::NoTrial { trials: done.len() })?;
                plan.regularisers = regularisers(plan, &found.trial)?;
                state.search = Some(SearchRecord {
                    name: self.search.map_or("", |method| method.name()).to_owned(),
                    trials: done.len(),
                    best: state.trials[found.trial.number].clone(),
                });
                return Ok(());
            }
            for trials in round.chunks(at_once) {
                let prepare = |trial: &Trial| {
                    let trainer = trainer.of(original).map_err(Error::Trainer)?;
                    let record = record(trial, &knobs);
                    Ok(Attempt { record, trainer, regularisers: regularisers(plan, trial)? })
                };
                let attempts = trials.iter().map(prepare).collect::<Result<Vec<_>, Error>>()?;
                for record in run(attempts, observer)? {
                    state.trials.push(record);
                    if let Some(record) = state.trials.last() {
                        tell(observer, &Event::Trial { record, of: search.trials() })?;
                    }
                }
            }
        }
    }
}

/// A trial that is to be made.
struct Attempt {
    record: TrialRecord,
    trainer: Box<dyn Trainer + Send>,
    regularisers: Regularisers,
}

impl Attempt {
    /// Trains; the best metric goes into the record.
    fn run(
        mut self,
        mut epoch_ended: impl FnMut(CurveRecord) -> Flow,
    ) -> Result<TrialRecord, Error> {
        let started = Instant::now();
        let direction = self.trainer.direction();
        let mut patience = Patience::new(direction, Some(PATIENCE));
        let (step, mut record) = (self.record.trial, self.record);
        let fit = Fit {
            epochs: record.epochs,
            regularisers: Some(&self.regularisers),
            stream: STREAM,
            ..Fit::default()
        };
        let done = self.trainer.fit(&fit, &mut |epoch: &EpochRecord| {
            let flow = epoch_ended(CurveRecord { step, phase: Phase::Trial, epoch: *epoch });
            let over = patience.is_over(epoch.metric);
            Ok(if over { Flow::Stop } else { flow })
        });
        record.metric = patience.best().filter(|metric| metric.is_finite());
        match done.map_err(|error| Error::from_part(error, Error::Trainer)) {
            Err(Error::NotFinite(_)) => record.metric = None,
            done => done?,
        }
        record.seconds = started.elapsed().as_secs_f64();
        Ok(record)
    }
}

/// Makes trials at the same time, a thread for each, while `observer` sees their epochs.
fn run(attempts: Vec<Attempt>, observer: &mut dyn Observer) -> Result<Vec<TrialRecord>, Error> {
    let (sender, receiver) = mpsc::channel();
    let stopped = &AtomicBool::new(false);
    thread::scope(|scope| {
        let begin = |attempt: Attempt| {
            let sender = sender.clone();
            scope.spawn(move || {
                let epoch_ended = |epoch| {
                    // Nobody listens any more where the observer has failed.
                    let told = sender.send(epoch).is_ok();
                    let go_on = told && !stopped.load(Ordering::Relaxed);
                    if go_on { Flow::GoOn } else { Flow::Stop }
                };
                single_threaded(|| attempt.run(epoch_ended))
            })
        };
        let threads: Vec<_> = attempts.into_iter().map(begin).collect();
        drop(sender);
        for epoch in &receiver {
            match tell(observer, &Event::Epoch(&epoch)) {
                Err(Error::Stopped) => stopped.store(true, Ordering::Relaxed),
                told => told?,
            }
        }
        let ended = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        let records = ended.collect::<Result<Vec<_>, _>>()?;
        // What a trial found counts once it is whole.
        if stopped.load(Ordering::Relaxed) { Err(Error::Stopped) } else { Ok(records) }
    })
}

/// What a trial tries, before it is made.
fn record(trial: &Trial, knobs: &[Knob]) -> TrialRecord {
    let mut record = TrialRecord {
        trial: trial.number + 1,
        epochs: trial.epochs,
        penalties: Default::default(),
        metric: None,
        seconds: 0.0,
    };
    for (knob, &value) in knobs.iter().zip(&trial.values) {
        let strengths = record.penalties.entry(knob.name.clone()).or_default();
        match knob.penalty {
            Penalty::Sparse => strengths.sparse = Some(value),
            Penalty::Variance => strengths.variance = Some(value),
        }
    }
    record
}

/// What a record says to the search.
fn outcome(record: &TrialRecord, knobs: &[Knob], direction: Direction) -> Outcome {
    let value = |knob: &Knob| {
        let strengths = record.penalties.get(&knob.name).copied().unwrap_or_default();
        let strength = match knob.penalty {
            Penalty::Sparse => strengths.sparse,
            Penalty::Variance => strengths.variance,
        };
        // A record of another run: the search finds it out.
        strength.unwrap_or(f64::NAN)
    };
    let values = knobs.iter().map(value).collect();
    let trial = Trial { number: record.trial.wrapping_sub(1), values, epochs: record.epochs };
    let metric = record.metric.unwrap_or(f64::NAN);
    let score = if direction == Direction::Increasing { metric } else { -metric };
    Outcome { trial, score }
}
