//! Weights as hls4ml writes them into the firmware.

use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::{FirmwareLayer, Layer, Model, Op};

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

/// The codes of weights that numbers are multiplied with. Where weights are `ap_int<2>`, hls4ml's product knows 0 and -1, and takes any other
/// for 1: so too -2.
pub(super) fn factors<T: Integer>(values: &[f32], of: &FixedType) -> Vec<T> {
    let mut codes = codes(values, of);
    if of.is_int && of.signed && of.width == 2 {
        let least = of.codes::<T>().0;
        codes.iter_mut().filter(|code| **code == least).for_each(|code| *code = T::from(1));
    }
    codes
}

/// The weights of a layer as they are written into its firmware, before they are cast: variable, type and numbers. A batch normalisation that is
/// folded into a kernel is part of it.
pub fn firmware_weights(
    model: &Model,
    built: &FirmwareLayer,
) -> Vec<(&'static str, FixedType, Vec<f32>)> {
    let layer = model.layer(built.id);
    let pairs = match layer.affine() {
        _ if layer.op().has_kernel() => {
            let (kernel, bias) = super::kernel::folded(model, layer, built);
            vec![("weight", kernel), ("bias", bias)]
        }
        Some(affine) if !built.passes => vec![("scale", affine.scale), ("bias", affine.shift)],
        _ if matches!(layer.op(), Op::LayerNorm { .. }) => {
            vec![("scale", values(layer, "gamma")), ("bias", values(layer, "beta"))]
        }
        _ => Vec::new(),
    };
    let typed = pairs.into_iter().filter(|(_, values)| !values.is_empty());
    typed
        .filter_map(|(variable, values)| Some((variable, *built.types.get(variable)?, values)))
        .collect()
}
