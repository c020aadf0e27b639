//! A good selection to start from.

use super::model::Model;

/// Items that an exchange looks at, nearest to the margin first.
const NEAR: usize = 400;

/// Takes items in the given order as they fit, then improves by exchanges of one item for one or two.
///
/// `order` has the items from the surest in to the surest out, `margin` is the place in it around which items are
/// in doubt.
pub(crate) fn select(model: &Model<'_>, order: &[usize], margin: usize) -> Vec<bool> {
    let mut kept = vec![false; model.items.len()];
    let mut left = model.capacity.to_vec();
    fill(model, order, &mut kept, &mut left);
    let from = margin.saturating_sub(NEAR / 2);
    let near = &order[from..(from + NEAR).min(order.len())];
    while exchange(model, near, &mut kept, &mut left) {}
    kept
}

/// Takes what fits, in order.
pub(crate) fn fill(model: &Model<'_>, order: &[usize], kept: &mut [bool], left: &mut [u64]) {
    for &at in order {
        if !kept[at] && model.items[at].fits(left) {
            model.items[at].take(left);
            kept[at] = true;
        }
    }
}

/// Makes the first exchange that gains value; false if there is none.
fn exchange(model: &Model<'_>, near: &[usize], kept: &mut [bool], left: &mut [u64]) -> bool {
    for &out in near {
        if !kept[out] {
            continue;
        }
        model.items[out].give_back(left);
        kept[out] = false;
        if let Some(gain) = best_pair(model, near, kept, left, out) {
            for at in gain {
                model.items[at].take(left);
                kept[at] = true;
            }
            return true;
        }
        model.items[out].take(left);
        kept[out] = true;
    }
    false
}

/// The best one or two items that fit now and are worth more than the one taken out.
fn best_pair(
    model: &Model<'_>,
    near: &[usize],
    kept: &[bool],
    left: &mut [u64],
    out: usize,
) -> Option<Vec<usize>> {
    let mut most = model.items[out].value;
    let mut best = None;
    for (place, &first) in near.iter().enumerate() {
        if kept[first] || !model.items[first].fits(left) {
            continue;
        }
        let value = model.items[first].value;
        if value > most {
            most = value;
            best = Some(vec![first]);
        }
        model.items[first].take(left);
        for &second in &near[place + 1..] {
            let both = value + model.items[second].value;
            if both > most && !kept[second] && model.items[second].fits(left) {
                most = both;
                best = Some(vec![first, second]);
            }
        }
        model.items[first].give_back(left);
    }
    best
}
