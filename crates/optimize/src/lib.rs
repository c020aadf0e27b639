//! The optimisation loop: prune a little, train around the cut, judge, and go on while the metric holds.
//!
//! [`Optimisation`] joins an objective, a ranking, a solver and a scheduler with a [`Trainer`]; it never names the framework that
//! trains. [`Observer`]s see every [`Event`]; one of them is [`RunDir`], the run on disk, from which an interrupted run
//! continues. [`footprint`] counts a network's resources as its weights stand.
//!
//! The loop is that of hls4ml's Optimization API, after B. Ramhorst et al. 2023, arXiv:2308.05170.

mod budget;
mod disk;
mod error;
mod estimated;
mod footprint;
mod inputs;
mod layer_settings;
mod observer;
mod outcome;
mod patience;
mod plan;
mod record;
mod reduction;
mod run;
mod run_dir;
mod search;
mod settings;
mod state;
mod threads;
mod trainer;

pub use budget::{Budget, Use};
pub use disk::{Disk, FileSystem};
pub use error::Error;
pub use estimated::Estimated;
pub use footprint::{Footprint, footprint};
pub use layer_settings::LayerSettings;
pub use observer::{Event, Flow, Observer};
pub use outcome::{Checkpoint, Outcome};
pub use patience::Patience;
pub use record::{
    BeforeAfter, ByResource, CurveRecord, LayerRecord, MetricRecord, Phase, ReductionRecord,
    ResultRecord, SCHEMA, Scores, SearchRecord, SharedRecord, SolverRecord, StepRecord, Strengths,
    TrialRecord,
};
pub use reduction::Reduction;
pub use run::Optimisation;
pub use run_dir::RunDir;
pub use settings::{Settings, default_rtol};
pub use threads::single_threaded;
pub use trainer::{ByKernel, Curvature, EpochRecord, Estimate, Fit, ForeignError, Part, Trainer};
