use crate::{
    Error, Limits, Problem, Solution, Solver, branch_bound, limits::Watch, reduce::Reduced,
};

/// Groups items by what they cost, and decides only how many of each class to keep.
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
            [..] => branch_bound::search(problem, &reduced, &watch),
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
