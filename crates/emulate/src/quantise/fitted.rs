//! Scales fitted to each channel by least squares (QKeras' `alpha="auto"` and `"auto_po2"`).

use handaxe_data::Tensor;
use handaxe_graph::{Quantiser, Scale};

use super::{power, sign};

/// Keras' epsilon.
const EPSILON: f32 = 1e-7;
/// Rounds in which a power of two is refined.
const ROUNDS: u32 = 5;

/// Quantises `weight` if the quantiser has a fitted scale.
pub(super) fn quantise(quantiser: &Quantiser, weight: &mut Tensor) -> bool {
    let (Quantiser::Bits { alpha, .. }
    | Quantiser::Binary { alpha, .. }
    | Quantiser::Ternary { alpha, .. }) = *quantiser
    else {
        return false;
    };
    if matches!(alpha, Scale::Value(_)) {
        return false;
    }
    let fit = Fit { po2: alpha == Scale::AutoPo2, flat: weight.shape().len() < 2 };
    // What shares a scale: entries of equal place on the last axis.
    let last = weight.shape().last().copied().unwrap_or(1);
    let step = if fit.flat { 1 } else { last }; // a flat weight is one channel
    let values = weight.values_mut();
    for start in 0..step {
        let channel: Vec<f32> = values.iter().skip(start).step_by(step).copied().collect();
        let rounded = match *quantiser {
            Quantiser::Bits { bits, integer, keep_negative, .. } => {
                fit.fixed_point(&channel, bits, integer, keep_negative)
            }
            Quantiser::Binary { zero_one, .. } => fit.binary(&channel, zero_one),
            Quantiser::Ternary { unrolls, .. } => fit.ternary(&channel, unrolls),
            _ => channel,
        };
        let slots = values.iter_mut().skip(start).step_by(step);
        slots.zip(rounded).for_each(|(slot, rounded)| *slot = rounded);
    }
    true
}

/// How scales are found.
#[derive(Clone, Copy)]
struct Fit {
    po2: bool,
    /// A weight of one axis, a bias: QKeras then fits a scale to each value.
    flat: bool,
}

impl Fit {
    /// The scales by which codes come nearest to values.
    fn scales(self, values: &[f32], codes: &[f32]) -> Vec<f32> {
        let scale = |product: f32, square: f32| self.rounded(product / (square + EPSILON));
        let pairs = values.iter().zip(codes);
        if self.flat {
            return pairs.map(|(value, code)| scale(value * code, code * code)).collect();
        }
        let count = values.len() as f64;
        let product: f64 = pairs.map(|(&value, &code)| f64::from(value * code)).sum();
        let square: f64 = codes.iter().map(|&code| f64::from(code * code)).sum();
        vec![scale((product / count) as f32, (square / count) as f32); values.len()]
    }

    /// The nearest power of two, if that is wanted.
    fn rounded(self, scale: f32) -> f32 {
        if !self.po2 {
            return scale;
        }
        ((scale + EPSILON).ln() / std::f32::consts::LN_2).round_ties_even().exp2()
    }

    fn fixed_point(self, values: &[f32], bits: u32, integer: i32, keep_negative: bool) -> Vec<f32> {
        let (m, mi) = (power(bits as i32 - i32::from(keep_negative)), power(integer));
        let most = power(bits as i32 - 1) - 1.0;
        let values: Vec<f32> = values.iter().map(|value| value / mi).collect();
        let codes = |scales: &[f32]| -> Vec<f32> {
            let code = |(value, scale): (&f32, &f32)| {
                let steps = (value.abs() / scale + 0.5).floor();
                sign(*value) * if steps < most { steps } else { most }
            };
            values.iter().zip(scales).map(code).collect()
        };
        let first = self.rounded(2.0 * largest(&values) / (2.0 * most));
        let mut scales = vec![first; values.len()];
        let mut found = codes(&scales);
        if self.po2 {
            for round in 0..ROUNDS {
                if round > 0 {
                    found = codes(&scales);
                }
                scales = self.scales(&values, &found);
            }
        }
        found.iter().zip(scales).map(|(code, scale)| scale * m * (mi * code / m)).collect()
    }

    fn binary(self, values: &[f32], zero_one: bool) -> Vec<f32> {
        let low = if zero_one { 0.0 } else { -1.0 };
        let codes: Vec<f32> =
            values.iter().map(|&value| if value < 0.0 { low } else { 1.0 }).collect();
        scaled(&self.scales(values, &codes), &codes)
    }

    fn ternary(self, values: &[f32], unrolls: u32) -> Vec<f32> {
        let mut scales = vec![self.rounded(2.0 * largest(values) / 3.0); values.len()];
        let mut codes = vec![0.0; values.len()];
        for _ in 0..unrolls.min(100) {
            for ((code, &value), &scale) in codes.iter_mut().zip(values).zip(&scales) {
                let near = scale * (value / scale).round_ties_even();
                *code = if near.abs() >= scale / 2.0 { sign(value) } else { 0.0 };
            }
            scales = self.scales(values, &codes);
        }
        scaled(&scales, &codes)
    }
}

fn scaled(scales: &[f32], codes: &[f32]) -> Vec<f32> {
    scales.iter().zip(codes).map(|(scale, code)| scale * code).collect()
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}
