//! One knapsack problem: posed over layers, solved, and written back to them.

use handaxe_knapsack::{Problem, Solution, Status};

use crate::budget::Budget;
use crate::layer::{Alike, Fate, Layer};
use crate::ties::settle;
use crate::{Error, Settings};

/// The answer to one knapsack problem.
pub(crate) struct Solved {
    pub(crate) budgets: Vec<Budget>,
    pub(crate) solver: String,
    pub(crate) status: Status,
    pub(crate) value: f64,
    pub(crate) bound: f64,
}

/// Poses the problem over the open groups of these layers and decides them by its solution.
pub(crate) fn solve(
    layers: &mut [Layer<'_>],
    sparsity: &[f64],
    settings: &Settings<'_>,
) -> Result<Solved, Error> {
    let capacity = capacities(&budgets(layers, sparsity.len()), sparsity);
    layers.iter_mut().for_each(|layer| layer.choose_actions(&capacity));
    layers
        .iter_mut()
        .for_each(|layer| layer.reserve(layer.candidate.floor.unwrap_or(settings.floor)));
    let capacity = capacities(&budgets(layers, sparsity.len()), sparsity);
    let items: Vec<Vec<Alike<'_>>> = layers.iter().map(Layer::alike).collect();
    let class = |(layer, items): (&Layer<'_>, &Vec<Alike<'_>>)| {
        items.iter().map(|alike| layer.class(alike)).collect::<Vec<_>>()
    };
    let classes = layers.iter().zip(&items).flat_map(class).collect();
    let solution = decide(&Problem::from_classes(classes, capacity)?, settings)?;
    let mut keep = solution.keep.iter();
    for (layer, items) in layers.iter_mut().zip(items) {
        let groups = items.into_iter().flat_map(|alike| alike.groups);
        for (group, &kept) in groups.zip(keep.by_ref()) {
            layer.fate[group] = if kept { Fate::Kept } else { Fate::Cut };
        }
    }
    let optimal = reach(layers, sparsity, settings)?;
    let status = if optimal { solution.status } else { Status::Feasible };
    Ok(Solved {
        budgets: budgets(layers, sparsity.len()),
        solver: solution.solver,
        status,
        value: solution.value,
        bound: solution.bound,
    })
}

/// The answer of the solver, looked through: it may be anybody's.
fn decide(problem: &Problem<'_>, settings: &Settings<'_>) -> Result<Solution, Error> {
    let mut solution = settings.solver.solve(problem, settings.limits)?;
    let fault = |fault| Error::Solver { solver: settings.solver.name().to_owned(), fault };
    if solution.keep.len() != problem.len() {
        return Err(fault("does not decide every item"));
    }
    if !problem.fits(&solution.keep) {
        return Err(fault("exceeds a capacity"));
    }
    settle(problem, &mut solution.keep);
    Ok(solution)
}

/// Where it is not enough to cut groups the way that loses less, cuts some the way that saves more: those that lose
/// least by it. Whether that choice is proven to be the best.
fn reach(
    layers: &mut [Layer<'_>],
    sparsity: &[f64],
    settings: &Settings<'_>,
) -> Result<bool, Error> {
    let missing = missing(&budgets(layers, sparsity.len()), sparsity);
    if missing.iter().all(|&missing| missing == 0) {
        return Ok(true);
    }
    let (mut places, mut values) = (Vec::new(), Vec::new());
    let mut gains: Vec<Vec<u64>> = vec![Vec::new(); sparsity.len()];
    for (place, layer) in layers.iter().enumerate() {
        for group in 0..layer.fate.len() {
            let (most, true) = layer.most_saved(group) else { continue };
            let now = match layer.fate[group] {
                Fate::Reserved => continue,
                Fate::Cut => (layer.saved(group), layer.value(group)),
                // It saves nothing of what is missing as it would be cut, but does the other way.
                Fate::Open | Fate::Kept => (&[][..], 0.0),
            };
            places.push((place, group));
            let other = layer.action[group].other();
            values.push((layer.value_under(other, group) - now.1).max(0.0));
            let now = now.0.iter().copied().chain(std::iter::repeat(0));
            for ((gains, most), now) in gains.iter_mut().zip(most).zip(now) {
                gains.push(most - now);
            }
        }
    }
    if places.is_empty() {
        return Ok(true);
    }
    let spare = |(gains, &missing): (&Vec<u64>, &u128)| {
        let total: u128 = gains.iter().map(|&gain| u128::from(gain)).sum();
        i64::try_from(total.saturating_sub(missing)).unwrap_or(i64::MAX)
    };
    let spare: Vec<i64> = gains.iter().zip(&missing).map(spare).collect();
    let solution = decide(&Problem::new(&values, &gains, &spare)?, settings)?;
    for ((place, group), _) in places.into_iter().zip(&solution.keep).filter(|(_, kept)| !**kept) {
        let layer = &mut layers[place];
        layer.action[group] = layer.action[group].other();
        layer.fate[group] = Fate::Cut;
    }
    Ok(solution.status == Status::Optimal)
}

/// What these layers cost, can free and have freed of each resource.
fn budgets(layers: &[Layer<'_>], resources: usize) -> Vec<Budget> {
    let mut budgets = vec![Budget::default(); resources];
    for layer in layers {
        for (budget, &cost) in budgets.iter_mut().zip(&layer.candidate.resources) {
            budget.cost += u128::from(cost);
        }
        for group in 0..layer.fate.len() {
            let (fate, most) = (layer.fate[group], layer.most_saved(group).0);
            for ((budget, &saved), &most) in budgets.iter_mut().zip(layer.saved(group)).zip(most) {
                budget.add(fate, saved, most);
            }
        }
    }
    budgets
}

fn capacities(budgets: &[Budget], sparsity: &[f64]) -> Vec<u64> {
    budgets.iter().zip(sparsity).map(|(budget, &sparsity)| budget.capacity(sparsity)).collect()
}

fn missing(budgets: &[Budget], sparsity: &[f64]) -> Vec<u128> {
    budgets.iter().zip(sparsity).map(|(budget, &sparsity)| budget.missing(sparsity)).collect()
}
