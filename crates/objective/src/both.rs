use handaxe_graph::{LayerAttributes, OptimizationAttributes, Structure};

use crate::{Action, Error, Objective, Obstacle};

/// Two objectives at once: the resources of both, each with its own target. Made by [`Objective::and`].
///
/// Where both can optimise a layer, its groups are the finer of their two structures that saves something of each; if
/// neither does, the answer is [`Obstacle::NoCommonStructure`], which ends a run. Where one can optimise it and
/// the other cannot, or saves nothing by its own structure, the groups are those of the one; whatever these happen to
/// free of the other's resources counts too.
pub struct Both {
    first: Box<dyn Objective>,
    second: Box<dyn Objective>,
    name: String,
    resources: Vec<&'static str>,
}

impl Both {
    pub(crate) fn new(
        first: Box<dyn Objective>,
        second: Box<dyn Objective>,
    ) -> Result<Self, Error> {
        let name = format!("{}+{}", first.name(), second.name());
        let mut resources = first.resources().to_vec();
        for &resource in second.resources() {
            if resources.contains(&resource) {
                return Err(Error::CountedTwice { given: name, resource });
            }
            resources.push(resource);
        }
        Ok(Self { first, second, name, resources })
    }

    /// Savings of one part; it is not to blame for what only the other may do.
    fn of_part(
        part: &dyn Objective,
        layer: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        let own = part.optimisable(layer).ok();
        let weight_sharing = how.weight_sharing && own.is_some_and(|own| own.weight_sharing);
        let pruning = how.pruning && own.is_none_or(|own| own.pruning);
        let how = OptimizationAttributes { pruning, weight_sharing, ..*how };
        part.savings(layer, &how, group, action)
    }
}

impl Objective for Both {
    fn name(&self) -> &str {
        &self.name
    }

    fn resources(&self) -> &[&'static str] {
        &self.resources
    }

    fn reduces(&self) -> bool {
        self.first.reduces() || self.second.reduces()
    }

    fn optimisable(&self, layer: &LayerAttributes) -> Result<OptimizationAttributes, Obstacle> {
        let [first, second] = [&self.first, &self.second].map(|part| {
            let how = part.optimisable(layer);
            let counts = how.as_ref().is_ok_and(|how| saves(&**part, layer, how));
            (how, counts)
        });
        match (first, second) {
            ((Ok(first), true), (Ok(second), true)) => self.common(layer, first, second),
            ((Ok(how), true), _) | (_, (Ok(how), true)) => Ok(how),
            ((Ok(how), _), _) | (_, (Ok(how), _)) => Ok(how),
            ((Err(first), _), (Err(second), _)) if first == second => Err(first),
            ((Err(first), _), (Err(second), _)) => {
                Err(Obstacle::Other { reason: format!("{first}; {second}") })
            }
        }
    }

    fn cost(&self, layer: &LayerAttributes) -> Vec<u64> {
        let mut cost = self.first.cost(layer);
        cost.extend(self.second.cost(layer));
        cost
    }

    fn savings(
        &self,
        layer: &LayerAttributes,
        how: &OptimizationAttributes,
        group: usize,
        action: Action,
    ) -> Vec<u64> {
        let mut savings = Self::of_part(&*self.first, layer, how, group, action);
        savings.extend(Self::of_part(&*self.second, layer, how, group, action));
        savings
    }
}

impl Both {
    fn common(
        &self,
        layer: &LayerAttributes,
        first: OptimizationAttributes,
        second: OptimizationAttributes,
    ) -> Result<OptimizationAttributes, Obstacle> {
        let pruning = first.pruning || second.pruning;
        let weight_sharing = first.weight_sharing || second.weight_sharing;
        let mut structures = [first.structure, second.structure];
        structures.sort_by_key(|structure| full_group(layer, structure));
        let common = structures.into_iter().map(|structure| OptimizationAttributes {
            structure,
            pruning,
            weight_sharing,
        });
        let parts = [(&self.first, first), (&self.second, second)];
        let counted = |how: &OptimizationAttributes| {
            let own = |own| OptimizationAttributes { structure: how.structure, ..own };
            parts.iter().all(|(part, how)| saves(&***part, layer, &own(*how)))
        };
        common.into_iter().find(counted).ok_or_else(|| Obstacle::NoCommonStructure {
            objective: self.name.clone(),
            first: first.structure,
            second: second.structure,
        })
    }
}

/// Whether cutting a group in this way saves anything of the objective's resources.
fn saves(objective: &dyn Objective, layer: &LayerAttributes, how: &OptimizationAttributes) -> bool {
    let group = full_group(layer, &how.structure);
    [Action::Prune, Action::Share]
        .into_iter()
        .any(|action| objective.savings(layer, how, group, action).iter().any(|&saving| saving > 0))
}

/// Weights in every group but the last.
fn full_group(layer: &LayerAttributes, structure: &Structure) -> usize {
    let weights = layer.weight_count();
    match *structure {
        Structure::Unstructured => 1,
        Structure::Structured => weights / layer.output_shape.last().copied().unwrap_or(1).max(1),
        Structure::Pattern { offset, consecutive } => {
            (weights / offset.max(1)).saturating_mul(consecutive).min(weights)
        }
        Structure::Block { height, width } => height.saturating_mul(width),
    }
}
