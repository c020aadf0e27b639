//! What would make a network smaller, or fit: each piece of advice with what it saves.
//!
//! [`advise`] looks for layers that could be built otherwise, changes one at a time, and estimates that layer again, the others as
//! they were: what it says that something saves is the difference of two [estimates](handaxe_objective::estimate) of the whole
//! network, zeros and widths as they are. [`Plan`] joins changes that leave every answer as it is, until the network fits its part.

mod candidates;
mod change;
mod plan;

use std::cell::Cell;

use handaxe_graph::{HlsConfig, Model};
use handaxe_objective::estimate::{Estimate, Figures, Frame, Profile, Work, estimate};
use handaxe_objective::parts::{Catalogue, Part};
use handaxe_optimize::{ByResource, Estimated};
use serde::Serialize;

use crate::{Available, Error};
use candidates::{Types, candidates, types};
pub use change::Change;
pub use plan::Plan;

/// What could be done about a network's size.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    /// What the network takes as it is.
    pub estimate: Estimate,
    /// Whether it fits the part, by the upper ends of the estimate; none without a part, or where not all of it can be judged.
    pub fits: Option<bool>,
    /// What could be changed, the most saving first.
    pub findings: Vec<Finding>,
    /// Changes that leave every answer as it is and together make it fit, or come closest; none where it fits already.
    pub plan: Option<Plan>,
    /// How many layers were estimated on the way, each time that one was: what the answer took, whatever the machine.
    pub estimated_layers: usize,
}

/// A change to one layer, and what comes of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The layer.
    pub layer: String,
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
    /// What is changed.
    pub change: Change,
    /// Whether all answers stay what they are, to the bit; sums of a type that saturates may depend on the order in which a
    /// layout adds up.
    pub exact: bool,
    /// What implementation leaves the less of it in the whole network; negative where it takes more.
    pub saves: ByResource<i64>,
    /// The sum of these as shares of the part, or without a part as a share of all that the network takes.
    pub share: f64,
    /// Cycles from the first input to the last output that there are then.
    pub latency: u64,
    /// Cycles from sample to sample that there are then.
    pub interval: u64,
    /// Whether the network fits the part then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fits: Option<bool>,
}

/// Why a change is looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// A multiplier that serves exactly two outputs needs no wide multiplexer.
    Multiplexer,
    /// Tools fail to unroll so many multiplications.
    Unrolling {
        /// How many there are.
        weights: u64,
        /// Whether every known attempt failed.
        certain: bool,
    },
    /// Another strategy takes less.
    Strategy,
    /// A larger reuse factor takes fewer multipliers.
    Reuse,
    /// Multipliers whose weights are all zero can be left out.
    Zeros,
    /// The weights need fewer bits than their type has.
    SpareBits,
    /// Narrower weights take less; they answer differently.
    Narrower,
    /// The layer takes most of a resource.
    Dominates {
        /// The resource.
        resource: String,
        /// How much of it.
        part: f64,
    },
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Multiplexer => f.pad("two outputs a multiplier: no multiplexer"),
            Self::Unrolling { weights, certain } => {
                let fate = if *certain { "fails" } else { "may fail" };
                f.pad(&format!("unrolling {weights} weights {fate}"))
            }
            Self::Strategy => f.pad("the other strategy"),
            Self::Reuse => f.pad("fewer multipliers"),
            Self::Zeros => f.pad("multipliers of zeros left out"),
            Self::SpareBits => f.pad("bits that no weight needs"),
            Self::Narrower => f.pad("narrower weights"),
            Self::Dominates { resource, part } => {
                f.pad(&format!("takes {:.0} % of all {resource}", 100.0 * part))
            }
        }
    }
}

/// What could be done about the size of `model`, built as `config` says: with the tool and the parts of `profile`, for `part` if
/// one is given.
///
/// ```
/// use handaxe::advise::{Reason, advise};
/// use handaxe::graph::{HlsConfig, Model, Op, Strategy};
///
/// let mut model = Model::new("wide");
/// let input = model.add("in", Op::Input { shape: vec![64] }, &[])?;
/// model.add("fc", Op::Dense { units: 256, bias: true }, &[input])?;
/// let config = HlsConfig::uniform("fixed<16,6>".parse()?, 256, Strategy::Resource)?;
/// let advice = advise(&model, &config, &Default::default(), None)?;
/// let collapsed = advice.findings.iter().find(|finding| finding.reason == Reason::Multiplexer).unwrap();
/// assert_eq!(collapsed.change.reuse_factor, Some(128));
/// assert!(collapsed.exact && collapsed.saves["lut"] > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A configuration that does not verify.
pub fn advise(
    model: &Model,
    config: &HlsConfig,
    profile: &Profile,
    part: Option<&Part>,
) -> Result<Advice, Error> {
    let (estimate, _) = estimate(model, config, profile)?;
    let target = Target {
        model,
        frame: Frame::new(model, config)?,
        available: part.map(|part| Available::listed(part, 1.0)),
        estimated: Cell::new(estimate.layers.len()),
    };
    let types = types(model, config);
    let fits = target.fits(&estimate);
    let findings = findings(config, &target, &estimate, &types)?;
    let plan = match fits {
        Some(false) => Some(plan::plan(config, &target, &estimate, types)?),
        _ => None,
    };
    Ok(Advice { estimate, fits, findings, plan, estimated_layers: target.estimated.get() })
}

/// What is built, and what there is.
struct Target<'a> {
    model: &'a Model,
    frame: Frame,
    /// The resources of the part, if there is one.
    available: Option<Available>,
    /// Layers that were estimated so far.
    estimated: Cell<usize>,
}

impl Target<'_> {
    /// The configuration with a change to one layer, and what the network costs then; `before` is what it costs by `config`.
    fn changed(
        &self,
        layer: &str,
        change: Change,
        config: &HlsConfig,
        before: &Estimate,
    ) -> Result<(HlsConfig, Estimate), Error> {
        let (cut, config) = change.apply(layer, self.model, config)?;
        let id = self.model.find(layer)?;
        let unit = self.frame.unit(id, cut.as_ref().unwrap_or(self.model), &config);
        self.estimated.set(self.estimated.get() + 1);
        Ok((config, before.with(id, unit)))
    }

    /// By how much there is too little, in shares of what there is, added up; none where that is not known.
    fn lack(&self, estimate: &Estimate) -> Option<f64> {
        let available = self.available.as_ref()?;
        let judged = available.lacking().is_none()
            && !estimate.layers.iter().any(|layer| layer.unit.work == Work::Unknown);
        let needs = Estimated::by_name(&estimate.implementation);
        let lack =
            |(name, &has): (&String, &f64)| match needs.get(name).map_or(0, |figure| figure.high) {
                need if need as f64 <= has => 0.0,
                need => (need as f64 - has) / has.max(1.0),
            };
        judged.then(|| available.of.iter().map(lack).sum())
    }

    fn fits(&self, estimate: &Estimate) -> Option<bool> {
        self.lack(estimate).map(|lack| lack == 0.0)
    }

    /// What `after` takes the less of each resource, and the sum of that: in shares of what there is, or without a part in shares
    /// of all that the network takes, resources weighed by how many of each the known parts have.
    fn saves(&self, before: &Figures, after: &Figures) -> (ByResource<i64>, f64) {
        let (before, after) = (Estimated::by_name(before), Estimated::by_name(after));
        let (mut share, mut all) = (0.0, 0.0);
        let saves = before.iter().zip(after.values()).filter_map(|((name, before), after)| {
            let saved = before.value as i64 - after.value as i64;
            let weight = match &self.available {
                Some(available) => available.of.get(name)?.max(1.0).recip(),
                None => weight(name),
            };
            share += saved as f64 * weight;
            all += before.value as f64 * weight;
            Some((name.clone(), saved))
        });
        let saves = saves.collect();
        (saves, if self.available.is_some() { share } else { share / all.max(f64::MIN_POSITIVE) })
    }
}

/// How scarce a resource is: one of as many as all known parts have.
fn weight(resource: &str) -> f64 {
    let parts = Catalogue::built_in().matching("");
    let counts = parts.into_iter().filter_map(|part| part.resources.get(resource));
    (counts.sum::<u64>().max(1) as f64).recip()
}

/// Every change worth looking at, estimated, the most saving first. Of several that one reason has for a layer, the best counts.
fn findings(
    config: &HlsConfig,
    target: &Target<'_>,
    before: &Estimate,
    types: &Types,
) -> Result<Vec<Finding>, Error> {
    let mut findings: Vec<Finding> = Vec::new();
    for (layer, reason, change, exact) in candidates(before, types) {
        let (_, after) = target.changed(&layer, change, config, before)?;
        let (saves, share) = target.saves(&before.implementation, &after.implementation);
        let (latency, interval) = (after.synthesis.latency.value, after.synthesis.interval.value);
        let fits = target.fits(&after);
        let finding =
            Finding { layer, reason, change, exact, saves, share, latency, interval, fits };
        let same =
            |other: &&mut Finding| other.layer == finding.layer && other.reason == finding.reason;
        match findings.iter_mut().find(same) {
            Some(other) if other.share < finding.worth() * finding.share => *other = finding,
            Some(_) => {}
            None => findings.push(finding),
        }
    }
    // What fails as it is must change, whatever that takes.
    findings.retain(|finding| {
        finding.share > LEAST || matches!(finding.reason, Reason::Unrolling { .. })
    });
    findings.sort_by(|a, b| b.share.total_cmp(&a.share));
    Ok(findings)
}

impl Finding {
    /// What its saving counts beside that of one like it that was looked at before: narrower weights must save twice as much.
    fn worth(&self) -> f64 {
        if self.reason == Reason::Narrower { 0.5 } else { 1.0 }
    }
}

/// Changes that save no more than this share are not worth a line.
const LEAST: f64 = 0.001;
