//! Arrays and data sets: tensors, splits, standardisation and metrics.
//!
//! This crate knows no file formats and no training framework: a [`Dataset`] is what `handaxe-formats` reads
//! and what `handaxe-train` fits. Its inputs are [`Source`]s of rows, in memory or not. All randomness is drawn from ChaCha8 with explicit seeds ([`seeded`]),
//! so the same seed gives the same split on every machine.
//!
//! ```
//! use handaxe_data::{Dataset, Standardiser, Targets, Tensor};
//!
//! let features = Tensor::new(vec![4, 2], vec![0., 10., 1., 20., 2., 30., 3., 40.])?;
//! let data = Dataset::new(vec![features], Targets::classes(vec![0, 1, 0, 1], 2)?)?;
//! let (train, test) = data.split(0.5, 7)?;
//! let standardise = Standardiser::fit(&*train.inputs()[0])?;
//! let (batch, _) = test.gather(&[1, 0])?;
//! assert_eq!(standardise.apply(batch[0].clone())?.shape(), [2, 2]);
//! # Ok::<(), handaxe_data::Error>(())
//! ```

mod dataset;
mod error;
mod metric;
mod parts;
mod random;
mod source;
mod split;
mod standardise;
mod tensor;

pub use dataset::{Dataset, Targets, blocks};
pub use error::Error;
pub use metric::{Accuracy, Auc, Direction, MeanAbsoluteError, MeanSquaredError, Metric, metric};
pub use parts::Parts;
pub use random::seeded;
pub use source::Source;
pub use standardise::Standardiser;
pub use tensor::Tensor;
