//! Operators on codes: QLinearConv, QLinearMatMul and their kin compute with what the codes stand for and round the result.

use std::rc::Rc;

use handaxe_graph::Op;

use super::array::Array;
use super::builder::{Builder, Value};
use super::node::Node;
use super::view::View;
use super::{convolution, dense, quantiser};
use crate::Error;

/// The array whose codes a node reads in a place, with scale and zero point behind it.
fn decoded(to: &Builder<'_>, node: Node<'_>, place: usize) -> Result<View, Error> {
    let Value::Codes(view, codes) = to.value(node, place)? else {
        return Err(node.unsupported("it reads what no QuantizeLinear made"));
    };
    let by = quantiser::linear(node, &inputs(to, node), place + 1, view.shape.len(), None)?;
    if (&by.scale, &by.zero_point) == (&codes.scale, &codes.zero_point) {
        return Ok(view.clone());
    }
    Err(node.unsupported("its scale or zero point is not that of the codes that it reads"))
}

fn inputs<'a>(to: &Builder<'a>, node: Node<'a>) -> Vec<Option<Rc<Array>>> {
    (0..node.proto.input.len()).map(|place| to.optional(node, place).ok().flatten()).collect()
}

/// Rounds what was computed to the codes that the node states in a place.
fn encoded<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    view: &View,
    place: usize,
) -> Result<(), Error> {
    let codes = quantiser::linear(node, &inputs(to, node), place, view.shape.len(), None)?;
    let name = format!("{}_codes", to.name(node, None));
    let rounded = quantiser::layer(to, node, &name, view, codes.clone())?;
    to.set_value(node, Value::Codes(rounded, Rc::new(codes)))
}

/// A constant of codes with scale and zero point behind it; scales by channel go along `axis`.
fn weights(to: &Builder<'_>, node: Node<'_>, place: usize, axis: usize) -> Result<Array, Error> {
    let array = to.constant(node, place)?;
    let mut codes = quantiser::linear(node, &inputs(to, node), place + 1, 2, Some(array.kind))?;
    if !codes.shape.is_empty() {
        let mut shape = vec![1; array.shape.len()];
        if let Some(extent) = shape.get_mut(axis) {
            *extent = codes.scale.len().max(codes.zero_point.len());
        }
        codes.shape = shape;
    }
    quantiser::decoded(node, &array, codes)
}

pub(super) fn conv<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = decoded(to, node, 0)?;
    let kernel = weights(to, node, 3, 0)?;
    let bias = match to.optional(node, 8)? {
        Some(bias) => {
            // A sum of products: its scale is that of both factors.
            let (x, w) = (to.constant(node, 1)?.values(), to.constant(node, 4)?.values());
            let at = |scales: &[f32], place: usize| match scales {
                [one] => *one,
                scales => scales.get(place).copied().unwrap_or(1.0),
            };
            let values = bias.stored().into_iter().enumerate();
            let values = values.map(|(place, sum)| sum * at(&x, 0) * at(&w, place)).collect();
            Some(Array::floats(bias.shape.clone(), values))
        }
        None => None,
    };
    let made = convolution::convolve(to, node, &view, &kernel, bias)?;
    encoded(to, node, &made, 6)
}

pub(super) fn matmul<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = decoded(to, node, 0)?;
    let kernel = weights(to, node, 3, 1)?;
    if kernel.shape.len() != 2 {
        return Err(node.unsupported("its second operand must be a constant matrix"));
    }
    let made = dense::dense(to, node, &view, &kernel, None)?;
    encoded(to, node, &made, 6)
}

/// The sum or product of two arrays of one shape.
pub(super) fn join<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let op = if node.op() == "QLinearAdd" { Op::Add } else { Op::Multiply };
    let (one, two) = (decoded(to, node, 0)?, decoded(to, node, 3)?);
    let made = super::join::joined(to, node, op, &[one, two])?;
    encoded(to, node, &made, 6)
}
