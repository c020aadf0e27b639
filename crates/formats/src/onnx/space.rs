//! Operators that change the axes in space: Pad, Resize and Upsample.

use handaxe_graph::{Interpolation, Op};

use super::builder::Builder;
use super::convolution::image;
use super::node::Node;
use super::view::View;
use crate::Error;

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
