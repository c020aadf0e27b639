use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use handaxe_graph::{Layer, Window};

use super::affine::Affine;
use super::sliding::Sliding;
use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Pushed, Weight};
use crate::Error;
use crate::kernel::columns::sum_rows;

/// Convolution with one filter a channel and multiplier; output channel = channel x multiplier + filter.
pub(super) struct Depthwise {
    affine: Affine,
    operation: Convolve,
}

impl Depthwise {
    pub(super) fn new(
        layer: &Layer,
        window: &Window,
        input: &[usize],
    ) -> std::result::Result<Self, Error> {
        let output = layer.output_shape().to_vec();
        Ok(Self {
            affine: Affine::new(layer, output.last().copied().unwrap_or(0))?,
            operation: Convolve {
                sliding: Arc::new(Sliding::new(window, input)),
                channels: input.last().copied().unwrap_or(0),
                output,
            },
        })
    }
}

impl Node for Depthwise {
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

/// Input `(samples, ...)`, kernel `(taps, outputs)`, bias `(outputs)` to `(samples, ..., outputs)`.
#[derive(Clone)]
struct Convolve {
    sliding: Arc<Sliding>,
    channels: usize,
    /// Shape of the output, without the samples.
    output: Vec<usize>,
}

impl CustomOp3 for Convolve {
    fn name(&self) -> &'static str {
        "depthwise conv"
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
        let (_, outputs) = kernel_layout.shape().dims2()?;
        let kernel = values(kernel, kernel_layout)?;
        let input = values(input, input_layout)?;
        let samples = input.chunks_exact(self.sliding.inputs() * self.channels);
        let mut output = values(bias, bias_layout)?.repeat(samples.len() * self.sliding.outputs());
        let multiplier = outputs / self.channels;
        for (sample, answer) in
            samples.zip(output.chunks_exact_mut(self.sliding.outputs() * outputs))
        {
            for (position, tap, pixel) in self.sliding.runs().iter().flat_map(|run| run.taps()) {
                let pixel = &sample[pixel * self.channels..][..self.channels];
                let filters = kernel[tap * outputs..][..outputs].chunks_exact(multiplier);
                let sums = answer[position * outputs..][..outputs].chunks_exact_mut(multiplier);
                for ((value, filters), sums) in pixel.iter().zip(filters).zip(sums) {
                    sums.iter_mut().zip(filters).for_each(|(sum, weight)| *sum += value * weight);
                }
            }
        }
        let shape = [&[input_layout.dims()[0]], &self.output[..]].concat();
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
        let (taps, outputs) = kernel.dims2()?;
        let (inputs, kernels, gradients) =
            (Operand::new(input)?, Operand::new(kernel)?, Operand::new(gradient)?);
        let mut by_input = vec![0.0; input.elem_count()];
        let mut by_kernel = vec![0.0; taps * outputs];
        let multiplier = outputs / self.channels;
        let size = self.sliding.inputs() * self.channels;
        let samples = inputs.values()?.chunks_exact(size).zip(by_input.chunks_exact_mut(size));
        let all_gradients = gradients.values()?;
        let gradients = all_gradients.chunks_exact(self.sliding.outputs() * outputs);
        for ((sample, by_sample), gradient) in samples.zip(gradients) {
            for (position, tap, pixel) in self.sliding.runs().iter().flat_map(|run| run.taps()) {
                for channel in 0..self.channels {
                    let place = pixel * self.channels + channel;
                    for output in channel * multiplier..(channel + 1) * multiplier {
                        let slope = gradient[position * outputs + output];
                        by_kernel[tap * outputs + output] += slope * sample[place];
                        by_sample[place] += slope * kernels.values()?[tap * outputs + output];
                    }
                }
            }
        }
        Ok((
            Some(tensor(by_input, input.dims())?),
            Some(tensor(by_kernel, &[taps, outputs])?),
            Some(tensor(sum_rows(all_gradients, outputs), &[outputs])?),
        ))
    }
}
