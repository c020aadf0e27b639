use crate::{Problem, exact, reduce::Reduced};

/// An upper bound on the value of any selection, from one price per row that can bind.
///
/// This is the Lagrangian `prices.capacity + sum of max(0, value - prices.column)`, which no selection
/// exceeds at any prices of at least 0. Every rounding goes up, so that it holds exactly.
pub(crate) fn lagrangian(problem: &Problem<'_>, reduced: &Reduced, prices: &[f64]) -> f64 {
    let mut total = exact::Sum::new();
    let rows = prices.len() as f64;
    for (&price, &capacity) in prices.iter().zip(&reduced.capacity) {
        total.add(up(price * capacity as f64, 2.0));
    }
    for &class in &reduced.free {
        problem.values(class).iter().for_each(|&value| total.add(value));
    }
    for (k, group) in reduced.groups.iter().enumerate() {
        let cost: f64 = prices.iter().zip(&group.column).map(|(p, &a)| p * a as f64).sum();
        let cost = down(cost, 2.0 * rows + 2.0);
        for (_, value) in reduced.members(problem, k) {
            if value > cost {
                total.add(up(value - cost, 1.0));
            }
        }
    }
    up(total.nearest(), 1.0)
}

/// At least `value`, were it computed with up to `roundings` roundings; f64 of at least 0.
pub(crate) fn up(value: f64, roundings: f64) -> f64 {
    (value * (1.0 + roundings * f64::EPSILON)).next_up()
}

/// At most `value`, were it computed with up to `roundings` roundings, and at least 0.
pub(crate) fn down(value: f64, roundings: f64) -> f64 {
    (value * (1.0 - roundings * f64::EPSILON)).next_down().max(0.0)
}
