//! Keras' models: `.keras` archives, whole `.h5` files, and architectures as `.json` with weights in `.h5`.
//!
//! A *reference* names a file, and for an architecture the weights if they do not stand beside it as `NAME_weights.h5`,
//! `NAME.weights.h5` or `NAME.h5`: `model.json:weights=retrained.h5`. What a file is is told from its first bytes.
//!
//! A layer with an activation becomes two, `fc1` and `fc1_relu`, as in hls4ml. Dropout and its kin are left out, separable
//! convolutions become a depthwise and a pointwise one, pruning wrappers are taken off (their masks applied), nested models
//! are joined to the whole, and a convolution fused with its normalisation (`QConv2DBatchnorm`) is folded.

mod activation;
mod call;
mod config;
mod convolution;
mod hdf5;
pub mod known;
mod layer;
mod quantiser;
mod shape;
mod table;
mod topology;
mod weights;
mod write;

use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use handaxe_graph::Model;
use serde_json::Value;
use zip::ZipArchive;

use crate::Error;
use crate::read::read_at_most;
use config::Config;
use hdf5::Hdf5;
use weights::Store;
pub use write::{h5_bytes, keras_bytes, save_h5, save_keras};

/// The largest file that is read, and the largest part of an archive that is unpacked: more than the weights of any model
/// that is accepted.
const MOST_BYTES: u64 = 1 << 30;
/// So much of a part is unpacked whatever the archive's size,
const SURELY: u64 = 1 << 26;
/// and beyond that so many bytes for each of the archive's. Keras itself does not pack.
const UNPACKED_A_BYTE: u64 = 64;
/// The largest architecture that is read: in memory it may take a hundred times as much.
const MOST_TEXT: u64 = 1 << 23;

/// Reads a model with its weights.
///
/// ```no_run
/// let model = handaxe_formats::keras::load("jets.json:weights=jets_weights.h5")?;
/// # Ok::<(), handaxe_formats::Error>(())
/// ```
///
/// # Errors
/// A file that is missing, broken or of another kind; a layer that cannot be loaded (recurrent, custom, channels first, ...),
/// with its name and type; weights that are missing or do not fit.
pub fn load(reference: &str) -> Result<Model, Error> {
    let (path, weights) = split(reference);
    let bytes = read_at_most(path, MOST_BYTES)?;
    if bytes.first() != Some(&b'{') {
        return whole(bytes).map_err(|error| error.in_file(path));
    }
    let weights = weights.map_or_else(|| beside(path), |weights| Ok(weights.to_owned()))?;
    let stored = read_at_most(&weights, MOST_BYTES)?;
    let store = Hdf5::open(stored).and_then(Store::new).map_err(|error| error.in_file(&weights))?;
    let config = text(&bytes).and_then(|text| Config::parse(text, None));
    config.and_then(|config| topology::build(&config, &store)).map_err(|error| error.in_file(path))
}

/// The file of the architecture, and that of the weights if the reference names one.
pub(crate) fn split(reference: &str) -> (&Path, Option<&Path>) {
    match reference.rsplit_once(":weights=") {
        Some((path, weights)) => (Path::new(path), Some(Path::new(weights))),
        None => (Path::new(reference), None),
    }
}

/// Reads a model from the content of a `.keras` archive or a whole `.h5` file.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: &[u8]) -> Result<Model, Error> {
    whole(bytes.to_vec())
}

/// Reads a model from the content of an architecture's `.json` and its weights' `.h5`.
///
/// # Errors
/// As [`load`].
pub fn from_parts(architecture: &[u8], weights: &[u8]) -> Result<Model, Error> {
    let store = Store::new(Hdf5::open(weights.to_vec())?)?;
    topology::build(&Config::parse(text(architecture)?, None)?, &store)
}

fn whole(bytes: Vec<u8>) -> Result<Model, Error> {
    if bytes.starts_with(b"PK") {
        return archive(bytes);
    }
    let file = Hdf5::open(bytes)?;
    let Some(config) = file.text("", "model_config")? else { return Err(Error::WeightsOnly) };
    let config = text(config.as_bytes())?;
    let version = file.text("", "keras_version")?;
    let preprocessing = file.text("", write::OURS)?;
    let config = Config::parse(config, version.as_deref())?;
    preprocessed(topology::build(&config, &Store::new(file)?)?, preprocessing.as_deref())
}

/// The `.keras` form: an archive of `config.json`, `metadata.json` and `model.weights.h5`.
fn archive(bytes: Vec<u8>) -> Result<Model, Error> {
    let most = SURELY.saturating_add((bytes.len() as u64).saturating_mul(UNPACKED_A_BYTE));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| Error::Zip { error })?;
    if archive.file_names().any(|name| name.is_ok_and(|name| name.ends_with("/data.pkl"))) {
        return Err(Error::Pickle);
    }
    let config = part(&mut archive, "config.json", MOST_TEXT)?;
    let metadata = part(&mut archive, "metadata.json", MOST_TEXT)?;
    let metadata: Value = serde_json::from_slice(&metadata)
        .map_err(|error| Error::KerasJson { part: "metadata.json", error })?;
    let version = metadata.get("keras_version").and_then(Value::as_str);
    let config = Config::parse(text(&config)?, version)?;
    let weights = part(&mut archive, "model.weights.h5", most.min(MOST_BYTES))?;
    let model = topology::build(&config, &Store::new(Hdf5::open(weights)?)?)?;
    preprocessed(model, metadata.get(write::OURS).and_then(Value::as_str))
}

/// The model with what handaxe noted beside Keras' own content.
fn preprocessed(mut model: Model, noted: Option<&str>) -> Result<Model, Error> {
    if let Some(noted) = noted {
        let noted = serde_json::from_str(noted)
            .map_err(|error| Error::KerasJson { part: write::OURS, error })?;
        model.set_preprocessing(noted)?;
    }
    Ok(model)
}

/// A part of an archive; never more than `most` bytes, whatever the archive claims.
fn part(
    archive: &mut ZipArchive<Cursor<Vec<u8>>>,
    name: &'static str,
    most: u64,
) -> Result<Vec<u8>, Error> {
    let entry = archive.by_name(name).map_err(|error| Error::NoPart { part: name, error })?;
    let mut bytes = Vec::new();
    entry.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::PartTooLarge { part: name, most });
    }
    Ok(bytes)
}

/// The text of an architecture.
fn text(bytes: &[u8]) -> Result<&str, Error> {
    if bytes.len() as u64 > MOST_TEXT {
        return Err(Error::PartTooLarge { part: "the architecture", most: MOST_TEXT });
    }
    std::str::from_utf8(bytes).map_err(|error| Error::NotText { place: error.valid_up_to() })
}

/// The weights that stand beside an architecture.
fn beside(path: &Path) -> Result<PathBuf, Error> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
    let names = ["_weights.h5", ".weights.h5", ".h5"].map(|end| format!("{stem}{end}"));
    let found = names.iter().map(|name| path.with_file_name(name)).find(|path| path.is_file());
    found.ok_or_else(|| Error::NoWeightsFile { tried: names.join(", ") }.in_file(path))
}
