//! One layer, ready to run.

use handaxe_fixed::table::TableFunction;
use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::{Activation, FirmwareLayer, Layer, Model, Op, PoolKind, Quantiser};

use super::Path;
use super::affine::Affine;
use super::cast::Cast;
use super::elements::{Both, Join};
use super::function::Table;
use super::hard::Hard;
use super::kernel::Kernel;
use super::lanes::Scratch;
use super::layer_norm::LayerNorm;
use super::places::{self, Place};
use super::pool::Pool;
use super::softmax::Softmax;
use super::weights;
use crate::Error;
use crate::float::join::repeated;

#[derive(Debug)]
pub(super) enum Node<T> {
    /// An input array.
    Input(FixedType),
    /// The input as it is.
    Same,
    Kernel(Box<Kernel<T>>),
    Affine(Affine<T>),
    LayerNorm(Box<LayerNorm<T>>),
    Hard(Hard<T>),
    Table(Table<T>),
    Softmax(Box<Softmax<T>>),
    Pool(Pool<T>),
    Join(Join),
    Moved(Vec<Place>, Cast),
    Concatenate {
        channels: Vec<usize>,
        casts: Vec<Cast>,
    },
    /// A type for each element, and a cast from the layer's widest.
    Elements(Vec<Option<Cast>>, Cast),
    /// A table addressed by all bits.
    Lookup(Vec<T>),
}

/// What a layer is made of.
pub(super) struct Parts<'a, T> {
    pub(super) model: &'a Model,
    pub(super) layer: &'a Layer,
    pub(super) built: &'a FirmwareLayer,
    pub(super) inputs: Vec<FixedType>,
    /// The smallest and the largest code of the first input.
    pub(super) bounds: (T, T),
    pub(super) path: Path,
}

impl<T: Integer> Parts<'_, T> {
    pub(super) fn node(&self) -> Result<Node<T>, Error> {
        let missing = || Error::NotInFirmware {
            layer: self.layer.name().to_owned(),
            kind: self.layer.op().layer_type().name(),
        };
        if let Some(moved) = self.moved() {
            return moved;
        }
        self.computed().ok_or_else(missing)
    }

    fn from(&self, place: usize) -> &[usize] {
        self.layer.inputs().get(place).map_or(&[], |&id| self.model.layer(id).output_shape())
    }

    fn moved(&self) -> Option<Result<Node<T>, Error>> {
        let cast = Cast::between(self.inputs.first()?, self.built.result());
        let places = places::moved(self.layer.op(), self.from(0), self.layer.output_shape())?;
        Some(places.map(|places| Node::Moved(places, cast)))
    }

    fn computed(&self) -> Option<Node<T>> {
        let built = self.built;
        if built.passes {
            return Some(Node::Same);
        }
        let Some(input) = self.inputs.first() else { return Some(Node::Input(built.result())) };
        let join = |what| {
            let shapes = (0..self.inputs.len()).map(|place| self.from(place));
            let (shape, result) = (self.layer.output_shape(), built.result());
            Some(Node::Join(Join::new(what, &self.inputs, shapes, shape, result)))
        };
        let pool = |kind: PoolKind, window| {
            let shapes = (self.from(0), self.layer.output_shape());
            Some(Node::Pool(Pool::new(kind, window, shapes, input, built)))
        };
        match self.layer.op() {
            op if op.has_kernel() => {
                let kernel =
                    Kernel::new(self.model, self.layer, built, (input, self.bounds), self.path)?;
                Some(Node::Kernel(Box::new(kernel)))
            }
            Op::BatchNorm { .. } => {
                let affine = self.layer.affine()?;
                let factors = weights::factors(&affine.scale, built.types.get("scale")?);
                Affine::new((factors, &affine.shift), built, input).map(Node::Affine)
            }
            Op::LayerNorm { .. } => LayerNorm::new(self.layer, built, input)
                .map(|normalisation| Node::LayerNorm(Box::new(normalisation))),
            Op::Activation { function } => self.function(*function, input),
            Op::Quantise { quantiser } => self.quantiser(quantiser, input),
            Op::PRelu { slopes } => {
                let of = built.types.get("param")?;
                let alpha: Vec<T> = weights::codes(&weights::values(self.layer, "alpha"), of);
                let each = repeated(slopes, self.from(0)).map(|place| alpha[place]).collect();
                Some(Node::Hard(Hard::leaky(input, built, each, of)))
            }
            Op::Pool { kind, window } => pool(*kind, Some(window)),
            Op::GlobalPool { kind } => pool(*kind, None),
            Op::Add => join(Both::Add),
            Op::Subtract => join(Both::Subtract),
            Op::Multiply => join(Both::Multiply),
            Op::Average => join(Both::Average),
            Op::Maximum => join(Both::Maximum),
            Op::Minimum => join(Both::Minimum),
            Op::Concatenate => {
                let channels = (0..self.inputs.len())
                    .map(|place| self.from(place).last().copied().unwrap_or(1))
                    .collect();
                let casts =
                    self.inputs.iter().map(|input| Cast::between(input, built.result())).collect();
                Some(Node::Concatenate { channels, casts })
            }
            Op::Lookup { .. } => {
                let of = built.types.get("table")?;
                let table: Vec<T> = weights::codes(&weights::values(self.layer, "table"), of);
                let cast = Cast::between(of, built.result());
                Some(Node::Lookup(table.into_iter().map(|code| cast.one(code)).collect()))
            }
            _ => None,
        }
    }

    fn function(&self, function: Activation, input: &FixedType) -> Option<Node<T>> {
        let built = self.built;
        let table = |function| Table::new(function, input, built).map(Node::Table);
        match function {
            Activation::Linear => Some(Node::Hard(Hard::linear(input, built))),
            Activation::Relu => Some(Node::Hard(Hard::relu(input, built, None))),
            Activation::ClippedRelu { max, .. } => Some(Node::Hard(Hard::relu(input, built, max))),
            Activation::LeakyRelu { slope } => self.leaky(slope, input),
            Activation::ThresholdedRelu { theta } => {
                Some(Node::Hard(Hard::threshold(input, built, theta)))
            }
            Activation::Elu { alpha } => Table::elu(input, built, alpha).map(Node::Table),
            Activation::HardSigmoid => Hard::clip(input, built, (0.2, 0.5), false).map(Node::Hard),
            Activation::HardTanh => Hard::clip(input, built, (0.5, 0.5), true).map(Node::Hard),
            Activation::Sigmoid => table(TableFunction::Sigmoid),
            Activation::Tanh => table(TableFunction::Tanh),
            Activation::Softplus => table(TableFunction::Softplus),
            Activation::Softsign => table(TableFunction::Softsign),
            Activation::Selu => table(TableFunction::Selu),
            Activation::Softmax => {
                let channels = self.layer.output_shape().last().copied().unwrap_or(1).max(1);
                Softmax::new(channels, *input, built)
                    .map(|softmax| Node::Softmax(Box::new(softmax)))
            }
            _ => None,
        }
    }

    fn leaky(&self, slope: f64, input: &FixedType) -> Option<Node<T>> {
        let of = self.built.types.get("param")?;
        Some(Node::Hard(Hard::leaky(input, self.built, vec![of.cast_f64(slope)], of)))
    }

    fn quantiser(&self, quantiser: &Quantiser, input: &FixedType) -> Option<Node<T>> {
        let built = self.built;
        match quantiser {
            Quantiser::Binary { zero_one: false, .. } | Quantiser::Sign { .. } => {
                Some(Node::Hard(Hard::sign(built)))
            }
            Quantiser::Ternarise { .. } => Some(Node::Hard(Hard::ternary(input, built))),
            // What is rounded, and how, is the result's type.
            Quantiser::Bits { .. } | Quantiser::Integer(_) => {
                Some(Node::Hard(Hard::linear(input, built)))
            }
            Quantiser::Relu { negative_slope: 0.0, .. } => {
                Some(Node::Hard(Hard::relu(input, built, None)))
            }
            Quantiser::Relu { negative_slope, .. } => self.leaky(*negative_slope, input),
            Quantiser::Tanh { real: true, .. } => {
                Table::new(TableFunction::Tanh, input, built).map(Node::Table)
            }
            Quantiser::Sigmoid { real: true, .. } => {
                Table::new(TableFunction::Sigmoid, input, built).map(Node::Table)
            }
            Quantiser::Tanh { .. } => Hard::clip(input, built, (0.5, 0.5), true).map(Node::Hard),
            Quantiser::Sigmoid { .. } => {
                Hard::clip(input, built, (0.5, 0.5), false).map(Node::Hard)
            }
            Quantiser::PerElement { rounding, overflow, shape, .. } => {
                let of = |name| weights::values(self.layer, name);
                let (signed, bits, integers) = (of("keep_negative"), of("bits"), of("integers"));
                let widest = built.types.get("element")?;
                let cast = |place: usize| {
                    let (width, integer) = (bits[place] as u32, integers[place] as i32);
                    let to = FixedType::new(
                        width,
                        integer,
                        signed[place] != 0.0,
                        *rounding,
                        *overflow,
                        0,
                    )
                    .ok()?;
                    Some(Cast::new(input.width, input.fraction(), to))
                };
                let casts = repeated(shape, self.from(0)).map(cast).collect();
                Some(Node::Elements(casts, Cast::between(widest, built.result())))
            }
            _ => None,
        }
    }
}

impl<T: Integer> Node<T> {
    /// Computes a block; input arrays are filled elsewhere.
    pub(super) fn run(
        &self,
        inputs: &[&[T]],
        output: &mut [T],
        lanes: usize,
        scratch: &mut Scratch,
    ) {
        let Some(&input) = inputs.first() else { return };
        match self {
            Self::Input(_) => {}
            Self::Same => output.copy_from_slice(input),
            Self::Kernel(kernel) => kernel.run(input, output, lanes, scratch),
            Self::Affine(affine) => affine.run(input, output, lanes),
            Self::LayerNorm(normalisation) => normalisation.run(input, output, lanes),
            Self::Hard(hard) => hard.run(input, output, lanes),
            Self::Table(table) => table.run(input, output),
            Self::Softmax(softmax) => softmax.run(input, output, lanes),
            Self::Pool(pool) => pool.run(input, output, lanes),
            Self::Join(join) => join.run(inputs, output, lanes),
            Self::Moved(places, cast) => {
                for (place, output) in places.iter().zip(output.chunks_exact_mut(lanes)) {
                    match place {
                        Some(element) => {
                            output.copy_from_slice(&input[element * lanes..(element + 1) * lanes])
                        }
                        None => output.fill(T::from(0)),
                    }
                }
                cast.all(output);
            }
            Self::Concatenate { channels, casts } => {
                concatenate(channels, casts, inputs, output, lanes)
            }
            Self::Elements(casts, widest) => {
                let stretches = input.chunks_exact(lanes).zip(output.chunks_exact_mut(lanes));
                for ((input, output), cast) in stretches.zip(casts) {
                    match cast {
                        Some(cast) => {
                            output.copy_from_slice(input);
                            cast.all(output);
                            widest.aligned(cast, output);
                        }
                        None => output.fill(T::from(0)),
                    }
                }
                widest.all(output);
            }
            Self::Lookup(table) => {
                let last = table.len().max(1) as i64;
                for (output, code) in output.iter_mut().zip(input) {
                    *output = table[code.low_bits().rem_euclid(last) as usize];
                }
            }
        }
    }
}

fn concatenate<T: Integer>(
    channels: &[usize],
    casts: &[Cast],
    inputs: &[&[T]],
    output: &mut [T],
    lanes: usize,
) {
    let whole = channels.iter().sum::<usize>() * lanes;
    let mut start = 0;
    for ((input, channels), cast) in inputs.iter().zip(channels).zip(casts) {
        let width = channels * lanes;
        for (input, output) in input.chunks_exact(width).zip(output.chunks_exact_mut(whole)) {
            let output = &mut output[start..start + width];
            output.copy_from_slice(input);
            cast.all(output);
        }
        start += width;
    }
}
