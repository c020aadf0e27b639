//! Weights as hls4ml writes them into the firmware.

use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::Layer;

use crate::quantise;

/// A weight as it is computed with: rounded by its quantiser, if it has one.
pub(super) fn values(layer: &Layer, name: &str) -> Vec<f32> {
    let Some(weight) = layer.weight(name) else { return Vec::new() };
    match layer.quantiser(name) {
        Some(quantiser) => quantise(quantiser, weight).values().to_vec(),
        None => weight.values().to_vec(),
    }
}

/// The codes of weights. hls4ml prints weights with as many decimal digits as the type has fractional bits, and the C++
/// reads them back: just below a code, that decides.
pub(super) fn codes<T: Integer>(values: &[f32], of: &FixedType) -> Vec<T> {
    let digits = of.fraction().max(0) as usize;
    let code = |value: &f32| {
        let printed =
            format!("{:.digits$}", f64::from(*value)).parse().unwrap_or(f64::from(*value));
        of.cast_f64(printed)
    };
    values.iter().map(code).collect()
}
