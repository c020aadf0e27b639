//! Operators that give an array another shape or reorder its axes: what they do is noted only.

use super::array::{Array, MOST_AXES};
use super::builder::{Builder, Value};
use super::fold::node_axes;
use super::node::Node;
use super::view::View;
use crate::Error;

/// Applies what changes the shape only, to an array or to codes.
fn seen_as<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    change: impl FnOnce(&mut Builder<'a>, &View) -> Result<View, Error>,
) -> Result<(), Error> {
    let value = match to.value(node, 0)?.clone() {
        Value::Codes(view, codes) => Value::Codes(change(to, &view)?, codes),
        _ => {
            let view = to.array(node, 0)?;
            Value::Array(change(to, &view)?)
        }
    };
    to.set_value(node, value)
}

pub(super) fn transpose<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    seen_as(to, node, |to, view| {
        let rank = view.shape.len();
        let permutation = permutation(node, rank)?;
        if let Some(seen) = view.transposed(&permutation) {
            return Ok(seen);
        }
        // An axis that is spread over the store must be put together first.
        let name = to.name(node, None);
        let axes: Vec<usize> = (0..rank).filter(|&axis| view.shape[axis] > 1).collect();
        let id = to.arranged(&name, view, &axes)?;
        let whole = View::of_axes(id, view.shape.clone(), &axes);
        whole
            .transposed(&permutation)
            .ok_or_else(|| node.unsupported("its axes cannot be told apart"))
    })
}

/// The order of axes that Transpose asks for; without one, backwards.
pub(super) fn permutation(node: Node<'_>, rank: usize) -> Result<Vec<usize>, Error> {
    let given = node.counts("perm")?.filter(|given| !given.is_empty() || rank == 0);
    let permutation = given.unwrap_or_else(|| (0..rank).rev().collect());
    let mut sorted = permutation.clone();
    sorted.sort_unstable();
    if sorted.into_iter().eq(0..rank) {
        return Ok(permutation);
    }
    Err(node.wrong("perm", format!("{permutation:?}"), "each of its axes once"))
}

pub(super) fn flatten<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    seen_as(to, node, |_, view| Ok(view.reshaped(flattened(node, &view.shape)?)))
}

pub(super) fn flattened(node: Node<'_>, shape: &[usize]) -> Result<Vec<usize>, Error> {
    let rank = shape.len();
    let axis = node.int("axis", 1);
    let axis = if axis == rank as i64 { rank } else { node.axis(axis, rank)? };
    Ok(vec![shape[..axis].iter().product(), shape[axis..].iter().product()])
}

pub(super) fn reshape<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let given = match to.optional(node, 1)? {
        Some(shape) => shape.whole().unwrap_or_default(),
        None => node.ints("shape").unwrap_or_default().to_vec(),
    };
    let samples = to.samples;
    seen_as(to, node, |_, view| {
        let mut given = given;
        // The file's own number of samples, written into it.
        if samples > 1 && given.first() == Some(&(samples as i64)) {
            given[0] = 1;
        }
        Ok(view.reshaped(target(node, &view.shape, &given)?))
    })
}

/// The shape that Reshape asks for: 0 keeps an axis, one -1 takes what is left.
pub(super) fn target(node: Node<'_>, shape: &[usize], given: &[i64]) -> Result<Vec<usize>, Error> {
    let wrong = || node.wrong("the new shape", format!("{given:?}"), "one of as many elements");
    if given.len() > MOST_AXES {
        return Err(wrong());
    }
    let count: usize = shape.iter().product();
    let keep = node.int("allowzero", 0) == 0;
    let mut target = Vec::with_capacity(given.len());
    let mut open = None;
    for (axis, &extent) in given.iter().enumerate() {
        target.push(match extent {
            -1 if open.replace(axis).is_none() => 1,
            0 if keep => *shape.get(axis).ok_or_else(wrong)?,
            extent => usize::try_from(extent).map_err(|_| wrong())?,
        });
    }
    let product = |target: &[usize]| target.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
    let known = product(&target).filter(|known| *known > 0).ok_or_else(wrong)?;
    if let Some(axis) = open {
        target[axis] = count / known;
    }
    if product(&target) == Some(count) { Ok(target) } else { Err(wrong()) }
}

pub(super) fn squeeze<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let axes = to.optional(node, 1)?;
    seen_as(to, node, |_, view| Ok(view.reshaped(squeezed(node, &view.shape, axes.as_deref())?)))
}

pub(super) fn squeezed(
    node: Node<'_>,
    shape: &[usize],
    axes: Option<&Array>,
) -> Result<Vec<usize>, Error> {
    let Some(axes) = node_axes(node, axes) else {
        return Ok(shape.iter().copied().filter(|&extent| extent != 1).collect());
    };
    let mut gone = vec![false; shape.len()];
    for axis in axes {
        let axis = node.axis(axis, shape.len())?;
        if shape[axis] != 1 {
            return Err(node.wrong("an axis to be taken away", axis.to_string(), "of length 1"));
        }
        gone[axis] = true;
    }
    Ok(shape.iter().zip(gone).filter(|(_, gone)| !gone).map(|(&extent, _)| extent).collect())
}

pub(super) fn unsqueeze<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let axes = to.optional(node, 1)?;
    seen_as(to, node, |_, view| Ok(view.reshaped(unsqueezed(node, &view.shape, axes.as_deref())?)))
}

pub(super) fn unsqueezed(
    node: Node<'_>,
    shape: &[usize],
    axes: Option<&Array>,
) -> Result<Vec<usize>, Error> {
    let axes = node_axes(node, axes).unwrap_or_default();
    let rank = shape.len() + axes.len();
    if rank > MOST_AXES {
        return Err(node.unsupported("it makes an array of too many axes"));
    }
    let mut new = vec![false; rank];
    for axis in axes {
        let axis = node.axis(axis, rank)?;
        if std::mem::replace(&mut new[axis], true) {
            return Err(node.wrong("axes", axis.to_string(), "each axis once"));
        }
    }
    let mut old = shape.iter();
    Ok(new.iter().map(|&new| if new { 1 } else { old.next().copied().unwrap_or(1) }).collect())
}
