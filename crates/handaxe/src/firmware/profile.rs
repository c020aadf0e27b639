use std::sync::Arc;

use handaxe_data::{Source, Tensor};
use handaxe_emulate::{firmware_weights, predict};
use handaxe_fixed::FixedType;
use handaxe_graph::{HlsConfig, Layer, Model, Op};
use serde::Serialize;

use super::{first_samples, float_layers};
use crate::Error;

/// What a profile is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variable {
    /// Weights, as they are written into firmware.
    Weight,
    /// Outputs of a layer.
    Result,
    /// Sums of a kernel.
    Accumulator,
    /// Variances that a layer normalisation takes the roots of, in the type of its accumulator.
    Variance,
}

/// How large the numbers of a variable are, and which of them its type cannot hold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// The layer's name.
    pub layer: String,
    /// What is profiled.
    pub what: Variable,
    /// The variable as hls4ml names it.
    pub variable: &'static str,
    /// Its type.
    #[serde(rename = "type", serialize_with = "as_text")]
    pub of: FixedType,
    /// Numbers looked at.
    pub count: usize,
    /// Smallest and largest number.
    pub range: (f64, f64),
    /// Smallest |x|, lower quartile, median, upper quartile and largest |x| of the numbers that are not 0; none without any.
    pub quartiles: Option<[f64; 5]>,
    /// Numbers beyond the type's bounds.
    pub overflows: usize,
    /// Numbers other than 0 that become 0.
    pub underflows: usize,
}

fn as_text<S: serde::Serializer>(of: &FixedType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(of)
}

impl Profile {
    fn new(
        layer: &str,
        (what, variable): (Variable, &'static str),
        of: FixedType,
        values: &[f32],
    ) -> Self {
        let mut sizes: Vec<f64> =
            values.iter().map(|value| f64::from(value.abs())).filter(|size| *size > 0.0).collect();
        sizes.sort_by(f64::total_cmp);
        let last = sizes.len().saturating_sub(1);
        let quartile = |quarter: usize| sizes[(last * quarter).div_ceil(4)];
        let numbers = || values.iter().map(|value| f64::from(*value));
        // What is less than a step beyond a bound is rounded to it.
        let step = 2f64.powi(-of.fraction());
        let beyond = |value: &f64| *value >= of.max() + step || *value <= of.min() - step;
        Self {
            layer: layer.to_owned(),
            what,
            variable,
            of,
            count: values.len(),
            range: (numbers().fold(0.0, f64::min), numbers().fold(0.0, f64::max)),
            quartiles: (!sizes.is_empty()).then(|| [0, 1, 2, 3, 4].map(quartile)),
            overflows: numbers().filter(beyond).count(),
            underflows: numbers()
                .filter(|value| *value != 0.0 && of.cast_f64::<handaxe_fixed::I256>(*value) == 0)
                .count(),
        }
    }

    /// The same type with as many integer bits as these numbers need, `cover` times as large.
    pub fn that_holds(&self, cover: f64) -> FixedType {
        let range = (self.range.0 * cover, self.range.1 * cover);
        holding(&self.of, range, self.of.fraction())
    }

    /// The same type with as many bits after the point as show half of the numbers other than 0 to one part in eight.
    pub(super) fn that_shows(&self) -> FixedType {
        let median = self.quartiles.map_or(1.0, |quartiles| quartiles[2]);
        let fraction = self.of.fraction().max(fraction_of(median / 8.0));
        let width = (self.of.integer + fraction).max(1) as u32;
        FixedType { width, is_int: self.of.is_int && fraction == 0, ..self.of }
    }
}

/// A type like `of` that holds `range`, with so many bits after the point.
pub(super) fn holding(of: &FixedType, (low, high): (f64, f64), fraction: i32) -> FixedType {
    let needed =
        (-60..=60).find(|&bits| high < 2f64.powi(bits) && low >= -2f64.powi(bits)).unwrap_or(60)
            + i32::from(of.signed);
    let width = (needed + fraction).max(1);
    let is_int = of.is_int && fraction == 0;
    FixedType { width: width as u32, integer: width - fraction, is_int, ..*of }
}

/// Bits after the point whose step is no larger than `step`.
pub(super) fn fraction_of(step: f64) -> i32 {
    -step.clamp(2f64.powi(-60), 2f64.powi(60)).log2().floor() as i32
}

/// The numbers of every weight and, for the first `most` samples, of every layer's output and sums, in floating point, against the types
/// that the configuration gives them. Without inputs only weights are looked at.
///
/// # Errors
/// As [`predict_firmware`](super::predict_firmware).
pub fn profile(
    model: &Model,
    config: &HlsConfig,
    inputs: Option<&[Arc<dyn Source>]>,
    most: usize,
) -> Result<Vec<Profile>, Error> {
    let layers = model.firmware(config)?;
    let float = match inputs {
        Some(inputs) => Some(float_layers(model, &first_samples(model, inputs, most)?)?),
        None => None,
    };
    let mut profiles = Vec::new();
    for ((id, layer), built) in model.layers().zip(&layers) {
        for (variable, of, values) in firmware_weights(model, built) {
            profiles.push(Profile::new(layer.name(), (Variable::Weight, variable), of, &values));
        }
        let Some(float) = &float else { continue };
        if built.passes {
            continue;
        }
        let values = float[built.folds.unwrap_or(id).index()].values();
        if let (true, Some(accum)) = (layer.op().has_kernel(), built.types.get("accum")) {
            profiles.push(Profile::new(
                layer.name(),
                (Variable::Accumulator, "accum"),
                *accum,
                values,
            ));
        }
        if let (Some(variances), Some(accum)) = (variances(layer, float), built.types.get("accum"))
        {
            let what = (Variable::Variance, "variance");
            profiles.push(Profile::new(layer.name(), what, *accum, &variances));
        }
        profiles.push(Profile::new(
            layer.name(),
            (Variable::Result, "result"),
            built.result(),
            values,
        ));
    }
    Ok(profiles)
}

/// The variances that a layer normalisation takes the roots of, when the layers answer `float`; nothing for other layers.
pub(super) fn variances(layer: &Layer, float: &[Tensor]) -> Option<Vec<f32>> {
    let (Op::LayerNorm { .. }, [input]) = (layer.op(), layer.inputs()) else { return None };
    let width = layer.output_shape().last().copied().unwrap_or(1).max(1);
    let variance = |stretch: &[f32]| {
        let mean = |terms: &mut dyn Iterator<Item = f64>| terms.sum::<f64>() / width as f64;
        let centre = mean(&mut stretch.iter().map(|value| f64::from(*value)));
        mean(&mut stretch.iter().map(|value| (f64::from(*value) - centre).powi(2))) as f32
    };
    Some(float[input.index()].values().chunks_exact(width).map(variance).collect())
}

/// The metric of the network in floating point.
pub(super) fn float_metric(
    model: &Model,
    samples: &[Tensor],
    targets: &handaxe_data::Targets,
    metric: Option<&str>,
) -> Result<(&'static str, f64), Error> {
    crate::judge(&predict(model, samples)?, targets, metric)
}
