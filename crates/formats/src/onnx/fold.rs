//! Operators on constants, computed while reading: shapes, and weights that are reordered or rounded.

use std::rc::Rc;

use super::affine::number;
use super::array::{Array, Data};
use super::node::Node;
use super::{quantiser, shape};
use crate::Error;

/// The operators that are computed on constants.
const KNOWN: &[&str] = &[
    "Abs",
    "Add",
    "BipolarQuant",
    "Cast",
    "Ceil",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "Gather",
    "Identity",
    "IntQuant",
    "Log",
    "Max",
    "Min",
    "Mul",
    "Neg",
    "Pow",
    "Quant",
    "Range",
    "Reciprocal",
    "Reshape",
    "Shape",
    "Size",
    "Slice",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Transpose",
    "Unsqueeze",
];

pub(super) fn knows(node: Node<'_>) -> bool {
    KNOWN.binary_search(&node.op()).is_ok()
}

type Inputs<'a> = &'a [Option<Rc<Array>>];

/// What a node makes of constants, if that has at most `most` elements.
pub(super) fn fold(node: Node<'_>, inputs: Inputs<'_>, most: usize) -> Result<Array, Error> {
    let made = computed(node, inputs, most)?;
    if made.len() > most { Err(too_many(node)) } else { Ok(made) }
}

fn too_many(node: Node<'_>) -> Error {
    node.unsupported("the constants of this model compute to too many elements")
}

fn computed(node: Node<'_>, inputs: Inputs<'_>, most: usize) -> Result<Array, Error> {
    let missing = || node.unsupported("one of its inputs is missing");
    let optional = |place: usize| inputs.get(place).and_then(Option::as_deref);
    let input = |place: usize| optional(place).ok_or_else(missing);
    match node.op() {
        "Constant" => constant(node),
        "Identity" | "Dropout" => Ok(input(0)?.clone()),
        "Cast" => cast(node, input(0)?),
        "Shape" => Ok(Array::ints(input(0)?.shape.iter().map(|&extent| extent as i64).collect())),
        "Size" => Ok(Array::new(Vec::new(), Data::Int(vec![input(0)?.len() as i64]))),
        "ConstantOfShape" => filled(node, input(0)?, most),
        "Range" => range(node, [input(0)?, input(1)?, input(2)?], most),
        "Concat" => concat(node, inputs, most),
        "Gather" => gather(node, input(0)?, input(1)?, most),
        "Slice" => slice(node, input(0)?, inputs),
        "Transpose" => {
            let array = input(0)?;
            Ok(array.transposed(&shape::permutation(node, array.shape.len())?))
        }
        "Reshape" => {
            let array = input(0)?;
            let given = match optional(1) {
                Some(shape) => shape.whole().unwrap_or_default(),
                None => node.ints("shape").unwrap_or_default().to_vec(),
            };
            Ok(reshaped(array, shape::target(node, &array.shape, &given)?))
        }
        "Flatten" => Ok(reshaped(input(0)?, shape::flattened(node, &input(0)?.shape)?)),
        "Squeeze" => Ok(reshaped(input(0)?, shape::squeezed(node, &input(0)?.shape, optional(1))?)),
        "Unsqueeze" => {
            Ok(reshaped(input(0)?, shape::unsqueezed(node, &input(0)?.shape, optional(1))?))
        }
        "Expand" => expand(node, input(0)?, input(1)?, most),
        "BipolarQuant" | "IntQuant" | "Quant" => quantiser::constant(node, inputs),
        "DequantizeLinear" => quantiser::dequantised(node, inputs),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Max" | "Min" => {
            binary(node, input(0)?, input(1)?, most)
        }
        _ => unary(node, input(0)?),
    }
}

/// In another shape; a quantiser that cannot follow has done its work.
fn reshaped(array: &Array, shape: Vec<usize>) -> Array {
    let rounded = || Array::floats(shape.clone(), array.values());
    array.reshaped(shape.clone()).unwrap_or_else(rounded)
}

fn constant(node: Node<'_>) -> Result<Array, Error> {
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
    if node.proto.attribute.iter().any(|attribute| attribute.name == "value_int") {
        return Ok(Array::new(Vec::new(), Data::Int(vec![node.int("value_int", 0)])));
    }
    Err(node.unsupported("it holds no number: neither a tensor nor floats nor ints"))
}

fn cast(node: Node<'_>, array: &Array) -> Result<Array, Error> {
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
fn extents(node: Node<'_>, array: &Array, most: usize) -> Result<Vec<usize>, Error> {
    let given = array.whole().unwrap_or_default();
    let shape: Option<Vec<usize>> = given.iter().map(|&e| usize::try_from(e).ok()).collect();
    let count = |shape: &Vec<usize>| shape.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
    let small = |shape: &Vec<usize>| shape.len() <= 32 && count(shape).is_some_and(|n| n <= most);
    shape.filter(small).ok_or_else(|| {
        node.wrong("the shape of a constant", format!("{given:?}"), "one of few enough elements")
    })
}

fn filled(node: Node<'_>, shape: &Array, most: usize) -> Result<Array, Error> {
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

fn range(node: Node<'_>, [start, end, step]: [&Array; 3], most: usize) -> Result<Array, Error> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    match (number(start), number(end), number(step)) {
        (Some(start), Some(end), Some(step @ 1..)) if end.saturating_sub(start) <= most => {
            Ok(Array::ints((start..end).step_by(step as usize).collect()))
        }
        _ => Err(node.unsupported("a range is known of not too many whole numbers that grow")),
    }
}

fn pick(array: &Array, shape: Vec<usize>, places: impl Iterator<Item = usize>) -> Array {
    let data = match &array.data {
        Data::Int(values) => Data::Int(places.map(|place| values[place]).collect()),
        Data::Float(_) => {
            let values = array.values();
            Data::Float(places.map(|place| values[place]).collect())
        }
    };
    Array { kind: array.kind, ..Array::new(shape, data) }
}

fn concat(node: Node<'_>, inputs: Inputs<'_>, most: usize) -> Result<Array, Error> {
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

fn gather(node: Node<'_>, array: &Array, indices: &Array, most: usize) -> Result<Array, Error> {
    let axis = node.axis(node.int("axis", 0), array.shape.len())?;
    let extent = array.shape[axis];
    let known = |index: &i64| {
        let index = if *index < 0 { index.checked_add(extent as i64)? } else { *index };
        usize::try_from(index).ok().filter(|index| *index < extent)
    };
    let whole = indices.whole().unwrap_or_default();
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
pub(super) fn node_axes(node: Node<'_>, given: Option<&Array>) -> Option<Vec<i64>> {
    given.and_then(Array::whole).or_else(|| node.ints("axes").map(<[i64]>::to_vec))
}

/// Axis, first entry, the one behind the last, and step of each axis that a Slice names.
pub(super) fn bounds(
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

fn slice(node: Node<'_>, array: &Array, inputs: Inputs<'_>) -> Result<Array, Error> {
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

/// For each element of an array of shape `whole`, the place in one of shape `part` that is repeated over it.
pub(super) fn broadcast(part: &[usize], whole: &[usize]) -> Vec<usize> {
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

fn expand(node: Node<'_>, array: &Array, shape: &Array, most: usize) -> Result<Array, Error> {
    let shape = common(node, &array.shape, &extents(node, shape, most)?, most)?;
    let places = broadcast(&array.shape, &shape);
    Ok(pick(array, shape, places.into_iter()))
}

fn binary(node: Node<'_>, one: &Array, two: &Array, most: usize) -> Result<Array, Error> {
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

fn unary(node: Node<'_>, array: &Array) -> Result<Array, Error> {
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
    fn operators_are_found() {
        assert!(KNOWN.is_sorted());
    }

    #[test]
    fn parts_are_repeated_over_the_whole() {
        assert_eq!(broadcast(&[2, 1], &[2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(broadcast(&[3], &[2, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(broadcast(&[], &[2]), [0, 0]);
        assert_eq!(super::super::array::transposition(&[2, 3], &[1, 0]), [0, 3, 1, 4, 2, 5]);
    }
}
