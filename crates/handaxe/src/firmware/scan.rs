use std::sync::Arc;

use handaxe_data::{Direction, Source, Targets, metric as metric_of};
use handaxe_fixed::{FixedType, Precision};
use handaxe_graph::{HlsConfig, Model, Section};
use handaxe_objective::estimate::{Profile, estimate};
use handaxe_objective::parts::Part;
use handaxe_optimize::Estimated;
use handaxe_report::{Scan, ScanPoint};

use super::predict_firmware;
use crate::magnitude::cut;
use crate::{Error, counted, judge, kept_multipliers, total};

/// Which widths, reuse factors and sparsities are tried, each with each.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanSettings {
    /// Bits of every type.
    pub bits: Vec<u32>,
    /// Integer bits of every type, the sign's among them.
    pub integer: i32,
    /// Reuse factors of every layer; the configuration's own where there is none.
    pub reuse_factors: Vec<usize>,
    /// Shares of the weights that are zero, the least ones, in `0.0..=1.0`; as they are where there is none.
    pub sparsities: Vec<f64>,
    /// Whose figures the resources are.
    pub profile: Profile,
    /// The part that it is for.
    pub part: Option<Part>,
}

/// What is said of pruned points.
const CUT: &str = "Accuracy at a sparsity is that of the network with its least weights at zero, without training it again: `handaxe optimize` \
                   trains around the cut, and loses less.";

/// The metric of the network in floating point, and of its firmware at every point, with what implementation will leave of it and
/// what the objectives count. The precisions of `config` give way, everything else of it stays. Pruned networks are not trained again.
///
/// # Errors
/// As [`predict_firmware`], [`judge`] and the estimates; widths that are none, shares outside `0..=1`.
pub fn scan(
    model: &Model,
    config: &HlsConfig,
    data: (&[Arc<dyn Source>], &Targets),
    metric: Option<&str>,
    settings: &ScanSettings,
) -> Result<Scan, Error> {
    let (inputs, targets) = data;
    let (metric, float) = judge(&crate::predict(model, inputs)?, targets, metric)?;
    if let Some(given) = settings.sparsities.iter().find(|share| !(0.0..=1.0).contains(*share)) {
        let (given, right) = (given.to_string(), "a share of the weights in 0..=1");
        return Err(Error::Value { what: "a sparsity", given, right });
    }
    let factors: Vec<Option<usize>> = match settings.reuse_factors.is_empty() {
        true => vec![None],
        false => settings.reuse_factors.iter().copied().map(Some).collect(),
    };
    let sparsities = if settings.sparsities.is_empty() { &[0.0] } else { &settings.sparsities[..] };
    let (mut points, mut notes) = (Vec::new(), Vec::new());
    for &bits in &settings.bits {
        let of = Precision::Fixed(FixedType::exact(bits, settings.integer, true)?);
        for &sparsity in sparsities {
            let mut before: Option<(Model, f64)> = None;
            for &reuse_factor in &factors {
                let config = uniform(config, of, reuse_factor);
                let network = cut(model, &config, sparsity, None)?;
                // The order of sums is all else that a reuse factor changes, and truncated sums that wrap do not mind it.
                let value = match before {
                    Some((same, value)) if same == network => value,
                    _ => {
                        let answers = predict_firmware(&network, &config, inputs)?;
                        judge(&answers, targets, Some(metric))?.1
                    }
                };
                let (estimate, _) = estimate(&network, &config, &settings.profile)?;
                let at =
                    reuse_factor.map_or(String::new(), |reuse| format!("reuse factor {reuse}: "));
                notes.extend(estimate.warnings.iter().map(|warning| format!("{at}{warning}")));
                if sparsity > 0.0 {
                    notes.push(CUT.to_owned());
                    notes.extend(kept_multipliers(&network, &config)?);
                }
                points.push(ScanPoint {
                    bits,
                    integer: settings.integer,
                    reuse_factor,
                    sparsity,
                    value,
                    resources: Estimated::by_name(&estimate.implementation),
                    counted: total(&counted(&network, Some(&config))?),
                    latency: estimate.synthesis.latency.value,
                    interval: estimate.synthesis.interval.value,
                    front: false,
                });
                before = Some((network, value));
            }
        }
    }
    notes.sort();
    notes.dedup();
    let part = settings.part.as_ref();
    let resources =
        points.first().map_or(Vec::new(), |point| point.resources.keys().cloned().collect());
    let limit = |name: String| Some((*part?.resources.get(&name)?, name));
    let limits = resources.into_iter().filter_map(limit).map(|(count, name)| (name, count));
    let scan = Scan {
        metric: metric.to_owned(),
        increasing: metric_of(metric)?.direction() == Direction::Increasing,
        float,
        limits: limits.collect(),
        points,
        part: part.map(|part| part.name.clone()),
        notes,
    };
    Ok(scan.with_front())
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
