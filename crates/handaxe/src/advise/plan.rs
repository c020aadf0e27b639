use std::cmp::Ordering;
use std::collections::BTreeMap;

use handaxe_fixed::Precision;
use handaxe_graph::HlsConfig;
use handaxe_objective::estimate::{Estimate, Figures};

use super::candidates::{Types, candidates};
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

/// Rounds of changes: each is some dozens of estimates.
const ROUNDS: usize = 24;

/// Makes changes until the network fits, none helps, or many rounds were made. In each round that is the change that leaves the least
/// lacking, of equal ones the one with the shortest interval; or where even then too little is left, the best change of
/// every layer looked at. Every answer of the network stays what it is.
pub(super) fn plan(
    config: &HlsConfig,
    target: &Target<'_>,
    before: &Estimate,
    mut types: Types,
) -> Result<Plan, Error> {
    let mut state = (config.clone(), before.clone());
    let mut changes: BTreeMap<String, Change> = BTreeMap::new();
    for _ in 0..ROUNDS {
        let now = order(target, &state.1);
        let mut better = if now.0 > 0.0 { helpful(&state, target, &types)? } else { Vec::new() };
        better.sort_by(|a, b| {
            order(target, &a.2).partial_cmp(&order(target, &b.2)).unwrap_or(Ordering::Equal)
        });
        let Some((layer, best, after)) = better.first() else { break };
        let mut joint = state.clone();
        for (layer, change, _) in &better {
            joint = target.changed(layer, *change, &joint.0, &joint.1)?;
        }
        let lacks = order(target, &joint.1);
        if lacks.0 > 0.0 && lacks < order(target, after) {
            state = joint;
        } else {
            state = target.changed(layer, *best, &state.0, &state.1)?;
            better.truncate(1);
        }
        for (layer, change, _) in better {
            if let (Some(Precision::Fixed(narrower)), Some(of)) =
                (change.weight, types.get_mut(&layer))
            {
                of.0 = narrower;
            }
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
    (config, now): &(HlsConfig, Estimate),
    target: &Target<'_>,
    types: &Types,
) -> Result<Vec<(String, Change, Estimate)>, Error> {
    let mut best: Vec<(String, Change, Estimate)> = Vec::new();
    for (layer, _, change, exact) in candidates(now, types) {
        if !exact {
            continue;
        }
        let (_, after) = target.changed(&layer, change, config, now)?;
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
