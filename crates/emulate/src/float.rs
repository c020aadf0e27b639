//! The network in floating point.

mod activation;
pub(crate) mod arrange;
pub(crate) mod join;
mod normalise;
mod per_element;
mod pool;
pub(crate) mod window;

use std::borrow::Cow;
use std::collections::BTreeMap;

use handaxe_data::Tensor;
use handaxe_graph::{Layer, Model, Op};
use rayon::prelude::*;

pub use join::repeated;

use crate::{Error, quantise};

/// Elements of the widest layer that are held at once.
const CHUNK: usize = 1 << 20;

/// The answers of `model` to `inputs`, one array an output, samples first.
///
/// What the model's preprocessing says must have been done to the inputs.
///
/// # Errors
/// A model without inputs or outputs, or arrays that are not of its inputs' shapes.
pub fn predict(model: &Model, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
    Float::new(model)?.predict(inputs)
}

/// A model made ready for floating-point inference: its weights are quantised once.
pub struct Float<'a> {
    model: &'a Model,
    weights: Vec<Weights<'a>>,
    /// The last layer that reads each layer; the model's outputs are read by none.
    last_read: Vec<usize>,
}

/// The weights of a layer as they are computed with.
struct Weights<'a>(BTreeMap<&'static str, Cow<'a, [f32]>>);

impl<'a> Weights<'a> {
    fn new(layer: &'a Layer) -> Self {
        let weight = |(name, tensor): (&'static str, &'a Tensor)| {
            let values = match layer.quantiser(name) {
                Some(quantiser) => Cow::Owned(quantise(quantiser, tensor).values().to_vec()),
                None => Cow::Borrowed(tensor.values()),
            };
            (name, values)
        };
        Self(layer.weights().map(weight).collect())
    }

    /// The weight called `name`; nothing for one that the layer has not.
    fn get(&self, name: &str) -> &[f32] {
        self.0.get(name).map_or(&[], |values| values.as_ref())
    }
}

/// One sample's part of an array.
#[derive(Clone, Copy)]
pub(crate) struct Sample<'a> {
    pub(crate) shape: &'a [usize],
    pub(crate) values: &'a [f32],
}

impl Sample<'_> {
    /// Length of the last axis.
    fn channels(&self) -> usize {
        self.shape.last().copied().unwrap_or(1).max(1)
    }
}

impl<'a> Float<'a> {
    /// Makes a model ready.
    ///
    /// # Errors
    /// A model without inputs or outputs.
    pub fn new(model: &'a Model) -> Result<Self, Error> {
        model.verify()?;
        let weights: Vec<_> = model.layers().map(|(_, layer)| Weights::new(layer)).collect();
        let mut last_read = vec![0; weights.len()];
        for (id, layer) in model.layers() {
            layer.inputs().iter().for_each(|input| last_read[input.index()] = id.index());
        }
        model.outputs().iter().for_each(|output| last_read[output.index()] = usize::MAX);
        Ok(Self { model, weights, last_read })
    }

    /// The answers to `inputs`, one array an output, samples first.
    ///
    /// # Errors
    /// Arrays that are not of the inputs' shapes, or of different numbers of samples.
    pub fn predict(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let samples = check(self.model, inputs)?;
        let widest = self.model.layers().map(|(_, layer)| layer.output_shape().iter().product());
        let widest: usize = widest.max().unwrap_or(1);
        let chunk = (CHUNK / widest.max(1)).clamp(1, 1024);
        let starts: Vec<usize> = (0..samples).step_by(chunk).collect();
        let answers: Vec<Vec<Vec<f32>>> = starts
            .into_par_iter()
            .map(|start| self.run(inputs, start..(start + chunk).min(samples)))
            .collect();
        let outputs = self.model.outputs().iter().enumerate();
        let outputs = outputs.map(|(place, &id)| {
            let sample = self.model.layer(id).output_shape();
            let shape = [&[samples], sample].concat();
            let values = answers.iter().flat_map(|chunk| &chunk[place]).copied().collect();
            Ok(Tensor::new(shape, values)?)
        });
        outputs.collect()
    }

    /// The outputs for a stretch of the samples.
    fn run(&self, inputs: &[Tensor], samples: std::ops::Range<usize>) -> Vec<Vec<f32>> {
        let mut values: Vec<Vec<f32>> = Vec::with_capacity(self.weights.len());
        let mut given = inputs.iter();
        for (id, layer) in self.model.layers() {
            let computed = if matches!(layer.op(), Op::Input { .. }) {
                given.next().map_or(Vec::new(), |input| {
                    let width = input.row_len();
                    input.values()[samples.start * width..samples.end * width].to_vec()
                })
            } else {
                self.layer(layer, &self.weights[id.index()], &values, samples.len())
            };
            values.push(computed);
            for input in layer.inputs() {
                if self.last_read[input.index()] == id.index() {
                    values[input.index()] = Vec::new();
                }
            }
        }
        let outputs = self.model.outputs().iter();
        outputs.map(|output| values[output.index()].clone()).collect()
    }

    /// One layer for all samples of a stretch.
    fn layer(
        &self,
        layer: &Layer,
        weights: &Weights<'_>,
        values: &[Vec<f32>],
        samples: usize,
    ) -> Vec<f32> {
        let width: usize = layer.output_shape().iter().product();
        let mut output = vec![0.0; samples * width];
        let sample = |number: usize| {
            let input = |id: &handaxe_graph::LayerId| {
                let shape = self.model.layer(*id).output_shape();
                let width: usize = shape.iter().product();
                Sample { shape, values: &values[id.index()][number * width..(number + 1) * width] }
            };
            layer.inputs().iter().map(input).collect::<Vec<_>>()
        };
        for (number, output) in output.chunks_exact_mut(width.max(1)).enumerate() {
            compute(layer, weights, &sample(number), output);
        }
        output
    }
}

/// The number of samples, if the arrays fit the model's inputs.
pub(crate) fn check(model: &Model, inputs: &[Tensor]) -> Result<usize, Error> {
    let expected = model.inputs().count();
    if expected != inputs.len() {
        return Err(Error::InputCount { expected, given: inputs.len() });
    }
    let samples = inputs.first().map_or(0, Tensor::rows);
    for ((_, layer), given) in model.inputs().zip(inputs) {
        let (input, expected) = (layer.name().to_owned(), layer.output_shape());
        if given.shape().get(1..) != Some(expected) {
            let (expected, given) = (expected.to_vec(), given.shape().to_vec());
            return Err(Error::InputShape { input, expected, given });
        }
        if given.rows() != samples {
            return Err(Error::Samples { input, given: given.rows(), expected: samples });
        }
    }
    Ok(samples)
}

/// One layer for one sample. The graph guarantees that shapes fit.
fn compute(layer: &Layer, weights: &Weights<'_>, inputs: &[Sample<'_>], output: &mut [f32]) {
    let Some(&input) = inputs.first() else { return };
    let shape = layer.output_shape();
    match layer.op() {
        Op::Input { .. } => {}
        Op::Dense { .. } => window::dense(weights, input, output),
        Op::Conv { window, .. } => window::conv(weights, window, input, shape, output),
        Op::DepthwiseConv { multiplier, window, .. } => {
            window::depthwise(weights, window, *multiplier, input, shape, output);
        }
        Op::BatchNorm { epsilon, .. } => normalise::batch_norm(weights, *epsilon, input, output),
        Op::LayerNorm { epsilon } => normalise::layer_norm(weights, *epsilon, input, output),
        Op::Activation { function } => activation::apply(*function, input, output),
        Op::PRelu { slopes } => per_element::prelu(weights, slopes, input, output),
        Op::Quantise { quantiser } => per_element::quantise(weights, quantiser, input, output),
        Op::Lookup { step, .. } => per_element::look_up(weights, *step, input, output),
        Op::Pool { kind, window } => pool::pool(*kind, window, input, shape, output),
        Op::GlobalPool { kind } => pool::global(*kind, input, output),
        Op::Flatten | Op::Reshape { .. } | Op::Dropout { .. } => {
            output.copy_from_slice(input.values);
        }
        Op::Permute { axes } => arrange::permute(axes, input, shape, output),
        Op::ZeroPad { margins } => arrange::zero_pad(margins, input, shape, output),
        Op::Crop { margins } => arrange::crop(margins, input, shape, output),
        Op::UpSample { factors, interpolation } => {
            arrange::up_sample(factors, *interpolation, input, shape, output);
        }
        Op::Concatenate => join::concatenate(inputs, output),
        Op::Add => join::fold(inputs, shape, output, |sum, next| sum + next),
        Op::Subtract => join::fold(inputs, shape, output, |first, second| first - second),
        Op::Multiply => join::fold(inputs, shape, output, |product, next| product * next),
        Op::Maximum => join::fold(inputs, shape, output, f32::max),
        Op::Minimum => join::fold(inputs, shape, output, f32::min),
        Op::Average => {
            join::fold(inputs, shape, output, |sum, next| sum + next);
            output.iter_mut().for_each(|value| *value /= inputs.len() as f32);
        }
    }
}
