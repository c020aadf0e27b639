//! Which weights to cut: groups of weights, their rank, the knapsack over them, and the masks that follow.
//!
//! This crate knows no hardware and no training: what a group saves comes as numbers, a kernel as a slice. [`Groups`]
//! partitions a kernel, a [`Ranking`] says what losing a group costs the network, [`select`] poses the knapsack
//! problem of spec/optimization.md section 1, has it solved, and turns the answer into masks: a group that is not kept is
//! pruned or, where its layer's weights may be shared, held at its mean.
//!
//! ```
//! use handaxe_graph::{Model, Op, Structure};
//! use handaxe_knapsack::{Limits, solver};
//! use handaxe_prune::{Candidate, Groups, Savings, Scope, Settings, ranking, select};
//!
//! let mut model = Model::new("small");
//! let input = model.add("in", Op::Input { shape: vec![2] }, &[]).unwrap();
//! let layer = model.add("fc", Op::Dense { units: 3, bias: true }, &[input]).unwrap();
//! let kernel = [0.5, -3.0, 0.1, 0.25, 1.0, -0.2];
//!
//! let groups = Groups::new(&[2, 3], &Structure::Structured)?; // the three columns
//! let savings = Savings::of(&groups, |size| vec![size as u64]);
//! let candidate = Candidate {
//!     layer, name: "fc", kernel: &kernel, gradient: None, curvature: None, groups, floor: None, resources: vec![6], savings,
//!     sharing: None,
//! };
//! let (l1, solver, limits) = (ranking("l1")?, solver("auto")?, Limits::default());
//! let settings =
//!     Settings { scope: Scope::Global, floor: 1, ranking: &*l1, solver: &*solver, limits: &limits };
//! let selection = select(&[candidate], &[0.5], &settings)?;
//! let mask = selection.masks.get(layer).unwrap();
//! assert_eq!(mask.keep(), [false, true, false, false, true, false]); // 3 of 6 weights: only column 1 fits
//! assert_eq!(selection.resources[0].achieved, 4.0 / 6.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod candidate;
mod error;
mod groups;
mod l1;
mod l2;
mod layer;
mod oracle;
mod ranking;
mod reduce;
mod regulariser;
mod saliency;
mod select;
mod solve;
mod ties;

pub use candidate::{Candidate, Savings};
pub use error::Error;
pub use groups::Groups;
pub use l1::L1;
pub use l2::L2;
pub use oracle::Oracle;
pub use ranking::{Group, Needs, RANKINGS, Ranking, ranking};
pub use reduce::{Reduced, reduce};
pub use regulariser::{Norm, Penalties, Regulariser, Regularisers};
pub use saliency::Saliency;
pub use select::{Scope, Selection, Settings, Sparsity, select};
