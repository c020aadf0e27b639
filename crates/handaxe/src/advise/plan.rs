use std::collections::BTreeMap;

use handaxe_graph::{HlsConfig, Model};
use handaxe_objective::estimate::{Estimate, Figures, estimate};

use super::candidates::candidates;
use super::{Change, Target};
use crate::Error;

/// Changes that go together.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What becomes of each layer.
    pub changes: BTreeMap<String, Change>,
    /// The configuration with all of them.
    pub config: HlsConfig,
    /// What implementation will leave of the network.
    pub implementation: Figures,
    /// Cycles from the first input to the last output.
    pub latency: u64,
    /// Cycles from sample to sample.
    pub interval: u64,
    /// Whether it fits.
    pub fits: bool,
}

/// Makes one change after the other, each the one that leaves the least lacking, until the network fits or no change helps; of those
/// that leave equally little the one with the shortest interval. Every answer of the network stays what it is.
pub(super) fn plan(
    model: &Model,
    config: &HlsConfig,
    target: &Target<'_>,
    before: &Estimate,
) -> Result<Plan, Error> {
    let mut config = config.clone();
    let mut now = before.clone();
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    let order = |estimate: &Estimate| {
        let cycles =
            estimate.synthesis.interval.value.saturating_add(estimate.synthesis.latency.value);
        (target.lack(estimate).unwrap_or(0.0), cycles)
    };
    while order(&now).0 > 0.0 {
        let mut best = None;
        for (layer, _, change, exact) in candidates(model, &config, &now)? {
            if !exact {
                continue;
            }
            let (_, changed) = change.apply(&layer, model, &config)?;
            let (after, _) = estimate(model, &changed, target.profile)?;
            let better = best.as_ref().is_none_or(|(_, _, _, best)| order(&after) < order(best));
            if better {
                best = Some((layer, change, changed, after));
            }
        }
        let Some((layer, change, changed, after)) = best else { break };
        // Each step must bring it closer, so there is an end.
        if order(&after).0 >= order(&now).0 {
            break;
        }
        let earlier = changes.remove(&layer).unwrap_or_default();
        changes.insert(layer, change.after(earlier));
        (config, now) = (changed, after);
    }
    Ok(Plan {
        changes,
        config,
        implementation: now.implementation,
        latency: now.synthesis.latency.value,
        interval: now.synthesis.interval.value,
        fits: order(&now).0 == 0.0,
    })
}
