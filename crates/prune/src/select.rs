use std::borrow::Cow;

use handaxe_graph::{Mask, Masks};
use handaxe_knapsack::{Class, Limits, Problem, Solver, Status};

use crate::budget::{Budget, sparsity as sparsity_of};
use crate::ties::settle;
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
/// `sparsity` is relative to what the candidates cost. Where it cannot be reached, everything is cut that uses the
/// resource and can be. Groups that save nothing are kept; of equal groups those of lower layer and index.
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
        .map(|candidate| Layer::new(candidate, settings))
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

/// A layer whose groups are being decided.
struct Layer<'a> {
    candidate: &'a Candidate<'a>,
    values: Vec<f64>,
    fate: Vec<Fate>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Kept in any case.
    Reserved,
    /// For the solver to decide.
    Open,
    Kept,
    Cut,
}

impl<'a> Layer<'a> {
    fn new(candidate: &'a Candidate<'a>, settings: &Settings<'_>) -> Result<Self, Error> {
        let values = candidate.losses(settings.ranking)?;
        let free = |group: usize| candidate.saved_by(group).iter().all(|&saving| saving == 0);
        let fate = |group| if free(group) { Fate::Reserved } else { Fate::Open };
        let mut fate: Vec<Fate> = (0..values.len()).map(fate).collect();
        best(&values, settings.floor).into_iter().for_each(|group| fate[group] = Fate::Reserved);
        Ok(Self { candidate, values, fate })
    }

    /// Values as shares of the layer's largest, so that no layer wins by the scale of its weights (correction 3).
    fn normalise(&mut self) {
        let largest = self.values.iter().copied().fold(0.0, f64::max);
        if largest > 0.0 {
            self.values.iter_mut().for_each(|value| *value /= largest);
        }
    }

    /// The open groups as two classes: all but the last save the same.
    fn classes(&self) -> [Class<'static>; 2] {
        let last = self.values.len() - 1;
        let open = |groups: std::ops::Range<usize>| {
            groups.filter(|&group| self.fate[group] == Fate::Open).map(|group| self.values[group])
        };
        let class = |savings: &[u64], values: Vec<f64>| Class {
            savings: savings.to_vec(),
            values: Cow::Owned(values),
        };
        let savings = &self.candidate.savings;
        [
            class(&savings.full, open(0..last).collect()),
            class(&savings.last, open(last..last + 1).collect()),
        ]
    }

    fn mask(&self) -> Mask {
        let groups = &self.candidate.groups;
        let mut keep = vec![true; groups.weights()];
        let cut = (0..groups.count()).filter(|&group| self.fate[group] == Fate::Cut);
        cut.flat_map(|group| groups.members(group)).for_each(|index| keep[index] = false);
        Mask::new(keep)
    }
}

/// The groups of largest value, `count` of them; of equal ones the first.
fn best(values: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    if count > 0 && count < order.len() {
        order.select_nth_unstable_by(count - 1, |&a, &b| {
            values[b].total_cmp(&values[a]).then(a.cmp(&b))
        });
    }
    order.truncate(count);
    order
}

/// The answer to one knapsack problem.
struct Solved {
    budgets: Vec<Budget>,
    solver: String,
    status: Status,
    value: f64,
    bound: f64,
}

/// Poses the problem over the open groups of these layers and decides them by its solution.
fn solve(
    layers: &mut [Layer<'_>],
    sparsity: &[f64],
    settings: &Settings<'_>,
) -> Result<Solved, Error> {
    let mut budgets = vec![Budget::default(); sparsity.len()];
    for (resource, budget) in budgets.iter_mut().enumerate() {
        layers.iter().for_each(|layer| budget.add(layer.candidate, resource));
        budget.reserved = total(layers, Fate::Reserved, resource);
    }
    let capacity =
        budgets.iter().zip(sparsity).map(|(budget, &sparsity)| budget.capacity(sparsity)).collect();
    let classes = layers.iter().flat_map(Layer::classes).collect();
    let problem = Problem::from_classes(classes, capacity)?;
    let mut solution = settings.solver.solve(&problem, settings.limits)?;
    let fault = |fault| Error::Solver { solver: settings.solver.name().to_owned(), fault };
    if solution.keep.len() != problem.len() {
        return Err(fault("does not decide every item"));
    }
    if !problem.fits(&solution.keep) {
        return Err(fault("exceeds a capacity"));
    }
    settle(&problem, &mut solution.keep);
    let open = layers.iter_mut().flat_map(|layer| &mut layer.fate).filter(|f| **f == Fate::Open);
    for (fate, &kept) in open.zip(&solution.keep) {
        *fate = if kept { Fate::Kept } else { Fate::Cut };
    }
    for (resource, budget) in budgets.iter_mut().enumerate() {
        budget.removed = total(layers, Fate::Cut, resource);
    }
    let (solver, status) = (solution.solver, solution.status);
    Ok(Solved { budgets, solver, status, value: solution.value, bound: solution.bound })
}

/// What the groups of one fate save of a resource.
fn total(layers: &[Layer<'_>], fate: Fate, resource: usize) -> u128 {
    let of_layer = |layer: &Layer<'_>| {
        let groups = (0..layer.fate.len()).filter(|&group| layer.fate[group] == fate);
        groups.map(|group| u128::from(layer.candidate.saved_by(group)[resource])).sum::<u128>()
    };
    layers.iter().map(of_layer).sum()
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
