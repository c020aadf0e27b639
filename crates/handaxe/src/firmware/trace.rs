use std::sync::Arc;

use handaxe_data::Source;
use handaxe_emulate::BitExact;
use handaxe_graph::{HlsConfig, Model};
use serde::Serialize;

use super::profile::variances;
use super::{first_samples, float_layers};
use crate::Error;

/// One layer's output in fixed point beside floating point.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerTrace {
    /// The layer's name.
    pub layer: String,
    /// The kind of layer.
    pub kind: &'static str,
    /// The type of its output.
    pub result: String,
    /// Smallest and largest value in floating point.
    pub float: (f32, f32),
    /// Smallest and largest value in fixed point.
    pub fixed: (f32, f32),
    /// Largest difference between the two.
    pub worst: f64,
    /// The same as a share of the largest floating-point value.
    pub worst_relative: f64,
    /// Every output is the same number, which those in floating point are not.
    pub dead: bool,
    /// The largest variance in floating point of which a layer normalisation takes the root; none for other layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance: Option<f32>,
}

/// Every layer's output for the first `most` samples, fixed beside floating point. A layer into which a batch normalisation is
/// folded is compared with that.
///
/// # Errors
/// As [`predict_firmware`](super::predict_firmware).
pub fn trace(
    model: &Model,
    config: &HlsConfig,
    inputs: &[Arc<dyn Source>],
    most: usize,
) -> Result<Vec<LayerTrace>, Error> {
    let samples = first_samples(model, inputs, most)?;
    let firmware = BitExact::new(model, config)?;
    let (fixed, float) = (firmware.trace(&samples)?, float_layers(model, &samples)?);
    let layers = model.layers().zip(firmware.layers()).zip(&fixed);
    let traces = layers.map(|(((id, layer), built), fixed)| {
        let variance = variances(layer, &float).map(|all| all.into_iter().fold(0.0, f32::max));
        let float = float[built.folds.unwrap_or(id).index()].values();
        let fixed = fixed.values();
        let worst = float
            .iter()
            .zip(fixed)
            .map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs())
            .fold(0.0, f64::max);
        let (float, fixed) = (ends(float), ends(fixed));
        let largest = f64::from(float.0.abs().max(float.1.abs()));
        LayerTrace {
            layer: layer.name().to_owned(),
            kind: layer.op().layer_type().name(),
            result: built.result().to_string(),
            float,
            fixed,
            worst,
            worst_relative: if worst > 0.0 { worst / largest.max(f64::MIN_POSITIVE) } else { 0.0 },
            dead: fixed.0 == fixed.1 && float.0 < float.1,
            variance,
        }
    });
    Ok(traces.collect())
}

fn ends(values: &[f32]) -> (f32, f32) {
    let start = values.first().copied().unwrap_or(0.0);
    values.iter().fold((start, start), |(low, high), &value| (low.min(value), high.max(value)))
}
