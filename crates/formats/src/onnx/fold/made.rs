//! Constants that nodes make: stated, cast, filled and counted.

use super::super::affine::number;
use super::super::array::{Array, Data};
use super::super::node::Node;
use crate::Error;

pub(super) fn constant(node: Node<'_>) -> Result<Array, Error> {
    if let Some(array) = node.tensor("value")? {
        return Ok(array);
    }
    if let Some(value) = node.given_float("value_float") {
        return Ok(Array::floats(Vec::new(), vec![value]));
    }
    if let Some(values) = node.floats("value_floats") {
        return Ok(Array::floats(vec![values.len()], values.to_vec()));
    }
    if let Some(values) = node.ints("value_ints") {
        return Ok(Array::ints(values.to_vec()));
    }
    if node.has("value_int") {
        return Ok(Array::new(Vec::new(), Data::Int(vec![node.int("value_int", 0)])));
    }
    Err(node.unsupported("it holds no number: neither a tensor nor floats nor ints"))
}

pub(super) fn cast(node: Node<'_>, array: &Array) -> Result<Array, Error> {
    let kind = node.int("to", 1);
    let data = match kind {
        1 | 10 | 11 | 16 => {
            return Ok(Array { kind: 1, data: Data::Float(array.stored()), ..array.clone() });
        }
        9 => Data::Int(array.values().iter().map(|&value| i64::from(value != 0.0)).collect()),
        2..=7 | 12 | 13 => match &array.data {
            Data::Int(values) => Data::Int(values.clone()),
            Data::Float(_) => Data::Int(array.values().iter().map(|&value| value as i64).collect()),
        },
        other => return Err(node.wrong("the type", other.to_string(), "one of numbers")),
    };
    Ok(Array { kind: kind as i32, ..Array::new(array.shape.clone(), data) })
}

/// A shape that someone wrote, if its array can be made.
pub(super) fn extents(node: Node<'_>, array: &Array, most: usize) -> Result<Vec<usize>, Error> {
    let given = array.whole().unwrap_or_default();
    let shape: Option<Vec<usize>> = given.iter().map(|&e| usize::try_from(e).ok()).collect();
    let count = |shape: &Vec<usize>| shape.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
    let small = |shape: &Vec<usize>| shape.len() <= 32 && count(shape).is_some_and(|n| n <= most);
    shape.filter(small).ok_or_else(|| {
        node.wrong("the shape of a constant", format!("{given:?}"), "one of few enough elements")
    })
}

pub(super) fn filled(node: Node<'_>, shape: &Array, most: usize) -> Result<Array, Error> {
    let shape = extents(node, shape, most)?;
    let count = shape.iter().product();
    let data = match node.tensor("value")? {
        Some(Array { data: Data::Int(values), .. }) => {
            Data::Int(vec![values.first().copied().unwrap_or(0); count])
        }
        Some(value) => Data::Float(vec![value.scalar().unwrap_or(0.0); count]),
        None => Data::Float(vec![0.0; count]),
    };
    Ok(Array::new(shape, data))
}

pub(super) fn range(
    node: Node<'_>,
    [start, end, step]: [&Array; 3],
    most: usize,
) -> Result<Array, Error> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    match (number(start), number(end), number(step)) {
        (Some(start), Some(end), Some(step @ 1..)) if end.saturating_sub(start) <= most => {
            Ok(Array::ints((start..end).step_by(step as usize).collect()))
        }
        _ => Err(node.unsupported("a range is known of not too many whole numbers that grow")),
    }
}
