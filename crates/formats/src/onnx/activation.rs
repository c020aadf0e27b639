//! Element-wise functions, softmax and what rounds nothing.

use std::rc::Rc;

use handaxe_graph::{Activation, Op};

use super::array::{Array, Data};
use super::builder::Builder;
use super::node::Node;
use super::view::View;
use crate::Error;

/// The operators that are an element-wise function, with it at ONNX' defaults.
pub(super) const FUNCTIONS: [(&str, Activation); 20] = [
    ("Celu", Activation::Celu { alpha: 1.0 }),
    ("Clip", Activation::Linear),
    ("Elu", Activation::Elu { alpha: 1.0 }),
    ("Exp", Activation::Exponential),
    ("Gelu", Activation::Gelu),
    ("HardSigmoid", Activation::HardSigmoid),
    ("HardSwish", Activation::HardSwish),
    ("LeakyRelu", Activation::LeakyRelu { slope: 0.01 }),
    ("LogSoftmax", Activation::LogSoftmax),
    ("Mish", Activation::Mish),
    ("Relu", Activation::Relu),
    ("Selu", Activation::Selu),
    ("Shrink", Activation::HardShrink { threshold: 0.5 }),
    ("Sigmoid", Activation::Sigmoid),
    ("Softmax", Activation::Softmax),
    ("Softplus", Activation::Softplus),
    ("Softsign", Activation::Softsign),
    ("Swish", Activation::Swish),
    ("Tanh", Activation::Tanh),
    ("ThresholdedRelu", Activation::ThresholdedRelu { theta: 1.0 }),
];

/// An element-wise function of one array.
pub(super) fn element_wise<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let found = FUNCTIONS.iter().find(|(op, _)| *op == node.op());
    let function = parametrised(node, found.map_or(Activation::Linear, |(_, function)| *function))?;
    apply(to, node, &view, function)
}

pub(super) fn apply<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    view: &View,
    function: Activation,
) -> Result<(), Error> {
    let name = to.name(node, None);
    let id = to.add(&name, Op::Activation { function }, &[view.id])?;
    to.set(node, view.computed_by(id))
}

fn parametrised(node: Node<'_>, function: Activation) -> Result<Activation, Error> {
    Ok(match function {
        Activation::Celu { .. } => Activation::Celu { alpha: node.float("alpha", 1.0) },
        Activation::Elu { .. } => Activation::Elu { alpha: node.float("alpha", 1.0) },
        Activation::LeakyRelu { .. } => Activation::LeakyRelu { slope: node.float("alpha", 0.01) },
        Activation::ThresholdedRelu { .. } => {
            Activation::ThresholdedRelu { theta: node.float("alpha", 1.0) }
        }
        Activation::Gelu if node.text("approximate", "none") == "tanh" => Activation::GeluTanh,
        Activation::Swish if node.float("alpha", 1.0) != 1.0 => {
            return Err(node.unsupported("Swish is known with alpha 1"));
        }
        Activation::HardSigmoid => {
            let (alpha, beta) = (node.float("alpha", 0.2), node.float("beta", 0.5));
            match (alpha, beta) {
                (0.2, 0.5) => Activation::HardSigmoid,
                (alpha, 0.5) if (alpha - 1.0 / 6.0).abs() < 1e-6 => Activation::HardSigmoid6,
                _ => {
                    return Err(node.wrong(
                        "alpha and beta",
                        format!("{alpha} and {beta}"),
                        "1/5 or 1/6, and 1/2",
                    ));
                }
            }
        }
        Activation::Selu => {
            let (alpha, gamma) = (node.float("alpha", 1.673_263_2), node.float("gamma", 1.050_701));
            if (alpha - 1.673_263_2).abs() > 1e-4 || (gamma - 1.050_701).abs() > 1e-4 {
                return Err(node.unsupported("Selu is known with its own alpha and gamma only"));
            }
            function
        }
        Activation::HardShrink { .. } => {
            let (bias, threshold) = (node.float("bias", 0.0), node.float("lambd", 0.5));
            match bias {
                0.0 => Activation::HardShrink { threshold },
                bias if bias == threshold => Activation::SoftShrink { threshold },
                _ => return Err(node.wrong("bias", bias.to_string(), "0 or lambd")),
            }
        }
        function => function,
    })
}

/// Softmax and its logarithm; before opset 13 over all axes from the given one on.
pub(super) fn softmax<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let function =
        if node.op() == "Softmax" { Activation::Softmax } else { Activation::LogSoftmax };
    let old = node.opset < 13;
    let rank = view.shape.len();
    let axis = node.axis(node.int("axis", if old { 1 } else { -1 }), rank)?;
    if axis == 0 && rank > 1 {
        return Err(node.unsupported("a softmax over the samples is no function of one"));
    }
    let long: Vec<usize> = (axis..rank).filter(|&axis| view.shape[axis] > 1).collect();
    let name = to.name(node, None);
    let op = Op::Activation { function };
    if old && long.len() > 1 {
        if view.shape[..axis].iter().any(|&extent| extent > 1) {
            return Err(node.unsupported("a softmax over several axes is known over all at once"));
        }
        let id = to.reshaped(&name, view.id, &[view.shape.iter().product()])?;
        let id = to.add(&name, op, &[id])?;
        return to.set(node, view.computed_by(id));
    }
    let axis = if old { long.first().copied().unwrap_or(axis) } else { axis };
    let (id, axes) = to.with_last(&name, &view, axis)?;
    let id = to.add(&name, op, &[id])?;
    to.set(node, View::of_axes(id, view.shape, &axes))
}

/// Bounds below and above, of which either may be missing.
pub(super) fn clip<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let bound = |place: usize, key: &str| -> Result<Option<f32>, Error> {
        let given = match to.optional(node, place)? {
            Some(array) => array.scalar(),
            None => node.given_float(key),
        };
        Ok(given.filter(|bound| bound.abs() < f32::MAX))
    };
    let (low, high) = (bound(1, "min")?, bound(2, "max")?);
    let relu = |max: f32| {
        let max = Some(f64::from(max));
        Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max }
    };
    match (low, high) {
        (None, None) => to.set(node, view),
        (Some(0.0), None) => apply(to, node, &view, Activation::Relu),
        (Some(0.0), Some(high)) if high > 0.0 => apply(to, node, &view, relu(high)),
        (Some(-1.0), Some(1.0)) => apply(to, node, &view, Activation::HardTanh),
        (low, high) if low.zip(high).is_none_or(|(low, high)| low <= high) => {
            between(to, node, &view, low, high)
        }
        _ => Err(node.wrong("its bounds", format!("{low:?} and {high:?}"), "in order")),
    }
}

/// Any bounds, as the larger of the array and a constant, or the smaller.
fn between<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    view: &View,
    low: Option<f32>,
    high: Option<f32>,
) -> Result<(), Error> {
    let name = to.name(node, None);
    let mut view = view.clone();
    // max(x, low) = relu(x - low) + low, and min(x, high) = high - relu(high - x).
    for (bound, sign) in [(low, 1.0), (high, -1.0)] {
        let Some(bound) = bound else { continue };
        view = to.line(&name, &view, sign, -sign * bound)?;
        let op = Op::Activation { function: Activation::Relu };
        let id = to.add(&name, op, &[view.id])?;
        view = to.line(&name, &view.computed_by(id), sign, bound)?;
    }
    to.set(node, view)
}

/// What changes nothing in a trained network.
pub(super) fn nothing<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let value = to.value(node, 0)?.clone();
    to.set_value(node, value)
}

/// The extents, samples being one.
pub(super) fn shape_of<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let extents: Vec<i64> = view.shape.iter().map(|&extent| extent as i64).collect();
    let rank = extents.len() as i64;
    let clamp = |place: i64| (if place < 0 { place + rank } else { place }).clamp(0, rank) as usize;
    let (start, end) = (clamp(node.int("start", 0)), clamp(node.int("end", rank)));
    to.set_constant(node, Array::ints(extents[start..end.max(start)].to_vec()))
}

pub(super) fn size_of<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let count = view.shape.iter().product::<usize>() as i64;
    to.set_constant(node, Array::new(Vec::new(), Data::Int(vec![count])))
}

pub(super) fn prelu<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let mut slope = to.constant(node, 1)?;
    let name = to.name(node, Some(&slope));
    // Before opset 7 slopes are one for each channel, whichever axes follow.
    if node.opset < 7 && slope.shape.len() == 1 && slope.len() > 1 {
        let shape = [slope.shape.as_slice(), &vec![1; view.shape.len().saturating_sub(2)]].concat();
        slope = slope.reshaped(shape).map_or(slope, Rc::new);
    }
    let (view, mut vectors) = to.per_channel(&name, node, &view, &[&slope])?;
    let alpha = vectors.pop().unwrap_or_default();
    let id = to.add(&name, Op::PRelu { slopes: vec![alpha.len()] }, &[view.id])?;
    to.set_floats(id, "alpha", alpha)?;
    to.set(node, view.computed_by(id))
}
