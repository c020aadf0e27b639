use handaxe_graph::Masks;
use handaxe_knapsack::{Limits, Solver, Status};

use crate::budget::{Budget, sparsity as sparsity_of};
use crate::layer::Layer;
use crate::solve::{Solved, solve};
use crate::{Candidate, Error, Ranking};

/// Which groups compete with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// Those of all layers, in one problem: layers give as much as they can spare.
    #[default]
    Global,
    /// Those of one layer: every layer gives the same share.
    Local,
}

/// How to choose.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Which groups compete.
    pub scope: Scope,
    /// The best groups of each layer, this many, are always kept; with 0 a whole layer can be cut, and the network with it.
    pub floor: usize,
    /// What a group is worth.
    pub ranking: &'a dyn Ranking,
    /// Who solves the problem.
    pub solver: &'a dyn Solver,
    /// How long and on how much memory.
    pub limits: &'a Limits,
}

/// What was asked of a resource and what came of it: fractions of what the candidates cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sparsity {
    /// The target.
    pub asked: f64,
    /// The most that can be had: not all that a layer costs is in its groups, and some are always kept. Where layers
    /// are asked one by one and one of them cannot reach the target: the most that they reach being asked for that.
    pub feasible: f64,
    /// What the groups cut save: at least the smaller of the other two. 1 for a resource of which nothing is used.
    pub achieved: f64,
}

/// Which weights are kept, and how good that choice is.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// A mask for every candidate.
    pub masks: Masks,
    /// For each resource.
    pub resources: Vec<Sparsity>,
    /// The name of the solver that found it.
    pub solver: String,
    /// [`Status::Optimal`] if every problem was solved to proven optimality.
    pub status: Status,
    /// The value of what is kept, summed over the problems; groups kept in any case are not part of them.
    pub value: f64,
    /// No choice is worth more than this.
    pub bound: f64,
}

/// Chooses the groups to keep: the most valuable ones that leave `sparsity` of each resource unused.
///
/// `sparsity` is relative to what the candidates cost, one for each resource. Where it cannot be reached, everything is
/// cut that uses the resource and can be. Groups that save nothing are kept; of equal groups those of lower layer and index.
///
/// A group of a layer that may be shared is pruned or shared, whichever loses less for a unit saved (resources are added in
/// units of what may be kept of each when all is pruned, at least 1); where both save the same, whichever loses less, and
/// of equal losses pruning. Its value is that loss. Where that does not save enough though everything is cut, the
/// groups that lose least by it are cut the other way, if that saves more. Shared groups are held at the mean of their
/// weights.
///
/// # Errors
/// No candidates, a sparsity outside `0..=1`, candidates whose parts disagree or hold NaN, a ranking whose needs are not
/// met or whose values cannot be compared, or what the solver reports.
pub fn select(
    candidates: &[Candidate<'_>],
    sparsity: &[f64],
    settings: &Settings<'_>,
) -> Result<Selection, Error> {
    check(candidates, sparsity)?;
    let mut layers = candidates
        .iter()
        .map(|candidate| Layer::new(candidate, settings.ranking))
        .collect::<Result<Vec<_>, _>>()?;
    let problems = match settings.scope {
        Scope::Global => {
            layers.iter_mut().for_each(Layer::normalise);
            vec![solve(&mut layers, sparsity, settings)?]
        }
        Scope::Local => layers
            .chunks_mut(1)
            .map(|layer| solve(layer, sparsity, settings))
            .collect::<Result<Vec<_>, _>>()?,
    };
    let mut masks = Masks::default();
    layers.iter().for_each(|layer| masks.insert(layer.candidate.layer, layer.mask()));
    Ok(summarise(masks, sparsity, &problems))
}

fn check(candidates: &[Candidate<'_>], sparsity: &[f64]) -> Result<(), Error> {
    if candidates.is_empty() {
        return Err(Error::NoCandidates);
    }
    for (resource, &given) in sparsity.iter().enumerate() {
        if !(0.0..=1.0).contains(&given) {
            return Err(Error::Sparsity { resource, given });
        }
    }
    candidates.iter().try_for_each(|candidate| candidate.check(sparsity.len()))
}

fn summarise(masks: Masks, sparsity: &[f64], problems: &[Solved]) -> Selection {
    let resource = |(resource, &asked): (usize, &f64)| {
        let budgets: Vec<Budget> = problems.iter().map(|solved| solved.budgets[resource]).collect();
        sparsity_of(asked, &budgets)
    };
    let mut solvers: Vec<&str> = problems.iter().map(|solved| solved.solver.as_str()).collect();
    solvers.sort_unstable();
    solvers.dedup();
    let optimal = problems.iter().all(|solved| solved.status == Status::Optimal);
    Selection {
        masks,
        resources: sparsity.iter().enumerate().map(resource).collect(),
        solver: solvers.join(", "),
        status: if optimal { Status::Optimal } else { Status::Feasible },
        value: problems.iter().map(|solved| solved.value).sum(),
        bound: problems.iter().map(|solved| solved.bound).sum(),
    }
}
