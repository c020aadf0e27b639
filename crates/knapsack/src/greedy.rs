use crate::{
    Error, Limits, Problem, Solution, Solver, bound::lagrangian, limits::Watch, reduce::Reduced,
};

/// Best value for money first, passing over what no longer fits; any number of resources.
///
/// An item's price is the sum of its shares of the capacities. The answer is the better of that pass and
/// the best single item, and its bound is the Lagrangian at the price of the first item that was passed
/// over (with one resource: Dantzig's bound). Takes `N log N` steps and does not look at the limits.
///
/// Reference: G. B. Dantzig, "Discrete-variable extremum problems", Operations Research 5 (1957).
#[derive(Debug, Clone, Copy, Default)]
pub struct Greedy;

impl Solver for Greedy {
    fn name(&self) -> &'static str {
        "greedy"
    }

    fn solve(&self, problem: &Problem<'_>, limits: &Limits) -> Result<Solution, Error> {
        let watch = Watch::start(limits)?;
        let reduced = Reduced::new(problem);
        let mut solution = fill(problem, &reduced);
        solution.elapsed = watch.elapsed();
        Ok(solution)
    }
}

/// The greedy answer to a problem already reduced.
pub(crate) fn fill(problem: &Problem<'_>, reduced: &Reduced) -> Solution {
    let shares: Vec<f64> =
        reduced.groups.iter().map(|g| share(&g.column, &reduced.capacity)).collect();
    let mut order = Vec::with_capacity(reduced.items());
    for (group, share) in shares.iter().enumerate() {
        let members = reduced.members(problem, group);
        order.extend(members.map(|(item, value)| (value / share, value, item, group)));
    }
    // Equal densities: the greater value first, then the lower number, so that the answer is one.
    order
        .sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)).then(a.2.cmp(&b.2)));

    let mut keep = reduced.start(problem);
    let mut left = reduced.capacity.clone();
    let mut passed_over = None;
    let mut value = 0.0;
    for &(density, worth, item, group) in &order {
        let column = &reduced.groups[group].column;
        if column.iter().zip(&left).all(|(need, left)| need <= left) {
            column.iter().zip(&mut left).for_each(|(need, left)| *left -= need);
            keep[item] = true;
            value += worth;
        } else {
            passed_over.get_or_insert(density);
        }
    }
    if let Some(&(_, worth, item, _)) =
        order.iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.2.cmp(&a.2)))
        && worth > value
    {
        keep = reduced.start(problem);
        keep[item] = true;
    }
    let bound = passed_over.map(|density| {
        let prices: Vec<f64> = reduced.capacity.iter().map(|&c| density / c as f64).collect();
        lagrangian(problem, reduced, &prices)
    });
    Solution::of(problem, keep, bound, "greedy")
}

/// The sum of the shares of the capacities that one item takes.
fn share(column: &[u64], capacity: &[u64]) -> f64 {
    column.iter().zip(capacity).map(|(&need, &capacity)| need as f64 / capacity as f64).sum()
}
