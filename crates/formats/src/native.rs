//! handaxe's own form of a model: one `.safetensors` file.
//!
//! The metadata key `handaxe` holds `{"format": 1, "model": {...}}`, the graph without its weights; the tensors are called
//! `layer.weight` (`fc1.kernel`, `fc1.bias`, ...), F32, in Keras' layouts. Any safetensors reader can read the weights.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use handaxe_data::Tensor;
use handaxe_graph::{LayerId, Model, nearest};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};

use crate::read::read_at_most;
use crate::{Error, write_atomically};

/// The version of the graph's JSON that this crate writes, and the newest that it reads.
const FORMAT: u64 = 1;
const KEY: &str = "handaxe";
/// The largest file that is read: more than the weights of any model that is accepted.
const MOST_BYTES: u64 = 1 << 30;
/// The largest header, in which the graph stands: in memory it may take a hundred times as much.
const MOST_HEADER: u64 = 1 << 23;

#[derive(Serialize)]
struct Written<'a> {
    format: u64,
    model: &'a Model,
}

/// The version is read first: the rest of a newer format need not be understood.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

#[derive(Deserialize)]
struct Read {
    model: Model,
}

/// Writes a model, as a whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn save(model: &Model, path: impl AsRef<Path>) -> Result<(), Error> {
    let path = path.as_ref();
    let bytes = to_bytes(model).map_err(|error| error.in_file(path))?;
    write_atomically(path, |file| file.write_all(&bytes))
}

/// Reads a model with all its weights.
///
/// # Errors
/// A file that is missing, broken, not handaxe's or of a newer format; a graph that does not fit together; a tensor
/// that is missing, unknown, of another type or shape, or not finite.
pub fn load(path: impl AsRef<Path>) -> Result<Model, Error> {
    let path = path.as_ref();
    let bytes = read_at_most(path, MOST_BYTES)?;
    from_bytes(&bytes).map_err(|error| error.in_file(path))
}

/// The content of the file that [`save`] writes.
///
/// # Errors
/// None for a sound model.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, Error> {
    let graph = serde_json::to_string(&Written { format: FORMAT, model })
        .map_err(|error| Error::GraphJson { error })?;
    let mut weights = Vec::new();
    for (_, layer) in model.layers() {
        for (weight, tensor) in layer.weights() {
            let bytes: Vec<u8> = tensor.values().iter().flat_map(|v| v.to_le_bytes()).collect();
            weights.push((tensor_name(layer.name(), weight), tensor.shape().to_vec(), bytes));
        }
    }
    let mut views = Vec::with_capacity(weights.len());
    for (name, shape, bytes) in &weights {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
        views.push((name, view.map_err(|error| Error::Safetensors { error })?));
    }
    let metadata = HashMap::from([(KEY.to_owned(), graph)]);
    serialize(views, Some(metadata)).map_err(|error| Error::Safetensors { error })
}

/// Reads a model from the content of a file.
///
/// # Errors
/// As [`load`], but for a file that is missing.
pub fn from_bytes(bytes: &[u8]) -> Result<Model, Error> {
    let tensors = tensors(bytes)?;
    let (_, metadata) =
        SafeTensors::read_metadata(bytes).map_err(|error| Error::Safetensors { error })?;
    let graph = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
    let mut model = graph.ok_or(Error::NotNative).and_then(|graph| parse_graph(graph))?;
    let slots: Vec<(LayerId, &'static str, String)> = model
        .layers()
        .flat_map(|(id, layer)| {
            let weights = layer.weights();
            weights.map(move |(weight, _)| (id, weight, tensor_name(layer.name(), weight)))
        })
        .collect();
    let known: BTreeSet<&str> = slots.iter().map(|(.., name)| name.as_str()).collect();
    if let Some(name) = tensors.names().into_iter().filter(|name| !known.contains(name)).min() {
        return Err(Error::UnknownTensor { name: name.to_owned(), nearest: nearest(name, known) });
    }
    for (id, weight, name) in slots {
        let view = tensors.tensor(&name).map_err(|_| Error::NoTensor { name: name.clone() })?;
        model.set_weight(id, weight, tensor(&name, &view)?)?;
    }
    Ok(model)
}

/// The tensors of a file, unless its header is larger than any honest one.
pub(crate) fn tensors(bytes: &[u8]) -> Result<SafeTensors<'_>, Error> {
    // The file begins with the length of its header.
    let header = bytes.first_chunk().map_or(0, |length| u64::from_le_bytes(*length));
    if header > MOST_HEADER {
        return Err(Error::PartTooLarge { part: "its header", most: MOST_HEADER });
    }
    SafeTensors::deserialize(bytes).map_err(|error| Error::Safetensors { error })
}

fn parse_graph(graph: &str) -> Result<Model, Error> {
    let broken = |error| Error::GraphJson { error };
    let Version { format } = serde_json::from_str(graph).map_err(broken)?;
    if format != FORMAT {
        return Err(Error::Version { given: format, known: FORMAT });
    }
    let Read { model } = serde_json::from_str(graph).map_err(broken)?;
    Ok(model)
}

/// A tensor of F32.
pub(crate) fn tensor(name: &str, view: &TensorView<'_>) -> Result<Tensor, Error> {
    if view.dtype() != Dtype::F32 {
        let given = format!("{:?}", view.dtype());
        return Err(Error::TensorType { name: name.to_owned(), given });
    }
    let (numbers, _) = view.data().as_chunks::<4>();
    let values = numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    Tensor::new(view.shape().to_vec(), values).map_err(|error| Error::Data { error })
}

fn tensor_name(layer: &str, weight: &str) -> String {
    format!("{layer}.{weight}")
}
