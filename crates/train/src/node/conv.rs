use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use handaxe_graph::{Layer, Window};

use super::dense::gradient_of_bias;
use super::matrix::{add_product, matrix, multiply};
use super::sliding::Sliding;
use super::values::{Operand, add_rows, tensor, values};
use super::{Affine, Computed, Node, Pass, Pushed, Weight};
use crate::Error;

/// How many elements of patches are laid out at once: a tile and its product stay in the second-level cache.
const TILE: usize = 1 << 17;

/// Convolution as the product of patches and kernel, on channels-last data, tile by tile.
pub(super) struct Conv {
    affine: Affine,
    operation: Convolve,
}

impl Conv {
    pub(super) fn new(
        layer: &Layer,
        window: &Window,
        input: &[usize],
        learns: bool,
    ) -> std::result::Result<Self, Error> {
        let output = layer.output_shape().to_vec();
        let channels = input.last().copied().unwrap_or(0);
        let patches = Patches { sliding: Arc::new(Sliding::new(window, input)), channels };
        Ok(Self {
            affine: Affine::new(layer, output.last().copied().unwrap_or(0))?,
            operation: Convolve { patches, output, learns },
        })
    }
}

impl Node for Conv {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        self.affine.apply(self.operation.clone(), inputs[0])
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        self.affine.weights()
    }

    fn push(&self, _: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        self.affine.push(self.operation.clone(), moves[0])
    }

    fn with_kernel(&self, input: &Tensor, kernel: &Tensor) -> Result<Option<Computed>> {
        self.affine.with_kernel(self.operation.clone(), input, kernel)
    }
}

/// Lays out the pixels under each position of a window as the row of a matrix, `(tap, channel)` along the row.
#[derive(Clone)]
struct Patches {
    sliding: Arc<Sliding>,
    channels: usize,
}

impl Patches {
    /// Length of a row.
    fn width(&self) -> usize {
        self.sliding.taps() * self.channels
    }

    /// Elements of one input sample.
    fn sample(&self) -> usize {
        self.sliding.inputs() * self.channels
    }

    /// Elements of the patches of one sample.
    fn patch(&self) -> usize {
        self.sliding.outputs() * self.width()
    }

    /// Samples in a tile.
    fn tile(&self) -> usize {
        (TILE / self.patch().max(1)).max(1)
    }

    /// Fills in the patches of whole samples, but for what lies beyond the border.
    fn gather(&self, samples: &[f32], patches: &mut [f32]) {
        let (width, channels) = (self.width(), self.channels);
        let samples = samples.chunks_exact(self.sample());
        for (sample, patches) in samples.zip(patches.chunks_exact_mut(self.patch())) {
            for run in self.sliding.runs() {
                let length = run.length * channels;
                let (from, to) = (run.input * channels, run.output * width + run.tap * channels);
                patches[to..to + length].copy_from_slice(&sample[from..from + length]);
            }
        }
    }

    /// The reverse: adds the rows of `patches` back to the pixels they came from.
    fn scatter(&self, patches: &[f32], samples: &mut [f32]) {
        let (width, channels) = (self.width(), self.channels);
        let patches = patches.chunks_exact(self.patch());
        for (sample, patches) in samples.chunks_exact_mut(self.sample()).zip(patches) {
            for run in self.sliding.runs() {
                let length = run.length * channels;
                let (to, from) = (run.input * channels, run.output * width + run.tap * channels);
                let (pixels, patch) = (&mut sample[to..to + length], &patches[from..from + length]);
                pixels.iter_mut().zip(patch).for_each(|(pixel, value)| *pixel += value);
            }
        }
    }
}

/// Input `(samples, ...)`, kernel `(taps x channels, filters)`, bias `(filters)` to `(samples, ..., filters)`.
#[derive(Clone)]
struct Convolve {
    patches: Patches,
    /// Shape of the output, without the samples.
    output: Vec<usize>,
    /// Whether the gradient by the input is wanted.
    learns: bool,
}

impl CustomOp3 for Convolve {
    fn name(&self) -> &'static str {
        "conv"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (width, filters) = kernel_layout.shape().dims2()?;
        let kernel = matrix(values(kernel, kernel_layout)?, [width, filters])?;
        let samples = input_layout.dims()[0];
        let (tile, positions) = (self.patches.tile(), self.patches.sliding.outputs());
        let mut output = vec![0.0; samples * positions * filters];
        let mut patches = vec![0.0; tile.min(samples) * self.patches.patch()];
        let inputs = values(input, input_layout)?.chunks(tile * self.patches.sample());
        for (input, output) in inputs.zip(output.chunks_mut(tile * positions * filters)) {
            let rows = output.len() / filters;
            self.patches.gather(input, &mut patches);
            multiply(&matrix(&patches[..rows * width], [rows, width])?, &kernel, output)?;
        }
        add_rows(&mut output, values(bias, bias_layout)?);
        let shape = [&[samples], &self.output[..]].concat();
        Ok((CpuStorage::F32(output), Shape::from(shape)))
    }

    fn bwd(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        _: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (width, filters) = kernel.dims2()?;
        let (inputs, kernels, slopes) =
            (Operand::new(input)?, Operand::new(kernel)?, Operand::new(gradient)?);
        let kernel = matrix(kernels.values()?, [width, filters])?;
        let mut by_kernel = vec![0.0; width * filters];
        let mut by_input = vec![0.0; if self.learns { input.elem_count() } else { 0 }];
        let (tile, positions) = (self.patches.tile(), self.patches.sliding.outputs());
        let mut patches = vec![0.0; tile.min(input.dim(0)?) * self.patches.patch()];
        let mut by_patches = vec![0.0; if self.learns { patches.len() } else { 0 }];
        let samples = tile * self.patches.sample();
        let tiles = inputs.values()?.chunks(samples);
        let slopes = slopes.values()?.chunks(tile * positions * filters);
        for (number, (input, slopes)) in tiles.zip(slopes).enumerate() {
            let rows = slopes.len() / filters;
            let slopes = matrix(slopes, [rows, filters])?;
            self.patches.gather(input, &mut patches);
            let patches = matrix(&patches[..rows * width], [rows, width])?;
            add_product(&patches.t(), &slopes, &mut by_kernel)?;
            if self.learns {
                let by_patches = &mut by_patches[..rows * width];
                multiply(&slopes, &kernel.t(), by_patches)?;
                let pixels = &mut by_input[number * samples..][..input.len()];
                self.patches.scatter(by_patches, pixels);
            }
        }
        Ok((
            self.learns.then(|| tensor(by_input, input.dims())).transpose()?,
            Some(tensor(by_kernel, &[width, filters])?),
            Some(gradient_of_bias(gradient, filters)?),
        ))
    }
}
