use candle_core::{Tensor, Var};
use handaxe_data::Tensor as Array;
use handaxe_graph::{Activation, Layer, LayerId, Model, Op};

use crate::error::plain;
use crate::node::values::{Operand, zip};
use crate::node::{Back, Computed, Gradients, Node, Pass, compile, from_array};
use crate::{Error, LastLayer, Loss};

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
    pub(crate) model: Model,
    pub(crate) nodes: Vec<Option<Box<dyn Node>>>,
    /// For each layer, whether it or one before it has something to learn.
    learns: Vec<bool>,
    inputs: Vec<LayerId>,
    outputs: Vec<LayerId>,
}

/// What the optimiser changes.
pub(crate) struct Parameter<'a> {
    pub(crate) layer: LayerId,
    pub(crate) name: &'static str,
    pub(crate) var: &'a Var,
}

/// What a forward pass computed, layer by layer.
pub(crate) struct Tape {
    pub(crate) outputs: Vec<Tensor>,
    backs: Vec<Option<Back>>,
    /// The layers whose outputs are the answer.
    ends: Vec<LayerId>,
}

impl Tape {
    /// The answer: several outputs lie side by side.
    pub(crate) fn answer(&self) -> Result<Tensor, Error> {
        joined(&self.outputs, &self.ends)
    }
}

/// The outputs of the layers `ends` as one: as it is for one, `(samples, all elements)` for several.
pub(crate) fn joined(outputs: &[Tensor], ends: &[LayerId]) -> Result<Tensor, Error> {
    if let [end] = ends {
        return Ok(outputs[end.index()].clone());
    }
    let rows = ends.iter().map(|end| outputs[end.index()].flatten_from(1));
    Ok(Tensor::cat(&rows.collect::<candle_core::Result<Vec<_>>>()?, 1)?.contiguous()?)
}

/// The reverse for something of the shape of the joined outputs: adds each layer's part to its place in `into`.
pub(crate) fn divided(
    whole: &Tensor,
    outputs: &[Tensor],
    ends: &[LayerId],
    into: &mut [Option<Tensor>],
) -> Result<(), Error> {
    if let [end] = ends {
        into[end.index()] = Some(whole.clone());
        return Ok(());
    }
    let mut start = 0;
    for end in ends {
        let output = &outputs[end.index()];
        let width = output.elem_count() / output.dim(0)?.max(1);
        let part = whole.narrow(1, start, width)?.contiguous()?.reshape(output.shape())?;
        into[end.index()] = Some(part);
        start += width;
    }
    Ok(())
}

impl Network {
    /// The network of `model`, with its weights.
    ///
    /// # Errors
    /// A model without inputs or outputs, or with layers that cannot be trained.
    pub fn new(model: &Model) -> Result<Self, Error> {
        model.verify()?;
        let (mut nodes, mut learns) = (Vec::new(), Vec::new());
        for (_, layer) in model.layers() {
            let input = layer.inputs().first().map(|&input| model.layer(input).output_shape());
            let before = layer.inputs().iter().any(|input| learns[input.index()]);
            let node = compile(layer, input.unwrap_or(&[]), before)?;
            learns.push(before || node.as_ref().is_some_and(|node| !node.weights().is_empty()));
            nodes.push(node);
        }
        let inputs = model.inputs().map(|(id, _)| id).collect();
        let outputs = model.outputs().to_vec();
        Ok(Self { model: model.clone(), nodes, learns, inputs, outputs })
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

    /// The answers to `inputs`, one array an input layer, samples first; several outputs lie side by side. Dropout is off
    /// and BatchNorm uses its running statistics.
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
            let tape = self.forward(&part, &mut Pass::Evaluation, &self.outputs)?;
            values.extend_from_slice(Operand::new(&tape.answer()?)?.values()?);
        }
        let shape = [&[samples], &self.output_shape()[..]].concat();
        Ok(Array::new(shape, values)?)
    }

    /// The outputs of all layers up to the last of `ends`, for a batch of contiguous `inputs`, and the ways back.
    pub(crate) fn forward(
        &self,
        inputs: &[Tensor],
        pass: &mut Pass<'_>,
        ends: &[LayerId],
    ) -> Result<Tape, Error> {
        let end = ends.iter().map(|end| end.index()).max().unwrap_or(0);
        let mut inputs = inputs.iter();
        let mut tape = Tape { outputs: Vec::new(), backs: Vec::new(), ends: ends.to_vec() };
        for ((_, layer), node) in self.model.layers().zip(&self.nodes).take(end + 1) {
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

    /// Walks `tape` back from the loss's `gradient` by its answer. One gradient for each of
    /// [`Network::parameters`]; none where a parameter does not reach the output.
    pub(crate) fn backward(
        &self,
        tape: Tape,
        gradient: Tensor,
    ) -> Result<Vec<Option<Tensor>>, Error> {
        self.backward_seen(tape, gradient, &mut |_, _| ())
    }

    /// [`Network::backward`]; `see` is shown the gradient by each layer's output.
    pub(crate) fn backward_seen(
        &self,
        tape: Tape,
        gradient: Tensor,
        see: &mut dyn FnMut(usize, &Tensor),
    ) -> Result<Vec<Option<Tensor>>, Error> {
        let mut slopes: Vec<Option<Tensor>> = vec![None; tape.outputs.len()];
        divided(&gradient, &tape.outputs, &tape.ends, &mut slopes)?;
        let mut by_layer: Vec<Vec<Tensor>> = vec![Vec::new(); self.nodes.len()];
        let layers: Vec<_> = self.model.layers().map(|(_, layer)| layer).collect();
        for (index, back) in tape.backs.into_iter().enumerate().rev() {
            let (Some(back), Some(slope), true) = (back, slopes[index].take(), self.learns[index])
            else {
                continue;
            };
            see(index, &slope);
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

    /// The layers that `loss` is computed from: the outputs, or what a final activation reads that the loss includes.
    pub(crate) fn ends(&self, loss: &dyn Loss) -> Vec<LayerId> {
        let end = |&output: &LayerId| {
            let layer = self.model.layer(output);
            match (layer.op(), layer.inputs()) {
                (Op::Activation { function }, &[input]) if Some(*function) == loss.includes() => {
                    input
                }
                _ => output,
            }
        };
        self.outputs.iter().map(end).collect()
    }

    /// How each output ends.
    pub(crate) fn last_layers(&self) -> Vec<LastLayer> {
        let last = |&output: &LayerId| {
            let layer = self.model.layer(output);
            let activation = match layer.op() {
                Op::Activation { function } => *function,
                _ => Activation::Linear,
            };
            LastLayer { name: layer.name().to_owned(), activation }
        };
        self.outputs.iter().map(last).collect()
    }

    /// Shape of the answer to one sample; several outputs lie side by side.
    pub(crate) fn output_shape(&self) -> Vec<usize> {
        let shapes = self.outputs.iter().map(|&output| self.model.layer(output).output_shape());
        match &shapes.collect::<Vec<_>>()[..] {
            [shape] => shape.to_vec(),
            shapes => vec![shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()],
        }
    }

    /// Number of outputs.
    pub(crate) fn output_count(&self) -> usize {
        self.outputs.len()
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

pub(crate) fn failed(layer: &Layer, error: &candle_core::Error) -> Error {
    let kind = layer.op().layer_type().name();
    Error::Layer { layer: layer.name().to_owned(), kind, message: plain(error) }
}
