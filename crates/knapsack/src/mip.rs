use std::time::{Duration, Instant};

#[cfg(feature = "highs")]
use good_lp::solvers::highs::highs as backend;
#[cfg(not(feature = "highs"))]
use good_lp::solvers::microlp::microlp as backend;
use good_lp::{
    Expression, ProblemVariables, Solution as _, SolutionStatus, SolverModel as _, Variable,
    WithInitialSolution as _, WithMipGap as _, WithTimeLimit as _, constraint, variable,
};

use crate::{
    Error, Limits, Problem, Solution, Solver, Status, class, greedy, limits::Watch, reduce::Reduced,
};

/// The problem as a mixed integer programme, for the solver behind [`good_lp`]; any number of resources.
///
/// That solver is microlp, or HiGHS with the cargo feature `highs`. Either works in floating point and within
/// tolerances, so its answer is checked: where it does not fit, or the greedy one is better, the greedy answer is
/// returned. It is called optimal only where the greedy answer is proven to be, and its bound is the Lagrangian
/// at the prices of the linear relaxation, because the solver's own cannot be verified (nor asked for).
///
/// The time limit and the gap are handed on, and held as well as that solver holds them. It cannot be
/// interrupted: to be cancelled it runs in rounds of growing length, each starting from the best of the last. A memory
/// limit it does not know.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mip;

/// Length of the first round, where the call can be cancelled; each later one is twice as long.
const ROUND: Duration = Duration::from_millis(50);
/// The largest value and capacity that are handed on as they are.
const LARGE: f64 = (1u64 << 30) as f64;

impl Solver for Mip {
    fn name(&self) -> &'static str {
        "mip"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let watch = Watch::start(limits)?;
        let reduced = Reduced::new(problem);
        let mut solution = greedy::fill(problem, &reduced);
        if solution.status != Status::Optimal && !watch.stop() {
            let bound = class::relaxation(problem, &reduced).min(solution.bound);
            solution.bound = bound.max(solution.value);
            let mut round = limits.cancel.is_some().then_some(ROUND);
            while !watch.stop() {
                let (keep, complete) = programme(problem, &reduced, &solution.keep, round, &watch);
                if let Some(keep) = keep.filter(|keep| problem.fits(keep)) {
                    solution = solution.or(Solution::of(problem, keep, Some(bound), self.name()));
                }
                if complete {
                    break;
                }
                round = round.map(|round| 2 * round);
            }
        }
        solution.solver = self.name().to_owned();
        solution.elapsed = watch.elapsed();
        Ok(solution)
    }
}

/// What the solver would keep, if it finds anything, and whether it came to an end within the round.
fn programme(
    problem: &Problem<'_>,
    reduced: &Reduced,
    start: &[bool],
    round: Option<Duration>,
    watch: &Watch<'_>,
) -> (Option<Vec<bool>>, bool) {
    let began = Instant::now();
    let mut variables = ProblemVariables::new();
    let mut objective = Expression::default();
    let mut loads = vec![Expression::default(); reduced.capacity.len()];
    let mut chosen: Vec<(usize, Variable)> = Vec::with_capacity(reduced.items());
    let all = || (0..reduced.groups.len()).flat_map(|k| reduced.members(problem, k));
    let unit = unit(all().map(|(_, value)| value).fold(0.0, f64::max));
    // No item needs more than the capacity.
    let units: Vec<f64> = reduced.capacity.iter().map(|&c| (c as f64 / LARGE).max(1.0)).collect();
    for (k, group) in reduced.groups.iter().enumerate() {
        for (item, value) in reduced.members(problem, k) {
            let variable = variables.add(variable().binary());
            objective.add_mul(value / unit, variable);
            for ((load, &need), unit) in loads.iter_mut().zip(&group.column).zip(&units) {
                load.add_mul(need as f64 / unit, variable);
            }
            chosen.push((item, variable));
        }
    }
    let mut model = variables.maximise(objective).using(backend);
    for ((load, &capacity), unit) in loads.into_iter().zip(&reduced.capacity).zip(&units) {
        model = model.with(constraint!(load <= capacity as f64 / unit));
    }
    let level =
        |&(item, variable): &(usize, Variable)| (variable, f64::from(u8::from(start[item])));
    model = model.with_initial_solution(chosen.iter().map(level));
    let Ok(model) = model.with_mip_gap(watch.gap().min(1.0) as f32) else { return (None, true) };
    #[cfg(feature = "highs")]
    let model = model.set_option("mip_abs_gap", 0.0);
    let limit = round.into_iter().chain(watch.left()).min();
    let answer = match limit {
        Some(limit) => model.with_time_limit(limit.as_secs_f64()).solve(),
        None => model.solve(),
    };
    let Ok(answer) = answer else {
        // What it says without an answer is that time ran out, or that the numbers went bad.
        return (None, limit.is_none_or(|limit| began.elapsed() < limit));
    };
    let mut keep = reduced.start(problem);
    for (item, variable) in chosen {
        keep[item] = answer.value(variable) > 0.5;
    }
    (Some(keep), !matches!(answer.status(), SolutionStatus::TimeLimit))
}

/// What to divide values by: nothing, if the largest is one of the whole numbers that suit the tolerances of the
/// solver.
fn unit(largest: f64) -> f64 {
    if (1.0..=LARGE).contains(&largest) { 1.0 } else { largest.max(f64::MIN_POSITIVE) / LARGE }
}
