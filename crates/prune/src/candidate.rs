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
    /// What the whole layer costs of each resource.
    pub resources: Vec<u64>,
    /// What pruning a group saves.
    pub savings: Savings,
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
}

impl Candidate<'_> {
    /// What pruning this group saves of each resource.
    pub(crate) fn saved_by(&self, group: usize) -> &[u64] {
        if group + 1 == self.groups.count() { &self.savings.last } else { &self.savings.full }
    }

    /// What pruning all groups saves of a resource.
    pub(crate) fn savable(&self, resource: usize) -> u128 {
        let full = self.groups.count() as u128 - 1;
        full * u128::from(self.savings.full[resource]) + u128::from(self.savings.last[resource])
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
        length("savings of a group", self.savings.full.len(), resources)?;
        length("savings of the last group", self.savings.last.len(), resources)?;
        self.check_finite("kernel", self.kernel)?;
        for (what, values) in [("gradient", self.gradient), ("curvature", self.curvature)] {
            if let Some(values) = values {
                length(what, values.len(), weights)?;
                self.check_finite(what, values)?;
            }
        }
        for (resource, &cost) in self.resources.iter().enumerate() {
            let (layer, savings) = (self.name.to_owned(), self.savable(resource));
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

    /// The loss of pruning each group.
    pub(crate) fn losses(&self, ranking: &dyn Ranking) -> Result<Vec<f64>, Error> {
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
            gather(&mut change, &self.groups, group, |index| -self.kernel[index]);
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
