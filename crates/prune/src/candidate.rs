use handaxe_graph::LayerId;

use crate::{Error, Group, Groups, Needs, Ranking};

/// A layer that can be cut: its weights, how they are grouped, and what they cost.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// Place in the model.
    pub layer: LayerId,
    /// The layer's name, for messages.
    pub name: &'a str,
    /// The weights, row-major.
    pub kernel: &'a [f32],
    /// dL/dw of each weight, where the ranking needs it.
    pub gradient: Option<&'a [f32]>,
    /// d2L/dw2 of each weight, where the ranking needs it.
    pub curvature: Option<&'a [f32]>,
    /// The partition of the kernel.
    pub groups: Groups,
    /// Groups that are always kept, in place of [`Settings::floor`](crate::Settings::floor).
    pub floor: Option<usize>,
    /// What the whole layer costs of each resource.
    pub resources: Vec<u64>,
    /// What pruning a group saves: nothing where the layer may not be pruned.
    pub savings: Savings,
    /// What holding all weights of a group at one value saves, where the layer's weights may be shared.
    pub sharing: Option<Savings>,
}

/// What doing something to one group of a layer saves of each resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Savings {
    /// For every group but the last.
    pub full: Vec<u64>,
    /// For the last group, which may have fewer weights.
    pub last: Vec<u64>,
}

impl Savings {
    /// Asks `savings` what a group of that many weights saves.
    pub fn of(groups: &Groups, savings: impl Fn(usize) -> Vec<u64>) -> Self {
        Self { full: savings(groups.size(0)), last: savings(groups.size(groups.count() - 1)) }
    }

    /// What is saved by one of the groups.
    pub fn by(&self, groups: &Groups, group: usize) -> &[u64] {
        if group + 1 == groups.count() { &self.last } else { &self.full }
    }
}

/// What is done to a group that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// All weights become 0.
    Prune,
    /// All weights become their mean.
    Share,
}

impl Action {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Prune => Self::Share,
            Self::Share => Self::Prune,
        }
    }
}

impl Candidate<'_> {
    /// What this saves of each resource; sharing only where the layer's weights may be shared.
    pub(crate) fn saved_by(&self, action: Action, group: usize) -> &[u64] {
        let savings = match (action, &self.sharing) {
            (Action::Share, Some(sharing)) => sharing,
            _ => &self.savings,
        };
        savings.by(&self.groups, group)
    }

    /// What the weights of a group are held at when they are shared.
    pub(crate) fn mean(&self, group: usize) -> f32 {
        let sum: f64 = self.groups.members(group).map(|index| f64::from(self.kernel[index])).sum();
        (sum / self.groups.size(group) as f64) as f32
    }

    /// Checks that the parts agree.
    pub(crate) fn check(&self, resources: usize) -> Result<(), Error> {
        let weights = self.groups.weights();
        let length = |what, given, expected| {
            let layer = self.name.to_owned();
            if given == expected {
                Ok(())
            } else {
                Err(Error::Length { layer, what, given, expected })
            }
        };
        length("weights", self.kernel.len(), weights)?;
        length("resources", self.resources.len(), resources)?;
        for savings in [Some(&self.savings), self.sharing.as_ref()].into_iter().flatten() {
            length("savings of a group", savings.full.len(), resources)?;
            length("savings of the last group", savings.last.len(), resources)?;
        }
        self.check_finite("kernel", self.kernel)?;
        for (what, values) in [("gradient", self.gradient), ("curvature", self.curvature)] {
            if let Some(values) = values {
                length(what, values.len(), weights)?;
                self.check_finite(what, values)?;
            }
        }
        for (resource, &cost) in self.resources.iter().enumerate() {
            let (layer, savings) = (self.name.to_owned(), self.most(resource));
            if savings > u128::from(cost) {
                return Err(Error::SavingsExceedCost { layer, resource, savings, cost });
            }
        }
        Ok(())
    }

    fn check_finite(&self, what: &'static str, values: &[f32]) -> Result<(), Error> {
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(index) => {
                let (layer, given) = (self.name.to_owned(), values[index]);
                Err(Error::NotFinite { layer, what, given, index })
            }
        }
    }

    /// What cutting all groups saves of a resource, at most.
    fn most(&self, resource: usize) -> u128 {
        let most = |group| {
            let saved = |action| self.saved_by(action, group)[resource];
            u128::from(saved(Action::Prune).max(saved(Action::Share)))
        };
        let last = self.groups.count() - 1;
        last as u128 * most(0) + most(last)
    }

    /// The loss of doing this to each group.
    pub(crate) fn losses(&self, ranking: &dyn Ranking, action: Action) -> Result<Vec<f64>, Error> {
        let missing = match ranking.needs() {
            Needs::Gradients if self.gradient.is_none() => Some("gradient"),
            Needs::Curvature if self.curvature.is_none() => Some("curvature"),
            _ => None,
        };
        let (layer, name) = (|| self.name.to_owned(), || ranking.name().to_owned());
        if let Some(what) = missing {
            return Err(Error::Missing { layer: layer(), ranking: name(), what });
        }
        let mut losses = Vec::with_capacity(self.groups.count());
        let (mut change, mut gradient, mut curvature) = (Vec::new(), Vec::new(), Vec::new());
        for group in 0..self.groups.count() {
            let becomes = match action {
                Action::Prune => 0.0,
                Action::Share => self.mean(group),
            };
            gather(&mut change, &self.groups, group, |index| becomes - self.kernel[index]);
            let gradient = self.gradient.map(|values| {
                gather(&mut gradient, &self.groups, group, |index| values[index]);
                &gradient[..]
            });
            let curvature = self.curvature.map(|values| {
                gather(&mut curvature, &self.groups, group, |index| values[index]);
                &curvature[..]
            });
            let given = ranking.loss(&Group { change: &change, gradient, curvature });
            if !(0.0..f64::INFINITY).contains(&given) {
                return Err(Error::Value { layer: layer(), ranking: name(), group, given });
            }
            losses.push(given);
        }
        Ok(losses)
    }
}

/// Fills `into` with what `value` says of each member; the allocation is used again.
fn gather(into: &mut Vec<f32>, groups: &Groups, group: usize, value: impl Fn(usize) -> f32) {
    into.clear();
    into.extend(groups.members(group).map(value));
}
