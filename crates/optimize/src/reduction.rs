//! What follows the loop where zeros save only once they are gone: surgery, and training of what is left.

use std::collections::BTreeMap;

use handaxe_data::Direction;
use handaxe_graph::{Mask, Masks, Model};
use handaxe_prune::Reduced;

use crate::plan::Plan;
use crate::run::tell;
use crate::{
    ByResource, Error, Event, Observer, Optimisation, Part, Phase, ReductionRecord, Trainer,
    footprint,
};

/// The stream of the training after reduction: that of the rewinding of step 0, which there is not.
const STREAM: u64 = 1;

/// A network without its idle neurons.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    /// Its figures.
    pub record: ReductionRecord,
    /// The network; none where it did not hold the tolerance and the unreduced one is handed back.
    pub model: Option<Model>,
}

/// What a reduction is judged by.
pub(crate) struct Judge {
    pub(crate) direction: Direction,
    pub(crate) tolerance: f64,
}

impl Judge {
    pub(crate) fn is_good(&self, metric: f64) -> bool {
        match self.direction {
            Direction::Increasing => metric >= self.tolerance,
            Direction::Decreasing => metric <= self.tolerance,
        }
    }
}

impl Optimisation<'_> {
    /// Whether the run ends with a reduction.
    pub(crate) fn reduces(&self) -> bool {
        self.settings.reduce.unwrap_or(self.objective.reduces())
    }

    /// Takes what `best` holds at zero out of it and trains the rest for 1.5 times the epochs of a step, with the weights
    /// that are still held fixed. None where nothing can go.
    ///
    /// Without that training the reduced network answers what `best` does: so where the training loses the tolerance, the
    /// network as it was before is taken.
    pub(crate) fn reduce(
        &self,
        plan: &Plan,
        best: &Model,
        judge: &Judge,
        trainer: &dyn Trainer,
        observer: &mut dyn Observer,
        step: usize,
    ) -> Result<Option<Reduction>, Error> {
        let reduced = handaxe_prune::reduce(best)?;
        if reduced.removed.is_empty() {
            return Ok(None);
        }
        let mut trainer = trainer.of(&reduced.model).map_err(Error::Trainer)?;
        let before = trainer.evaluate(Part::Validation).map_err(Error::Trainer)?;
        let masks = carried(&plan.held(best), &reduced);
        let epochs = self.settings.epochs.saturating_mul(3) / 2;
        let held = (Some(&masks), None);
        self.fit(&mut *trainer, observer, (step, Phase::Reduce), (epochs, STREAM), held)?;
        let after = trainer.evaluate(Part::Validation).map_err(Error::Trainer)?;
        let (model, trained, metric) = if judge.is_good(after) {
            (Some(trainer.model().map_err(Error::Trainer)?), true, after)
        } else if judge.is_good(before) {
            (Some(reduced.model), false, before)
        } else {
            (None, false, after)
        };
        let removed = reduced.removed.iter();
        let record = ReductionRecord {
            kept: model.is_some(),
            trained,
            metric,
            achieved: match &model {
                Some(model) => self.achieved(plan, model)?,
                None => ByResource::new(),
            },
            removed: removed
                .map(|(&id, units)| (best.layer(id).name().to_owned(), units.len()))
                .collect(),
        };
        let reduction = Reduction { record, model };
        tell(observer, &Event::Reduced(&reduction))?;
        Ok(Some(reduction))
    }

    /// The share of each resource of the optimised layers that `model` does without.
    fn achieved(&self, plan: &Plan, model: &Model) -> Result<ByResource<f64>, Error> {
        let left = footprint(model, self.config, &[self.objective])?;
        let share = |(place, name): (usize, &&str)| {
            let before: u64 = plan.costs().map(|(_, costs)| costs[place]).sum();
            let layers = left.iter().filter(|left| plan.costs().any(|(id, _)| id == left.layer.id));
            let after: u64 = layers.map(|layer| layer.resources[*name]).sum();
            let share = if before == 0 { 1.0 } else { 1.0 - after as f64 / before as f64 };
            ((*name).to_owned(), share)
        };
        Ok(self.objective.resources().iter().enumerate().map(share).collect())
    }
}

/// The masks of a network on what is left of it.
fn carried(masks: &Masks, reduced: &Reduced) -> Masks {
    let mut carried = Masks::default();
    for (id, mask) in masks.iter() {
        let Some(places) = reduced.weights.get(&id) else { continue };
        let mut left = Mask::new(vec![true; places.len()]);
        let index_of: BTreeMap<usize, usize> =
            places.iter().enumerate().map(|(index, &place)| (place, index)).collect();
        for group in mask.shared() {
            let members: Vec<usize> =
                group.iter().filter_map(|place| index_of.get(place).copied()).collect();
            let value = group.first().and_then(|&place| mask.held(place));
            if let Some(value) = value.filter(|_| !members.is_empty()) {
                left.share(members, value);
            }
        }
        for (index, &place) in places.iter().enumerate() {
            if let Some(value) = mask.held(place) {
                left.hold(index, value);
            }
        }
        carried.insert(id, left);
    }
    carried
}
