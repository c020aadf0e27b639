//! Constants that are joined, or of which a part is taken.

use std::rc::Rc;

use super::super::array::{Array, Data};
use super::super::node::Node;
use super::{Inputs, too_many};
use crate::Error;

pub(super) fn pick(array: &Array, shape: Vec<usize>, places: impl Iterator<Item = usize>) -> Array {
    let data = match &array.data {
        Data::Int(values) => Data::Int(places.map(|place| values[place]).collect()),
        Data::Float(_) => {
            let values = array.values();
            Data::Float(places.map(|place| values[place]).collect())
        }
    };
    Array { kind: array.kind, ..Array::new(shape, data) }
}

pub(super) fn concat(node: Node<'_>, inputs: Inputs<'_>, most: usize) -> Result<Array, Error> {
    let arrays: Vec<&Array> = inputs.iter().flatten().map(Rc::as_ref).collect();
    let Some(first) = arrays.first() else {
        return Err(node.unsupported("it is called without arrays"));
    };
    if arrays.iter().map(|array| array.len()).sum::<usize>() > most {
        return Err(too_many(node));
    }
    let axis = node.axis(node.int("axis", 1), first.shape.len())?;
    let but_axis = |array: &Array| {
        let mut shape = array.shape.clone();
        shape.get_mut(axis).map(|extent| std::mem::replace(extent, 0));
        shape
    };
    if arrays.iter().any(|array| but_axis(array) != but_axis(first)) {
        return Err(
            node.unsupported("its arrays differ on another axis than the one that is joined")
        );
    }
    let rows: usize = first.shape[..axis].iter().product();
    let mut shape = first.shape.clone();
    shape[axis] = arrays.iter().map(|array| array.shape[axis]).sum();
    if arrays.iter().all(|array| matches!(array.data, Data::Int(_))) {
        let parts: Vec<Vec<i64>> = arrays.iter().filter_map(|array| array.whole()).collect();
        return Ok(Array::new(shape, Data::Int(joined(&parts, rows))));
    }
    let parts: Vec<Vec<f32>> = arrays.iter().map(|array| array.values()).collect();
    Ok(Array::floats(shape, joined(&parts, rows)))
}

fn joined<T: Copy>(parts: &[Vec<T>], rows: usize) -> Vec<T> {
    let row = |part: &Vec<T>, row: usize| {
        let width = part.len() / rows.max(1);
        part[row * width..(row + 1) * width].to_vec()
    };
    (0..rows).flat_map(|n| parts.iter().flat_map(move |part| row(part, n))).collect()
}

pub(super) fn gather(
    node: Node<'_>,
    array: &Array,
    indices: &Array,
    most: usize,
) -> Result<Array, Error> {
    let axis = node.axis(node.int("axis", 0), array.shape.len())?;
    let extent = array.shape[axis];
    let known = |index: &i64| {
        let index = if *index < 0 { index.checked_add(extent as i64)? } else { *index };
        usize::try_from(index).ok().filter(|index| *index < extent)
    };
    let Some(whole) = indices.whole() else {
        return Err(node.wrong("its indices", "numbers with a fraction".to_owned(), "whole ones"));
    };
    let Some(places) = whole.iter().map(known).collect::<Option<Vec<usize>>>() else {
        return Err(node.wrong("its indices", format!("{whole:?}"), "entries of the axis"));
    };
    let before: usize = array.shape[..axis].iter().product();
    let behind: usize = array.shape[axis + 1..].iter().product();
    let shape = [&array.shape[..axis], &indices.shape, &array.shape[axis + 1..]].concat();
    if before.saturating_mul(places.len()).saturating_mul(behind) > most {
        return Err(too_many(node));
    }
    let sources = (0..before).flat_map(|row| {
        let place = move |place: usize| (row * extent + place) * behind;
        places.iter().flat_map(move |&index| (0..behind).map(move |n| place(index) + n))
    });
    Ok(pick(array, shape, sources))
}

/// The axes that a node names in an attribute or, in later versions, as an input.
pub(in super::super) fn node_axes(node: Node<'_>, given: Option<&Array>) -> Option<Vec<i64>> {
    given.and_then(Array::whole).or_else(|| node.ints("axes").map(<[i64]>::to_vec))
}

/// Axis, first entry, the one behind the last, and step of each axis that a Slice names.
pub(in super::super) fn bounds(
    node: Node<'_>,
    shape: &[usize],
    given: Inputs<'_>,
) -> Result<Vec<(usize, i64, i64, i64)>, Error> {
    let list = |place: usize, key: &str| {
        let input = given.get(place).and_then(Option::as_deref).and_then(Array::whole);
        input.or_else(|| node.ints(key).map(<[i64]>::to_vec))
    };
    let starts = list(0, "starts").unwrap_or_default();
    let ends = list(1, "ends").unwrap_or_default();
    let axes = list(2, "axes").unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = list(3, "steps").unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err(node.unsupported("it needs a start and an end for each axis"));
    }
    let mut bounds = Vec::with_capacity(axes.len());
    for place in 0..axes.len() {
        let axis = node.axis(axes[place], shape.len())?;
        let (extent, step) = (shape[axis] as i64, steps[place]);
        if step <= 0 {
            return Err(node.wrong("a step", step.to_string(), "positive"));
        }
        let clamp = |bound: i64| {
            (if bound < 0 { bound.saturating_add(extent) } else { bound }).clamp(0, extent)
        };
        bounds.push((axis, clamp(starts[place]), clamp(ends[place]), step));
    }
    Ok(bounds)
}

pub(super) fn slice(node: Node<'_>, array: &Array, inputs: Inputs<'_>) -> Result<Array, Error> {
    let mut array = array.clone();
    for (axis, start, end, step) in bounds(node, &array.shape, inputs.get(1..).unwrap_or(&[]))? {
        let kept: Vec<usize> = (start..end).step_by(step as usize).map(|n| n as usize).collect();
        let behind: usize = array.shape[axis + 1..].iter().product();
        let before: usize = array.shape[..axis].iter().product();
        let extent = array.shape[axis];
        let sources = (0..before).flat_map(|row| {
            kept.iter()
                .flat_map(move |&n| (0..behind).map(move |i| (row * extent + n) * behind + i))
        });
        let sources: Vec<usize> = sources.collect();
        let mut shape = array.shape.clone();
        shape[axis] = kept.len();
        array = pick(&array, shape, sources.into_iter());
    }
    Ok(array)
}
