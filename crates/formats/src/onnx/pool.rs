//! Pools over windows and over everything.

use handaxe_graph::{Activation, LayerId, Model, Op, Padding, PoolKind, Quantiser, Window};

use super::builder::{Builder, Value};
use super::convolution::{axes, image, margins, named, window};
use super::fold::node_axes;
use super::node::Node;
use super::view::View;
use crate::Error;

pub(super) fn max<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    // The largest code is that of the largest value.
    if let Value::Codes(view, codes) = to.value(node, 0)?.clone() {
        let made = pool(to, node, &view, PoolKind::Max)?;
        return to.set_value(node, Value::Codes(made, codes));
    }
    let view = to.array(node, 0)?;
    let made = pool(to, node, &view, PoolKind::Max)?;
    to.set(node, made)
}

pub(super) fn average<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let made = pool(to, node, &view, PoolKind::Average)?;
    to.set(node, made)
}

fn pool<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    view: &View,
    kind: PoolKind,
) -> Result<View, Error> {
    let axes = axes(node, view)?;
    let Some(size) = node.counts("kernel_shape")?.filter(|size| size.len() + 1 == axes.len())
    else {
        return Err(node.wrong(
            "kernel_shape",
            "missing".to_owned(),
            "a length for each axis in space",
        ));
    };
    if node.ints("dilations").is_some_and(|taps| taps.iter().any(|&taps| taps != 1)) {
        return Err(node.unsupported("dilated pools are not known"));
    }
    if node.proto.output.len() > 1 {
        return Err(node.unsupported("the places of the largest values are not known here"));
    }
    let mut window = window(node, &size)?;
    let name = to.name(node, None);
    let mut id = to.arranged(&name, view, &axes)?;
    let input = to.extents(id)[..size.len()].to_vec();
    let mut margins = margins(node, &window, &input)?;
    if node.int("ceil_mode", 0) != 0 {
        reach(&window, &input, &mut margins);
    }
    // What a window has a word for does not count what lies outside, zeros that are put there do.
    let counted = kind == PoolKind::Average && node.int("count_include_pad", 0) != 0;
    match named(&window, &input, &margins) {
        Some(Padding::Same) if !counted => window.padding = Padding::Same,
        Some(Padding::Valid) => {}
        _ if counted || (kind == PoolKind::Max && is_never_negative(&to.model, id)) => {
            id = to.add(&format!("{name}_pad"), Op::ZeroPad { margins }, &[id])?;
        }
        _ => {
            return Err(node.wrong(
                "its padding",
                format!("{margins:?}"),
                "none, or as little as covers the input, split evenly with the odd one last",
            ));
        }
    }
    let id = to.add(&name, Op::Pool { kind, window }, &[id])?;
    Ok(image(to, id, &axes))
}

/// Widens the margins behind so that the last window, of which a part may lie outside, is a whole one.
fn reach(window: &Window, input: &[usize], margins: &mut [(usize, usize)]) {
    let axes = window.size.iter().zip(&window.strides).zip(input).zip(margins);
    for (((&size, &stride), &extent), (before, after)) in axes {
        let whole = extent.saturating_add(*before).saturating_add(*after);
        let steps = whole.saturating_sub(size).div_ceil(stride);
        // A window that would begin behind the input is left out.
        let begins = steps.saturating_mul(stride);
        let behind = begins >= extent.saturating_add(*before);
        let begins = if behind { begins.saturating_sub(stride) } else { begins };
        *after = after.saturating_add(begins.saturating_add(size).saturating_sub(whole));
    }
}

/// Whether zeros around the array change no maximum.
fn is_never_negative(model: &Model, id: LayerId) -> bool {
    let layer = model.layer(id);
    let before = || layer.inputs().iter().all(|&input| is_never_negative(model, input));
    match layer.op() {
        Op::Activation { function } => matches!(
            function,
            Activation::Relu
                | Activation::Sigmoid
                | Activation::Softmax
                | Activation::Softplus
                | Activation::ClippedRelu { slope: 0.0, threshold: 0.0, .. }
        ),
        Op::Quantise { quantiser: Quantiser::Bits { keep_negative: false, .. } } => true,
        Op::Quantise { .. }
        | Op::Permute { .. }
        | Op::Reshape { .. }
        | Op::Pool { .. }
        | Op::ZeroPad { .. } => before(),
        _ => false,
    }
}

pub(super) fn global_max<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    global(to, node, &view, PoolKind::Max)
}

pub(super) fn global_average<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    global(to, node, &view, PoolKind::Average)
}

fn global<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    view: &View,
    kind: PoolKind,
) -> Result<(), Error> {
    let axes = axes(node, view)?;
    let name = to.name(node, None);
    let id = to.arranged(&name, view, &axes)?;
    let id = to.add(&name, Op::GlobalPool { kind }, &[id])?;
    let channels = axes[axes.len() - 1];
    let mut shape = vec![1; view.shape.len()];
    shape[channels] = view.shape[channels];
    to.set(node, View::of_axes(id, shape, &[channels]))
}

/// The mean or the largest value over all axes in space; over others it is not known.
pub(super) fn reduce<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let rank = view.shape.len();
    let axes = to.optional(node, 1)?;
    let Some(given) = node_axes(node, axes.as_deref()).filter(|axes| !axes.is_empty()) else {
        if node.int("noop_with_empty_axes", 0) != 0 {
            return to.set(node, view);
        }
        return Err(node.unsupported("it reduces samples: name the axes in space"));
    };
    let mut over: Vec<usize> =
        given.iter().map(|&axis| node.axis(axis, rank)).collect::<Result<_, _>>()?;
    over.sort_unstable();
    let kept: Vec<usize> = (1..rank).filter(|axis| !over.contains(axis)).collect();
    let (&[channels], false, 3 | 4) = (kept.as_slice(), over.contains(&0), rank) else {
        let given = format!("{given:?} of {rank} axes");
        return Err(node.wrong("axes", given, "those in space of a series or an image"));
    };
    let name = to.name(node, None);
    let axes: Vec<usize> = over.iter().copied().chain([channels]).collect();
    let id = to.arranged(&name, &view, &axes)?;
    let kind = if node.op() == "ReduceMax" { PoolKind::Max } else { PoolKind::Average };
    let id = to.add(&name, Op::GlobalPool { kind }, &[id])?;
    let mut shape = vec![1; rank];
    shape[channels] = view.shape[channels];
    let made = View::of_axes(id, shape, &[channels]);
    let keep = node.int("keepdims", 1) != 0;
    let flat = vec![1, view.shape[channels]];
    to.set(node, if keep { made } else { made.reshaped(flat) })
}
