use handaxe_graph::Model;
use handaxe_schedule::{Scheduler, Step};

use crate::budget::best;
use crate::{Checkpoint, Error, Reduction, SearchRecord, StepRecord, TrialRecord};

/// What the loop remembers from step to step.
pub(crate) struct State {
    pub(crate) trials: Vec<TrialRecord>,
    pub(crate) search: Option<SearchRecord>,
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) best: Model,
    /// Bad steps in a row.
    bad: usize,
    pub(crate) reduction: Option<Reduction>,
}

impl State {
    /// Nothing done yet.
    pub(crate) fn new(original: Model) -> Self {
        Self {
            trials: Vec::new(),
            search: None,
            steps: Vec::new(),
            best: original,
            bad: 0,
            reduction: None,
        }
    }

    /// The metric of the best step.
    pub(crate) fn best_metric(&self) -> Option<f64> {
        best(&self.steps).map(|step| step.metric)
    }

    /// Takes in how a step was judged and asks the scheduler for the next target: less where the metric did not hold, and where
    /// the network fits its budget already.
    pub(crate) fn decide(
        &mut self,
        record: &StepRecord,
        scheduler: &mut dyn Scheduler,
        cutoff: usize,
    ) -> Step {
        self.bad = if record.good { 0 } else { self.bad + 1 };
        let enough = !record.budget.is_empty() && record.fits();
        let more = record.good && !enough;
        let next = if more { scheduler.advance() } else { scheduler.retreat() };
        if self.bad > cutoff { Step::Done } else { next }
    }

    /// Brings scheduler and counters to where the checkpoint was taken.
    pub(crate) fn replay(
        &mut self,
        checkpoint: Checkpoint,
        scheduler: &mut dyn Scheduler,
        cutoff: usize,
    ) -> Result<Step, Error> {
        let given = checkpoint.steps.len();
        let mut next = Step::To(scheduler.sparsity());
        for record in checkpoint.steps {
            if next == Step::Done {
                return Err(Error::Checkpoint { given, ended: self.steps.len() });
            }
            next = self.decide(&record, scheduler, cutoff);
            self.steps.push(record);
        }
        (self.best, self.reduction) = (checkpoint.best, checkpoint.reduction);
        self.trials = checkpoint.trials;
        Ok(next)
    }
}
