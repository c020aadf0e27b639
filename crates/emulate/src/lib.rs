//! Runs a graph on numbers, without training.
//!
//! - [`Float`] computes a network as its framework does, in floating point: what every other computation is judged by. Sums
//!   are kept in f64, so that its answers are those of exact arithmetic to about 1e-6;
//! - [`BitExact`] computes it as its firmware does, in fixed point, to the bit;
//! - [`quantise`]: what QKeras' and HGQ's quantisers make of an array, to the bit.
//!
//! ```
//! use handaxe_data::Tensor;
//! use handaxe_emulate::predict;
//! use handaxe_graph::{Activation, Model, Op};
//!
//! let mut model = Model::new("small");
//! let input = model.add("in", Op::Input { shape: vec![2] }, &[])?;
//! let dense = model.add("fc", Op::Dense { units: 1, bias: false }, &[input])?;
//! model.add("relu", Op::Activation { function: Activation::Relu }, &[dense])?;
//! model.set_weight(dense, "kernel", Tensor::new(vec![2, 1], vec![1.0, -2.0])?)?;
//!
//! let samples = Tensor::new(vec![2, 2], vec![3.0, 1.0, 1.0, 3.0])?;
//! let outputs = predict(&model, &[samples])?;
//! assert_eq!(outputs[0].values(), [1.0, 0.0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bit_exact;
mod error;
mod float;
mod quantise;

pub use bit_exact::{BitExact, Codes, Path, Place, firmware_weights, moved};
pub use error::Error;
pub use float::{Float, predict, repeated};
pub use quantise::{quantise, quantise_in_place};
