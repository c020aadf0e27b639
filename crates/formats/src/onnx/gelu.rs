//! Gelu as exporters write it where their opset has no word for it: x / 2 (1 + erf(x / sqrt 2)).

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use handaxe_graph::Activation;

use super::activation::apply;
use super::builder::Builder;
use super::node::Node;
use crate::Error;

/// What people write for a constant of Gelu is as near as this.
const TOLERANCE: f32 = 1e-3;

/// Reads the nodes of a Gelu as one, if `node` divides by the root of two and the others follow.
pub(super) fn begins<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<bool, Error> {
    let Some(nodes) = nodes(to, node) else { return Ok(false) };
    let view =
        to.array(node, usize::from(operand(to, node).is_some_and(|(place, _)| place == 0)))?;
    let last = nodes[nodes.len() - 1];
    nodes.into_iter().for_each(|node| to.absorb(node));
    apply(to, last, &view, Activation::Gelu)?;
    Ok(true)
}

/// An Erf that is no part of a Gelu.
pub(super) fn erf<'a>(_: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    Err(node.unsupported("it is known as a part of Gelu only: x / 2 (1 + erf(x / sqrt 2))"))
}

/// The constant operand of a node with its place, if it is one number.
fn operand<'a>(to: &Builder<'a>, node: Node<'a>) -> Option<(usize, f32)> {
    let (place, array) = to.constant_operand(node)?;
    Some((place, array.scalar()?))
}

fn is(given: Option<(usize, f32)>, value: f32) -> bool {
    given.is_some_and(|(_, given)| (given - value).abs() < TOLERANCE)
}

/// All nodes of the Gelu that begins with a division or multiplication of x.
fn nodes<'a>(to: &Builder<'a>, first: Node<'a>) -> Option<Vec<Node<'a>>> {
    let scale = operand(to, first);
    let (place, _) = scale?;
    let scales = match (first.op(), place) {
        ("Div", 1) => is(scale, SQRT_2),
        ("Mul", _) => is(scale, FRAC_1_SQRT_2),
        _ => false,
    };
    let x = first.input(1 - place)?;
    let erf = to.only_reader(first).filter(|node| scales && node.op() == "Erf")?;
    let add =
        to.only_reader(erf).filter(|node| node.op() == "Add" && is(operand(to, *node), 1.0))?;
    let mut nodes = vec![first, erf, add];
    // Times x and times 1/2, in either order, or times x / 2 at once.
    let (mut by_x, mut by_half) = (false, false);
    while !(by_x && by_half) {
        let before = nodes[nodes.len() - 1].output().ok()?;
        let next = to.only_reader(nodes[nodes.len() - 1]).filter(|node| node.op() == "Mul")?;
        let half_of_x =
            || to.readers_of(x).find(|node| node.op() == "Mul" && is(operand(to, *node), 0.5));
        match next.inputs().find(|name| *name != before) {
            _ if is(operand(to, next), 0.5) && !by_half => by_half = true,
            Some(other) if other == x && !by_x => by_x = true,
            Some(other) if !by_x && !by_half => {
                half_of_x().filter(|half| half.output().is_ok_and(|made| made == other))?;
                (by_x, by_half) = (true, true);
            }
            _ => return None,
        }
        nodes.push(next);
    }
    Some(nodes)
}
