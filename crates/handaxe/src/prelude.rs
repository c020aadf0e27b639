//! What most programs need: `use handaxe::prelude::*;`.

pub use handaxe_data::{Dataset, Parts, Targets, Tensor};
pub use handaxe_fixed::Precision;
pub use handaxe_graph::{
    Activation, HlsConfig, LayerAttributes, Model, Op, OptimizationAttributes, Strategy, Structure,
};
pub use handaxe_knapsack::{Limits, Problem, Solution, Solver};
pub use handaxe_objective::{
    Action, GpuFlops, Objective, Obstacle, Parameter, VivadoDsp, VivadoDspBram, VivadoFf,
};
pub use handaxe_optimize::{Event, Observer};
pub use handaxe_prune::{Group, L1, L2, Needs, Ranking};
pub use handaxe_schedule::{Binary, Constant, Polynomial, Scheduler, Step};
pub use handaxe_train::Settings as TrainSettings;

pub use crate::{Error, Optimize, Optimized, train};
