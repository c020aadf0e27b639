//! Small networks as tests describe them.

use handaxe_graph::{LayerId, Structure};
use handaxe_knapsack::{Limits, solver};
use handaxe_prune::{
    Candidate, Error, Groups, Ranking, Savings, Scope, Selection, Settings, ranking, select,
};

use crate::ids::ids;

#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) kernel: Vec<f32>,
    pub(crate) shape: Vec<usize>,
    pub(crate) structure: Structure,
    pub(crate) full: Vec<u64>,
    pub(crate) last: Vec<u64>,
    /// What the layer costs beyond what its groups save.
    pub(crate) fixed: Vec<u64>,
}

impl Layer {
    pub(crate) fn groups(&self) -> Groups {
        Groups::new(&self.shape, &self.structure).unwrap()
    }

    pub(crate) fn saved_by(&self, group: usize) -> &[u64] {
        if group + 1 == self.groups().count() { &self.last } else { &self.full }
    }

    pub(crate) fn savable(&self, resource: usize) -> u64 {
        (0..self.groups().count()).map(|group| self.saved_by(group)[resource]).sum()
    }

    pub(crate) fn cost(&self, resource: usize) -> u64 {
        self.savable(resource) + self.fixed[resource]
    }
}

pub(crate) fn candidates(layers: &[Layer]) -> Vec<Candidate<'_>> {
    let ids = ids(layers.len()).into_iter();
    let candidate = |(layer, id)| candidate(layer, id);
    layers.iter().zip(ids).map(candidate).collect()
}

fn candidate(layer: &Layer, id: LayerId) -> Candidate<'_> {
    Candidate {
        layer: id,
        name: "layer",
        kernel: &layer.kernel,
        gradient: None,
        curvature: None,
        groups: layer.groups(),
        floor: None,
        resources: (0..layer.full.len()).map(|resource| layer.cost(resource)).collect(),
        savings: Savings { full: layer.full.clone(), last: layer.last.clone() },
        sharing: None,
    }
}

pub(crate) fn choose(
    layers: &[Layer],
    sparsity: &[f64],
    scope: Scope,
    floor: usize,
) -> Result<Selection, Error> {
    choose_by(layers, sparsity, scope, floor, &*ranking("l1")?)
}

pub(crate) fn choose_by(
    layers: &[Layer],
    sparsity: &[f64],
    scope: Scope,
    floor: usize,
    ranking: &dyn Ranking,
) -> Result<Selection, Error> {
    let (solver, limits) = (solver("auto")?, Limits::default());
    let settings = Settings { scope, floor, ranking, solver: &*solver, limits: &limits };
    select(&candidates(layers), sparsity, &settings)
}

/// The groups that a selection keeps, layer by layer; every group is kept whole or cut whole.
pub(crate) fn kept(layers: &[Layer], selection: &Selection) -> Vec<Vec<bool>> {
    let of_layer = |(layer, id): (&Layer, LayerId)| {
        let (groups, mask) = (layer.groups(), selection.masks.get(id).unwrap());
        let of_group = |group| {
            let mut keep = groups.members(group).map(|index| mask.keep()[index]);
            let first = keep.next().unwrap();
            assert!(keep.all(|other| other == first));
            first
        };
        (0..groups.count()).map(of_group).collect()
    };
    layers.iter().zip(ids(layers.len())).map(of_layer).collect()
}
