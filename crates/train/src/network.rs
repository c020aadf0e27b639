use candle_core::{Tensor, Var};
use handaxe_data::Tensor as Array;
use handaxe_graph::{Activation, LayerId, Model, Op};

use crate::Error;
use crate::error::plain;
use crate::node::values::Operand;
use crate::node::{Node, Pass, compile, from_array};

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
    inputs: Vec<LayerId>,
    output: LayerId,
}

/// What the optimiser changes.
pub(crate) struct Parameter<'a> {
    pub(crate) layer: LayerId,
    pub(crate) name: &'static str,
    pub(crate) var: &'a Var,
}

impl Network {
    /// The network of `model`, with its weights.
    ///
    /// # Errors
    /// [`Error::Outputs`] when there is not exactly one output; a model without inputs.
    pub fn new(model: &Model) -> Result<Self, Error> {
        // A second thread gains nothing on layers of this size, and one thread gives the same bits on every machine.
        gemm::set_threading_threshold(usize::MAX);
        model.verify()?;
        let &[output] = model.outputs() else {
            return Err(Error::Outputs { given: model.outputs().len() });
        };
        let mut nodes = Vec::new();
        for (_, layer) in model.layers() {
            let input = layer.inputs().first().map(|&input| model.layer(input).output_shape());
            nodes.push(compile(layer, input.unwrap_or(&[]))?);
        }
        let inputs = model.inputs().map(|(id, _)| id).collect();
        Ok(Self { model: model.clone(), nodes, inputs, output })
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
        self.check_inputs("given", inputs)?;
        let samples = inputs.first().map_or(0, Array::rows);
        let widest = self.model.layers().map(|(_, layer)| layer.output_shape().iter().product());
        let batch = (EVALUATED / widest.max().unwrap_or(1).max(1)).clamp(1, samples.max(1));
        let inputs = inputs.iter().map(from_array).collect::<Result<Vec<_>, _>>()?;
        let mut values = Vec::new();
        for first in (0..samples).step_by(batch) {
            let count = batch.min(samples - first);
            let part = inputs.iter().map(|input| input.narrow(0, first, count));
            let part = part.collect::<Result<Vec<_>, _>>()?;
            let output = self.forward(&part, &mut Pass::Evaluation, self.output)?;
            values.extend_from_slice(Operand::new(&output)?.values()?);
        }
        let shape = [&[samples], self.model.layer(self.output).output_shape()].concat();
        Ok(Array::new(shape, values)?)
    }

    /// The output of layer `end` for a batch of contiguous `inputs`.
    pub(crate) fn forward(
        &self,
        inputs: &[Tensor],
        pass: &mut Pass<'_>,
        end: LayerId,
    ) -> Result<Tensor, Error> {
        let mut inputs = inputs.iter();
        let mut outputs: Vec<Tensor> = Vec::with_capacity(self.nodes.len());
        for ((_, layer), node) in self.model.layers().zip(&self.nodes).take(end.index() + 1) {
            let output = match node {
                None => inputs.next().cloned().ok_or(Error::InputCount {
                    part: "given",
                    given: outputs.len(),
                    expected: self.inputs.len(),
                })?,
                Some(node) => {
                    let read: Vec<_> =
                        layer.inputs().iter().map(|id| &outputs[id.index()]).collect();
                    node.forward(&read, pass).map_err(|error| Error::Layer {
                        layer: layer.name().to_owned(),
                        kind: layer.op().layer_type().name(),
                        message: plain(&error),
                    })?
                }
            };
            outputs.push(output);
        }
        Ok(outputs.swap_remove(end.index()))
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
    pub(crate) fn check_inputs(&self, part: &'static str, inputs: &[Array]) -> Result<(), Error> {
        if inputs.len() != self.inputs.len() {
            let (given, expected) = (inputs.len(), self.inputs.len());
            return Err(Error::InputCount { part, given, expected });
        }
        for (input, (array, &id)) in inputs.iter().zip(&self.inputs).enumerate() {
            let expected = self.model.layer(id).output_shape().to_vec();
            let given = array.shape().get(1..).unwrap_or(&[]).to_vec();
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
