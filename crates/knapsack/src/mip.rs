use good_lp::{
    Expression, ProblemVariables, Solution as _, SolverModel as _, WithTimeLimit as _, constraint,
    solvers::microlp::microlp, variable,
};

use crate::{Error, Limits, Problem, Solution, Solver, greedy, limits::Watch, reduce::Reduced};

/// The problem as a mixed integer programme, for the solver behind [`good_lp`]; any number of resources.
///
/// That solver works in floating point and within tolerances, so its answer is checked: where it does not
/// fit, or the greedy one is better, the greedy answer is returned. It is never called optimal,
/// and its bound is a Lagrangian one, because the solver's own cannot be verified.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mip;

impl Solver for Mip {
    fn name(&self) -> &'static str {
        "mip"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let watch = Watch::start(limits)?;
        let reduced = Reduced::new(problem);
        let start = greedy::fill(problem, &reduced);
        let mut solution = match programme(problem, &reduced, &watch) {
            Some(keep) if problem.fits(&keep) && problem.value(&keep) > start.value => {
                let bound = (start.status != crate::Status::Optimal).then_some(start.bound);
                Solution::of(problem, keep, bound, self.name())
            }
            _ => start,
        };
        solution.solver = self.name().to_owned();
        solution.elapsed = watch.elapsed();
        Ok(solution)
    }
}

/// What the solver would keep, if it finds anything.
fn programme(problem: &Problem<'_>, reduced: &Reduced, watch: &Watch<'_>) -> Option<Vec<bool>> {
    let mut variables = ProblemVariables::new();
    let mut objective = Expression::default();
    let mut loads = vec![Expression::default(); reduced.capacity.len()];
    let mut chosen = Vec::with_capacity(reduced.items());
    // Values and loads near 1 suit the tolerances of the solver.
    let all = || (0..reduced.groups.len()).flat_map(|k| reduced.members(problem, k));
    let largest = all().map(|(_, value)| value).fold(f64::MIN_POSITIVE, f64::max);
    for (k, group) in reduced.groups.iter().enumerate() {
        for (item, value) in reduced.members(problem, k) {
            let variable = variables.add(variable().binary());
            objective.add_mul(value / largest, variable);
            for (load, &need) in loads.iter_mut().zip(&group.column) {
                load.add_mul(need as f64, variable);
            }
            chosen.push((item, variable));
        }
    }
    let mut model = variables.maximise(objective).using(microlp);
    for (load, &capacity) in loads.into_iter().zip(&reduced.capacity) {
        model = model.with(constraint!(load <= capacity as f64));
    }
    if let Some(left) = watch.left() {
        model = model.with_time_limit(left.as_secs_f64());
    }
    let answer = model.solve().ok()?;
    let mut keep = reduced.start(problem);
    for (item, variable) in chosen {
        keep[item] = answer.value(variable) > 0.5;
    }
    Some(keep)
}
