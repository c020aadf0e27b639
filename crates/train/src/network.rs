mod passes;

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use handaxe_data::{Targets, Tensor as Array};
use handaxe_graph::{Activation, Layer, LayerId, Model, Op};

use crate::error::plain;
use crate::kernel::workspace::Workspace;
use crate::node::values::{Operand, tensor};
use crate::node::{Node, Pass, Place, compile, from_array, fuses};
use crate::unfused::Unfused;
use crate::{Error, LastLayer, Loss};

pub(crate) use passes::{divided, joined};

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
    /// Everything that the optimiser changes, in a fixed order.
    pub(crate) parameters: Vec<Parameter>,
    /// For each layer, whether it or one before it has something to learn.
    learns: Vec<bool>,
    inputs: Vec<LayerId>,
    outputs: Vec<LayerId>,
    pub(crate) memory: Workspace,
    /// Where candle's own operations compute in place of the fused ones, if they do.
    device: Option<Device>,
}

/// What the optimiser changes.
pub(crate) struct Parameter {
    pub(crate) layer: LayerId,
    pub(crate) name: &'static str,
    pub(crate) var: Var,
}

impl Network {
    /// The network of `model`, with its weights.
    ///
    /// # Errors
    /// A model without inputs or outputs, or with layers that cannot be trained.
    pub fn new(model: &Model) -> Result<Self, Error> {
        model.verify()?;
        let (mut nodes, mut parameters, mut learns) = (Vec::new(), Vec::new(), Vec::new());
        let memory = Workspace::default();
        let fused = fused(model);
        for (id, layer) in model.layers() {
            let shapes = layer.inputs().iter().map(|&input| model.layer(input).output_shape());
            let shapes: Vec<&[usize]> = shapes.collect();
            let before = layer.inputs().iter().any(|input| learns[input.index()]);
            let place = Place {
                inputs: &shapes,
                learns: before,
                activation: fused.get(&id).copied(),
                fused: layer.inputs().iter().any(|input| fused.contains_key(input)),
                memory: &memory,
            };
            let node = compile(layer, &place)?;
            learns.push(before || node.as_ref().is_some_and(|node| !node.weights().is_empty()));
            let weights = node.iter().flat_map(|node| node.weights());
            parameters.extend(weights.filter(|weight| weight.trainable).map(|weight| Parameter {
                layer: id,
                name: weight.name,
                var: weight.var.clone(),
            }));
            nodes.push(node);
        }
        let inputs = model.inputs().map(|(id, _)| id).collect();
        let outputs = model.outputs().to_vec();
        let (model, device) = (model.clone(), None);
        Ok(Self { model, nodes, parameters, learns, inputs, outputs, memory, device })
    }

    /// The same network, computed on `device` in candle's own operations: the fused ones run on the processor only. On the
    /// processor this is slower, and gives the same numbers up to rounding.
    pub fn unfused(self, device: Device) -> Self {
        Self { device: Some(device), ..self }
    }

    /// The network of another model, computed where this one is.
    pub(crate) fn of(&self, model: &Model) -> Result<Self, Error> {
        Ok(Self { device: self.device.clone(), ..Self::new(model)? })
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

    /// The loss of a batch and its gradient by each of `Network::parameters`; none where one does not reach the output.
    pub(crate) fn gradients(
        &self,
        inputs: &[Tensor],
        pass: &mut Pass<'_>,
        (loss, targets): (&dyn Loss, &Targets),
    ) -> Result<(f64, Vec<Option<Tensor>>), Error> {
        if let Some(device) = &self.device {
            return Unfused::new(self, device)?.gradients(inputs, pass, (loss, targets));
        }
        let tape = self.forward(inputs, pass, &self.ends(loss))?;
        let mut slopes = self.answer(&tape)?;
        let shape = slopes.shape().to_vec();
        let mean = loss.slope(&mut slopes, targets)?;
        // Of the shape that it had: a loss of somebody's own may have put another array in its place.
        Ok((mean, self.backward(tape, tensor(slopes.into_values(), &shape)?)?))
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

/// The layers that compute the activation behind them along: those that nothing else reads, with an activation that is
/// no output, since a loss may include an output's.
fn fused(model: &Model) -> BTreeMap<LayerId, Activation> {
    let mut readers: BTreeMap<LayerId, usize> = BTreeMap::new();
    for input in model.layers().flat_map(|(_, layer)| layer.inputs()) {
        *readers.entry(*input).or_default() += 1;
    }
    let pair = |(id, layer): (LayerId, &Layer)| match (layer.op(), layer.inputs()) {
        (Op::Activation { function }, &[before])
            if readers[&before] == 1
                && !model.outputs().contains(&id)
                && !model.outputs().contains(&before)
                && fuses(model.layer(before), *function) =>
        {
            Some((before, *function))
        }
        _ => None,
    };
    model.layers().filter_map(pair).collect()
}
