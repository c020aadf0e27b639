use std::sync::Arc;

use handaxe_data::{Source, Targets};
use handaxe_fixed::{FixedType, Precision};
use handaxe_graph::{HlsConfig, Model, Section};
use handaxe_objective::Objective;
use handaxe_optimize::{ByResource, footprint};
use serde::Serialize;

use super::predict_firmware;
use crate::{Error, judge, known_objectives, total};

/// Which widths and reuse factors are tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    /// Bits of every type.
    pub bits: Vec<u32>,
    /// Integer bits of every type, the sign's among them.
    pub integer: i32,
    /// Reuse factors of every layer; the configuration's own where there is none.
    pub reuse_factors: Vec<usize>,
}

/// One width and reuse factor.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScanPoint {
    /// Bits of every type.
    pub bits: u32,
    /// Integer bits of every type.
    pub integer: i32,
    /// The reuse factor, if one was asked for.
    pub reuse_factor: Option<usize>,
    /// The metric's value at this precision.
    pub value: f64,
    /// What every objective says that the network costs.
    pub resources: ByResource<u64>,
}

/// The metric of the network in floating point, and of its firmware at every width, with what that costs. The precisions of `config`
/// give way, everything else of it stays.
///
/// # Errors
/// As [`predict_firmware`], [`judge`] and the objectives; and widths that are none.
pub fn scan(
    model: &Model,
    config: &HlsConfig,
    data: (&[Arc<dyn Source>], &Targets),
    metric: Option<&str>,
    scan: &Scan,
) -> Result<((&'static str, f64), Vec<ScanPoint>), Error> {
    let (inputs, targets) = data;
    let float = judge(&crate::predict(model, inputs)?, targets, metric)?;
    let factors: Vec<Option<usize>> = match scan.reuse_factors.is_empty() {
        true => vec![None],
        false => scan.reuse_factors.iter().copied().map(Some).collect(),
    };
    let mut points = Vec::new();
    for &bits in &scan.bits {
        let of = Precision::Fixed(FixedType::exact(bits, scan.integer, true)?);
        let mut before: Option<(Option<usize>, f64)> = None;
        for &reuse_factor in &factors {
            let config = uniform(config, of, reuse_factor);
            let objectives = known_objectives(Some(&config))?;
            let objectives: Vec<&dyn Objective> =
                objectives.iter().map(|objective| &**objective).collect();
            // The order of sums is all that a reuse factor changes, and truncated sums that wrap do not mind it.
            let value = match before {
                Some((_, value)) => value,
                None => {
                    judge(&predict_firmware(model, &config, inputs)?, targets, Some(float.0))?.1
                }
            };
            before = Some((reuse_factor, value));
            let resources = total(&footprint(model, Some(&config), &objectives)?);
            points.push(ScanPoint { bits, integer: scan.integer, reuse_factor, value, resources });
        }
    }
    Ok((float, points))
}

/// The configuration with one precision everywhere.
fn uniform(config: &HlsConfig, of: Precision, reuse_factor: Option<usize>) -> HlsConfig {
    let mut config = config.clone();
    let without = |section: &mut Section| {
        section.precision.clear();
        if reuse_factor.is_some() {
            section.reuse_factor = reuse_factor;
        }
    };
    config.layer_name.values_mut().chain(config.layer_type.values_mut()).for_each(without);
    without(&mut config.model);
    config.model.precision.insert("default".to_owned(), of);
    config
}
