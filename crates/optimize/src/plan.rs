use handaxe_graph::{
    HlsConfig, LayerAttributes, LayerId, Mask, Masks, Model, OptimizationAttributes, Structure,
};
use handaxe_objective::{Action, Objective, Obstacle};
use handaxe_prune::{
    Candidate, Groups, Needs, Penalties, Regulariser, Regularisers, Savings, Selection, select,
};

use crate::footprint::{kernel, only_value};
use crate::{ByKernel, Curvature, Error, LayerSettings, Optimisation, Settings, Trainer};

/// What the objective says of the network, asked once a run: it does not depend on the weights.
pub(crate) struct Plan {
    layers: Vec<PlannedLayer>,
    /// Layers that are left alone, and why.
    pub(crate) left_alone: Vec<(String, String)>,
    /// What was done differently from what was written.
    pub(crate) diagnostics: Vec<String>,
    /// The penalties in training.
    pub(crate) regularisers: Regularisers,
}

/// A strength that a search may choose: of which layer, and of which penalty.
pub(crate) struct Knob {
    layer: usize,
    pub(crate) name: String,
    pub(crate) penalty: Penalty,
}

/// What a penalty draws weights to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Penalty {
    /// Zero.
    Sparse,
    /// The mean of their group.
    Variance,
}

/// What the ranking needs beside the weights, and nothing else.
#[derive(Default)]
pub(crate) struct Derivatives {
    gradients: ByKernel,
    pub(crate) curvature: Curvature,
}

impl Derivatives {
    /// Asks `trainer` for what `needs` says; estimates draw from `stream`.
    pub(crate) fn of(trainer: &mut dyn Trainer, needs: Needs, stream: u64) -> Result<Self, Error> {
        let mut known = Self::default();
        match needs {
            Needs::Nothing => {}
            Needs::Gradients => known.gradients = trainer.gradients().map_err(Error::Trainer)?,
            Needs::Curvature => {
                known.curvature = trainer.curvature(stream).map_err(Error::Trainer)?;
            }
        }
        Ok(known)
    }
}

struct PlannedLayer {
    attributes: LayerAttributes,
    structure: Structure,
    groups: Groups,
    resources: Vec<u64>,
    savings: Savings,
    sharing: Option<Savings>,
    own: LayerSettings,
}

impl Plan {
    /// Asks `objective` about every layer with a kernel that `settings` does not exclude.
    pub(crate) fn new(
        model: &Model,
        objective: &dyn Objective,
        config: Option<&HlsConfig>,
        settings: &Settings,
    ) -> Result<Self, Error> {
        for name in settings.layers.keys() {
            model.find(name)?;
        }
        let (attributes, diagnostics) = model.attributes(config)?;
        let (mut layers, mut left_alone) = (Vec::new(), Vec::new());
        for layer in attributes {
            let own = settings.layers.get(&layer.name).cloned().unwrap_or_default();
            if own.exclude {
                left_alone.push((layer.name.clone(), "the settings exclude it".to_owned()));
                continue;
            }
            let how = objective.optimisable(&layer).map(|how| OptimizationAttributes {
                structure: own.structure.unwrap_or(how.structure),
                ..how
            });
            match how {
                // Built-in objectives know this; a user's own may not.
                Ok(how) if layer.is_last && how.structure == Structure::Structured => {
                    let reason =
                        "its neurons are the network's answers and cannot be pruned as wholes";
                    left_alone.push((layer.name.clone(), reason.to_owned()));
                }
                Ok(how) => layers.push(PlannedLayer::new(layer, how, objective, own)?),
                // Half of what was asked for is no answer: the parts of the objective would each do something here.
                Err(obstacle @ Obstacle::NoCommonStructure { .. }) => {
                    return Err(Error::Disagreement { layer: layer.name, obstacle });
                }
                Err(obstacle) => left_alone.push((layer.name.clone(), obstacle.to_string())),
            }
        }
        if layers.is_empty() {
            let objective = objective.name().to_owned();
            return Err(Error::NothingOptimisable { objective, reasons: left_alone });
        }
        let diagnostics = diagnostics.iter().map(ToString::to_string).collect();
        let mut plan = Self { layers, left_alone, diagnostics, regularisers: Regularisers::new() };
        plan.regularisers = plan.penalised(settings.penalties, &[])?;
        Ok(plan)
    }

    /// The strengths that the settings leave open: of each layer, and of weights that share a value where they may.
    pub(crate) fn knobs(&self) -> Vec<Knob> {
        let mut knobs = Vec::new();
        for (place, layer) in self.layers.iter().enumerate() {
            let open = [
                (Penalty::Sparse, layer.own.sparse_penalty.is_none()),
                (
                    Penalty::Variance,
                    layer.own.variance_penalty.is_none() && layer.sharing.is_some(),
                ),
            ];
            let open = open.into_iter().filter(|(_, open)| *open);
            let name = &layer.attributes.name;
            knobs.extend(open.map(|(penalty, _)| Knob {
                layer: place,
                name: name.clone(),
                penalty,
            }));
        }
        knobs
    }

    /// The penalties of every layer: its own, else those that `turned` gives it, else `common` ones.
    pub(crate) fn penalised(
        &self,
        common: Penalties,
        turned: &[(&Knob, f64)],
    ) -> Result<Regularisers, Error> {
        let mut all = vec![common; self.layers.len()];
        for (knob, strength) in turned {
            match knob.penalty {
                Penalty::Sparse => all[knob.layer].sparse = *strength,
                Penalty::Variance => all[knob.layer].variance = *strength,
            }
        }
        let mut regularisers = Regularisers::new();
        for (layer, penalties) in self.layers.iter().zip(all) {
            let penalties = Penalties {
                sparse: layer.own.sparse_penalty.unwrap_or(penalties.sparse),
                variance: layer.own.variance_penalty.unwrap_or(penalties.variance),
                ..penalties
            };
            if (penalties.sparse, penalties.variance) != (0.0, 0.0) {
                let regulariser = Regulariser::of(&layer.attributes, &layer.structure, penalties)?;
                regularisers.insert(layer.attributes.id, regulariser);
            }
        }
        Ok(regularisers)
    }

    /// The layers that are optimised, with their cost in each resource.
    pub(crate) fn costs(&self) -> impl Iterator<Item = (LayerId, &[u64])> {
        self.layers.iter().map(|layer| (layer.attributes.id, &layer.resources[..]))
    }

    /// What a network that comes from this plan holds: weights that are zero, and groups of one value where layers share.
    pub(crate) fn held(&self, model: &Model) -> Masks {
        let mut masks = Masks::default();
        for layer in &self.layers {
            let kernel = kernel(model, layer.attributes.id);
            let mut mask = Mask::new(kernel.iter().map(|&weight| weight != 0.0).collect());
            for group in 0..layer.sharing.as_ref().map_or(0, |_| layer.groups.count()) {
                if let Some(value) = only_value(&layer.groups, group, kernel).filter(|v| *v != 0.0)
                {
                    mask.share(layer.groups.members(group).collect(), value);
                }
            }
            masks.insert(layer.attributes.id, mask);
        }
        masks
    }

    /// Chooses the groups that stay when the scheduler asks for `sparsity`, by the weights of `model`.
    pub(crate) fn select(
        &self,
        model: &Model,
        sparsity: f64,
        run: &Optimisation<'_>,
        known: &Derivatives,
    ) -> Result<Selection, Error> {
        let candidates: Vec<Candidate<'_>> =
            self.layers.iter().map(|layer| layer.candidate(model, known)).collect();
        let settings = handaxe_prune::Settings {
            scope: run.settings.scope,
            floor: run.settings.floor,
            ranking: run.ranking,
            solver: run.solver,
            limits: run.limits,
        };
        let proportions = run.proportions.iter().copied().chain(std::iter::repeat(1.0));
        let resources = run.objective.resources().iter();
        let asked: Vec<f64> =
            resources.zip(proportions).map(|(_, share)| share * sparsity).collect();
        Ok(select(&candidates, &asked, &settings)?)
    }
}

impl PlannedLayer {
    fn new(
        attributes: LayerAttributes,
        how: OptimizationAttributes,
        objective: &dyn Objective,
        own: LayerSettings,
    ) -> Result<Self, Error> {
        let groups = Groups::of(&attributes, &how.structure)?;
        let of = |action| {
            Savings::of(&groups, |size| objective.savings(&attributes, &how, size, action))
        };
        let savings = of(Action::Prune);
        let sharing = how.weight_sharing.then(|| of(Action::Share));
        let resources = objective.cost(&attributes);
        let structure = how.structure;
        Ok(Self { attributes, structure, groups, resources, savings, sharing, own })
    }

    fn candidate<'a>(&'a self, model: &'a Model, known: &'a Derivatives) -> Candidate<'a> {
        let of = |by_kernel: &'a ByKernel| by_kernel.get(&self.attributes.id).map(Vec::as_slice);
        Candidate {
            layer: self.attributes.id,
            name: &self.attributes.name,
            kernel: kernel(model, self.attributes.id),
            gradient: of(&known.gradients),
            curvature: of(&known.curvature.diagonal),
            groups: self.groups.clone(),
            floor: self.own.floor,
            resources: self.resources.clone(),
            savings: self.savings.clone(),
            sharing: self.sharing.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use handaxe_graph::{Op, Strategy};
    use handaxe_objective::objective;

    use super::*;

    #[test]
    fn objectives_that_cannot_agree_name_the_layer() {
        let mut model = Model::new("small");
        let input = model.add("in", Op::Input { shape: vec![8] }, &[]).unwrap();
        let hidden = model.add("fc", Op::Dense { units: 4, bias: true }, &[input]).unwrap();
        model.add("out", Op::Dense { units: 2, bias: true }, &[hidden]).unwrap();
        let both = objective("vivado-dsp+vivado-ff").unwrap();
        let plan = |reuse| {
            let precision = "fixed<16,6>".parse().unwrap();
            let config = HlsConfig::uniform(precision, reuse, Strategy::Resource).unwrap();
            Plan::new(&model, &*both, Some(&config), &Settings::default())
        };
        let error = plan(4).err().unwrap().to_string();
        assert!(
            error.starts_with("layer `fc`: `vivado-dsp+vivado-ff` has no structure"),
            "{error}"
        );
        // A multiplier for each neuron: both count neurons.
        assert_eq!(plan(8).unwrap().layers[0].groups.count(), 4);
    }
}
