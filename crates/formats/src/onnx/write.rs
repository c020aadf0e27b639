//! Writing ONNX (operators of version 20), and QONNX for what is quantised.
//!
//! Each layer becomes one node, or a few where ONNX has no word for it. Convolutions want channels first: how axes stand is
//! noted as in reading, and a Transpose written only where it must be. What is 0 stays 0.

mod function;
mod layer;
mod quantiser;

use std::path::Path;

use bytes::Bytes;
use handaxe_graph::{Layer, LayerId, Model, Op};
use prost::Message;

use super::array::Array;
use super::proto::{
    Attribute, Dimension, Entry, GraphProto, ModelProto, NodeProto, OperatorSet, Shape,
    TensorProto, TensorType, TypeProto, ValueInfo,
};
use crate::{Error, write_atomically};

/// The version of the file's form, and that of ONNX' operators.
const VERSION: i64 = 9;
const OPERATORS: i64 = 20;
/// The domain of QONNX' operators.
const QONNX: &str = "qonnx.custom_op.general";
/// The key under which the file says what ONNX has no word for.
pub(super) const OURS: &str = "handaxe_preprocessing";

/// Writes an `.onnx` file.
///
/// # Errors
/// A layer, activation or quantiser that ONNX has no word for, or a file that cannot be written.
pub fn save(model: &Model, path: &Path) -> Result<(), Error> {
    let bytes = to_bytes(model).map_err(|error| error.in_file(path))?;
    write_atomically(path, |file| file.write_all(&bytes))
}

/// The content of an `.onnx` file.
///
/// # Errors
/// As [`save`], but for the file.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, Error> {
    let mut writer = Writer { model, graph: GraphProto::default(), held: Vec::new(), qonnx: false };
    writer.graph.name = model.name().to_owned();
    for (_, layer) in model.layers() {
        let held = writer.layer(layer)?;
        writer.held.push(held);
    }
    for &id in model.outputs() {
        writer.output(id);
    }
    let mut opset_import = vec![OperatorSet { domain: String::new(), version: OPERATORS }];
    if writer.qonnx {
        opset_import.push(OperatorSet { domain: QONNX.to_owned(), version: 1 });
    }
    let mut metadata_props = Vec::new();
    if !model.preprocessing().is_empty() {
        let value = serde_json::to_string(model.preprocessing())
            .map_err(|error| Error::GraphJson { error })?;
        metadata_props.push(Entry { key: OURS.to_owned(), value });
    }
    let file = ModelProto {
        ir_version: VERSION,
        producer_name: "handaxe".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(writer.graph),
        opset_import,
        metadata_props,
    };
    Ok(file.encode_to_vec())
}

/// A layer's array in the file.
#[derive(Clone)]
struct Held {
    name: String,
    /// Axis `i` of the layer's array is axis `order[i]` of the file's, the samples' not counted.
    order: Vec<usize>,
}

impl Held {
    /// An array whose axes stand as the graph's.
    fn plain(name: &str, rank: usize) -> Self {
        Self { name: name.to_owned(), order: (0..rank).collect() }
    }
}

struct Writer<'a> {
    model: &'a Model,
    graph: GraphProto,
    held: Vec<Held>,
    /// Whether an operator of QONNX was written.
    qonnx: bool,
}

impl Writer<'_> {
    /// Adds a node; what it makes is called `made`.
    fn node(
        &mut self,
        op: &str,
        inputs: &[&str],
        made: &str,
        attributes: impl IntoIterator<Item = Attribute>,
    ) -> String {
        let domain = if matches!(op, "Quant" | "BipolarQuant" | "Trunc") {
            self.qonnx = true;
            QONNX.to_owned()
        } else {
            String::new()
        };
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![made.to_owned()],
            name: made.to_owned(),
            op_type: op.to_owned(),
            attribute: attributes.into_iter().collect(),
            domain,
        });
        made.to_owned()
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, shape, 1, raw)
    }

    fn ints(&mut self, name: &str, values: &[i64]) -> String {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, &[values.len()], 7, raw)
    }

    fn tensor(&mut self, name: &str, shape: &[usize], data_type: i32, raw: Vec<u8>) -> String {
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|&extent| extent as i64).collect(),
            data_type,
            name: name.to_owned(),
            raw_data: Some(Bytes::from(raw)),
            ..TensorProto::default()
        });
        name.to_owned()
    }

    /// A weight in ONNX' layout, with the node that rounds it if it is quantised.
    fn weight(&mut self, layer: &Layer, name: &str, array: &Array) -> Result<String, Error> {
        let stored = self.floats(name, &array.shape, &array.stored());
        match &array.quantiser {
            Some(codes) => self.quant(layer, codes, &stored, &format!("{name}/quant")),
            None => Ok(stored),
        }
    }

    /// The name of a layer's array with the graph's axes `axes`, in this order.
    fn in_axes(&mut self, id: LayerId, axes: &[usize]) -> String {
        let held = self.held[id.index()].clone();
        let order: Vec<i64> = axes.iter().map(|&axis| held.order[axis] as i64 + 1).collect();
        if order.is_sorted() {
            return held.name;
        }
        let made = format!("{}/transpose_{}", held.name, self.graph.node.len());
        let permutation = [&[0], order.as_slice()].concat();
        self.node("Transpose", &[&held.name], &made, [ints("perm", permutation)])
    }

    /// The name of a layer's array as the graph has it: channels last.
    fn channels_last(&mut self, id: LayerId) -> String {
        let axes: Vec<usize> = (0..self.rank(id)).collect();
        self.in_axes(id, &axes)
    }

    /// The name of a layer's array with channels first.
    fn channels_first(&mut self, id: LayerId) -> String {
        let rank = self.rank(id);
        let axes: Vec<usize> = [rank - 1].into_iter().chain(0..rank - 1).collect();
        self.in_axes(id, &axes)
    }

    fn rank(&self, id: LayerId) -> usize {
        self.model.layer(id).output_shape().len()
    }

    fn output(&mut self, id: LayerId) {
        let layer = self.model.layer(id);
        let held = &self.held[id.index()];
        let is_input = self.graph.input.iter().any(|input| input.name == held.name);
        let taken = self.graph.output.iter().any(|output| output.name == held.name);
        let mut name = self.channels_last(id);
        if is_input || taken {
            let made = format!("{}/output_{}", layer.name(), self.graph.output.len());
            name = self.node("Identity", &[&name], &made, []);
        }
        self.graph.output.push(value(&name, layer.output_shape()));
    }

    fn input(&mut self, layer: &Layer) -> Held {
        self.graph.input.push(value(layer.name(), layer.output_shape()));
        Held::plain(layer.name(), layer.output_shape().len())
    }
}

/// A float array of any number of samples.
fn value(name: &str, shape: &[usize]) -> ValueInfo {
    let known = |&extent: &usize| Dimension { value: Some(extent as i64), name: None };
    let samples = Dimension { value: None, name: Some("N".to_owned()) };
    let dim = [samples].into_iter().chain(shape.iter().map(known)).collect();
    let tensor = Some(TensorType { elem_type: 1, shape: Some(Shape { dim }) });
    ValueInfo { name: name.to_owned(), kind: Some(TypeProto { tensor }) }
}

fn float(name: &str, value: f64) -> Attribute {
    Attribute { name: name.to_owned(), f: Some(value as f32), kind: 1, ..Attribute::default() }
}

fn int(name: &str, value: i64) -> Attribute {
    Attribute { name: name.to_owned(), i: Some(value), kind: 2, ..Attribute::default() }
}

fn text(name: &str, value: &str) -> Attribute {
    let s = Some(Bytes::copy_from_slice(value.as_bytes()));
    Attribute { name: name.to_owned(), s, kind: 3, ..Attribute::default() }
}

fn ints(name: &str, values: Vec<i64>) -> Attribute {
    Attribute { name: name.to_owned(), ints: values, kind: 7, ..Attribute::default() }
}

/// The error for what ONNX has no word for.
fn not_in_onnx(layer: &Layer, what: &'static str) -> Error {
    Error::NotInOnnx { layer: layer.name().to_owned(), what }
}

/// The only layer that is read.
fn source(layer: &Layer) -> Result<LayerId, Error> {
    layer.inputs().first().copied().ok_or_else(|| not_in_onnx(layer, "without an input"))
}

/// Whether the layer does nothing to elements, so that its array is that of its input.
fn is_passed_through(op: &Op) -> bool {
    matches!(op, Op::Dropout { .. })
}
