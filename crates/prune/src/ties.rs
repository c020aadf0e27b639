use std::collections::BTreeMap;

use handaxe_knapsack::Problem;

/// Of items that cost and are worth the same, moves the kept ones to the front: lower layer and index first, whatever
/// the solver preferred (correction 9). Load and value stay as they are.
///
/// A solution is settled where it keeps the most valuable items of a column, as every optimal one does: ties can then
/// only be at the least value kept.
pub(crate) fn settle(problem: &Problem<'_>, keep: &mut [bool]) {
    let mut columns: BTreeMap<&[u64], Vec<usize>> = BTreeMap::new();
    for class in 0..problem.classes() {
        columns.entry(problem.column(class)).or_default().push(class);
    }
    for classes in columns.values() {
        let items = || {
            classes.iter().flat_map(|&class| {
                let values = problem.values(class).iter().enumerate();
                values.map(move |(position, &value)| (problem.item(class, position), value))
            })
        };
        let (mut least_kept, mut most_cut) = (f64::INFINITY, f64::NEG_INFINITY);
        for (item, value) in items() {
            if keep[item] {
                least_kept = least_kept.min(value);
            } else {
                most_cut = most_cut.max(value);
            }
        }
        if least_kept == most_cut {
            let tied = || items().filter(|(_, value)| *value == least_kept);
            let kept = tied().filter(|(item, _)| keep[*item]).count();
            tied().enumerate().for_each(|(place, (item, _))| keep[item] = place < kept);
        }
    }
}
