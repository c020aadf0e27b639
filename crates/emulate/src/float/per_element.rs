//! Layers with a parameter for each element.

use handaxe_graph::Quantiser;

use super::join::repeated;
use super::{Sample, Weights};
use crate::quantise::{fixed, round_each};

pub(super) fn prelu(
    weights: &Weights<'_>,
    slopes: &[usize],
    input: Sample<'_>,
    output: &mut [f32],
) {
    let alpha = weights.get("alpha");
    let elements = input.values.iter().zip(repeated(slopes, input.shape));
    for (output, (&value, slope)) in output.iter_mut().zip(elements) {
        *output = if value > 0.0 { value } else { alpha[slope] * value };
    }
}

pub(super) fn look_up(weights: &Weights<'_>, step: f64, input: Sample<'_>, output: &mut [f32]) {
    let table = weights.get("table");
    for (output, &value) in output.iter_mut().zip(input.values) {
        let entry = (f64::from(value) / step).round_ties_even().rem_euclid(table.len() as f64);
        *output = table.get(entry as usize).copied().unwrap_or(0.0);
    }
}

pub(super) fn quantise(
    weights: &Weights<'_>,
    quantiser: &Quantiser,
    input: Sample<'_>,
    output: &mut [f32],
) {
    let Quantiser::PerElement { rounding, overflow, shape, .. } = quantiser else {
        output.copy_from_slice(input.values);
        return round_each(quantiser, output, input.shape);
    };
    let keep_negative = weights.get("keep_negative");
    let (bits, integers) = (weights.get("bits"), weights.get("integers"));
    let elements = input.values.iter().zip(repeated(shape, input.shape));
    for (output, (&value, place)) in output.iter_mut().zip(elements) {
        let signed = keep_negative[place] != 0.0;
        *output = fixed(value, signed, bits[place], integers[place], *rounding, *overflow);
    }
}
