//! Quantisers in f32, step for step as QKeras 0.9 and HGQ 0.2 compute them, so that results agree to the bit but for what
//! their straight-through sums x + (q - x) lose.

mod fitted;

use handaxe_data::Tensor;
use handaxe_fixed::{Overflow, Rounding};
use handaxe_graph::{Quantiser, Scale};

/// What `quantiser` makes of a weight. Scales are fitted to each channel, an entry of the last axis.
/// [`Quantiser::PerElement`] needs types of its own and leaves the array as it is.
pub fn quantise(quantiser: &Quantiser, weight: &Tensor) -> Tensor {
    let mut rounded = weight.clone();
    quantise_in_place(quantiser, &mut rounded);
    rounded
}

/// The same in the weight's own memory.
pub fn quantise_in_place(quantiser: &Quantiser, weight: &mut Tensor) {
    if !fitted::quantise(quantiser, weight) {
        let shape = weight.shape().to_vec();
        round_each(quantiser, weight.values_mut(), &shape);
    }
}

/// Quantises an array of `shape` element by element; for quantisers whose scales are numbers.
pub(crate) fn round_each(quantiser: &Quantiser, values: &mut [f32], shape: &[usize]) {
    if let Quantiser::Integer(codes) = quantiser {
        return codes.round(values, shape);
    }
    values.iter_mut().for_each(|value| *value = element(quantiser, *value));
}

fn element(quantiser: &Quantiser, x: f32) -> f32 {
    match *quantiser {
        Quantiser::Bits { bits, integer, keep_negative, symmetric, alpha } => {
            scale(alpha) * bits_element(x, bits, integer, keep_negative, symmetric)
        }
        Quantiser::Relu { bits, integer, negative_slope, use_sigmoid } => {
            relu(x, bits, integer, negative_slope as f32, use_sigmoid)
        }
        Quantiser::Po2 { bits, max_value, quadratic, floor, relu } => {
            Po2::new(bits, max_value, quadratic, floor, relu.is_some()).element(x, relu)
        }
        Quantiser::Binary { zero_one, alpha } => {
            let sign = if x < 0.0 { -1.0 } else { 1.0 };
            scale(alpha) * if zero_one { (sign + 1.0) / 2.0 } else { sign }
        }
        Quantiser::Ternary { threshold, alpha, .. } => {
            let kept = x.abs() >= threshold.unwrap_or(0.33) as f32;
            scale(alpha) * if kept { sign(x) } else { 0.0 }
        }
        Quantiser::Tanh { bits, symmetric, real } => {
            let m = power(bits as i32 - 1);
            let p = if real { x.tanh() } else { 2.0 * hard_sigmoid(x) - 1.0 };
            let low = -1.0 + if symmetric { 1.0 / m } else { 0.0 };
            ((p * m).round_ties_even() / m).clamp(low, (1.0 - 1.0 / m).max(low))
        }
        Quantiser::Sigmoid { bits, symmetric, real } => {
            let m = power(bits as i32);
            let p = if real { 1.0 / (1.0 + (-x).exp()) } else { hard_sigmoid(x) };
            let low = if symmetric { 1.0 / m } else { 0.0 };
            ((p * m).round_ties_even() / m).clamp(low, (1.0 - 1.0 / m).max(low))
        }
        Quantiser::Sign { scale } => {
            // 2 round(clip(x / 2 + 1 / 2)) - 1: the half at 0 is rounded to even, which is -1.
            let hard = (0.5 * (x / scale as f32) + 0.5).clamp(0.0, 1.0);
            scale as f32 * (2.0 * hard.round_ties_even() - 1.0)
        }
        Quantiser::Ternarise { scale } => {
            let ratio = x / scale as f32;
            let code = f32::from(u8::from(ratio > 0.5)) - f32::from(u8::from(ratio <= -0.5));
            scale as f32 * code
        }
        Quantiser::Truncate { ref codes, kept } => codes.truncated(x, kept),
        Quantiser::Integer(_) | Quantiser::PerElement { .. } => x,
    }
}

/// A scale that is a number; fitted ones are dealt with elsewhere.
fn scale(alpha: Scale) -> f32 {
    if let Scale::Value(value) = alpha { value as f32 } else { 1.0 }
}

/// 2^exponent.
fn power(exponent: i32) -> f32 {
    2f32.powi(exponent)
}

/// -1, 0 or 1; unlike [`f32::signum`], 0 has no sign.
fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

fn hard_sigmoid(x: f32) -> f32 {
    (0.5 * x + 0.5).clamp(0.0, 1.0)
}

fn bits_element(x: f32, bits: u32, integer: i32, keep_negative: bool, symmetric: bool) -> f32 {
    let unsigned = bits as i32 - i32::from(keep_negative);
    if unsigned == 0 {
        return if x < 0.0 { -1.0 } else { 1.0 };
    }
    let (m, mi) = (power(unsigned), power(integer));
    let low = if keep_negative { -m + f32::from(u8::from(symmetric)) } else { 0.0 };
    mi * (x * m / mi).round_ties_even().clamp(low, (m - 1.0).max(low)) / m
}

fn relu(x: f32, bits: u32, integer: i32, slope: f32, use_sigmoid: bool) -> f32 {
    let (m, mi) = (power(bits as i32 - i32::from(slope != 0.0)), power(integer));
    let p = if use_sigmoid { hard_sigmoid(x / mi) * m } else { x * m / mi };
    let line = |rounded: f32| if use_sigmoid { 2.0 * rounded - 1.0 } else { rounded };
    let positive = mi * line(p.round_ties_even() / m).clamp(0.0, 1.0 - 1.0 / m);
    if slope == 0.0 {
        return positive;
    }
    let negative = line((p * slope).round_ties_even() / (slope * m));
    positive + mi * slope * negative.clamp(-1.0, 0.0)
}

/// QKeras' powers of two.
struct Po2 {
    least: f32,
    most: f32,
    max_value: Option<f32>,
    quadratic: bool,
    floor: bool,
}

impl Po2 {
    /// Keras' epsilon: what is smaller counts as 0.
    const EPSILON: f32 = 1e-7;

    fn new(bits: u32, max_value: Option<f64>, quadratic: bool, floor: bool, relu: bool) -> Self {
        let exponent_sign = i32::from(max_value.is_none_or(|value| value > 1.0));
        let effective = bits as i32 - i32::from(!relu) - exponent_sign;
        let reach = power(effective);
        let most = if quadratic { 2.0 * ((reach - 1.0) / 2.0).floor() } else { reach - 1.0 };
        let max_value = max_value.map(|value| value as f32);
        Self { least: -reach, most, max_value, quadratic, floor }
    }

    fn element(&self, x: f32, relu: Option<f64>) -> f32 {
        match relu {
            None if x < 0.0 => -self.exponent(-x).exp2(),
            None => self.exponent(x).exp2(),
            Some(slope) if x < 0.0 && slope != 0.0 => -self.exponent(-x * slope as f32).exp2(),
            Some(_) => self.exponent(x.max(0.0)).exp2(),
        }
    }

    fn exponent(&self, x: f32) -> f32 {
        if x < Self::EPSILON {
            return self.least;
        }
        let x = self.max_value.map_or(x, |most| x.min(most));
        let (factor, x) = if self.quadratic { (2.0, x.sqrt()) } else { (1.0, x) };
        let log = x.ln() / std::f32::consts::LN_2;
        let log = if self.floor { log.floor() } else { log.round_ties_even() };
        factor * log.clamp(self.least, self.most)
    }
}

/// HGQ's generalised fixed point: `bits` in all, `integers` of them before the point, the sign among both.
pub(crate) fn fixed(
    x: f32,
    signed: bool,
    bits: f32,
    integers: f32,
    rounding: Rounding,
    overflow: Overflow,
) -> f32 {
    if bits == 0.0 {
        return 0.0;
    }
    let scale = (bits - integers).exp2();
    let sign_bit = f32::from(u8::from(signed));
    let high = (bits - sign_bit).exp2() - 1.0;
    let low = -(high + 1.0) * sign_bit;
    overflowed(rounded(x * scale, rounding), low, high, overflow) / scale
}

fn rounded(x: f32, rounding: Rounding) -> f32 {
    match rounding {
        Rounding::Trn => x.floor(),
        Rounding::TrnZero => x.trunc(),
        Rounding::Rnd => (x + 0.5).floor(),
        Rounding::RndZero => -sign(x) * (-x.abs() + 0.5).floor(),
        Rounding::RndMinInf => -(-x + 0.5).floor(),
        Rounding::RndInf => sign(x) * (x.abs() + 0.5).floor(),
        Rounding::RndConv => x.round_ties_even(),
    }
}

fn overflowed(x: f32, low: f32, high: f32, overflow: Overflow) -> f32 {
    let span = high - low + 1.0;
    match overflow {
        Overflow::Wrap => (x - low).rem_euclid(span) + low,
        Overflow::WrapSm => {
            let mapped = (x - high - 1.0).rem_euclid(2.0 * span);
            (mapped - span + 0.5).abs() - 0.5 + low
        }
        Overflow::Sat => x.max(low).min(high),
        Overflow::SatZero => {
            if (low..=high).contains(&x) {
                x
            } else {
                0.0
            }
        }
        Overflow::SatSym => x.max(if low < 0.0 { -high } else { 0.0 }).min(high),
    }
}
