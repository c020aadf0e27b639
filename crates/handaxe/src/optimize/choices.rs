use handaxe_data::Metric;
use handaxe_graph::HlsConfig;
use handaxe_knapsack::{Limits, Solver};
use handaxe_objective::Objective;
use handaxe_objective::estimate::Profile;
use handaxe_optimize::{Budget, Checkpoint, Settings};
use handaxe_prune::Ranking;
use handaxe_schedule::Scheduler;
use handaxe_search::Method;

use super::Optimize;
use crate::FinalSparsity;

/// What can be chosen of a run.
impl Optimize {
    /// What is to be saved.
    pub fn objective(self, objective: impl Objective + 'static) -> Self {
        self.boxed_objective(Box::new(objective))
    }

    /// Which groups of weights matter.
    pub fn ranking(self, ranking: impl Ranking + 'static) -> Self {
        self.boxed_ranking(Box::new(ranking))
    }

    /// Who solves the knapsack.
    pub fn solver(self, solver: impl Solver + 'static) -> Self {
        self.boxed_solver(Box::new(solver))
    }

    /// How the sparsity moves, in place of [`Optimize::schedule`].
    pub fn scheduler(self, scheduler: impl Scheduler + 'static) -> Self {
        Self { scheduler: Some(Box::new(scheduler)), ..self }
    }

    /// As [`Optimize::objective`], for one chosen by name.
    pub fn boxed_objective(self, objective: Box<dyn Objective>) -> Self {
        Self { objective, ..self }
    }

    /// As [`Optimize::ranking`], for one chosen by name.
    pub fn boxed_ranking(self, ranking: Box<dyn Ranking>) -> Self {
        Self { ranking, ..self }
    }

    /// As [`Optimize::solver`], for one chosen by name.
    pub fn boxed_solver(self, solver: Box<dyn Solver>) -> Self {
        Self { solver, ..self }
    }

    /// A built-in scheduler with its settings.
    pub fn schedule(self, schedule: handaxe_schedule::Settings) -> Self {
        Self { schedule, ..self }
    }

    /// The share of the resource to save, of the layers that can be optimised; the run tells whether it was met.
    /// Several resources may have a share each.
    pub fn final_sparsity(mut self, target: impl Into<FinalSparsity>) -> Self {
        let target = target.into();
        self.schedule.final_sparsity = target.largest();
        self.target = Some(target);
        self
    }

    /// Number of steps of the polynomial schedule.
    pub fn steps(mut self, steps: u32) -> Self {
        self.schedule.steps = steps;
        self
    }

    /// Epochs a step, rewinding included.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.settings.epochs = epochs;
        self
    }

    /// How hard to try.
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// How long and on how much memory the solver may work.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Who finds the strengths of penalties that the settings leave open, such as [`handaxe_search::Settings`]; without one
    /// the settings' own hold.
    pub fn search(self, method: impl Method + 'static) -> Self {
        self.boxed_search(Box::new(method))
    }

    /// As [`Optimize::search`], for one chosen by name.
    pub fn boxed_search(self, method: Box<dyn Method>) -> Self {
        Self { search: Some(method), ..self }
    }

    /// What the network must fit into, in place of a final sparsity: bisection finds the least pruning that makes it fit, to
    /// the threshold of [`Optimize::schedule`].
    pub fn budget(self, budget: impl Budget + 'static) -> Self {
        self.boxed_budget(Box::new(budget))
    }

    /// As [`Optimize::budget`], for one that was chosen at run time.
    pub fn boxed_budget(self, budget: Box<dyn Budget>) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// How the network is to be built in hardware.
    pub fn config(self, config: HlsConfig) -> Self {
        Self { config: Some(config), ..self }
    }

    /// Whose figures the estimates of every step's network are: tool, parts and clock.
    pub fn profile(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// How to train, and the seed of all randomness.
    pub fn training(self, training: handaxe_train::Settings) -> Self {
        Self { training, ..self }
    }

    /// What is judged; by default accuracy for classes and mse for values.
    pub fn metric(self, metric: Box<dyn Metric>) -> Self {
        Self { metric: Some(metric), ..self }
    }

    /// Records another metric beside the one that decides.
    pub fn also(mut self, metric: Box<dyn Metric>) -> Self {
        self.others.push(metric);
        self
    }

    /// Goes on from where an interrupted run with the same settings stood.
    pub fn resume(self, checkpoint: Checkpoint) -> Self {
        Self { checkpoint: Some(checkpoint), ..self }
    }
}
