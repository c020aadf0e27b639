//! The masks of handaxe: our objectives, groups, rankings and solver, as a user has them.

use std::collections::HashMap;

use handaxe_graph::{LayerAttributes, Mask, OptimizationAttributes, Structure};
use handaxe_knapsack::{Limits, solver};
use handaxe_objective::{Action, Objective, Obstacle, objective};
use handaxe_prune::{
    Candidate, Groups, L1, L2, Oracle, Ranking, Saliency, Savings, Scope, Settings, select,
};

use crate::case::{Case, Kernel};
use crate::ids::ids;
use crate::stated::Fate;

/// The masks of a network, by layer.
#[derive(PartialEq)]
pub(crate) struct Masks(HashMap<String, Mask>);

impl Masks {
    pub(crate) fn fate(&self, layer: &str, index: usize) -> Fate {
        match self.0.get(layer).and_then(|mask| mask.held(index)) {
            None => Fate::Kept,
            Some(0.0) => Fate::Pruned,
            Some(mean) => Fate::Shared(mean),
        }
    }
}

/// The reference's stand-in for an objective that sharing is good for: every group saves its size, whatever is done to it.
struct Mock;

impl Objective for Mock {
    fn name(&self) -> &str {
        "mock"
    }
    fn resources(&self) -> &[&'static str] {
        &["weights"]
    }
    fn optimisable(&self, _: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        Err(Obstacle::Other { reason: "its structure is set by hand".to_owned() })
    }
    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        vec![layer.weight_count() as u64]
    }
    fn savings(
        &self,
        _: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        let allowed = if action == Action::Prune { how.pruning } else { how.weight_sharing };
        vec![if allowed { group as u64 } else { 0 }]
    }
}

/// Our answer, or why there is none.
pub(crate) fn ours(case: &Case, kernels: &[Kernel<'_>], floor: usize) -> Result<Masks, String> {
    let objective: Box<dyn Objective> = match case.objective() {
        "mock" => Box::new(Mock),
        name => objective(name).unwrap(),
    };
    let ids = ids(kernels.len());
    let (mut candidates, mut reasons) = (Vec::new(), Vec::new());
    for (kernel, &id) in kernels.iter().zip(&ids) {
        let how = match kernel.how_by_hand() {
            Some(how) => how,
            None => match objective.optimisable(&kernel.attributes) {
                Ok(how) => {
                    assert!(!(kernel.attributes.is_last && how.structure == Structure::Structured));
                    how
                }
                Err(obstacle) => {
                    reasons.push(obstacle.to_string());
                    continue;
                }
            },
        };
        candidates.push(candidate(kernel, id, &how, &*objective).map_err(|e| e.to_string())?);
    }
    if candidates.is_empty() {
        return Err(reasons.join("; "));
    }
    let ranking: &dyn Ranking = match case.metric.as_str() {
        "l1" => &L1,
        "l2" => &L2,
        "oracle" => &Oracle,
        _ => &Saliency,
    };
    let scope = if case.local { Scope::Local } else { Scope::Global };
    let (solver, limits) = (solver("auto").unwrap(), Limits::default());
    let settings = Settings { scope, floor, ranking, solver: &*solver, limits: &limits };
    let asked = vec![case.sparsity; objective.resources().len()];
    let selection = select(&candidates, &asked, &settings).map_err(|error| error.to_string())?;
    let named = kernels.iter().zip(&ids);
    let masks = named.filter_map(|(kernel, &id)| {
        Some((kernel.name.to_owned(), selection.masks.get(id)?.clone()))
    });
    Ok(Masks(masks.collect()))
}

fn candidate<'a>(
    kernel: &'a Kernel<'_>,
    layer: handaxe_graph::LayerId,
    how: &OptimizationAttributes,
    objective: &dyn Objective,
) -> Result<Candidate<'a>, handaxe_prune::Error> {
    let groups = Groups::of(&kernel.attributes, &how.structure)?;
    let of = |action| {
        Savings::of(&groups, |size| objective.savings(&kernel.attributes, how, size, action))
    };
    Ok(Candidate {
        layer,
        name: kernel.name,
        kernel: &kernel.tensors.kernel,
        gradient: Some(&kernel.tensors.gradient[..]).filter(|values| !values.is_empty()),
        curvature: Some(&kernel.tensors.hessian[..]).filter(|values| !values.is_empty()),
        floor: None,
        savings: of(Action::Prune),
        sharing: how.weight_sharing.then(|| of(Action::Share)),
        resources: objective.cost(&kernel.attributes),
        groups,
    })
}
