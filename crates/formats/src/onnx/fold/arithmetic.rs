//! Arithmetic on constants, the smaller repeated over the larger.

use super::super::array::{Array, Data};
use super::super::node::Node;
use super::made::extents;
use super::parts::pick;
use super::too_many;
use crate::Error;

/// For each element of an array of shape `whole`, the place in one of shape `part` that is repeated over it.
pub(in super::super) fn broadcast(part: &[usize], whole: &[usize]) -> Vec<usize> {
    let skipped = whole.len() - part.len().min(whole.len());
    let mut places = vec![0];
    for (axis, &extent) in whole.iter().enumerate() {
        let own = axis.checked_sub(skipped).map_or(1, |axis| part[axis]);
        places = places
            .iter()
            .flat_map(|&place| {
                (0..extent).map(move |n| if own > 1 { place * own + n } else { place })
            })
            .collect();
    }
    places
}

/// The shape over which both are repeated.
fn common(node: Node<'_>, one: &[usize], two: &[usize], most: usize) -> Result<Vec<usize>, Error> {
    let rank = one.len().max(two.len());
    let at = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis])
    };
    let mut shape = Vec::with_capacity(rank);
    for axis in 0..rank {
        shape.push(match (at(one, axis), at(two, axis)) {
            (a, b) if a == b => a,
            (1, b) => b,
            (a, 1) => a,
            _ => {
                return Err(node.wrong(
                    "its operands",
                    format!("{one:?} and {two:?}"),
                    "1 or as long on each axis",
                ));
            }
        });
    }
    let count = shape.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
    if count.is_none_or(|count| count > most) {
        return Err(too_many(node));
    }
    Ok(shape)
}

pub(super) fn expand(
    node: Node<'_>,
    array: &Array,
    shape: &Array,
    most: usize,
) -> Result<Array, Error> {
    let shape = common(node, &array.shape, &extents(node, shape, most)?, most)?;
    let places = broadcast(&array.shape, &shape);
    Ok(pick(array, shape, places.into_iter()))
}

pub(super) fn binary(
    node: Node<'_>,
    one: &Array,
    two: &Array,
    most: usize,
) -> Result<Array, Error> {
    let shape = common(node, &one.shape, &two.shape, most)?;
    let (first, second) = (broadcast(&one.shape, &shape), broadcast(&two.shape, &shape));
    let pairs = first.into_iter().zip(second);
    if let (Data::Int(a), Data::Int(b)) = (&one.data, &two.data) {
        let compute = |(i, j): (usize, usize)| match node.op() {
            "Add" => a[i].checked_add(b[j]),
            "Sub" => a[i].checked_sub(b[j]),
            "Mul" => a[i].checked_mul(b[j]),
            "Div" => a[i].checked_div(b[j]),
            "Max" => Some(a[i].max(b[j])),
            "Min" => Some(a[i].min(b[j])),
            _ => u32::try_from(b[j]).ok().and_then(|power| a[i].checked_pow(power)),
        };
        let values: Option<Vec<i64>> = pairs.map(compute).collect();
        let values = values.ok_or_else(|| node.unsupported("it computes no 64-bit number"))?;
        return Ok(Array::new(shape, Data::Int(values)));
    }
    let (a, b) = (one.values(), two.values());
    let compute = |(i, j): (usize, usize)| match node.op() {
        "Add" => a[i] + b[j],
        "Sub" => a[i] - b[j],
        "Mul" => a[i] * b[j],
        "Div" => a[i] / b[j],
        "Max" => a[i].max(b[j]),
        "Min" => a[i].min(b[j]),
        _ => a[i].powf(b[j]),
    };
    Ok(Array::floats(shape, pairs.map(compute).collect()))
}

pub(super) fn unary(node: Node<'_>, array: &Array) -> Result<Array, Error> {
    if let (Data::Int(values), "Neg" | "Abs") = (&array.data, node.op()) {
        let change = |&value: &i64| {
            if node.op() == "Neg" { value.checked_neg() } else { value.checked_abs() }
        };
        let values: Option<Vec<i64>> = values.iter().map(change).collect();
        let values = values.ok_or_else(|| node.unsupported("it computes no 64-bit number"))?;
        return Ok(Array::new(array.shape.clone(), Data::Int(values)));
    }
    let compute = |value: f32| match node.op() {
        "Abs" => value.abs(),
        "Ceil" => value.ceil(),
        "Exp" => value.exp(),
        "Floor" => value.floor(),
        "Log" => value.ln(),
        "Neg" => -value,
        "Reciprocal" => value.recip(),
        _ => value.sqrt(),
    };
    Ok(Array::floats(array.shape.clone(), array.values().into_iter().map(compute).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_repeated_over_the_whole() {
        assert_eq!(broadcast(&[2, 1], &[2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(broadcast(&[3], &[2, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(broadcast(&[], &[2]), [0, 0]);
    }
}
