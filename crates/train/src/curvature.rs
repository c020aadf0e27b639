//! First and second derivatives of the training loss by the kernels, batch by batch, so that memory does not grow with
//! the data.
//!
//! Second derivatives come from moving one layer's output and following how the gradient by it moves
//! ([`Node::push`](crate::node::Node::push)). A Dense layer on vectors uses each weight once a sample, so that moving its
//! units one by one gives the diagonal exactly: d2L/dw_ij2 = sum over samples of x_i2 * d2L/dz_j2. Weights that a sample
//! meets several times, those of convolutions, share their curvature between places; there the diagonal is estimated as
//! the mean of v * Hv over random signs v (Hutchinson 1990; Bekas et al. 2007, "An estimator for the diagonal of a
//! matrix"), which is unbiased. Each batch draws signs of its own.

use std::collections::BTreeMap;

use candle_core::Tensor;
use handaxe_data::Targets;
use handaxe_graph::{LayerId, Op};
use handaxe_optimize::{ByKernel, Curvature, Estimate};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::network::{divided, failed, joined};
use crate::node::values::{Operand, tensor};
use crate::node::{Pass, PushedBack, from_array, into_tensor};
use crate::{Error, Loss, Network};

/// Sums over all samples, in double precision.
pub(crate) type Sums = BTreeMap<LayerId, Vec<f64>>;

/// The mean over `samples`.
pub(crate) fn means(sums: Sums, samples: usize) -> ByKernel {
    let mean = |sums: Vec<f64>| sums.iter().map(|sum| (sum / samples as f64) as f32).collect();
    sums.into_iter().map(|(layer, sums)| (layer, mean(sums))).collect()
}

/// Adds sums of further samples.
pub(crate) fn add_sums(sums: &mut Sums, more: Sums) {
    for (layer, more) in more {
        let sums = sums.entry(layer).or_insert_with(|| vec![0.0; more.len()]);
        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
}

/// Adds `share` times `terms`.
fn add(sums: &mut Sums, layer: LayerId, share: f64, terms: &[f32]) {
    let sums = sums.entry(layer).or_insert_with(|| vec![0.0; terms.len()]);
    sums.iter_mut().zip(terms).for_each(|(sum, &term)| *sum += share * f64::from(term));
}

/// A network at one batch: what every layer answers, and the loss's gradient by it.
pub(crate) struct Point<'a> {
    network: &'a Network,
    loss: &'a dyn Loss,
    targets: &'a Targets,
    ends: Vec<LayerId>,
    answer: Tensor,
    outputs: Vec<Tensor>,
    slopes: Vec<Option<Tensor>>,
    by_kernel: BTreeMap<LayerId, Tensor>,
}

impl<'a> Point<'a> {
    /// Computes the network and its gradients on a batch, in evaluation.
    pub(crate) fn new(
        network: &'a Network,
        loss: &'a dyn Loss,
        inputs: &[Tensor],
        targets: &'a Targets,
    ) -> Result<Self, Error> {
        let ends = network.ends(loss);
        let tape = network.forward(inputs, &mut Pass::Inspection, &ends)?;
        let outputs = tape.outputs.clone();
        let answer = network.answer(&tape)?;
        let mut gradient = answer.clone();
        loss.slope(&mut gradient, targets)?;
        let (answer, gradient) = (into_tensor(answer)?, into_tensor(gradient)?);
        let mut slopes = vec![None; outputs.len()];
        let gradients = network.backward_seen(tape, gradient, &mut |layer, slope| {
            slopes[layer] = Some(slope);
        })?;
        let kernels =
            network.parameters.iter().zip(gradients).filter(|(of, _)| of.name == "kernel");
        let by_kernel = kernels.filter_map(|(of, gradient)| Some((of.layer, gradient?))).collect();
        Ok(Self { network, loss, targets, ends, answer, outputs, slopes, by_kernel })
    }

    /// The gradients of the batch's summed loss.
    pub(crate) fn gradients(&self) -> Result<Sums, Error> {
        let (mut sums, share) = (Sums::new(), self.targets.len() as f64);
        for (layer, length) in kernels(self.network) {
            match self.by_kernel.get(&layer) {
                Some(gradient) => {
                    add(&mut sums, layer, share, &gradient.flatten_all()?.to_vec1::<f32>()?)
                }
                None => add(&mut sums, layer, 0.0, &vec![0.0; length]),
            }
        }
        Ok(sums)
    }

    /// The curvatures of the batch's summed loss.
    pub(crate) fn curvature(
        &self,
        probes: usize,
        draw: &mut ChaCha8Rng,
    ) -> Result<CurvatureSums, Error> {
        let (mut sums, share) = (CurvatureSums::default(), self.targets.len() as f64);
        for (layer, length) in kernels(self.network) {
            if self.slopes.get(layer.index()).is_none_or(Option::is_none) {
                add(&mut sums.diagonal, layer, 0.0, &vec![0.0; length]);
            } else if is_met_once(self.network, layer) {
                add(&mut sums.diagonal, layer, share, &self.exact(layer)?);
            } else {
                let drawn = (0..probes).map(|_| self.drawn(layer, length, draw));
                sums.add_drawn(layer, share, &drawn.collect::<Result<Vec<_>, _>>()?);
            }
        }
        Ok(sums)
    }

    /// The diagonal of a Dense layer on vectors.
    fn exact(&self, layer: LayerId) -> Result<Vec<f32>, Error> {
        let output = &self.outputs[layer.index()];
        let (samples, units) = output.dims2()?;
        let mut bends = vec![0.0; samples * units];
        for unit in 0..units {
            let mut moves = vec![0.0; samples * units];
            moves.iter_mut().skip(unit).step_by(units).for_each(|moved| *moved = 1.0);
            let Some(response) = self.response(layer, tensor(moves, output.dims())?)? else {
                continue;
            };
            let response = Operand::new(&response)?;
            let column = response.values()?.iter().skip(unit).step_by(units);
            let bends = bends.iter_mut().skip(unit).step_by(units);
            bends.zip(column).for_each(|(bend, &value)| *bend = value);
        }
        let input = self.input(layer)?;
        let squares = self.network.memory.zip(input, input, |a, b| a * b)?;
        self.by_kernel(layer, &squares, None, &tensor(bends, output.dims())?)
    }

    /// v * Hv of one kernel for signs v.
    fn drawn(
        &self,
        layer: LayerId,
        length: usize,
        draw: &mut ChaCha8Rng,
    ) -> Result<Vec<f32>, Error> {
        let sign = |_| if draw.random::<bool>() { 1.0f32 } else { -1.0 };
        let signs: Vec<f32> = (0..length).map(sign).collect();
        let kernel = tensor(signs.clone(), &[length])?;
        let moved = self.with_kernel(layer, self.input(layer)?, &kernel)?.output;
        let Some(response) = self.response(layer, moved)? else { return Ok(vec![0.0; length]) };
        let products = self.by_kernel(layer, self.input(layer)?, Some(&kernel), &response)?;
        Ok(products.iter().zip(signs).map(|(product, sign)| product * sign).collect())
    }

    fn input(&self, layer: LayerId) -> Result<&Tensor, Error> {
        let input = self.network.model.layer(layer).inputs().first();
        input
            .map(|input| &self.outputs[input.index()])
            .ok_or(Error::Graph(handaxe_graph::Error::Missing { what: "input" }))
    }

    fn with_kernel(
        &self,
        layer: LayerId,
        input: &Tensor,
        kernel: &Tensor,
    ) -> Result<crate::node::Computed, Error> {
        let of_model = self.network.model.layer(layer);
        let missing =
            || Error::MissingWeight { layer: of_model.name().to_owned(), weight: "kernel" };
        let node = self.network.nodes[layer.index()].as_ref().ok_or_else(missing)?;
        let computed = node.with_kernel(input, kernel).map_err(|error| failed(of_model, &error))?;
        computed.ok_or_else(missing)
    }

    /// The gradient by the kernel of a layer on `input` whose output has `gradient`. It does not depend on the kernel.
    fn by_kernel(
        &self,
        layer: LayerId,
        input: &Tensor,
        kernel: Option<&Tensor>,
        gradient: &Tensor,
    ) -> Result<Vec<f32>, Error> {
        let own = self.network.model.layer(layer).kernel().map(from_array);
        let own = own.transpose()?;
        let kernel = kernel.or(own.as_ref()).unwrap_or(gradient);
        let computed = self.with_kernel(layer, input, kernel)?;
        let gradients = (computed.back)(gradient)?;
        match gradients.weights.last() {
            Some(by_kernel) => Ok(by_kernel.flatten_all()?.to_vec1()?),
            None => Ok(Vec::new()),
        }
    }

    /// How the gradient by a layer's output moves when that output does by `moved`; none where it does not reach the end.
    fn response(&self, layer: LayerId, moved: Tensor) -> Result<Option<Tensor>, Error> {
        let mut moves: Vec<Option<Tensor>> = vec![None; self.outputs.len()];
        let mut backs: Vec<Option<PushedBack>> = self.outputs.iter().map(|_| None).collect();
        moves[layer.index()] = Some(moved);
        let layers: Vec<_> = self.network.model.layers().map(|(_, layer)| layer).collect();
        for index in layer.index() + 1..self.outputs.len() {
            let inputs = layers[index].inputs();
            let Some(node) = &self.network.nodes[index] else { continue };
            if inputs.iter().all(|input| moves[input.index()].is_none()) {
                continue;
            }
            let at: Vec<&Tensor> =
                inputs.iter().map(|input| &self.outputs[input.index()]).collect();
            let moved = inputs.iter().map(|input| match &moves[input.index()] {
                Some(moved) => Ok(moved.clone()),
                None => self.outputs[input.index()].zeros_like(),
            });
            let moved = moved.collect::<candle_core::Result<Vec<_>>>()?;
            let pushed = node.push(&at, &moved.iter().collect::<Vec<_>>());
            let pushed = pushed.map_err(|error| failed(layers[index], &error))?;
            moves[index] = Some(pushed.output);
            backs[index] = Some(pushed.back);
        }
        let at_ends = |(moved, output): (Option<Tensor>, &Tensor)| match moved {
            Some(moved) => Ok(moved),
            None => output.zeros_like(),
        };
        let moves = moves.into_iter().zip(&self.outputs).map(at_ends);
        let moves = moves.collect::<candle_core::Result<Vec<_>>>()?;
        let moved = joined(&moves, &self.ends)?.contiguous()?;
        let bent = self.loss.bend(&self.answer, self.targets, &moved)?;
        self.walk_back(layer, &bent.contiguous()?, backs)
    }

    /// Takes the move of the gradient by the answer back to a layer's output.
    fn walk_back(
        &self,
        layer: LayerId,
        bent: &Tensor,
        mut backs: Vec<Option<PushedBack>>,
    ) -> Result<Option<Tensor>, Error> {
        let layers: Vec<_> = self.network.model.layers().map(|(_, layer)| layer).collect();
        let mut responses: Vec<Option<Tensor>> = vec![None; self.outputs.len()];
        divided(bent, (&self.outputs, &self.ends), &self.network.memory, &mut responses)?;
        for index in (layer.index() + 1..self.outputs.len()).rev() {
            let (Some(back), Some(response), Some(slope)) =
                (backs[index].take(), responses[index].take(), &self.slopes[index])
            else {
                continue;
            };
            let by_inputs =
                back(slope, &response).map_err(|error| failed(layers[index], &error))?;
            for (&input, term) in layers[index].inputs().iter().zip(by_inputs) {
                let sum = &mut responses[input.index()];
                *sum = match (sum.take(), term) {
                    (Some(sum), Some(term)) => {
                        Some(self.network.memory.zip(&sum, &term, |a, b| a + b)?)
                    }
                    (sum, term) => sum.or(term),
                };
            }
        }
        Ok(responses[layer.index()].take())
    }
}

/// Sums over the batches, and what is known of the estimates among them.
#[derive(Default)]
pub(crate) struct CurvatureSums {
    diagonal: Sums,
    /// For each weight of an estimated layer, the variance of its sum.
    variances: Sums,
    drawn: BTreeMap<LayerId, usize>,
}

impl CurvatureSums {
    /// Adds sums of further batches.
    pub(crate) fn add(&mut self, more: Self) {
        add_sums(&mut self.diagonal, more.diagonal);
        add_sums(&mut self.variances, more.variances);
        for (layer, drawn) in more.drawn {
            *self.drawn.entry(layer).or_insert(0) += drawn;
        }
    }

    /// Adds the mean of a batch's draws, and by their spread the variance of that mean.
    fn add_drawn(&mut self, layer: LayerId, share: f64, drawn: &[Vec<f32>]) {
        let count = drawn.len() as f64;
        let length = drawn.first().map_or(0, Vec::len);
        let (mut means, mut variances) = (vec![0.0f32; length], vec![0.0f32; length]);
        for place in 0..length {
            let values = drawn.iter().map(|values| f64::from(values[place]));
            let mean = values.clone().sum::<f64>() / count;
            let spread = values.map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
            (means[place], variances[place]) = (mean as f32, (spread / count) as f32);
        }
        add(&mut self.diagonal, layer, share, &means);
        add(&mut self.variances, layer, share * share, &variances);
        *self.drawn.entry(layer).or_insert(0) += drawn.len();
    }

    /// The means over `samples`.
    pub(crate) fn mean(self, samples: usize) -> Curvature {
        let mean_square = |values: &mut dyn Iterator<Item = f64>, length: usize| {
            values.sum::<f64>() / length.max(1) as f64
        };
        let estimate = |(layer, samples_drawn): (LayerId, usize)| {
            let (sums, variances) = (&self.diagonal[&layer], &self.variances[&layer]);
            let count = samples as f64;
            let squares = &mut sums.iter().map(|sum| (sum / count).powi(2));
            let errors = &mut variances.iter().map(|variance| variance / (count * count));
            let estimate = Estimate {
                samples: samples_drawn,
                standard_error: mean_square(errors, sums.len()).sqrt(),
                magnitude: mean_square(squares, sums.len()).sqrt(),
            };
            (layer, estimate)
        };
        let estimates =
            self.drawn.iter().map(|(&layer, &drawn)| estimate((layer, drawn))).collect();
        Curvature { diagonal: means(self.diagonal, samples), estimates }
    }
}

/// Whether each weight of the layer is used once a sample.
fn is_met_once(network: &Network, layer: LayerId) -> bool {
    let layer = network.model.layer(layer);
    matches!(layer.op(), Op::Dense { .. }) && layer.output_shape().len() == 1
}

/// The layers with a kernel, and its size.
fn kernels(network: &Network) -> impl Iterator<Item = (LayerId, usize)> {
    let kernels = network.model.layers();
    kernels.filter_map(|(id, layer)| Some((id, layer.kernel()?.values().len())))
}
