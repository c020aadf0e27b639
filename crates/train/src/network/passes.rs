//! A network forwards and backwards.

use candle_core::Tensor;
use handaxe_data::Tensor as Array;
use handaxe_graph::LayerId;

use super::{Network, Parameter, failed};
use crate::Error;
use crate::kernel::beside::columns;
use crate::kernel::chunks;
use crate::kernel::workspace::Workspace;
use crate::node::values::{Operand, shares_memory, tensor};
use crate::node::{Back, Computed, Gradients, Pass};
use crate::unfused::Unfused;

/// Elements of the widest layer that one evaluated batch may hold: enough to keep the processor busy, few enough to
/// stay in its caches.
const EVALUATED: usize = 1 << 17;

/// What a forward pass computed, layer by layer.
pub(crate) struct Tape {
    pub(crate) outputs: Vec<Tensor>,
    backs: Vec<Option<Back>>,
    /// The layers whose outputs are the answer.
    ends: Vec<LayerId>,
    /// What it was computed from, which belongs to others.
    given: Vec<Tensor>,
}

/// Gets the gradient by a layer's output.
type See<'a> = dyn FnMut(usize, Tensor) + 'a;

impl Tape {
    /// The outputs that are the answer.
    fn answers(&self) -> impl Iterator<Item = &Tensor> + Clone {
        self.ends.iter().map(|end| &self.outputs[end.index()])
    }

    /// Writes the answer, several outputs side by side.
    fn write_answer(&self, into: &mut [f32]) -> Result<(), Error> {
        for (output, columns) in self.answers().zip(columns(self.answers().map(width))) {
            columns.put(Operand::new(output)?.values()?, into);
        }
        Ok(())
    }

    /// Hands the memory of all outputs back, but for what was given.
    fn recycle(self, memory: &Workspace) {
        for output in self.outputs {
            if !self.given.iter().any(|given| shares_memory(given, &output)) {
                memory.recycle(output);
            }
        }
    }
}

/// Elements of one sample.
fn width(output: &Tensor) -> usize {
    output.dims().iter().skip(1).product()
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
    (outputs, ends): (&[Tensor], &[LayerId]),
    memory: &Workspace,
    into: &mut [Option<Tensor>],
) -> Result<(), Error> {
    if let [end] = ends {
        into[end.index()] = Some(whole.clone());
        return Ok(());
    }
    let of_ends = ends.iter().map(|end| &outputs[end.index()]);
    for (end, columns) in ends.iter().zip(columns(of_ends.map(width))) {
        let output = &outputs[end.index()];
        let mut part = memory.take(output.elem_count());
        columns.get(Operand::new(whole)?.values()?, &mut part);
        into[end.index()] = Some(tensor(part, output.dims())?);
    }
    Ok(())
}

impl Network {
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
        let width: usize = self.output_shape().iter().product();
        let mut values = vec![0.0; samples * width];
        let pieces = values.chunks_mut(batch * width.max(1)).enumerate().collect();
        let work = samples * self.model.parameters().max(1);
        let done = chunks::map(work, pieces, |(piece, values): (usize, &mut [f32])| {
            self.answer_rows(inputs, piece * batch, values)
        });
        done.into_iter().collect::<Result<(), Error>>()?;
        let shape = [&[samples], &self.output_shape()[..]].concat();
        Ok(Array::new(shape, values)?)
    }

    /// The answers to the rows from `first` on, as many as `values` has room for.
    fn answer_rows(&self, inputs: &[Array], first: usize, values: &mut [f32]) -> Result<(), Error> {
        let width: usize = self.output_shape().iter().product();
        let count = values.len() / width.max(1);
        let part = inputs.iter().map(|input| {
            let length = input.row_len();
            let mut rows = self.memory.take(count * length);
            rows.copy_from_slice(&input.values()[first * length..(first + count) * length]);
            tensor(rows, &[&[count], &input.shape()[1..]].concat())
        });
        let part = part.collect::<candle_core::Result<Vec<_>>>()?;
        if let Some(device) = &self.device {
            let unfused = Unfused::new(self, device)?;
            let answer = unfused.answer(&part, &mut Pass::Evaluation, &self.outputs)?;
            values.copy_from_slice(&answer.flatten_all()?.to_vec1::<f32>()?);
            return Ok(());
        }
        let tape = self.forward(&part, &mut Pass::Evaluation, &self.outputs)?;
        tape.write_answer(values)?;
        tape.recycle(&self.memory);
        part.into_iter().for_each(|part| self.memory.recycle(part));
        Ok(())
    }

    /// The outputs of all layers up to the last of `ends`, for a batch of contiguous `inputs`, and the ways back.
    pub(crate) fn forward(
        &self,
        inputs: &[Tensor],
        pass: &mut Pass<'_>,
        ends: &[LayerId],
    ) -> Result<Tape, Error> {
        let end = ends.iter().map(|end| end.index()).max().unwrap_or(0);
        let (outputs, backs) = (Vec::new(), Vec::new());
        let mut tape = Tape { outputs, backs, ends: ends.to_vec(), given: inputs.to_vec() };
        let mut inputs = inputs.iter();
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
                    // Evaluation has no way back: what would lead there goes at once.
                    (output, (!matches!(pass, Pass::Evaluation)).then_some(back))
                }
            };
            tape.outputs.push(output);
            tape.backs.push(back);
        }
        Ok(tape)
    }

    /// The answer of a pass: several outputs lie side by side.
    pub(crate) fn answer(&self, tape: &Tape) -> Result<Array, Error> {
        let samples = tape.answers().next().map_or(Ok(0), |output| output.dim(0))?;
        let shape = match &tape.ends[..] {
            [end] => tape.outputs[end.index()].dims().to_vec(),
            _ => vec![samples, tape.answers().map(width).sum()],
        };
        let mut values = self.memory.take(shape.iter().product());
        tape.write_answer(&mut values)?;
        Ok(Array::new(shape, values)?)
    }

    /// Walks `tape` back from the loss's `gradient` by its answer. One gradient for each of
    /// `Network::parameters`; none where a parameter does not reach the output. What the step computed on the way is
    /// gone: its memory is the next one's.
    pub(crate) fn backward(
        &self,
        mut tape: Tape,
        gradient: Tensor,
    ) -> Result<Vec<Option<Tensor>>, Error> {
        let backs = std::mem::take(&mut tape.backs);
        let gradients = self.walk(&tape, backs, gradient, None)?;
        tape.recycle(&self.memory);
        Ok(gradients)
    }

    /// [`Network::backward`] that leaves all in place; `see` is shown the gradient by each layer's output.
    pub(crate) fn backward_seen(
        &self,
        mut tape: Tape,
        gradient: Tensor,
        see: &mut See<'_>,
    ) -> Result<Vec<Option<Tensor>>, Error> {
        let backs = std::mem::take(&mut tape.backs);
        self.walk(&tape, backs, gradient, Some(see))
    }

    /// The way back; `see` gets the gradient by each layer's output once its inputs' are known. Without it their memory is
    /// used again.
    fn walk(
        &self,
        tape: &Tape,
        backs: Vec<Option<Back>>,
        gradient: Tensor,
        mut see: Option<&mut See<'_>>,
    ) -> Result<Vec<Option<Tensor>>, Error> {
        let mut slopes: Vec<Option<Tensor>> = vec![None; tape.outputs.len()];
        divided(&gradient, (&tape.outputs, &tape.ends), &self.memory, &mut slopes)?;
        if tape.ends.len() > 1 {
            self.memory.recycle(gradient);
        }
        let add = |sum: Tensor, slope: Tensor, keep: bool| -> Result<Tensor, Error> {
            let whole = self.memory.zip(&sum, &slope, |a, b| a + b)?;
            if !keep {
                self.memory.recycle(sum);
                self.memory.recycle(slope);
            }
            Ok(whole)
        };
        let mut by_layer: Vec<Vec<Tensor>> = vec![Vec::new(); self.nodes.len()];
        let layers: Vec<_> = self.model.layers().map(|(_, layer)| layer).collect();
        for (index, back) in backs.into_iter().enumerate().rev() {
            let Some(back) = back.filter(|_| self.learns[index]) else { continue };
            let Some(slope) = slopes[index].take() else { continue };
            let layer = layers[index];
            let Gradients { inputs, weights } =
                back(&slope).map_err(|error| failed(layer, &error))?;
            by_layer[index] = weights;
            let shared = |input: &Tensor| shares_memory(input, &slope);
            match &mut see {
                Some(see) => see(index, slope),
                None if inputs.iter().flatten().any(shared) => (),
                None => self.memory.recycle(slope),
            }
            for (&input, slope) in layer.inputs().iter().zip(inputs) {
                let sum = &mut slopes[input.index()];
                *sum = match (sum.take(), slope) {
                    (Some(sum), Some(slope)) => Some(add(sum, slope, see.is_some())?),
                    (sum, slope) => sum.or(slope),
                };
            }
        }
        if see.is_none() {
            // By what does not learn: some layers tell them all the same.
            slopes.into_iter().flatten().for_each(|slope| self.memory.recycle(slope));
        }
        let mut by_layer: Vec<_> = by_layer.into_iter().map(Vec::into_iter).collect();
        let of = |parameter: &Parameter| by_layer[parameter.layer.index()].next();
        Ok(self.parameters.iter().map(of).collect())
    }
}
