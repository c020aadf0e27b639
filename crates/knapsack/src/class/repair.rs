//! A good selection without a search: what the prices say, made to fit.

use super::core::Core;
use crate::reduce::Reduced;

/// The number of items to take more than in the base, for each group; nothing if the open items do not suffice.
///
/// Starts from the items worth more than their price, takes those out that lose least until all rows fit, then adds
/// by falling reduced cost what still does.
pub(crate) fn repair(core: &Core, reduced: &Reduced) -> Option<Vec<i64>> {
    let best = |items: &[(i128, u32)]| items.partition_point(|(cost, _)| *cost > 0);
    let mut kept: Vec<usize> = core.members.iter().map(|members| best(&members.items)).collect();
    let mut left = core.left.clone();
    for (group, (members, &kept)) in core.members.iter().zip(&kept).enumerate() {
        take(reduced, group, kept as i128 - members.base as i128, &mut left);
    }
    let mut order: Vec<(i128, usize, usize)> = Vec::new();
    for (group, members) in core.members.iter().enumerate() {
        order.extend(members.items.iter().enumerate().map(|(at, &(cost, _))| (cost, group, at)));
    }
    order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));

    for &(_, group, at) in order.iter().rev() {
        if left.iter().all(|&left| left >= 0) {
            break;
        }
        let column = &reduced.groups[group].column;
        let helps = column.iter().zip(&left).any(|(&need, &left)| need > 0 && left < 0);
        if helps && at + 1 == kept[group] {
            take(reduced, group, -1, &mut left);
            kept[group] = at;
        }
    }
    if left.iter().any(|&left| left < 0) {
        return None;
    }
    for &(_, group, at) in &order {
        let column = &reduced.groups[group].column;
        let fits = column.iter().zip(&left).all(|(&need, &left)| i128::from(need) <= left);
        if fits && at == kept[group] {
            take(reduced, group, 1, &mut left);
            kept[group] = at + 1;
        }
    }
    Some(core.members.iter().zip(&kept).map(|(m, &kept)| kept as i64 - m.base as i64).collect())
}

fn take(reduced: &Reduced, group: usize, times: i128, left: &mut [i128]) {
    for (left, &need) in left.iter_mut().zip(&reduced.groups[group].column) {
        *left -= times * i128::from(need);
    }
}
