//! Operators on several computed arrays.

use handaxe_graph::{LayerId, Op};

use super::builder::{Builder, Value};
use super::node::Node;
use super::view::View;
use super::{affine, gelu};
use crate::Error;

/// Add and its kin: with a constant a normalisation, else a join of branches.
pub(super) fn binary<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let constant = node.inputs().count() == 2 && to.constant_operand(node).is_some();
    let op = match node.op() {
        "Mul" | "Div" if constant && gelu::begins(to, node)? => return Ok(()),
        "Add" | "Sub" | "Mul" | "Div" if constant => return affine::with_constant(to, node),
        "Add" | "Sum" => Op::Add,
        "Sub" => Op::Subtract,
        "Mul" => Op::Multiply,
        "Max" => Op::Maximum,
        "Min" => Op::Minimum,
        "Mean" => Op::Average,
        _ => return Err(node.unsupported("a quotient of two computed arrays is not known")),
    };
    let views: Vec<View> =
        (0..node.inputs().count()).map(|place| to.array(node, place)).collect::<Result<_, _>>()?;
    let made = joined(to, node, op, &views)?;
    to.set(node, made)
}

/// Arrays element by element, those that are smaller repeated.
pub(super) fn joined<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    op: Op,
    views: &[View],
) -> Result<View, Error> {
    let [first, rest @ ..] = views else {
        return Err(node.unsupported("it is called without arrays"));
    };
    if rest.is_empty() {
        return Ok(first.clone());
    }
    let name = to.name(node, None);
    // Equal arrays in equal places need not be moved at all.
    let extents = to.extents(first.id);
    if rest
        .iter()
        .all(|view| view.computed_by(first.id) == *first && to.extents(view.id) == extents)
    {
        let ids: Vec<LayerId> = views.iter().map(|view| view.id).collect();
        let id = to.add(&name, op, &ids)?;
        return Ok(first.computed_by(id));
    }
    let rank = views.iter().map(|view| view.shape.len()).max().unwrap_or(0);
    let of_rank = |view: &View| {
        let missing = vec![1; rank - view.shape.len()];
        view.reshaped([missing, view.shape.clone()].concat())
    };
    let views: Vec<View> = views.iter().map(of_rank).collect();
    // The order of the largest, which is the one that need not be moved.
    let largest = views.iter().max_by_key(|view| view.shape.iter().product::<usize>());
    let axes = largest.map_or_else(Vec::new, |view| all_axes(view, 1));
    let mut ids = Vec::with_capacity(views.len());
    for view in &views {
        ids.push(to.arranged(&name, view, &axes)?);
    }
    let id = to.add(&name, op, &ids)?;
    Ok(of_layer(to, id, rank, &axes))
}

/// All axes from `first` on in the order in which they are stored; those of length 1 stand before the last.
fn all_axes(view: &View, first: usize) -> Vec<usize> {
    let long = view.axes().unwrap_or_else(|| (0..view.shape.len()).collect());
    let long: Vec<usize> = long.into_iter().filter(|axis| view.shape[*axis] > 1).collect();
    let first = first.min(view.shape.len().saturating_sub(1));
    let short = (first..view.shape.len()).filter(|axis| !long.contains(axis));
    short.chain(long.iter().copied()).collect()
}

/// The array of a layer whose axes are `axes` of an array of `rank`, the others being 1.
fn of_layer(to: &Builder<'_>, id: LayerId, rank: usize, axes: &[usize]) -> View {
    let mut shape = vec![1; rank];
    for (&axis, extent) in axes.iter().zip(to.extents(id)) {
        shape[axis] = extent;
    }
    View::of_axes(id, shape, axes)
}

pub(super) fn concat<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let mut views = Vec::new();
    let mut codes = None;
    for place in 0..node.inputs().count() {
        match to.value(node, place)? {
            Value::Codes(view, by) if codes.as_ref().is_none_or(|known| known == by) => {
                codes = Some(by.clone());
                views.push(view.clone());
            }
            _ => views.push(to.array(node, place)?),
        }
    }
    let Some(rank) = views.first().map(|view| view.shape.len()) else {
        return Err(node.unsupported("it is called without arrays"));
    };
    let axis = node.axis(node.int("axis", 1), rank)?;
    if views.iter().any(|view| view.shape.len() != rank) {
        return Err(node.unsupported("its arrays differ in the number of axes"));
    }
    if axis == 0 && rank > 1 {
        return Err(node.unsupported("it joins samples"));
    }
    let name = to.name(node, None);
    let mut axes = all_axes(&views[0], 1);
    axes.retain(|&other| other != axis);
    axes.push(axis);
    let mut ids = Vec::with_capacity(views.len());
    for view in &views {
        ids.push(to.arranged(&name, view, &axes)?);
    }
    let id = match ids.as_slice() {
        [one] => *one,
        several => to.add(&name, Op::Concatenate, several)?,
    };
    let made = of_layer(to, id, rank, &axes);
    match codes {
        Some(codes) => to.set_value(node, Value::Codes(made, codes)),
        None => to.set(node, made),
    }
}
