use std::collections::BTreeMap;

use handaxe_data::Direction;
use handaxe_graph::Model;

use crate::budget::best;
use crate::{
    ByResource, Error, MetricRecord, Part, Reduction, ReductionRecord, Scores, SearchRecord,
    StepRecord, Trainer, TrialRecord, Use,
};

/// Where an interrupted run stood after a whole trial or step.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The trials of the search for penalties so far.
    pub trials: Vec<TrialRecord>,
    /// The steps so far.
    pub steps: Vec<StepRecord>,
    /// The network as the last step left it.
    pub current: Model,
    /// The network that would be handed back.
    pub best: Model,
    /// What came of the reduction after the last step, if it was done.
    pub reduction: Option<Reduction>,
}

/// What a run hands back.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The network as it was given.
    pub original: Model,
    /// The network of the last good step, reduced where the run does that, or the original when no step was good.
    pub model: Model,
    /// What came of the reduction, where there was one.
    pub reduction: Option<ReductionRecord>,
    /// Which way the metric is better.
    pub direction: Direction,
    /// What the metric of every step had to hold on the validation samples.
    pub tolerance: f64,
    /// Metrics of the original.
    pub baseline: Scores,
    /// Metrics of the network handed back.
    pub last: Scores,
    /// Other metrics of both.
    pub metrics: BTreeMap<String, MetricRecord>,
    /// Whether an observer ended the run before the schedule did.
    pub stopped: bool,
    /// What the network handed back takes of the resources of a budget, where there is one.
    pub budget: ByResource<Use>,
    /// What came of the search for penalties, where there was one.
    pub search: Option<SearchRecord>,
    /// Every step, in order.
    pub steps: Vec<StepRecord>,
    /// Layers that the objective left alone, and why.
    pub left_alone: Vec<(String, String)>,
    /// What was done differently from what was written.
    pub diagnostics: Vec<String>,
}

impl Outcome {
    /// The step whose network is handed back.
    pub fn best_step(&self) -> Option<&StepRecord> {
        best(&self.steps)
    }
}

/// A network's metrics on both parts.
pub(crate) struct Judged {
    pub(crate) scores: Scores,
    pub(crate) others: BTreeMap<String, Scores>,
}

impl Judged {
    /// `validation` is the metric there, where it is known already.
    pub(crate) fn of(trainer: &mut dyn Trainer, validation: Option<f64>) -> Result<Self, Error> {
        let scores = Scores {
            validation: match validation {
                Some(known) => known,
                None => trainer.evaluate(Part::Validation).map_err(Error::Trainer)?,
            },
            test: trainer.evaluate(Part::Test).map_err(Error::Trainer)?,
        };
        let validation = trainer.others(Part::Validation).map_err(Error::Trainer)?;
        let test = trainer.others(Part::Test).map_err(Error::Trainer)?;
        let pairs = validation.into_iter().zip(test.into_values());
        let others = pairs.map(|((name, validation), test)| (name, Scores { validation, test }));
        Ok(Self { scores, others: others.collect() })
    }
}
