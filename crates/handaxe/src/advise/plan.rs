use std::cmp::Ordering;
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

/// Rounds of changes: each is some dozens of estimates of the whole network.
const ROUNDS: usize = 24;

/// Makes changes until the network fits, none helps, or many rounds were made. In each round that is the change that leaves the least
/// lacking, of equal ones the one with the shortest interval; or where even then too little is left, the best change of
/// every layer looked at. Every answer of the network stays what it is.
pub(super) fn plan(
    model: &Model,
    config: &HlsConfig,
    target: &Target<'_>,
    before: &Estimate,
) -> Result<Plan, Error> {
    let mut state = (config.clone(), before.clone());
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let now = order(target, &state.1);
        let mut better = if now.0 > 0.0 { helpful(model, &state, target)? } else { Vec::new() };
        better.sort_by(|a, b| {
            order(target, &a.2).partial_cmp(&order(target, &b.2)).unwrap_or(Ordering::Equal)
        });
        let Some((_, best, after)) = better.first() else { break };
        let mut config = state.0.clone();
        for (layer, change, _) in &better {
            config = change.apply(layer, model, &config)?.1;
        }
        let (joint, _) = estimate(model, &config, target.profile)?;
        let lacks = order(target, &joint);
        if lacks.0 > 0.0 && lacks < order(target, after) {
            state = (config, joint);
        } else {
            state = (best.apply(&better[0].0, model, &state.0)?.1, after.clone());
            better.truncate(1);
        }
        for (layer, change, _) in better {
            let earlier = changes.remove(&layer).unwrap_or_default();
            changes.insert(layer, change.after(earlier));
        }
    }
    let (config, now) = state;
    Ok(Plan {
        changes,
        config,
        implementation: now.implementation,
        latency: now.synthesis.latency.value,
        interval: now.synthesis.interval.value,
        fits: order(target, &now).0 == 0.0,
    })
}

/// What is lacking, then how slow it is.
fn order(target: &Target<'_>, estimate: &Estimate) -> (f64, u64) {
    let cycles = estimate.synthesis.interval.value.saturating_add(estimate.synthesis.latency.value);
    (target.lack(estimate).unwrap_or(0.0), cycles)
}

/// The best change of every layer that leaves less lacking, with what comes of it.
fn helpful(
    model: &Model,
    (config, now): &(HlsConfig, Estimate),
    target: &Target<'_>,
) -> Result<Vec<(String, Change, Estimate)>, Error> {
    let mut best: Vec<(String, Change, Estimate)> = Vec::new();
    for (layer, _, change, exact) in candidates(model, config, now)? {
        if !exact {
            continue;
        }
        let (_, changed) = change.apply(&layer, model, config)?;
        let (after, _) = estimate(model, &changed, target.profile)?;
        if order(target, &after).0 >= order(target, now).0 {
            continue;
        }
        match best.iter_mut().find(|(known, ..)| *known == layer) {
            Some(known) if order(target, &after) < order(target, &known.2) => {
                *known = (layer, change, after);
            }
            Some(_) => {}
            None => best.push((layer, change, after)),
        }
    }
    Ok(best)
}
