//! Layers that move elements.

use handaxe_graph::{Interpolation, LayerId, Op};
use serde_json::Value;

use super::config::{Object, size};
use super::layer::channels_last;
use super::topology::Builder;
use super::weights::LayerWeights;
use crate::Error;

pub(super) fn reshaped(
    to: &mut Builder,
    object: Object<'_>,
    _: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let op = op(object, to.shape(input))?;
    to.add(object.name, op, &[input])
}

fn op(object: Object<'_>, input: &[usize]) -> Result<Op, Error> {
    if !matches!(object.class, "Reshape" | "Permute") {
        channels_last(object)?;
    }
    let rank = if object.class.ends_with("1D") { 1 } else { 2 };
    match object.class {
        "Reshape" => Ok(Op::Reshape { shape: target(object, input)? }),
        "Permute" => {
            let axes = object.counts("dims", input.len())?;
            let axes = axes.into_iter().map(|axis| axis.checked_sub(1)).collect::<Option<_>>();
            let given = object.get("dims").unwrap_or(&Value::Null);
            let axes = axes.ok_or_else(|| object.wrong("dims", given, "axes counted from 1"))?;
            Ok(Op::Permute { axes })
        }
        "ZeroPadding1D" | "ZeroPadding2D" => {
            Ok(Op::ZeroPad { margins: margins(object, "padding", rank)? })
        }
        "Cropping1D" | "Cropping2D" => Ok(Op::Crop { margins: margins(object, "cropping", rank)? }),
        _ => {
            let interpolation = match object.text("interpolation", "nearest")? {
                "nearest" => Interpolation::Nearest,
                "bilinear" => Interpolation::Bilinear,
                _ => return Err(object.unsupported("it can interpolate nearest or bilinear here")),
            };
            Ok(Op::UpSample { factors: object.counts("size", rank)?, interpolation })
        }
    }
}

/// The shape that a Reshape names; one axis may be -1, for what is left.
fn target(object: Object<'_>, input: &[usize]) -> Result<Vec<usize>, Error> {
    let given = object.get("target_shape").unwrap_or(&Value::Null);
    let wrong = || object.wrong("target_shape", given, "sizes, one of them perhaps -1");
    let axes = given.as_array().ok_or_else(wrong)?;
    let known =
        axes.iter().filter_map(size).try_fold(1usize, |count, axis| count.checked_mul(axis));
    let known = known.filter(|&known| known > 0).ok_or_else(wrong)?;
    let rest = input.iter().product::<usize>() / known;
    let axis = |axis: &Value| if axis.as_i64() == Some(-1) { Some(rest) } else { size(axis) };
    axes.iter().map(axis).collect::<Option<_>>().ok_or_else(wrong)
}

/// `1`, `[1, 2]` or `[[1, 2], [3, 4]]`: the same on all sides, on both sides of each axis, or each for itself.
fn margins(
    object: Object<'_>,
    key: &'static str,
    rank: usize,
) -> Result<Vec<(usize, usize)>, Error> {
    let value = object.get(key).unwrap_or(&Value::Null);
    let wrong = || object.wrong(key, value, "a number, or a pair for each axis");
    if let Some(all) = size(value) {
        return Ok(vec![(all, all); rank]);
    }
    let parts = value.as_array().ok_or_else(wrong)?;
    let sizes: Option<Vec<usize>> = parts.iter().map(size).collect();
    match (sizes.as_deref(), rank) {
        (Some([before, after]), 1) => return Ok(vec![(*before, *after)]),
        (Some(sides), 2) if sides.len() == 2 => {
            return Ok(sides.iter().map(|&side| (side, side)).collect());
        }
        _ => {}
    }
    let pair = |part: &Value| match part.as_array().map(Vec::as_slice) {
        Some([before, after]) => Some((size(before)?, size(after)?)),
        _ => None,
    };
    let pairs: Option<Vec<_>> = parts.iter().map(pair).collect();
    pairs.filter(|pairs| pairs.len() == rank).ok_or_else(wrong)
}

/// The graph joins along the last axis; another one is moved there and back.
pub(super) fn concatenate(
    to: &mut Builder,
    object: Object<'_>,
    inputs: &[LayerId],
) -> Result<LayerId, Error> {
    let rank = inputs.first().map_or(0, |&input| to.shape(input).len());
    let axis = object.get("axis").and_then(Value::as_i64).unwrap_or(-1);
    let axis = if axis < 0 { axis + rank as i64 + 1 } else { axis };
    let axis = usize::try_from(axis - 1).ok().filter(|&axis| axis < rank);
    let Some(axis) = axis else {
        let given = object.get("axis").unwrap_or(&Value::Null);
        return Err(object.wrong("axis", given, "one of the arrays' axes, not the samples'"));
    };
    if axis + 1 == rank {
        return to.add(object.name, Op::Concatenate, inputs);
    }
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.swap(axis, rank - 1);
    let mut moved = Vec::with_capacity(inputs.len());
    for (place, &input) in inputs.iter().enumerate() {
        if to.shape(input).len() != rank {
            return Err(object.unsupported("it joins arrays of different rank"));
        }
        let name = format!("{}_permute{}", object.name, place + 1);
        moved.push(to.add(&name, Op::Permute { axes: axes.clone() }, &[input])?);
    }
    let joined = to.add(&format!("{}_joined", object.name), Op::Concatenate, &moved)?;
    to.add(object.name, Op::Permute { axes }, &[joined])
}
