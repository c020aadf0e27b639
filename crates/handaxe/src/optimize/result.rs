//! The figures of a finished run.

use std::collections::BTreeMap;

use handaxe_data::{Dataset, Direction, Tensor};
use handaxe_emulate::BitExact;
use handaxe_graph::{HlsConfig, Model};
use handaxe_objective::estimate::Figure;
use handaxe_objective::{Objective, objective};
use handaxe_optimize::{
    BeforeAfter, ByResource, Estimated, Footprint, LayerRecord, MetricRecord, Outcome,
    ResultRecord, SCHEMA, Scores, Use, footprint,
};

use super::Optimize;
use crate::firmware::{findings, profile};
use crate::predict::blocks_answers;
use crate::{Error, judge, kept_multipliers};

impl Optimize {
    /// The figures of a finished run.
    pub(super) fn result(&self, metric: &str, outcome: &Outcome) -> Result<ResultRecord, Error> {
        let before = self.footprint(&outcome.original)?;
        let after = self.footprint(&outcome.model)?;
        let best = outcome.best_step();
        let of_every_resource = |value: &dyn Fn(&str) -> f64| {
            let names = self.objective.resources().iter();
            names.map(|name| ((*name).to_owned(), value(name))).collect::<ByResource<f64>>()
        };
        let nothing = || of_every_resource(&|_| 0.0);
        let feasible = best.or(outcome.steps.last()).map(|step| step.feasible.clone());
        let asked = self.target.as_ref().map(|target| of_every_resource(&|name| target.of(name)));
        let asked = asked.unwrap_or_default();
        let feasible = feasible.unwrap_or_else(nothing);
        let achieved = match &outcome.reduction {
            Some(reduction) if reduction.kept => reduction.achieved.clone(),
            _ => best.map_or_else(nothing, |step| step.achieved.clone()),
        };
        let reached = |(name, asked): (&String, &f64)| achieved[name] >= asked - 1e-9;
        let fits = outcome.budget.values().all(Use::fits);
        let met = best.is_some() && fits && asked.iter().all(reached);
        let (estimated, warnings) = self.estimated(outcome)?;
        let metrics = self.metrics(metric, outcome);
        let lossy = self.lossy_types(metric, outcome, &metrics)?;
        Ok(ResultRecord {
            schema: SCHEMA,
            model: outcome.model.name().to_owned(),
            objective: self.objective.name().to_owned(),
            metric: metric.to_owned(),
            increasing: outcome.direction == Direction::Increasing,
            tolerance: outcome.tolerance,
            baseline: outcome.baseline,
            last: outcome.last,
            metrics,
            stopped: outcome.stopped,
            best_step: best.map(|step| step.step),
            met,
            asked,
            feasible,
            achieved,
            resources: BeforeAfter { before: total(&before), after: total(&after) },
            estimated,
            budget: outcome.budget.clone(),
            search: outcome.search.clone(),
            reduction: outcome.reduction.clone(),
            layers: layer_records(before, after, &outcome.left_alone),
            diagnostics: [outcome.diagnostics.clone(), warnings, lossy].concat(),
            seed: self.training.seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seconds: 0.0,
        })
    }

    /// What implementation will leave of both networks, and what is to be said of that of the pruned one.
    fn estimated(
        &self,
        outcome: &Outcome,
    ) -> Result<(Option<BeforeAfter<Figure>>, Vec<String>), Error> {
        let Some(config) = &self.config else { return Ok((None, Vec::new())) };
        let of = |model: &Model| Estimated::new(model, config, &self.profile);
        let (before, after) = (of(&outcome.original)?, of(&outcome.model)?);
        let known = after.unknown.is_none();
        let kept = kept_multipliers(&outcome.model, config)?;
        let warnings = after.warnings.into_iter().chain(kept).collect();
        let resources = BeforeAfter { before: before.resources, after: after.resources };
        Ok((known.then_some(resources), warnings))
    }

    /// The other metrics, and the one that decided at hardware precision, if there is a configuration that firmware can be made with.
    fn metrics(&self, metric: &str, outcome: &Outcome) -> BTreeMap<String, MetricRecord> {
        let mut metrics = outcome.metrics.clone();
        let scores = |model: &Model| -> Option<Scores> {
            let firmware = BitExact::new(model, self.config.as_ref()?).ok()?;
            let score = |part: &Dataset| -> Option<f64> {
                let run = |block: &[Tensor]| Ok(firmware.predict(block)?);
                let outputs = blocks_answers(model, part.inputs(), run).ok()?;
                Some(judge(&outputs, part.targets(), Some(metric)).ok()?.1)
            };
            Some(Scores {
                validation: score(&self.parts.validation)?,
                test: score(&self.parts.test)?,
            })
        };
        if let (Some(baseline), Some(last)) = (scores(&outcome.original), scores(&outcome.model)) {
            let name = handaxe_report::in_fixed_point(metric);
            metrics.insert(name, MetricRecord { baseline, last });
        }
        metrics
    }

    /// Why the pruned network does not hold its tolerance at hardware precision, if it does not.
    fn lossy_types(
        &self,
        metric: &str,
        outcome: &Outcome,
        metrics: &BTreeMap<String, MetricRecord>,
    ) -> Result<Vec<String>, Error> {
        let fixed = metrics.get(&handaxe_report::in_fixed_point(metric));
        let (Some(fixed), Some(config)) = (fixed, &self.config) else { return Ok(Vec::new()) };
        let (fixed, float) = (fixed.last.validation, outcome.last.validation);
        let holds = match outcome.direction {
            Direction::Increasing => fixed >= outcome.tolerance,
            Direction::Decreasing => fixed <= outcome.tolerance,
        };
        if holds {
            return Ok(Vec::new());
        }
        // The data are standardised here already.
        let mut model = outcome.model.clone();
        model.set_preprocessing(Vec::new())?;
        let profiles = profile(&model, config, Some(self.parts.validation.inputs()), PROFILED)?;
        let found = findings(&model, config, &profiles, &[])?;
        let mut why: Vec<String> = found.iter().map(ToString::to_string).collect();
        if why.is_empty() {
            why.push("`handaxe trace` shows in which layer".to_owned());
        }
        Ok(vec![format!(
            "at hardware precision {metric} is {fixed:.4} on the validation samples, in floating point {float:.4}: {}",
            why.join("; ")
        )])
    }

    fn footprint(&self, model: &Model) -> Result<Vec<Footprint>, Error> {
        let known = known_objectives(self.config.as_ref())?;
        let mut objectives: Vec<&dyn Objective> = known.iter().map(|known| &**known).collect();
        objectives.push(&*self.objective);
        Ok(footprint(model, self.config.as_ref(), &objectives)?)
    }
}

/// Samples that are looked at for what types cannot hold.
const PROFILED: usize = 1_000;

/// The objectives whose resources every table shows; the hardware's need a configuration.
const SHOWN: [&str; 5] = ["parameter", "gpu-flops", "vivado-dsp", "vivado-ff", "vivado-dsp-bram"];

/// The objectives that a table of this network's resources is made from.
///
/// # Errors
/// None.
pub fn known_objectives(config: Option<&HlsConfig>) -> Result<Vec<Box<dyn Objective>>, Error> {
    let names = SHOWN.iter().filter(|name| config.is_some() || !name.starts_with("vivado"));
    Ok(names.map(|name| objective(name)).collect::<Result<_, _>>()?)
}

/// What these objectives count of each layer, zero weights left out.
///
/// # Errors
/// A configuration that does not verify.
pub fn counted(model: &Model, config: Option<&HlsConfig>) -> Result<Vec<Footprint>, Error> {
    let objectives = known_objectives(config)?;
    let objectives: Vec<&dyn Objective> = objectives.iter().map(|known| &**known).collect();
    Ok(footprint(model, config, &objectives)?)
}

/// Sums over all layers.
pub fn total(layers: &[Footprint]) -> ByResource<u64> {
    let mut total = ByResource::new();
    for (name, cost) in layers.iter().flat_map(|layer| &layer.resources) {
        *total.entry(name.clone()).or_insert(0) += cost;
    }
    total
}

fn layer_records(
    before: Vec<Footprint>,
    after: Vec<Footprint>,
    left_alone: &[(String, String)],
) -> Vec<LayerRecord> {
    let reason =
        |name: &str| left_alone.iter().find(|(layer, _)| layer == name).map(|(_, why)| why.clone());
    let pairs = before.into_iter().zip(after);
    let record = |(before, after): (Footprint, Footprint)| {
        let (old, new) = (before.layer, after.layer);
        let left = (1.0 - after.sparsity) * new.weight_count() as f64;
        LayerRecord {
            left_alone: reason(&old.name),
            sparsity: match new.weight_shape == old.weight_shape {
                true => after.sparsity,
                false => 1.0 - left / old.weight_count() as f64,
            },
            reduced: (new.weight_shape != old.weight_shape).then_some(new.weight_shape),
            name: old.name,
            layer_type: old.layer_type,
            shape: old.weight_shape,
            resources: BeforeAfter { before: before.resources, after: after.resources },
        }
    };
    pairs.map(record).collect()
}
