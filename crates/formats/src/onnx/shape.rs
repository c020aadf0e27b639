//! Operators that give an array another shape or take a part of it.

use handaxe_graph::{Interpolation, Op};

use super::array::{Array, MOST_AXES};
use super::builder::{Builder, Value};
use super::convolution::image;
use super::fold::{bounds, node_axes};
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

/// Zeros around the axes in space.
pub(super) fn pad<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let rank = view.shape.len();
    if node.text("mode", "constant") != "constant" {
        return Err(node.unsupported("it is known for constant zeros only"));
    }
    let pads = match to.optional(node, 1)? {
        Some(pads) => pads.whole().unwrap_or_default(),
        None => node.ints("pads").or(node.ints("paddings")).unwrap_or_default().to_vec(),
    };
    let value = match to.optional(node, 2)? {
        Some(value) => value.scalar().unwrap_or(0.0),
        None => node.given_float("value").unwrap_or(0.0),
    };
    let axes: Vec<i64> = match to.optional(node, 3)? {
        Some(axes) => axes.whole().unwrap_or_default(),
        None => (0..rank as i64).collect(),
    };
    let pads: Option<Vec<usize>> = pads.iter().map(|&pad| usize::try_from(pad).ok()).collect();
    let Some(pads) = pads.filter(|pads| pads.len() == 2 * axes.len()) else {
        return Err(node.wrong(
            "pads",
            "such".to_owned(),
            "a number before and one after each axis, 0 or more",
        ));
    };
    if value != 0.0 && pads.iter().any(|&pad| pad > 0) {
        return Err(node.wrong("its value", value.to_string(), "0"));
    }
    let mut margins = vec![(0, 0); rank];
    for (place, &axis) in axes.iter().enumerate() {
        margins[node.axis(axis, rank)?] = (pads[place], pads[place + axes.len()]);
    }
    let padded: Vec<usize> = (0..rank).filter(|&axis| margins[axis] != (0, 0)).collect();
    if padded.is_empty() {
        return to.set(node, view);
    }
    let (axes, id) = spatial(to, node, &view, &padded)?;
    let margins = axes[..axes.len() - 1].iter().map(|&axis| margins[axis]).collect();
    let id = to.add(&to.name(node, None), Op::ZeroPad { margins }, &[id])?;
    let made = image(to, id, &axes);
    to.set(node, made)
}

/// A layer with the given axes among those in space, for layers that know images and series only.
fn spatial(
    to: &mut Builder<'_>,
    node: Node<'_>,
    view: &View,
    changed: &[usize],
) -> Result<(Vec<usize>, handaxe_graph::LayerId), Error> {
    let rank = view.shape.len();
    let stored = view.axes().unwrap_or_default();
    let last = stored.last().copied().filter(|axis| !changed.contains(axis) && *axis > 0);
    let last = last.or((1..rank).find(|axis| !changed.contains(axis)));
    let Some(channels) = last.filter(|_| matches!(rank, 3 | 4) && !changed.contains(&0)) else {
        return Err(node.unsupported("it is known for the axes in space of a series or an image"));
    };
    let axes: Vec<usize> = (1..rank).filter(|&axis| axis != channels).chain([channels]).collect();
    let id = to.arranged(&to.name(node, None), view, &axes)?;
    Ok((axes, id))
}

/// Nearest and linear enlargement by whole factors.
pub(super) fn resize<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let factors = factors(to, node, &view)?;
    let changed: Vec<usize> = (0..factors.len()).filter(|&axis| factors[axis] != 1).collect();
    if changed.is_empty() {
        return to.set(node, view);
    }
    let upsample = node.op() == "Upsample" || node.opset < 11;
    let place = node.text("coordinate_transformation_mode", "half_pixel");
    let place = if upsample { "asymmetric" } else { place };
    let half_pixel = matches!(place, "half_pixel" | "pytorch_half_pixel");
    let nearest = node.text("nearest_mode", "round_prefer_floor");
    let interpolation = match node.text("mode", "nearest") {
        "nearest" if half_pixel || upsample || (place, nearest) == ("asymmetric", "floor") => {
            Interpolation::Nearest
        }
        "linear" | "bilinear" if half_pixel => Interpolation::Bilinear,
        mode => {
            let given = format!("{mode} with {place}, {nearest}");
            let expected =
                "nearest (asymmetric with floor, or half_pixel) or linear with half_pixel";
            return Err(node.wrong("its interpolation", given, expected));
        }
    };
    let (axes, id) = spatial(to, node, &view, &changed)?;
    let factors = axes[..axes.len() - 1].iter().map(|&axis| factors[axis]).collect();
    let id = to.add(&to.name(node, None), Op::UpSample { factors, interpolation }, &[id])?;
    let made = image(to, id, &axes);
    to.set(node, made)
}

fn factors(to: &Builder<'_>, node: Node<'_>, view: &View) -> Result<Vec<usize>, Error> {
    let (scales_place, sizes_place) =
        if node.op() == "Upsample" || node.opset < 11 { (1, 9) } else { (2, 3) };
    let rank = view.shape.len();
    let scales = to.optional(node, scales_place)?.filter(|scales| scales.len() > 0);
    let scales: Vec<f64> = if let Some(scales) = scales {
        scales.values().into_iter().map(f64::from).collect()
    } else if let Some(sizes) = to.optional(node, sizes_place)? {
        let sizes = sizes.whole().unwrap_or_default();
        sizes.iter().zip(&view.shape).map(|(&size, &extent)| size as f64 / extent as f64).collect()
    } else {
        node.floats("scales").unwrap_or_default().iter().map(|&scale| f64::from(scale)).collect()
    };
    let whole = |scale: &f64| scale.fract() == 0.0 && (1.0..=65536.0).contains(scale);
    if scales.len() == rank && scales.iter().all(whole) && node.ints("axes").is_none() {
        return Ok(scales.iter().map(|&scale| scale as usize).collect());
    }
    Err(node.wrong("its factors", format!("{scales:?}"), "a whole number for each axis"))
}

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
