//! Operators that take a part of an array: Slice, Split and Gather.

use handaxe_graph::Op;

use super::builder::Builder;
use super::fold::bounds;
use super::node::Node;
use super::view::View;
use crate::Error;

/// A part of an array, every element of it.
pub(super) fn slice<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let mut view = to.array(node, 0)?;
    let mut given = Vec::new();
    for place in 1..5 {
        given.push(to.optional(node, place)?);
    }
    let name = to.name(node, None);
    let mut all = vec![true; view.shape.len()];
    for (axis, start, end, step) in bounds(node, &view.shape, &given)? {
        if step != 1 {
            return Err(node.unsupported("slices of every element are known, not with steps"));
        }
        if !std::mem::replace(&mut all[axis], false) {
            return Err(node.unsupported("it names an axis twice"));
        }
        view = part(to, node, &name, &view, axis, start as usize..end as usize)?;
    }
    to.set(node, view)
}

pub(super) fn split<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let axis = node.axis(node.int("axis", 0), view.shape.len())?;
    let parts = node.proto.output.len();
    let lengths = match to.optional(node, 1)? {
        Some(lengths) => lengths.whole(),
        None => node.ints("split").map(<[i64]>::to_vec),
    };
    let even = view.shape[axis].div_ceil(parts.max(1));
    let lengths: Vec<usize> = match lengths {
        Some(lengths) => {
            lengths.iter().filter_map(|&length| usize::try_from(length).ok()).collect()
        }
        None => (0..parts).map(|n| even.min(view.shape[axis].saturating_sub(n * even))).collect(),
    };
    let whole = lengths.iter().try_fold(0usize, |sum, &length| sum.checked_add(length));
    if lengths.len() != parts || whole != Some(view.shape[axis]) {
        return Err(node.wrong(
            "its parts",
            format!("{lengths:?}"),
            "one for each output, together the whole axis",
        ));
    }
    let name = to.name(node, None);
    let mut start = 0;
    for (place, length) in lengths.into_iter().enumerate() {
        let made = part(to, node, &name, &view, axis, start..start + length)?;
        to.set_place(node, place, made);
        start += length;
    }
    Ok(())
}

/// Entries of one axis by a constant: one, or several that follow each other.
pub(super) fn gather<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let indices = to.constant(node, 1)?;
    let axis = node.axis(node.int("axis", 0), view.shape.len())?;
    let extent = view.shape[axis] as i64;
    let known = |index: i64| if index < 0 { index + extent } else { index };
    let places: Vec<i64> = indices.whole().unwrap_or_default().into_iter().map(known).collect();
    let inside = |&place: &i64| (0..extent).contains(&place);
    let follow = places.windows(2).all(|pair| pair[1] == pair[0] + 1);
    if indices.shape.len() > 1 || places.is_empty() || !follow || !places.iter().all(inside) {
        return Err(node.wrong(
            "its indices",
            format!("of shape {:?}", indices.shape),
            "entries of the axis that follow each other",
        ));
    }
    let name = to.name(node, None);
    let start = places[0] as usize;
    let made = part(to, node, &name, &view, axis, start..start + places.len())?;
    if indices.shape.is_empty() {
        let mut shape = made.shape.clone();
        shape.remove(axis);
        return to.set(node, made.reshaped(shape));
    }
    to.set(node, made)
}

/// The entries `range` of an axis: a Crop, of an array of three axes the middle one.
fn part<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    name: &str,
    view: &View,
    axis: usize,
    range: std::ops::Range<usize>,
) -> Result<View, Error> {
    let extent = view.shape[axis];
    if range.is_empty() || range.end > extent {
        return Err(node.wrong(
            "its range",
            format!("{range:?}"),
            "one of an element at least, within the axis",
        ));
    }
    if range.len() == extent {
        return Ok(view.clone());
    }
    let axes = match view.axes() {
        Some(axes) => axes,
        None => (0..view.shape.len()).filter(|&axis| view.shape[axis] > 1).collect(),
    };
    let place = axes.iter().position(|&other| other == axis).unwrap_or(0);
    let count = |axes: &[usize]| axes.iter().map(|&axis| view.shape[axis]).product::<usize>();
    let (before, behind) = (count(&axes[..place]), count(&axes[place + 1..]));
    let id = to.arranged(name, view, &axes)?;
    let id = to.reshaped(name, id, &[before, extent, behind])?;
    let margins = vec![(0, 0), (range.start, extent - range.end)];
    let id = to.add(name, Op::Crop { margins }, &[id])?;
    let mut shape = view.shape.clone();
    shape[axis] = range.len();
    let made = View::of_axes(id, shape, &axes);
    let lengths: Vec<usize> = axes.iter().map(|&axis| made.shape[axis]).collect();
    let id = to.reshaped(name, id, &lengths)?;
    Ok(made.computed_by(id))
}
