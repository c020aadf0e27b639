use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use handaxe_graph::{Layer, Window};

use super::dense::gradient_of_bias;
use super::sliding::Sliding;
use super::values::{Operand, add_rows, matmul, tensor, values};
use super::{Affine, Node, Pass, Weight};
use crate::Error;

/// How many elements of patches are laid out at once: a tile and its product stay in the second-level cache.
const TILE: usize = 1 << 17;

/// Convolution as the product of patches and kernel, on channels-last data, tile by tile.
pub(super) struct Conv {
    affine: Affine,
    patches: Patches,
    output: Vec<usize>,
}

impl Conv {
    pub(super) fn new(
        layer: &Layer,
        window: &Window,
        input: &[usize],
    ) -> std::result::Result<Self, Error> {
        let output = layer.output_shape().to_vec();
        let filters = output.last().copied().unwrap_or(0);
        let channels = input.last().copied().unwrap_or(0);
        Ok(Self {
            affine: Affine::new(layer, filters)?,
            patches: Patches { sliding: Arc::new(Sliding::new(window, input)), channels },
            output,
        })
    }
}

impl Node for Conv {
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Tensor> {
        let (kernel, bias) = self.affine.kernel_and_bias(pass);
        let kernel = kernel.reshape((self.patches.width(), bias.elem_count()))?;
        let output = inputs[0].apply_op3(&kernel, &bias, Convolve(self.patches.clone()))?;
        output.reshape([&[inputs[0].dim(0)?], &self.output[..]].concat())
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        self.affine.weights()
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

    /// Samples in a tile.
    fn tile(&self) -> usize {
        (TILE / (self.sliding.outputs() * self.width()).max(1)).max(1)
    }

    /// The patches of whole samples; the border is 0.
    fn gather(&self, samples: &[f32]) -> Vec<f32> {
        let (width, channels) = (self.width(), self.channels);
        let patch = self.sliding.outputs() * width;
        let mut patches = vec![0.0; samples.len() / self.sample() * patch];
        let samples = samples.chunks_exact(self.sample());
        for (sample, patches) in samples.zip(patches.chunks_exact_mut(patch)) {
            for run in self.sliding.runs() {
                let length = run.length * channels;
                let (from, to) = (run.input * channels, run.output * width + run.tap * channels);
                patches[to..to + length].copy_from_slice(&sample[from..from + length]);
            }
        }
        patches
    }

    /// The reverse: adds the rows of `patches` back to the pixels they came from.
    fn scatter(&self, patches: &[f32], samples: &mut [f32]) {
        let (width, channels) = (self.width(), self.channels);
        let patches = patches.chunks_exact(self.sliding.outputs() * width);
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

/// Input `(samples, ...)`, kernel `(taps x channels, filters)`, bias `(filters)` to `(samples x positions, filters)`.
struct Convolve(Patches);

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
        let mut output = Vec::new();
        for samples in values(input, input_layout)?.chunks(self.0.tile() * self.0.sample()) {
            let patches = self.0.gather(samples);
            let rows = patches.len() / width;
            let (patches, layout) = (CpuStorage::F32(patches), Layout::contiguous((rows, width)));
            let sizes = [rows, width, filters];
            output.extend(matmul((&patches, &layout), (kernel, kernel_layout), sizes)?);
        }
        add_rows(&mut output, values(bias, bias_layout)?);
        let shape = Shape::from((output.len() / filters, filters));
        Ok((CpuStorage::F32(output), shape))
    }

    fn bwd(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = gradient.contiguous()?;
        let (width, filters) = kernel.dims2()?;
        let back = kernel.detach().t()?;
        let mut by_kernel = vec![0.0; width * filters];
        let mut by_input = vec![0.0; if input.track_op() { input.elem_count() } else { 0 }];
        let input_values = Operand::new(input)?;
        let tile = self.0.tile() * self.0.sample();
        let mut first_row = 0;
        for (number, samples) in input_values.values()?.chunks(tile).enumerate() {
            let patches = self.0.gather(samples);
            let rows = patches.len() / width;
            let patches = tensor(patches, &[rows, width])?;
            let part = gradient.narrow(0, first_row, rows)?;
            first_row += rows;
            let product = patches.t()?.matmul(&part)?;
            let product = Operand::new(&product)?;
            let sums = by_kernel.iter_mut().zip(product.values()?);
            sums.for_each(|(sum, value)| *sum += value);
            if input.track_op() {
                let patches = part.matmul(&back)?;
                let pixels = &mut by_input[number * tile..][..samples.len()];
                self.0.scatter(Operand::new(&patches)?.values()?, pixels);
            }
        }
        let by_input = input.track_op().then(|| tensor(by_input, input.dims())).transpose()?;
        let by_kernel = tensor(by_kernel, &[width, filters])?;
        Ok((by_input, Some(by_kernel), gradient_of_bias(bias, &gradient)?))
    }
}
