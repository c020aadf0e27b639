//! Layers with a kernel: sums of products, kept in the accumulator's type step by step.

use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::{FirmwareLayer, Layer, Model, Op};

use super::Path;
use super::cast::Cast;
use super::lanes::{Lanes, Scratch};
use super::weights;
use crate::float::window::Taps;

/// A tap sees padding there.
pub(super) const PADDING: u32 = u32::MAX;

/// One output channel: what its sum begins with, and its terms in the order of the firmware. Terms of weight 0 change nothing and
/// are left out.
#[derive(Debug)]
pub(super) struct Row<T> {
    pub(super) bias: T,
    /// Which input of the window, and its weight.
    pub(super) terms: Vec<(u32, T)>,
}

/// Where a window's inputs lie, for every position of the output.
#[derive(Debug)]
pub(super) struct Gather {
    /// Inputs of a window.
    pub(super) fan_in: usize,
    /// For each position and input, the element of the layer's input.
    pub(super) elements: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Kernel<T> {
    gather: Gather,
    rows: Vec<Row<T>>,
    accum: FixedType,
    /// Fraction of a product.
    fraction: i32,
    /// To the kernel's own result type, and from there on.
    results: [Cast; 2],
    lanes: Option<Lanes>,
}

impl<T: Integer> Kernel<T> {
    pub(super) fn new(
        model: &Model,
        layer: &Layer,
        built: &FirmwareLayer,
        input: (&FixedType, (T, T)),
        path: Path,
    ) -> Option<Self> {
        let (of, bounds) = input;
        let from = model.layer(*layer.inputs().first()?).output_shape();
        let (weight, bias, accum) =
            (built.types.get("weight")?, built.types.get("bias")?, *built.types.get("accum")?);
        let gather = Gather::new(layer.op(), from, layer.output_shape());
        let (kernel, shift) = folded(model, layer, built);
        let shape = layer.kernel()?.shape();
        let codes: Vec<T> = weights::factors(&kernel, weight);
        let mut biases: Vec<T> = weights::codes(&shift, bias)
            .iter()
            .map(|&code: &T| accum.cast(code, bias.fraction()))
            .collect();
        let mut rows = rows(layer.op(), &codes, shape, built.stride);
        biases.resize(rows.len(), T::from(0));
        rows.iter_mut().zip(biases).for_each(|(row, bias)| row.bias = bias);
        let result = built.result();
        let own = built.types.get("kernel_result").copied().unwrap_or(result);
        let fraction = of.fraction() + weight.fraction();
        let lanes = match path {
            Path::Fast => Lanes::new(&rows, bounds, fraction, &accum),
            Path::Exact => None,
        };
        let results = [Cast::between(&accum, own), Cast::between(&own, result)];
        Some(Self { gather, rows, accum, fraction, results, lanes })
    }

    pub(super) fn run(&self, input: &[T], output: &mut [T], lanes: usize, scratch: &mut Scratch) {
        match (&self.lanes, T::narrow(input)) {
            (Some(fast), Some(input)) => {
                if let Some(output) = T::narrow_mut(output) {
                    fast.run(&self.gather, input, output, scratch);
                }
            }
            _ => self.step_by_step(input, output, lanes),
        }
        self.results.iter().for_each(|cast| cast.all(output));
    }

    /// As it is written in C++: each product is cast to the accumulator's type, and so is each sum.
    fn step_by_step(&self, input: &[T], output: &mut [T], lanes: usize) {
        let fraction = self.accum.fraction();
        let mut outputs = output.chunks_exact_mut(lanes);
        for elements in self.gather.elements.chunks_exact(self.gather.fan_in) {
            for (row, sums) in self.rows.iter().zip(&mut outputs) {
                sums.fill(row.bias);
                for &(place, weight) in &row.terms {
                    let element = elements[place as usize];
                    if element == PADDING {
                        continue;
                    }
                    let start = element as usize * lanes;
                    for (sum, code) in sums.iter_mut().zip(&input[start..start + lanes]) {
                        let product = self.accum.cast(code.times(weight), self.fraction);
                        *sum = self.accum.cast(*sum + product, fraction);
                    }
                }
            }
        }
    }
}

/// Kernel and bias as they are computed with, a batch normalisation folded in; in f32 as hls4ml computes them.
pub(super) fn folded(model: &Model, layer: &Layer, built: &FirmwareLayer) -> (Vec<f32>, Vec<f32>) {
    let (mut kernel, mut bias) = (weights::values(layer, "kernel"), weights::values(layer, "bias"));
    if let Some(affine) = built.folds.and_then(|id| model.layer(id).affine()) {
        let channels = affine.scale.len();
        kernel
            .iter_mut()
            .enumerate()
            .for_each(|(place, weight)| *weight *= affine.scale[place % channels]);
        bias.resize(channels, 0.0);
        let terms = bias.iter_mut().zip(&affine.scale).zip(&affine.shift);
        terms.for_each(|((bias, scale), shift)| *bias = scale * *bias + shift);
    }
    (kernel, bias)
}

/// The terms of every output channel; biases are filled in later.
fn rows<T: Integer>(op: &Op, codes: &[T], shape: &[usize], stride: usize) -> Vec<Row<T>> {
    let zero = T::from(0);
    let last = shape.last().copied().unwrap_or(1).max(1);
    let row = |terms: Vec<(u32, T)>| Row {
        bias: zero,
        terms: terms.into_iter().filter(|term| term.1 != zero).collect(),
    };
    if let Op::DepthwiseConv { multiplier, .. } = op {
        let filters = shape.iter().rev().take(2).product::<usize>().max(1);
        let channels = filters / multiplier;
        let terms = |filter: usize| {
            let taps = codes.iter().skip(filter).step_by(filters).enumerate();
            taps.map(|(tap, code)| ((tap * channels + filter / multiplier) as u32, *code)).collect()
        };
        return (0..filters).map(|filter| row(terms(filter))).collect();
    }
    let fan_in = codes.len() / last;
    let order: Vec<usize> = (0..stride).flat_map(|first| (first..fan_in).step_by(stride)).collect();
    (0..last)
        .map(|filter| {
            row(order.iter().map(|&place| (place as u32, codes[place * last + filter])).collect())
        })
        .collect()
}

impl Gather {
    fn new(op: &Op, from: &[usize], to: &[usize]) -> Self {
        let channels = from.last().copied().unwrap_or(1).max(1);
        let (Op::Conv { window, .. } | Op::DepthwiseConv { window, .. }) = op else {
            return Self {
                fan_in: channels,
                elements: (0..from.iter().product::<usize>() as u32).collect(),
            };
        };
        let positions = to[..window.size.len()].iter().product::<usize>();
        let fan_in = window.size.iter().product::<usize>() * channels;
        let mut elements = vec![PADDING; positions * fan_in];
        Taps::new(window, from, to).visit(|position, tap, element| {
            let start = position * fan_in + tap * channels;
            for (channel, place) in elements[start..start + channels].iter_mut().enumerate() {
                *place = (element * channels + channel) as u32;
            }
        });
        Self { fan_in, elements }
    }
}
