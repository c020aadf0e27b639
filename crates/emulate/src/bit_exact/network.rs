//! All layers of a model, over integers of one kind.

use std::ops::Range;

use handaxe_data::Tensor;
use handaxe_fixed::{FixedType, Integer, Overflow};
use handaxe_graph::{Activation, FirmwareLayer, LayerId, Model, Op, Quantiser};

use super::cast::Reading;
use super::lanes::Scratch;
use super::node::{Node, Parts};
use super::{LANES, Path};
use crate::Error;

/// The layers, ready to run.
#[derive(Debug)]
pub(super) struct Network<T> {
    nodes: Vec<Step<T>>,
}

#[derive(Debug)]
struct Step<T> {
    node: Node<T>,
    inputs: Vec<usize>,
    /// Elements of the output.
    width: usize,
}

/// The outputs of all layers for a block, kept between blocks.
#[derive(Debug)]
pub(super) struct Buffers<T> {
    outputs: Vec<Vec<T>>,
    scratch: Scratch,
}

impl<T> Default for Buffers<T> {
    fn default() -> Self {
        Self { outputs: Vec::new(), scratch: Scratch::default() }
    }
}

impl<T> Buffers<T> {
    /// A layer's output, element by element, an entry a lane.
    pub(super) fn output(&self, id: LayerId) -> &[T] {
        &self.outputs[id.index()]
    }
}

impl<T: Integer> Network<T> {
    pub(super) fn new(model: &Model, layers: &[FirmwareLayer], path: Path) -> Result<Self, Error> {
        let mut nodes: Vec<Step<T>> = Vec::new();
        let mut bounds: Vec<(T, T)> = Vec::new();
        for ((_, layer), built) in model.layers().zip(layers) {
            let inputs: Vec<usize> = layer.inputs().iter().map(|input| input.index()).collect();
            let result = built.result();
            let first = inputs.first().map(|&input| bounds[input]);
            let parts = Parts {
                model,
                layer,
                built,
                inputs: inputs.iter().map(|&input| layers[input].result()).collect(),
                bounds: first.unwrap_or_else(|| any_code(&result)),
                path,
            };
            let node = parts.node()?;
            let (low, high) = any_code(&result);
            bounds.push(match (&node, first) {
                (Node::Same, Some(first)) => first,
                _ if never_negative(layer.op())
                    && result.overflow != Overflow::Wrap
                    && result.overflow != Overflow::WrapSm =>
                {
                    (T::from(0).max(low), high)
                }
                _ => (low, high),
            });
            let width = layer.output_shape().iter().product();
            nodes.push(Step { node, inputs, width });
        }
        Ok(Self { nodes })
    }

    /// Computes a block of samples; lanes beyond it repeat nothing and hold 0 inputs.
    pub(super) fn run(
        &self,
        inputs: &[Tensor],
        samples: Range<usize>,
        wanted: &[LayerId],
        buffers: &mut Buffers<T>,
    ) {
        let last = wanted.iter().map(|id| id.index()).max().unwrap_or(0);
        buffers.outputs.resize_with(self.nodes.len(), Vec::new);
        let mut given = inputs.iter();
        for (place, step) in self.nodes.iter().enumerate().take(last + 1) {
            let mut output = std::mem::take(&mut buffers.outputs[place]);
            output.resize(step.width * LANES, T::from(0));
            if let Node::Input(of) = &step.node {
                if let Some(input) = given.next() {
                    read(of, input, samples.clone(), &mut output);
                }
            } else {
                let from: Vec<&[T]> =
                    step.inputs.iter().map(|&input| buffers.outputs[input].as_slice()).collect();
                step.node.run(&from, &mut output, LANES, &mut buffers.scratch);
            }
            buffers.outputs[place] = output;
        }
    }
}

/// Casts numbers to codes, sample by sample into lanes.
fn read<T: Integer>(of: &FixedType, input: &Tensor, samples: Range<usize>, output: &mut [T]) {
    let width = input.row_len();
    let reading = Reading::new(of);
    let rows = &input.values()[samples.start * width..samples.end * width];
    let mut lanes = [0.0; LANES];
    for (element, output) in output.chunks_exact_mut(LANES).enumerate() {
        let column = rows.iter().skip(element).step_by(width);
        lanes.iter_mut().zip(column).for_each(|(lane, value)| *lane = *value);
        reading.all(&lanes, output);
    }
}

/// The bounds of a type's codes; symmetric saturation does not keep out what comes by another way.
fn any_code<T: Integer>(of: &FixedType) -> (T, T) {
    let (low, high) = of.codes::<T>();
    (if of.signed { low.min(-high - T::from(1)) } else { low }, high)
}

/// Whether results are 0 or more, wherever they do not wrap; what wraps may take any code.
fn never_negative(op: &Op) -> bool {
    let relu = matches!(
        op,
        Op::Activation { function: Activation::Relu | Activation::ClippedRelu { .. } }
    );
    relu || matches!(op, Op::Quantise { quantiser: Quantiser::Relu { negative_slope: 0.0, .. } })
}

/// Whether numbers are compared with 0 at most, then cast.
fn only_casts(op: &Op) -> bool {
    use Quantiser::{Binary, Bits, Integer, Relu};
    match op {
        Op::Activation { function } => matches!(function, Activation::Relu | Activation::Linear),
        Op::Quantise { quantiser } => {
            matches!(
                quantiser,
                Binary { .. } | Bits { .. } | Integer(_) | Relu { negative_slope: 0.0, .. }
            )
        }
        _ => false,
    }
}

/// Bits of numbers at a common fraction, with room for their sum or difference.
fn summed_bits(of: &[FixedType]) -> u32 {
    let fraction = of.iter().map(FixedType::fraction).max().unwrap_or(0);
    let spans = of.iter().map(|one| one.width + (fraction - one.fraction()) as u32);
    spans.max().unwrap_or(0) + of.len().next_power_of_two().trailing_zeros() + 1
}

/// The same, with room for their product too.
pub(super) fn joined_bits(of: &[FixedType]) -> u32 {
    summed_bits(of).max(of.iter().map(|one| one.width).sum::<u32>() + 1)
}

/// Bits of a product and a sum with another number.
pub(super) fn affine_bits(x: &FixedType, scale: &FixedType, shift: &FixedType) -> u32 {
    summed_bits(&[multiplied(x, scale), *shift])
}

/// The width and the integer bits of a product.
pub(super) fn multiplied(x: &FixedType, by: &FixedType) -> FixedType {
    FixedType { width: x.width + by.width, integer: x.integer + by.integer, is_int: false, ..*x }
}

/// Bits of the widest number that is met anywhere: codes, products, sums and shifted codes.
pub(super) fn bits(model: &Model, layers: &[FirmwareLayer]) -> u32 {
    let mut most = 0;
    for ((_, layer), built) in model.layers().zip(layers) {
        let widest = built
            .types
            .values()
            .map(|of| of.width + of.integer.unsigned_abs().saturating_sub(of.width))
            .max();
        most = most.max(widest.unwrap_or(0) + 2);
        let inputs: Vec<FixedType> =
            layer.inputs().iter().map(|input| layers[input.index()].result()).collect();
        let Some(input) = inputs.first() else { continue };
        let tables = built.table_size.next_power_of_two().trailing_zeros() + 2;
        let of = |variable: &str| built.types.get(variable);
        let of_op = match layer.op() {
            op if op.has_kernel() => {
                of("weight").map_or(0, |weight| input.width + weight.width + 1)
            }
            Op::BatchNorm { .. } if !built.passes => match (of("scale"), of("bias")) {
                (Some(scale), Some(bias)) => affine_bits(input, scale, bias),
                _ => 0,
            },
            Op::Pool { .. } | Op::GlobalPool { .. } => {
                of("accum").map_or(0, |accum| joined_bits(&[*accum, *input]))
            }
            Op::LayerNorm { .. } => match (of("accum"), of("table"), of("scale"), of("bias")) {
                (Some(accum), Some(table), Some(scale), Some(bias)) => {
                    let range = built.inverse_roots.map_or(0, |roots| roots.range_power);
                    let above = accum.integer.unsigned_abs().saturating_sub(accum.width);
                    affine_bits(&multiplied(accum, table), scale, bias)
                        .max(2 * accum.width + 1)
                        .max(accum.width + above + tables + range)
                }
                _ => 0,
            },
            op if only_casts(op) => {
                let result = built.result();
                input.width + (result.fraction() - input.fraction()).max(0) as u32 + 2
            }
            Op::Activation { .. } | Op::Quantise { .. } | Op::PRelu { .. } => {
                let variables =
                    ["param", "slope", "table", "accum", "exp_table", "inv_table", "inv_inp"];
                let constants = variables.iter().filter_map(|variable| of(variable));
                let products = constants.map(|one| joined_bits(&[*input, *one]).max(2 * one.width));
                let shifted = input.integer.unsigned_abs().saturating_sub(input.width);
                products.max().unwrap_or(0).max(input.width + shifted + tables.max(17))
            }
            Op::Concatenate => {
                inputs.iter().map(|one| joined_bits(&[*input, *one])).max().unwrap_or(0)
            }
            _ if inputs.len() > 1 => joined_bits(&inputs),
            _ => 0,
        };
        most = most.max(of_op + 1);
    }
    most
}
