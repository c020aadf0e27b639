use crate::{BranchBound, ClassSolver, Error, Limits, Problem, Solution, Solver, reduce::Reduced};

/// Chooses a solver by the shape of the problem, and says why in [`Solution::why`].
///
/// The class solver, unless there are several resources and hardly two items cost the same: then branch and bound.
#[derive(Debug, Clone, Copy, Default)]
pub struct Auto;

/// Items in a class, on average, from which on classes pay.
const SHARED: usize = 4;

impl Solver for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let reduced = Reduced::new(problem);
        let (items, groups) = (reduced.items(), reduced.groups.len());
        let rows = reduced.capacity.len();
        let apart = rows > 1 && items < SHARED * groups;
        let chosen: &dyn Solver = if apart { &BranchBound } else { &ClassSolver };
        let shape =
            format!("{items} open items, {groups} different costs, {rows} binding resources");
        let mut solution = chosen.solve(problem, limits)?;
        solution.why = Some(match apart {
            true => format!("{shape}: too few items cost the same for the class solver"),
            false if rows == 1 => format!("{shape}: one resource suits the class solver"),
            false => format!("{shape}: many items cost the same"),
        });
        Ok(solution)
    }
}
