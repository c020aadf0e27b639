//! The tables by which firmware computes activations. Entries are computed in `f32` and `f64` as hls4ml's generated C++ does, with
//! `exp` in `f64` rounded to `f32`, which equals glibc's `expf` on every entry.

use crate::{FixedType, Integer};

/// A function that firmware looks up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFunction {
    /// 1 / (1 + exp(-x)) on [-8, 8).
    Sigmoid,
    /// tanh(x) on [-4, 4).
    Tanh,
    /// ln(exp(x) + 1) on [-8, 8).
    Softplus,
    /// x / (|x| + 1) on [-8, 8).
    Softsign,
    /// exp(x) - 1 on (-8, 0], entries from 0 downwards.
    Elu,
    /// Its scaled form, Klambauer et al. 2017, arXiv:1706.02515.
    Selu,
    /// exp(x) on [-8, 8).
    Exponential,
    /// 1 / x on [0, 64), 0 at 0.
    Inverse,
}

impl TableFunction {
    /// Where the first entry lies, and the distance that all entries cover.
    pub fn range(self) -> (f64, f64) {
        match self {
            Self::Sigmoid | Self::Softplus | Self::Softsign | Self::Exponential => (-8.0, 16.0),
            Self::Tanh => (-4.0, 8.0),
            Self::Elu | Self::Selu => (0.0, -8.0),
            Self::Inverse => (0.0, 64.0),
        }
    }

    fn at(self, x: f32) -> f64 {
        let wide = f64::from(x);
        match self {
            Self::Sigmoid => f64::from((1.0 / f64::from(1.0 + exp(-x))) as f32),
            Self::Tanh => wide.tanh(),
            Self::Softplus => f64::from((f64::from(exp(x)) + 1.0).ln() as f32),
            Self::Softsign => f64::from((wide / (wide.abs() + 1.0)) as f32),
            Self::Elu => f64::from((f64::from(exp(x)) - 1.0) as f32),
            Self::Selu => {
                let curve = 1.673_263_242_354_377_2 * (f64::from(exp(x)) - 1.0);
                f64::from((1.050_700_987_355_480_5 * curve) as f32)
            }
            Self::Exponential => f64::from(exp(x)),
            Self::Inverse => {
                if x > 0.0 {
                    1.0 / wide
                } else {
                    0.0
                }
            }
        }
    }

    /// The table of `size` entries of `entry`'s codes.
    pub fn table<T: Integer>(self, size: usize, entry: &FixedType) -> Vec<T> {
        let (first, covered) = self.range();
        let entries = size as f64;
        let x =
            |place: usize| (covered * (place as f64 + first / covered * entries) / entries) as f32;
        (0..size).map(|place| entry.cast_f64(self.at(x(place)))).collect()
    }

    /// The entry that stands for `code * 2^-fraction`; the fraction's bits below the step are cut off toward zero.
    pub fn index<T: Integer>(self, code: T, fraction: i32, size: usize) -> usize {
        let (first, covered) = self.range();
        let steps = code.times(T::from(size as i64));
        // Toward zero by the range first, then by the fraction: one after the other gives what both at once would.
        let steps = toward_zero(steps.over(covered as i64), fraction);
        let offset = (-first / covered * size as f64) as i64;
        let place =
            steps.to_i64().map_or(if steps < T::from(0) { i64::MIN } else { i64::MAX }, |s| {
                s.saturating_add(offset)
            });
        place.clamp(0, size as i64 - 1) as usize
    }
}

/// `code * 2^-fraction` without its fractional part.
pub fn toward_zero<T: Integer>(code: T, fraction: i32) -> T {
    let zero = T::from(0);
    let magnitude = if code < zero { -code } else { code };
    let whole = match u32::try_from(fraction) {
        Ok(drop) if drop >= T::BITS => zero,
        Ok(drop) => magnitude >> drop,
        Err(_) => magnitude << fraction.unsigned_abs(),
    };
    if code < zero { -whole } else { whole }
}

/// exp(x) of `softmax`'s tables: entry `i` is the value of the number whose `address` highest bits are `i`, negated if asked.
pub fn exponential_table<T: Integer>(
    of: &FixedType,
    size: usize,
    negated: bool,
    entry: &FixedType,
) -> Vec<T> {
    let sign = if negated { -1.0 } else { 1.0 };
    (0..size)
        .map(|place| entry.cast_f64(f64::from(exp(sign * high_bits(of, size, place)))))
        .collect()
}

/// 1 / x of `softmax`'s tables; the entry for 0 is what infinity becomes, the largest number.
pub fn inverse_table<T: Integer>(of: &FixedType, size: usize, entry: &FixedType) -> Vec<T> {
    let inverse = |place: usize| {
        let x = high_bits(of, size, place);
        if x == 0.0 { entry.codes().1 } else { entry.cast_f64(f64::from(1.0 / x)) }
    };
    (0..size).map(inverse).collect()
}

/// 1 / sqrt(x) of a layer normalisation's table: `size` entries from 10^-`epsilon_power` on, in steps of 2^-`range_power` / `size`.
pub fn inverse_root_table<T: Integer>(
    size: usize,
    epsilon_power: i32,
    range_power: i32,
    entry: &FixedType,
) -> Vec<T> {
    let first = 10f64.powi(-epsilon_power) as f32;
    let step = 2f32.powi(-range_power) / size as f32;
    let inverse_root = |x: f32| 1.0 / f64::from(x.sqrt());
    (0..size).map(|place| entry.cast_f64(inverse_root(first + step * place as f32))).collect()
}

/// Which entry of a table the highest bits of a code choose.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    width: u32,
    shift: u32,
}

impl Address {
    /// Of a table of `size` entries, by codes of type `of`.
    pub fn new(of: &FixedType, size: usize) -> Self {
        let bits = size.next_power_of_two().trailing_zeros();
        Self { width: of.width, shift: of.width.saturating_sub(bits) }
    }

    /// The entry of one code.
    pub fn of<T: Integer>(self, code: T) -> usize {
        let bits = code & !(-T::from(1) << self.width);
        (bits >> self.shift).low_bits() as usize
    }
}

/// The value of the number of type `of` whose highest bits are `place`, the others 0.
fn high_bits(of: &FixedType, size: usize, place: usize) -> f32 {
    let address = size.next_power_of_two().trailing_zeros() as i32;
    let half = 1 << (address - 1).max(0);
    let place = place as i64;
    let code = if of.signed && place >= half { place - 2 * half } else { place };
    (code as f64 * 2f64.powi(of.integer - address)) as f32
}

fn exp(x: f32) -> f32 {
    f64::from(x).exp() as f32
}
