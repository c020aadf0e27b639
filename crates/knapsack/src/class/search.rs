//! The cheapest way to reach a target: one option of each layer, keys adding up exactly.
//!
//! If the whole costs at most `b`, the layers split into a prefix that costs at most `b / 2`, one layer
//! that crosses the middle, and a suffix that costs less than `b / 2`. So it is enough to know the states of
//! cost `b / 2` from both ends, far fewer than those of cost `b`.

use super::table::{Full, NONE, Table, Word};
use crate::limits::Watch;

/// One thing to do at a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Choice<W> {
    /// What it adds to the key.
    pub(crate) key: W,
    /// What it costs.
    pub(crate) loss: W,
}

/// Choices by ascending loss, the first of loss 0.
pub(crate) type Layer<W> = Vec<Choice<W>>;

/// What a search proved.
#[derive(Debug)]
pub(crate) enum Outcome<W> {
    /// The least loss, and the choice at each layer.
    Found(W, Vec<usize>),
    /// No way costs as little as the budget.
    None,
    /// Stopped, or out of memory: nothing is proven.
    Stopped,
}

/// Finds the least loss within `budget` that adds up to `target`.
///
/// `states` counts the states kept, and `memory` is the number of bytes they may take.
pub(crate) fn search<W: Word>(
    layers: &[Layer<W>],
    target: W,
    budget: W,
    memory: usize,
    states: &mut u64,
    watch: &Watch<'_>,
) -> Outcome<W> {
    let half = budget.half();
    let Ok(backward) = backward(layers, budget.minus(half), memory / 2, watch) else {
        return Outcome::Stopped;
    };
    let mut forward = Table::new(memory / 2);
    let mut best: Option<Crossing<W>> = None;
    let mut limit = budget;
    for (at, layer) in layers.iter().enumerate() {
        let grown = cross(&forward, &backward, layer, at, target, half, &mut limit, watch)
            .map(|found| best = found.or(best.take()))
            .and_then(|()| forward.extend(layer, at, half, watch));
        if grown.is_err() {
            return Outcome::Stopped;
        }
    }
    *states += (forward.len() + backward.len()) as u64;
    let whole = forward.find(target).filter(|&node| best.is_none() || forward.loss(node) <= limit);
    let mut chosen = vec![0; layers.len()];
    match (whole, best) {
        (Some(node), _) => {
            forward.trace(node, &mut chosen);
            Outcome::Found(forward.loss(node), chosen)
        }
        (None, Some(Crossing { layer, choice, before, after, loss })) => {
            forward.trace(before, &mut chosen);
            backward.trace(after, &mut chosen);
            chosen[layer] = choice;
            Outcome::Found(loss, chosen)
        }
        (None, None) => Outcome::None,
    }
}

/// The states of the last layers that cost less than half.
fn backward<W: Word>(
    layers: &[Layer<W>],
    half: W,
    memory: usize,
    watch: &Watch<'_>,
) -> Result<Table<W>, Full> {
    let mut table = Table::new(memory);
    for (at, layer) in layers.iter().enumerate().skip(1).rev() {
        table.extend(layer, at, half, watch)?;
    }
    Ok(table)
}

#[derive(Debug)]
struct Crossing<W> {
    layer: usize,
    choice: usize,
    before: u32,
    after: u32,
    loss: W,
}

/// The best way whose loss passes the middle in this layer, if it is within `limit`, which it lowers.
///
/// Goes through the smaller of the two tables, and looks up in the other.
#[allow(clippy::too_many_arguments)]
fn cross<W: Word>(
    forward: &Table<W>,
    backward: &Table<W>,
    layer: &Layer<W>,
    at: usize,
    target: W,
    half: W,
    limit: &mut W,
    watch: &Watch<'_>,
) -> Result<Option<Crossing<W>>, Full> {
    let mut best = None;
    let mut meet = |before: u32, after: u32, choice: usize, limit: &mut W| {
        let loss = forward.loss(before).plus(layer[choice].loss);
        let whole = loss.plus(backward.loss(after));
        if loss > half && (whole < *limit || (whole == *limit && best.is_none())) {
            *limit = whole;
            best = Some(Crossing { layer: at, choice, before, after, loss: whole });
        }
    };
    let after = backward.reached(at);
    let ahead = after < forward.len();
    let (through, other, count) =
        if ahead { (backward, forward, after) } else { (forward, backward, forward.len()) };
    for (count, (key, node)) in through.states().take(count).enumerate() {
        if count % 4096 == 4095 && watch.stop() {
            return Err(Full);
        }
        let node = if ahead { through.beyond(node, at) } else { node };
        let spent = through.loss(node);
        for (choice, step) in layer.iter().enumerate() {
            if spent.plus(step.loss) > *limit {
                break;
            }
            let Some(found) = other.find(target.minus(key).minus(step.key)) else { continue };
            if ahead {
                meet(found, node, choice, limit);
            } else {
                let found = other.beyond(found, at);
                if found != NONE {
                    meet(node, found, choice, limit);
                }
            }
        }
    }
    Ok(best)
}
