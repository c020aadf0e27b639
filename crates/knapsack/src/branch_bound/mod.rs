mod genetic;
mod model;
mod start;
mod tree;

use self::{model::Model, tree::Tree};
use crate::{
    Effort, Error, Limits, Problem, Solution, Solver, greedy, limits::Watch, reduce::Reduced,
};

/// Depth-first search with bounds from the linear relaxation; any number of resources.
///
/// A dual simplex in floating point leads the way, and its prices give Lagrangian bounds whose rounding errors
/// are added up, so that nothing is cut off without proof. Items whose reduced cost exceeds the gap are fixed; besides
/// items, the search branches on how many of them are kept. A genetic search takes turns with it and finds better
/// selections, the longer the more resources there are. On a limit the answer is the best selection found, with the
/// largest bound of what is still open.
///
/// Reference: Y. Vimont, S. Boussier, M. Vasquez, "Reduced costs propagation in an efficient implicit enumeration
/// for the 01 multidimensional knapsack problem", J. Comb. Optim. 15 (2008).
#[derive(Debug, Clone, Copy, Default)]
pub struct BranchBound;

impl Solver for BranchBound {
    fn name(&self) -> &'static str {
        "branch_bound"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let watch = Watch::start(limits)?;
        let reduced = Reduced::new(problem);
        let mut solution = search(problem, &reduced, &watch);
        solution.solver = self.name().to_owned();
        solution.elapsed = watch.elapsed();
        Ok(solution)
    }
}

/// Solves a problem already reduced.
pub(crate) fn search(problem: &Problem<'_>, reduced: &Reduced, watch: &Watch<'_>) -> Solution {
    let model = Model::new(problem, reduced);
    let mut keep = reduced.start(problem);
    let mut tree = Tree::new(&model, watch);
    let open = tree.run();
    for (item, &kept) in model.items.iter().zip(&tree.kept) {
        keep[item.number] = kept;
    }
    let bound = match open {
        None => model.units.slack(problem, reduced, &keep),
        Some(open) => {
            let free = reduced.free.iter().flat_map(|&class| problem.values(class));
            let free: f64 = crate::exact::sum(free.copied());
            Some(crate::bound::up(free + open, 2.0))
        }
    };
    let stopped = open.is_some();
    let mut solution = Solution::of(problem, keep, bound, "branch_bound");
    if stopped {
        solution = solution.or(greedy::fill(problem, reduced));
    }
    solution.effort = Effort { nodes: tree.nodes, evaluations: tree.pivots(), states: 0 };
    solution
}
