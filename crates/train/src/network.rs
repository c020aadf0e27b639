use candle_core::{Tensor, Var};
use handaxe_data::Tensor as Array;
use handaxe_graph::{Activation, Layer, LayerId, Model, Op};

use crate::Error;
use crate::error::plain;
use crate::node::values::{Operand, zip};
use crate::node::{Back, Computed, Gradients, Node, Pass, compile, from_array};

/// Elements of the widest layer that one evaluated batch may hold: enough to keep the processor busy, few enough to
/// stay in its caches.
const EVALUATED: usize = 1 << 19;

/// A graph with its weights on candle: it can be computed, differentiated and written back.
///
/// ```
/// use handaxe_data::Tensor;
/// use handaxe_train::{Initialiser, Network, initialise, parse};
///
/// let mut model = parse("dense:8,relu,dense:3,softmax", "small", &[4])?;
/// initialise(&mut model, Initialiser::default(), 1)?;
/// let network = Network::new(&model)?;
/// let outputs = network.outputs(&[Tensor::full(&[10, 4], 0.5)])?;
/// assert_eq!(outputs.shape(), [10, 3]);
/// assert_eq!(network.model()?, model);
/// # Ok::<(), handaxe_train::Error>(())
/// ```
pub struct Network {
    model: Model,
    nodes: Vec<Option<Box<dyn Node>>>,
    /// For each layer, whether it or one before it has something to learn.
    learns: Vec<bool>,
    inputs: Vec<LayerId>,
    output: LayerId,
}

/// What the optimiser changes.
pub(crate) struct Parameter<'a> {
    pub(crate) layer: LayerId,
    pub(crate) name: &'static str,
    pub(crate) var: &'a Var,
}

/// What a forward pass computed, layer by layer.
pub(crate) struct Tape {
    outputs: Vec<Tensor>,
    backs: Vec<Option<Back>>,
}

impl Tape {
    /// The last output.
    pub(crate) fn output(&self) -> Result<&Tensor, Error> {
        self.outputs.last().ok_or(Error::Graph(handaxe_graph::Error::Missing { what: "layer" }))
    }
}

impl Network {
    /// The network of `model`, with its weights.
    ///
    /// # Errors
    /// [`Error::Outputs`] when there is not exactly one output; a model without inputs.
    pub fn new(model: &Model) -> Result<Self, Error> {
        model.verify()?;
        let &[output] = model.outputs() else {
            return Err(Error::Outputs { given: model.outputs().len() });
        };
        let (mut nodes, mut learns) = (Vec::new(), Vec::new());
        for (_, layer) in model.layers() {
            let input = layer.inputs().first().map(|&input| model.layer(input).output_shape());
            let before = layer.inputs().iter().any(|input| learns[input.index()]);
            let node = compile(layer, input.unwrap_or(&[]), before)?;
            learns.push(before || node.as_ref().is_some_and(|node| !node.weights().is_empty()));
            nodes.push(node);
        }
        let inputs = model.inputs().map(|(id, _)| id).collect();
        Ok(Self { model: model.clone(), nodes, learns, inputs, output })
    }

    /// The graph with the present weights.
    ///
    /// # Errors
    /// A weight that is NaN or infinite.
    pub fn model(&self) -> Result<Model, Error> {
        let mut model = self.model.clone();
        for (id, node) in self.compiled() {
            for weight in node.weights() {
                let values = weight.var.flatten_all()?.to_vec1()?;
                let array = Array::new(weight.var.dims().to_vec(), values)?;
                model.set_weight(id, weight.name, array)?;
            }
        }
        Ok(model)
    }

    /// Takes over the weights of `model`.
    ///
    /// # Errors
    /// [`Error::OtherGraph`] when `model` is not the same graph.
    pub fn load(&mut self, model: &Model) -> Result<(), Error> {
        self.check_same_graph(model)?;
        for (id, node) in self.compiled() {
            for weight in node.weights() {
                if let Some(array) = model.layer(id).weight(weight.name) {
                    weight.var.set(&from_array(array)?)?;
                }
            }
        }
        Ok(())
    }

    fn check_same_graph(&self, model: &Model) -> Result<(), Error> {
        let (ours, theirs) = (self.model.layers().count(), model.layers().count());
        if ours != theirs {
            return Err(Error::OtherGraph {
                place: format!("in size: {theirs} layers, not {ours}"),
            });
        }
        let pairs = self.model.layers().zip(model.layers());
        let odd = pairs
            .map(|((_, ours), (_, theirs))| (ours, theirs))
            .find(|(ours, theirs)| (ours.op(), ours.inputs()) != (theirs.op(), theirs.inputs()));
        match odd {
            Some((_, theirs)) => {
                Err(Error::OtherGraph { place: format!("at layer `{}`", theirs.name()) })
            }
            None => Ok(()),
        }
    }

    /// The answers to `inputs`, one array an input layer, samples first. Dropout is off and BatchNorm uses its running
    /// statistics.
    ///
    /// # Errors
    /// [`Error::InputCount`] or [`Error::InputShape`] when the data do not fit the model.
    pub fn outputs(&self, inputs: &[Array]) -> Result<Array, Error> {
        self.check_inputs("given", inputs.iter().map(Array::shape))?;
        let samples = inputs.first().map_or(0, Array::rows);
        let widest = self.model.layers().map(|(_, layer)| layer.output_shape().iter().product());
        let batch = (EVALUATED / widest.max().unwrap_or(1).max(1)).clamp(1, samples.max(1));
        let inputs = inputs.iter().map(from_array).collect::<Result<Vec<_>, _>>()?;
        let mut values = Vec::new();
        for first in (0..samples).step_by(batch) {
            let count = batch.min(samples - first);
            let part = inputs.iter().map(|input| input.narrow(0, first, count));
            let part = part.collect::<Result<Vec<_>, _>>()?;
            let tape = self.forward(&part, &mut Pass::Evaluation, self.output)?;
            values.extend_from_slice(Operand::new(tape.output()?)?.values()?);
        }
        let shape = [&[samples], self.model.layer(self.output).output_shape()].concat();
        Ok(Array::new(shape, values)?)
    }

    /// The outputs of all layers up to `end`, for a batch of contiguous `inputs`, and the ways back.
    pub(crate) fn forward(
        &self,
        inputs: &[Tensor],
        pass: &mut Pass<'_>,
        end: LayerId,
    ) -> Result<Tape, Error> {
        let mut inputs = inputs.iter();
        let mut tape = Tape { outputs: Vec::new(), backs: Vec::new() };
        for ((_, layer), node) in self.model.layers().zip(&self.nodes).take(end.index() + 1) {
            let (output, back) = match node {
                None => {
                    let (given, expected) = (tape.outputs.len(), self.inputs.len());
                    let missing = Error::InputCount { part: "given", given, expected };
                    (inputs.next().cloned().ok_or(missing)?, None)
                }
                Some(node) => {
                    let read = layer.inputs().iter().map(|id| &tape.outputs[id.index()]);
                    let Computed { output, back } = node
                        .forward(&read.collect::<Vec<_>>(), pass)
                        .map_err(|error| failed(layer, &error))?;
                    (output, Some(back))
                }
            };
            tape.outputs.push(output);
            tape.backs.push(back);
        }
        Ok(tape)
    }

    /// Walks `tape` back from the loss's `gradient` by its last output. One gradient for each of
    /// [`Network::parameters`]; none where a parameter does not reach the output.
    pub(crate) fn backward(
        &self,
        tape: Tape,
        gradient: Tensor,
    ) -> Result<Vec<Option<Tensor>>, Error> {
        let mut slopes: Vec<Option<Tensor>> = vec![None; tape.outputs.len()];
        slopes.pop();
        slopes.push(Some(gradient));
        let mut by_layer: Vec<Vec<Tensor>> = vec![Vec::new(); self.nodes.len()];
        let layers: Vec<_> = self.model.layers().map(|(_, layer)| layer).collect();
        for (index, back) in tape.backs.into_iter().enumerate().rev() {
            let (Some(back), Some(slope), true) = (back, slopes[index].take(), self.learns[index])
            else {
                continue;
            };
            let layer = layers[index];
            let Gradients { inputs, weights } =
                back(&slope).map_err(|error| failed(layer, &error))?;
            by_layer[index] = weights;
            for (&input, slope) in layer.inputs().iter().zip(inputs) {
                let sum = &mut slopes[input.index()];
                *sum = match (sum.take(), slope) {
                    (Some(sum), Some(slope)) => Some(zip(&sum, &slope, |a, b| a + b)?),
                    (sum, slope) => sum.or(slope),
                };
            }
        }
        let mut by_layer: Vec<_> = by_layer.into_iter().map(Vec::into_iter).collect();
        let parameters = self.parameters();
        Ok(parameters.iter().map(|parameter| by_layer[parameter.layer.index()].next()).collect())
    }

    /// The layer whose output is the answer.
    pub(crate) fn output(&self) -> LayerId {
        self.output
    }

    /// The layer whose output are scores: the answer, or what a final softmax reads.
    pub(crate) fn scores(&self) -> LayerId {
        let layer = self.model.layer(self.output);
        match (layer.op(), layer.inputs()) {
            (Op::Activation { function: Activation::Softmax }, &[input]) => input,
            _ => self.output,
        }
    }

    /// Shape of the answer to one sample.
    pub(crate) fn output_shape(&self) -> &[usize] {
        self.model.layer(self.output).output_shape()
    }

    /// The name of a layer, for messages.
    pub(crate) fn name(&self, layer: LayerId) -> &str {
        self.model.layer(layer).name()
    }

    /// Everything that the optimiser changes, in a fixed order.
    pub(crate) fn parameters(&self) -> Vec<Parameter<'_>> {
        let weights = self.compiled().flat_map(|(layer, node)| {
            let trainable = node.weights().into_iter().filter(|weight| weight.trainable);
            trainable.map(move |weight| Parameter { layer, name: weight.name, var: weight.var })
        });
        weights.collect()
    }

    /// The first weight that is NaN or infinite.
    pub(crate) fn first_not_finite(&self) -> Result<Option<f32>, Error> {
        for weight in self.compiled().flat_map(|(_, node)| node.weights()) {
            let values = Operand::new(weight.var)?;
            if let Some(value) = values.values()?.iter().find(|value| !value.is_finite()) {
                return Ok(Some(*value));
            }
        }
        Ok(None)
    }

    /// Whether `inputs` are what the model takes; `part` says whose inputs they are.
    pub(crate) fn check_inputs<'a>(
        &self,
        part: &'static str,
        shapes: impl ExactSizeIterator<Item = &'a [usize]>,
    ) -> Result<(), Error> {
        if shapes.len() != self.inputs.len() {
            let (given, expected) = (shapes.len(), self.inputs.len());
            return Err(Error::InputCount { part, given, expected });
        }
        for (input, (shape, &id)) in shapes.zip(&self.inputs).enumerate() {
            let expected = self.model.layer(id).output_shape().to_vec();
            let given = shape.get(1..).unwrap_or(&[]).to_vec();
            if given != expected {
                let layer = self.name(id).to_owned();
                return Err(Error::InputShape { part, input, layer, given, expected });
            }
        }
        Ok(())
    }

    fn compiled(&self) -> impl Iterator<Item = (LayerId, &dyn Node)> {
        let layers = self.model.layers().zip(&self.nodes);
        layers.filter_map(|((id, _), node)| Some((id, node.as_deref()?)))
    }
}

fn failed(layer: &Layer, error: &candle_core::Error) -> Error {
    let kind = layer.op().layer_type().name();
    Error::Layer { layer: layer.name().to_owned(), kind, message: plain(error) }
}
