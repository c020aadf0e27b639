use handaxe_data::Direction;
use handaxe_graph::Model;
use handaxe_optimize::{CurveRecord, ResultRecord, StepRecord, TrialRecord};

use crate::name;

/// A finished run: all that is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The run in figures: `result.json`.
    pub result: &'a ResultRecord,
    /// Every trial of the search for penalties, in order: `trials.jsonl`.
    pub trials: &'a [TrialRecord],
    /// Every step of the loop, in order: `steps.jsonl`.
    pub steps: &'a [StepRecord],
    /// Every epoch trained, in order: `epochs.jsonl`.
    pub curves: &'a [CurveRecord],
    /// The network as it was given.
    pub before: &'a Model,
    /// The network handed back.
    pub after: &'a Model,
    /// The configuration in force: `run.toml`.
    pub config: &'a str,
}

impl<'a> Run<'a> {
    /// The resources that the run was to save.
    pub(crate) fn saved(&self) -> Vec<&'a str> {
        name::in_order(self.result.achieved.keys())
    }

    /// The resources to show.
    pub(crate) fn resources(&self) -> Vec<&'a str> {
        name::shown(self.result)
    }

    /// The step whose network is handed back.
    pub(crate) fn chosen(&self) -> Option<&'a StepRecord> {
        self.steps.iter().find(|step| Some(step.step) == self.result.best_step)
    }

    /// Which way the metric is better.
    pub(crate) fn direction(&self) -> Direction {
        if self.result.increasing { Direction::Increasing } else { Direction::Decreasing }
    }

    /// The metric that a step had to hold.
    pub(crate) fn tolerance(&self) -> Option<f64> {
        Some(self.result.tolerance).filter(|tolerance| tolerance.is_finite())
    }
}
