//! The weights that make one output of a layer, and what each of them adds to a constant.

use handaxe_graph::{Layer, Op, Window};

use super::channels;

/// The weights of a layer that multiplies channels by them.
pub(super) struct Kernel<'a> {
    weights: &'a [f32],
    bias: &'a [f32],
    outputs: usize,
    /// For each tap, whether it meets data wherever the window lies, and never padding.
    inside: Vec<bool>,
    reads: Reads,
}

/// Which input channels an output is made of.
#[derive(Clone, Copy)]
enum Reads {
    /// All of these many.
    All(usize),
    /// One; a channel makes these many outputs.
    One { multiplier: usize },
}

/// A weight in the sum that an output is.
#[derive(Clone, Copy)]
pub(super) struct Term {
    /// The input channel that it multiplies.
    pub(super) channel: usize,
    weight: f32,
    inside: bool,
}

impl Term {
    /// What it adds to the output where the input channel is `constant`; none if that depends on the data or on the
    /// place in the picture.
    pub(super) fn constant(self, constant: Option<f64>) -> Option<f64> {
        if self.weight == 0.0 {
            return Some(0.0);
        }
        let constant = constant.filter(|&value| value == 0.0 || self.inside)?;
        Some(f64::from(self.weight) * constant)
    }
}

impl<'a> Kernel<'a> {
    /// The kernel of a layer that reads `input`; none if it has none.
    pub(super) fn new(layer: &'a Layer, input: &Layer) -> Option<Self> {
        let (inside, reads) = match layer.op() {
            Op::Dense { .. } => (vec![true], Reads::All(channels(input))),
            Op::Conv { window, .. } => (inside(window, input), Reads::All(channels(input))),
            Op::DepthwiseConv { window, multiplier, .. } => {
                (inside(window, input), Reads::One { multiplier: *multiplier })
            }
            _ => return None,
        };
        let bias = layer.weight("bias").map_or(&[][..], |bias| bias.values());
        let outputs = channels(layer);
        Some(Self { weights: layer.kernel()?.values(), bias, outputs, inside, reads })
    }

    /// The weights of an output.
    pub(super) fn terms(&self, output: usize) -> impl Iterator<Item = Term> {
        let column = self.weights.iter().skip(output).step_by(self.outputs).enumerate();
        column.map(move |(row, &weight)| {
            let (tap, channel) = match self.reads {
                Reads::All(count) => (row / count, row % count),
                Reads::One { multiplier } => (row, output / multiplier),
            };
            Term { channel, weight, inside: self.inside[tap] }
        })
    }

    /// The value of an output where those of the input's channels are `constants`; none if it depends on the data.
    pub(super) fn constant(&self, output: usize, constants: &[Option<f64>]) -> Option<f64> {
        let bias = f64::from(self.bias.get(output).copied().unwrap_or(0.0));
        self.terms(output)
            .try_fold(bias, |sum, term| Some(sum + term.constant(constants[term.channel])?))
    }

    /// Whether an output is one of many channels, and not of its own one only.
    pub(super) fn mixes(&self) -> bool {
        matches!(self.reads, Reads::All(_))
    }
}

/// For each tap of a window, row-major, whether it is over the input wherever the window lies.
fn inside(window: &Window, input: &Layer) -> Vec<bool> {
    let extents = input.output_shape();
    let axes = window.size.iter().zip(&window.strides).zip(extents).zip(window.padding_of(extents));
    let mut taps = vec![true];
    for (((&size, &stride), &extent), (before, after)) in axes {
        // The last window starts this far after the first.
        let reach = (before + extent + after).saturating_sub(size) / stride * stride;
        let along = |tap: usize| before <= tap && tap + reach < before + extent;
        taps =
            taps.iter().flat_map(|&outer| (0..size).map(move |tap| outer && along(tap))).collect();
    }
    taps
}
