//! From a list of nodes to a graph in the order of computation.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use handaxe_data::Tensor;
use handaxe_graph::{Integer, LayerId, Model, Op};

use super::array::{Array, Data, MOST_ELEMENTS};
use super::node::{Node, brief};
use super::proto::{GraphProto, ValueInfo};
use super::view::View;
use super::{fold, order, table};
use crate::Error;

/// Constants may compute to so many elements whatever the file holds,
const SURELY_FOLDED: usize = 1 << 22;
/// and to so many more for each element of the file's tensors.
const FOLDED_EACH: usize = 16;

/// What an array's name stands for.
#[derive(Clone)]
pub(super) enum Value {
    /// Known while reading.
    Constant(Rc<Array>),
    /// Computed by a layer.
    Array(View),
    /// The codes that QuantizeLinear makes; the layer computes what they stand for.
    Codes(View, Rc<Integer>),
}

/// A graph that grows node by node.
pub(super) struct Builder<'a> {
    pub(super) model: Model,
    nodes: Vec<Node<'a>>,
    values: BTreeMap<&'a str, Value>,
    /// The nodes that read each array.
    readers: BTreeMap<&'a str, Vec<usize>>,
    /// The arrays that the model answers.
    answers: BTreeSet<&'a str>,
    /// Nodes whose work another has taken over.
    absorbed: Vec<bool>,
    /// The last number that was tried behind each name that was taken.
    numbers: BTreeMap<String, usize>,
    /// The number of samples that the file was written for; it is read for one.
    pub(super) samples: usize,
    /// How many elements constants may still compute to while reading.
    foldable: usize,
}

/// Builds the whole model with its weights.
pub(super) fn build(
    graph: &GraphProto,
    opset: i64,
    constants: BTreeMap<&str, Array>,
) -> Result<Model, Error> {
    let nodes = graph.node.iter().enumerate();
    let nodes: Vec<Node<'_>> = nodes.map(|(index, proto)| Node { proto, index, opset }).collect();
    let given: usize = constants.values().map(Array::len).sum();
    let values: BTreeMap<&str, Value> = constants
        .into_iter()
        .map(|(name, array)| (name, Value::Constant(Rc::new(array))))
        .collect();
    let mut readers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for node in &nodes {
        node.inputs().for_each(|name| readers.entry(name).or_default().push(node.index));
    }
    let name = if graph.name.is_empty() { "model" } else { &graph.name };
    let mut builder = Builder {
        model: Model::new(name),
        absorbed: vec![false; nodes.len()],
        nodes,
        values,
        readers,
        answers: graph.output.iter().map(|output| output.name.as_str()).collect(),
        numbers: BTreeMap::new(),
        samples: 1,
        foldable: SURELY_FOLDED + (FOLDED_EACH * given).min(4 * MOST_ELEMENTS),
    };
    builder.inputs(&graph.input)?;
    let known: BTreeSet<&str> = builder.values.keys().copied().collect();
    let order = order::order(&builder.nodes, &builder.answers, &known)?;
    builder.constants(&order)?;
    for index in order {
        builder.node(index)?;
    }
    builder.outputs(&graph.output)?;
    builder.model.verify()?;
    Ok(builder.model)
}

impl<'a> Builder<'a> {
    /// The arrays that are given, but for those that are constants: files of before 2019 list these too.
    fn inputs(&mut self, inputs: &'a [ValueInfo]) -> Result<(), Error> {
        let mut samples = None;
        for input in inputs {
            if self.values.contains_key(input.name.as_str()) {
                continue;
            }
            let lengths = lengths(input)?;
            let sample = if lengths.len() > 1 { &lengths[1..] } else { &lengths };
            let whole: Option<Vec<usize>> = match sample {
                [None] if lengths.len() == 1 => Some(vec![1]),
                sample => sample.iter().copied().collect(),
            };
            let Some(whole) = whole.filter(|whole| !whole.is_empty()) else {
                return Err(Error::OnnxInput { input: brief(&input.name) });
            };
            if lengths.len() > 1 {
                samples = samples.or(lengths[0]);
            }
            let id = self.add(&input.name, Op::Input { shape: whole.clone() }, &[])?;
            let view = View::plain(id, &whole);
            let view = if lengths.len() > 1 { view } else { view.reshaped(whole) };
            self.values.insert(&input.name, Value::Array(view));
        }
        self.samples = samples.unwrap_or(1);
        Ok(())
    }

    /// Computes what depends on constants only.
    fn constants(&mut self, order: &[usize]) -> Result<(), Error> {
        for &index in order {
            let node = self.nodes[index];
            let constants: Option<Vec<Rc<Array>>> = node
                .inputs()
                .map(|name| match self.values.get(name) {
                    Some(Value::Constant(array)) => Some(Rc::clone(array)),
                    _ => None,
                })
                .collect();
            if constants.is_some() && fold::knows(node) {
                self.fold(node)?;
                self.absorbed[index] = true;
            }
        }
        Ok(())
    }

    fn fold(&mut self, node: Node<'a>) -> Result<(), Error> {
        let place = |place: usize| match node.input(place).and_then(|name| self.values.get(name)) {
            Some(Value::Constant(array)) => Some(Rc::clone(array)),
            _ => None,
        };
        let inputs: Vec<_> = (0..node.proto.input.len()).map(place).collect();
        let made = fold::fold(node, &inputs, self.foldable)?;
        self.foldable -= made.len();
        self.set_constant(node, made)
    }

    fn node(&mut self, index: usize) -> Result<(), Error> {
        if self.absorbed[index] {
            return Ok(());
        }
        let node = self.nodes[index];
        let constant = |name| matches!(self.values.get(name), Some(Value::Constant(_)));
        if node.inputs().all(constant) && fold::knows(node) {
            return self.fold(node);
        }
        match table::reader(node) {
            Some(read) => read(self, node),
            None => Err(node.unsupported(table::refusal(node))),
        }
    }

    fn outputs(&mut self, outputs: &'a [ValueInfo]) -> Result<(), Error> {
        let mut ids = Vec::with_capacity(outputs.len());
        for output in outputs {
            match self.values.get(output.name.as_str()) {
                Some(Value::Array(view) | Value::Codes(view, _)) => {
                    let view = view.clone();
                    ids.push(self.in_order(&output.name, &view)?);
                }
                Some(Value::Constant(_)) => {
                    return Err(Error::OnnxOutput {
                        output: brief(&output.name),
                        is: "a constant",
                    });
                }
                None => {
                    let is = "made by no node";
                    return Err(Error::OnnxOutput { output: brief(&output.name), is });
                }
            }
        }
        Ok(self.model.set_outputs(&ids)?)
    }

    /// Adds a layer; a name that is taken gets a number.
    pub(super) fn add(&mut self, name: &str, op: Op, inputs: &[LayerId]) -> Result<LayerId, Error> {
        let known = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let name: String = name.chars().map(|c| if known(c) { c } else { '_' }).collect();
        let name = name.trim_matches('_');
        let name = if name.is_empty() { "layer" } else { name };
        let mut free = name.to_owned();
        while self.model.contains(&free) {
            let number = self.numbers.entry(name.to_owned()).or_insert(1);
            *number += 1;
            free = format!("{name}_{number}");
        }
        Ok(self.model.add(&free, op, inputs)?)
    }

    /// What a layer made from `node` is called: after the weights that PyTorch names `fc1.weight`, else as the node.
    pub(super) fn name(&self, node: Node<'_>, weight: Option<&Array>) -> String {
        let stem = weight.and_then(|array| array.origin.strip_suffix(".weight"));
        match stem {
            Some(stem) => stem.to_owned(),
            None if node.proto.name.is_empty() => format!("{}_{}", node.op(), node.index),
            None => node.proto.name.clone(),
        }
    }

    /// The computed array that a node reads in a place.
    pub(super) fn array(&self, node: Node<'_>, place: usize) -> Result<View, Error> {
        match self.value(node, place)? {
            Value::Array(view) => Ok(view.clone()),
            Value::Constant(_) => Err(node.unsupported("it is called with a constant where an array that depends on the model's input is needed")),
            Value::Codes(..) => Err(node.unsupported("it reads the codes of a QuantizeLinear without a DequantizeLinear")),
        }
    }

    pub(super) fn value(&self, node: Node<'_>, place: usize) -> Result<&Value, Error> {
        let name = node.input(place);
        let value = name.and_then(|name| self.values.get(name));
        value.ok_or_else(|| Error::OnnxReads {
            node: brief(node.name()),
            reads: name.map_or_else(|| format!("its input {place}"), brief),
        })
    }

    /// The constant that a node reads in a place, unless it is left out.
    pub(super) fn optional(
        &self,
        node: Node<'_>,
        place: usize,
    ) -> Result<Option<Rc<Array>>, Error> {
        if node.input(place).is_none() {
            return Ok(None);
        }
        match self.value(node, place)? {
            Value::Constant(array) => Ok(Some(Rc::clone(array))),
            _ => Err(node.unsupported("it needs a constant where it is called with an array that depends on the model's input")),
        }
    }

    pub(super) fn constant(&self, node: Node<'_>, place: usize) -> Result<Rc<Array>, Error> {
        let found = self.optional(node, place)?;
        found.ok_or_else(|| node.unsupported("one of its inputs is missing"))
    }

    /// Names what a node computes first.
    pub(super) fn set(&mut self, node: Node<'a>, view: View) -> Result<(), Error> {
        self.set_value(node, Value::Array(view))
    }

    pub(super) fn set_constant(&mut self, node: Node<'a>, array: Array) -> Result<(), Error> {
        self.set_value(node, Value::Constant(Rc::new(array)))
    }

    pub(super) fn set_value(&mut self, node: Node<'a>, value: Value) -> Result<(), Error> {
        self.values.insert(node.output()?, value);
        Ok(())
    }

    /// Names what a node computes in a place, if it says so.
    pub(super) fn set_place(&mut self, node: Node<'a>, place: usize, view: View) {
        if let Some(name) = node.proto.output.get(place) {
            self.values.insert(name, Value::Array(view));
        }
    }

    /// The nodes that read an array.
    pub(super) fn readers_of(&self, name: &str) -> impl Iterator<Item = Node<'a>> {
        self.readers.get(name).into_iter().flatten().map(|&index| self.nodes[index])
    }

    /// The node that alone reads what `node` makes, so that both can become one layer.
    pub(super) fn only_reader(&self, node: Node<'a>) -> Option<Node<'a>> {
        let made = node.output().ok()?;
        match self.readers.get(made)?.as_slice() {
            [reader] if !self.answers.contains(made) && !self.absorbed[*reader] => {
                Some(self.nodes[*reader])
            }
            _ => None,
        }
    }

    /// Of an operator on two arrays, the constant one with its place.
    pub(super) fn constant_operand(&self, node: Node<'a>) -> Option<(usize, Rc<Array>)> {
        (0..2).find_map(|place| match self.values.get(node.input(place)?)? {
            Value::Constant(array) if node.proto.input.len() == 2 => {
                Some((place, Rc::clone(array)))
            }
            _ => None,
        })
    }

    /// Notes that another has taken over the node's work.
    pub(super) fn absorb(&mut self, node: Node<'a>) {
        self.absorbed[node.index] = true;
    }

    /// Sets a weight from an array of the graph's layout, unrounded, with its quantiser.
    pub(super) fn set_weight(
        &mut self,
        id: LayerId,
        name: &'static str,
        array: &Array,
    ) -> Result<(), Error> {
        let tensor = Tensor::new(array.shape.clone(), array.stored());
        self.model.set_weight(id, name, tensor.map_err(|error| Error::Data { error })?)?;
        if let Some(codes) = &array.quantiser {
            self.model.set_quantiser(id, name, codes.clone().simplest())?;
        }
        Ok(())
    }

    /// Adds a layer with a kernel, and a bias where there is one.
    pub(super) fn add_with_kernel(
        &mut self,
        name: &str,
        op: Op,
        input: LayerId,
        (kernel, bias): (&Array, Option<&Array>),
    ) -> Result<LayerId, Error> {
        let id = self.add(name, op, &[input])?;
        self.set_weight(id, "kernel", kernel)?;
        if let Some(bias) = bias {
            self.set_weight(id, "bias", bias)?;
        }
        Ok(id)
    }

    pub(super) fn set_floats(
        &mut self,
        id: LayerId,
        name: &'static str,
        values: Vec<f32>,
    ) -> Result<(), Error> {
        self.set_weight(id, name, &Array::new(vec![values.len()], Data::Float(values)))
    }

    /// The extents of a layer's output.
    pub(super) fn extents(&self, id: LayerId) -> Vec<usize> {
        self.model.layer(id).output_shape().to_vec()
    }
}

/// The lengths of an input's axes, nothing for those that are not known.
fn lengths(input: &ValueInfo) -> Result<Vec<Option<usize>>, Error> {
    let shape = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref()?.shape.as_ref());
    let shape = shape.ok_or_else(|| Error::OnnxInput { input: brief(&input.name) })?;
    let known = |length: i64| usize::try_from(length).ok().filter(|length| *length > 0);
    Ok(shape.dim.iter().map(|dim| dim.value.and_then(known)).collect())
}
