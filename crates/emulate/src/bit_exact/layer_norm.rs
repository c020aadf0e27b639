//! A layer normalisation: mean and variance of each stretch of the last axis in the accumulator's type, 1 / sqrt by table.

use handaxe_fixed::table::{inverse_root_table, toward_zero};
use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::{FirmwareLayer, Layer};

use super::affine::Affine;
use super::cast::Cast;
use super::network::multiplied;
use super::weights;

#[derive(Debug)]
pub(super) struct LayerNorm<T> {
    channels: usize,
    accum: FixedType,
    /// 1 / channels in the accumulator's type.
    share: T,
    /// To the accumulator: from the input, from a sum or difference of two of its numbers, from their product.
    enter: Cast,
    sum: Cast,
    product: Cast,
    table: Vec<T>,
    range_power: u32,
    /// What is done to what is normalised.
    affine: Affine<T>,
}

impl<T: Integer> LayerNorm<T> {
    pub(super) fn new(layer: &Layer, built: &FirmwareLayer, input: &FixedType) -> Option<Self> {
        let (accum, table) = (*built.types.get("accum")?, built.types.get("table")?);
        let channels = layer.output_shape().last().copied().unwrap_or(1).max(1);
        let roots = built.inverse_roots?;
        let range_power = roots.range_power as i32;
        let standard = multiplied(&accum, table);
        let [scale, shift] = ["gamma", "beta"].map(|name| weights::values(layer, name));
        Some(Self {
            channels,
            accum,
            share: accum.cast_f64(1.0 / channels as f64),
            enter: Cast::between(input, accum),
            sum: Cast::new(accum.width + 1, accum.fraction(), accum),
            product: Cast::new(2 * accum.width, 2 * accum.fraction(), accum),
            table: inverse_root_table(built.table_size, roots.epsilon_power, range_power, table),
            range_power: roots.range_power,
            affine: Affine::new(
                (weights::codes(&scale, built.types.get("scale")?), &shift),
                built,
                &standard,
            )?,
        })
    }

    pub(super) fn run(&self, input: &[T], output: &mut [T], lanes: usize) {
        let width = self.channels * lanes;
        let mut standard = vec![T::from(0); width];
        for (input, output) in input.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
            standard.copy_from_slice(input);
            self.enter.all(&mut standard);
            let means = self.means(&standard, lanes);
            for codes in standard.chunks_exact_mut(lanes) {
                codes.iter_mut().zip(&means).for_each(|(code, mean)| *code = *code - *mean);
            }
            self.sum.all(&mut standard);
            let mut squares: Vec<T> = standard.iter().map(|code| code.times(*code)).collect();
            self.product.all(&mut squares);
            let variances = self.means(&squares, lanes).into_iter();
            let roots: Vec<T> = variances.map(|variance| self.inverse_root(variance)).collect();
            for codes in standard.chunks_exact_mut(lanes) {
                codes.iter_mut().zip(&roots).for_each(|(code, root)| *code = code.times(*root));
            }
            self.affine.run(&standard, output, lanes);
        }
    }

    /// The mean of each lane: its sum is kept in the accumulator's type step by step, and so is the sum's product with 1 / channels.
    fn means(&self, codes: &[T], lanes: usize) -> Vec<T> {
        let mut sums = vec![T::from(0); lanes];
        for codes in codes.chunks_exact(lanes) {
            sums.iter_mut().zip(codes).for_each(|(sum, code)| *sum = *sum + *code);
            self.sum.all(&mut sums);
        }
        sums.iter_mut().for_each(|sum| *sum = sum.times(self.share));
        self.product.all(&mut sums);
        sums
    }

    /// The entry of a variance. Its place is an `int` in C++: of one that does not fit the low 32 bits count.
    fn inverse_root(&self, variance: T) -> T {
        let steps = variance.times(T::from(self.table.len() as i64)) << self.range_power;
        let place = toward_zero(steps, self.accum.fraction()).low_bits() as i32;
        self.table[usize::try_from(place).unwrap_or(0).min(self.table.len() - 1)]
    }
}
