//! Files in and out: data sets, models and hls4ml's configurations.
//!
//! - [`data::load`], [`data::load_parts`]: `.npz`, `.npy`, IDX, `.csv`, `.arff` and `.parquet` into a [`handaxe_data::Dataset`];
//! - [`model::load`], [`model::save`]: a model in any form, told by content and by name;
//! - [`native::load`], [`native::save`]: a [`handaxe_graph::Model`] as one `.safetensors` file;
//! - [`keras::load`], [`keras::save_keras`], [`keras::save_h5`]: the same as Keras' files;
//! - [`onnx::load`]: the same from ONNX and QONNX;
//! - [`pytorch::load_state`]: a state dict over a graph;
//! - [`hls::load`], [`hls::parse`]: hls4ml's YAML or JSON into a [`handaxe_graph::HlsConfig`]; [`hls::Template`] writes it;
//! - [`answers::save`]: what a network answers, as `.npy` or `.csv`;
//! - [`write_atomically`]: what is written is there as a whole or not at all.
//!
//! What is read may come from anyone: every reader answers broken or hostile files with an [`Error`] that names the file
//! and the place. What a header claims is believed only as far as content stands behind it.
//!
//! ```
//! use handaxe_formats::{data, hls};
//!
//! let folder = tempfile::tempdir()?;
//! let file = folder.path().join("points.csv");
//! std::fs::write(&file, "x,y,kind\n0.5,1.5,cat\n2.5,3.5,dog\n")?;
//! let points = data::load(&file.display().to_string())?;
//! assert_eq!(points.inputs()[0].shape(), [2, 2]);
//! assert_eq!(points.targets().width(), 2); // two classes
//!
//! let config = hls::parse("Model: {Precision: 'ap_fixed<16,6>', ReuseFactor: 4}")?;
//! assert_eq!(config.model.reuse_factor, Some(4));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod answers;
pub mod data;
mod error;
pub mod hls;
pub mod keras;
pub mod model;
pub mod native;
pub mod onnx;
pub mod pytorch;
mod read;
mod write;

pub use error::Error;
pub use write::write_atomically;
