//! The model that travels through handaxe: a graph of layers with weights, and what the rest needs to know of it.
//!
//! - [`Model`], [`Layer`], [`Op`], [`Activation`], [`Quantiser`]: the network itself, right by construction;
//! - [`LayerAttributes`], [`OptimizationAttributes`], [`HlsAttributes`]: what an objective sees of a layer;
//! - [`HlsConfig`]: hls4ml's configuration and its look-up order; [`closest_reuse_factor`];
//! - [`FirmwareLayer`]: how a layer is built in firmware, with every type inferred;
//! - [`pass`]: rewritings that leave the answers as they are; [`Model::dump`] shows what they do;
//! - [`Mask`], [`Masks`]: which weights are free and what the others are held at.
//!
//! ```
//! use handaxe_graph::{HlsConfig, Model, Op, Strategy};
//!
//! let mut model = Model::new("small");
//! let input = model.add("in", Op::Input { shape: vec![16] }, &[])?;
//! model.add("fc", Op::Dense { units: 64, bias: true }, &[input])?;
//! let config = HlsConfig::uniform("fixed<16,6>".parse().unwrap(), 4, Strategy::Resource)?;
//! let (layers, diagnostics) = model.attributes(Some(&config))?;
//! assert_eq!(layers[0].weight_shape, [16, 64]);
//! assert!(diagnostics.is_empty()); // reuse factor 4 can be built for 16 x 64
//! # Ok::<(), handaxe_graph::Error>(())
//! ```

mod activation;
mod attributes;
mod diagnostic;
mod dump;
mod error;
mod firmware;
mod hls;
mod integer;
mod mask;
mod model;
mod nearest;
mod op;
pub mod pass;
mod quantiser;
mod reuse;
mod shape;
mod structure;

pub use activation::Activation;
pub use attributes::{HlsAttributes, LayerAttributes};
pub use diagnostic::Diagnostic;
pub use error::Error;
pub use firmware::{Affine, FirmwareLayer, InverseRoots, Softmax};
pub use hls::{HlsConfig, IoType, Section, Strategy};
pub use integer::{CodeRounding, Integer};
pub use mask::{Mask, Masks};
pub use model::{Layer, LayerId, MOST_LAYERS, Model};
pub use nearest::nearest;
pub use op::{Interpolation, LayerType, Op, Padding, PoolKind, Window};
pub use pass::transposition;
pub use quantiser::{Override, Quantiser, Scale};
pub use reuse::{closest_reuse_factor, is_valid_reuse_factor};
pub use structure::{OptimizationAttributes, Structure};
