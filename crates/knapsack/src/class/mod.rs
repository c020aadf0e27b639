mod core;
mod dual;
mod eliminate;
mod lattice;
mod repair;
mod run;
mod search;
mod single;
mod table;

use self::{dual::Dual, run::Run};
use crate::{Error, Limits, Problem, Solution, Solver, bound, limits::Watch, reduce::Reduced};

/// Groups items by what they cost, and decides only how many of each class to keep; any number of resources.
///
/// The most valuable items of a class come first, so the value of a count is concave. Prices that nearly minimise the
/// Lagrangian are found from samples; at those prices a selection is worth the bound less its loss: what it leaves
/// of the capacities, and the reduced costs of the items decided against their sign, all in whole numbers. Then
/// growing budgets of loss are searched until one holds a selection, which proves it. Only the slacks in
/// the lattice of the columns are tried, and where many items of a class are worth the same (as in quantised
/// networks), some counts are solved for instead of tried. With one resource and many different costs a core grows
/// around the split item instead. Where the search runs out of memory, branch and bound takes over.
///
/// The time is that of a few passes over the values, without sorting them.
///
/// Reference for the search: E. Horowitz, S. Sahni, "Computing partitions with applications to the knapsack problem",
/// Journal of the ACM 21 (1974).
#[derive(Debug, Clone, Copy, Default)]
pub struct ClassSolver;

impl Solver for ClassSolver {
    fn name(&self) -> &'static str {
        "class"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let watch = Watch::start(limits)?;
        let reduced = Reduced::new(problem);
        let mut solution = match &reduced.groups[..] {
            [] => Solution::of(problem, reduced.start(problem), None, self.name()),
            [_] => most_valuable(problem, &reduced),
            [..] => Run::new(problem, &reduced, &watch).solve(),
        };
        solution.solver = self.name().to_owned();
        solution.elapsed = watch.elapsed();
        Ok(solution)
    }
}

/// With one column the best selection is the most valuable items, as many as fit.
fn most_valuable(problem: &Problem<'_>, reduced: &Reduced) -> Solution {
    let column = &reduced.groups[0].column;
    let fit = column.iter().zip(&reduced.capacity).filter(|(need, _)| **need > 0);
    let fit = fit.map(|(need, capacity)| capacity / need).min().unwrap_or(u64::MAX);
    let mut members: Vec<_> = reduced.members(problem, 0).collect();
    let by_value = |a: &(usize, f64), b: &(usize, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    if let Ok(fit) = usize::try_from(fit)
        && fit < members.len()
    {
        members.select_nth_unstable_by(fit, by_value);
        members.truncate(fit);
    }
    let mut keep = reduced.start(problem);
    members.into_iter().for_each(|(item, _)| keep[item] = true);
    Solution::of(problem, keep, None, "class")
}

/// The Lagrangian bound at the prices of the linear relaxation.
pub(crate) fn relaxation(problem: &Problem<'_>, reduced: &Reduced) -> f64 {
    let prices = if reduced.items() == 0 { Vec::new() } else { Dual::new(problem, reduced).prices };
    bound::lagrangian(problem, reduced, &prices)
}
