//! ONNX and QONNX models: `.onnx` files, with tensors in other files beside them if they are large.
//!
//! A model is read for one sample at a time. Channels first become channels last: how axes stand is noted, through Transpose,
//! Reshape and Flatten, and elements are moved only where a layer needs them otherwise, so that a Flatten before a Dense
//! costs an order of its rows and no layer. Inputs and outputs keep the file's order of axes. Operators on constants
//! are computed while reading. Quantisers of weights become attributes of their layers, those between layers are layers. The graph's own
//! passes ([`handaxe_graph::pass`]) then join what belongs together.

mod activation;
mod affine;
mod arrange;
mod array;
mod builder;
mod convolution;
mod dense;
mod fold;
mod gelu;
mod join;
pub mod known;
mod linear;
mod node;
mod order;
mod part;
mod pool;
mod proto;
mod quantiser;
mod scan;
mod shape;
mod space;
mod table;
mod view;
mod write;

use std::collections::BTreeMap;
use std::path::{Component, Path};

use bytes::Bytes;
use handaxe_graph::Model;
use handaxe_graph::pass::READING;
use prost::Message;

use crate::Error;
use crate::read::read_at_most;
use array::Array;
use node::brief;
use proto::{GraphProto, ModelProto, TensorProto};
pub use write::{save, to_bytes};

/// What [`load_to`] calls the model whose nodes have become layers one by one.
pub const BEFORE_PASSES: &str = "read";

/// The passes that a model goes through.
type Passes<'a> = &'a dyn Fn(Model) -> Result<Model, handaxe_graph::Error>;

/// The largest file that is read.
const MOST_BYTES: u64 = 1 << 30;

/// Reads a model with its weights.
///
/// ```no_run
/// let model = handaxe_formats::onnx::load("jets.onnx".as_ref())?;
/// # Ok::<(), handaxe_formats::Error>(())
/// ```
///
/// # Errors
/// A file that is missing or broken; a node that cannot be read, with its name and operator; tensors that are missing or do
/// not fit.
pub fn load(path: &Path) -> Result<Model, Error> {
    open(path, &|model| READING.run(model))
}

/// Reads a model as it is after the pass `last` of the pipeline [`READING`]; before all of them for [`BEFORE_PASSES`].
///
/// # Errors
/// As [`load`], and a name that no pass has.
pub fn load_to(path: &Path, last: &str) -> Result<Model, Error> {
    open(path, &|model| if last == BEFORE_PASSES { Ok(model) } else { READING.run_to(last, model) })
}

fn open(path: &Path, passes: Passes<'_>) -> Result<Model, Error> {
    let bytes = read_at_most(path, MOST_BYTES)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    read(bytes, Some(folder), passes).map_err(|error| error.in_file(path))
}

/// Reads a model from the content of a file that holds all its tensors itself.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(bytes: &[u8]) -> Result<Model, Error> {
    read(bytes.to_vec(), None, &|model| READING.run(model))
}

fn read(bytes: Vec<u8>, folder: Option<&Path>, passes: Passes<'_>) -> Result<Model, Error> {
    scan::check(&bytes)?;
    let model =
        ModelProto::decode(Bytes::from(bytes)).map_err(|error| Error::OnnxProto { error })?;
    let Some(graph) = &model.graph else { return Err(Error::OnnxCut) };
    let versions: BTreeMap<&str, i64> =
        model.opset_import.iter().map(|set| (domain(&set.domain), set.version)).collect();
    let version = *versions.get("").ok_or(Error::OnnxVersion)?;
    let constants = constants(graph, folder)?;
    let read = builder::build(graph, version, constants)?;
    let mut built = passes(read)?;
    let noted = model.metadata_props.iter().find(|entry| entry.key == write::OURS);
    if let Some(noted) = noted {
        let noted = serde_json::from_str(&noted.value)
            .map_err(|error| Error::KerasJson { part: write::OURS, error })?;
        built.set_preprocessing(noted)?;
    }
    Ok(built)
}

/// The name of ONNX' own domain is empty, or spelt out.
fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// The initialisers, wherever their elements are.
fn constants<'a>(
    graph: &'a GraphProto,
    folder: Option<&Path>,
) -> Result<BTreeMap<&'a str, Array>, Error> {
    let mut files = BTreeMap::new();
    let mut constants = BTreeMap::new();
    let mut elements = 0;
    for tensor in &graph.initializer {
        let array = if tensor.data_location == 1 || !tensor.external_data.is_empty() {
            external(tensor, folder, &mut files)?
        } else {
            array::read(tensor, None)?
        };
        elements += array.len();
        if elements > array::MOST_ELEMENTS {
            let most = array::MOST_ELEMENTS as u64;
            return Err(Error::OnnxElements { most });
        }
        if constants.insert(tensor.name.as_str(), array).is_some() {
            return Err(Error::OnnxTwice { array: brief(&tensor.name) });
        }
    }
    Ok(constants)
}

/// A tensor in another file, which must lie in the model's folder or below it.
fn external(
    tensor: &TensorProto,
    folder: Option<&Path>,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<Array, Error> {
    let wrong =
        |what: &str| Error::OnnxTensor { tensor: brief(&tensor.name), what: what.to_owned() };
    let entry = |key: &str| {
        let entry = tensor.external_data.iter().find(|entry| entry.key == key);
        entry.map(|entry| entry.value.as_str())
    };
    let Some(folder) = folder else {
        return Err(wrong("is in another file: read the model from its folder"));
    };
    let location = entry("location").unwrap_or("");
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if location.is_empty() || !Path::new(location).components().all(inside) {
        return Err(wrong("is in a file outside the model's folder: put that beside the model"));
    }
    let number = |key: &str| entry(key).map_or(Ok(None), |text| text.parse().map(Some));
    let (Ok(offset), Ok(length)) = (number("offset"), number("length")) else {
        return Err(wrong("has an offset or a length that is no number"));
    };
    if !files.contains_key(location) {
        files.insert(location.to_owned(), read_at_most(&folder.join(location), MOST_BYTES)?);
    }
    let file = files.get(location).map_or(&[][..], Vec::as_slice);
    let start: usize = offset.unwrap_or(0);
    let end = length.map_or(Some(file.len()), |length: usize| start.checked_add(length));
    let part = end.and_then(|end| file.get(start..end));
    array::read(tensor, Some(part.ok_or_else(|| wrong("is cut short: its file ends before it"))?))
}
