//! Matrix products with a constant: Gemm and MatMul.

use std::rc::Rc;

use handaxe_graph::Op;

use super::array::Array;
use super::builder::Builder;
use super::node::Node;
use super::view::View;
use crate::Error;

pub(super) fn matmul<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let kernel = to.constant(node, 1)?;
    if kernel.shape.len() != 2 {
        return Err(node.wrong(
            "its second operand",
            format!("of shape {:?}", kernel.shape),
            "a constant matrix (inputs, outputs)",
        ));
    }
    let view = dense(to, node, &view, &kernel, None)?;
    to.set(node, view)
}

pub(super) fn gemm<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    if node.int("transA", 0) != 0 && !view.shape.contains(&1) {
        return Err(node.unsupported("transA mixes samples"));
    }
    let kernel = to.constant(node, 1)?;
    let kernel = if node.int("transB", 0) != 0 && kernel.shape.len() == 2 {
        Rc::new(kernel.transposed(&[1, 0]))
    } else {
        kernel
    };
    let &[_, units] = kernel.shape.as_slice() else {
        return Err(node.wrong(
            "its second operand",
            format!("of shape {:?}", kernel.shape),
            "a constant matrix",
        ));
    };
    let kernel = scaled(node, &kernel, node.float("alpha", 1.0))?;
    let bias = match to.optional(node, 2)? {
        Some(bias) => {
            let bias = scaled(node, &bias, node.float("beta", 1.0))?;
            let Some(bias) = vector(&bias, units) else {
                let given = format!("of shape {:?}", bias.shape);
                return Err(node.wrong("its third operand", given, "a number for each output"));
            };
            Some(bias)
        }
        None => None,
    };
    let view = dense(to, node, &view, &kernel, bias)?;
    to.set(node, view)
}

fn scaled(node: Node<'_>, array: &Array, factor: f64) -> Result<Array, Error> {
    if factor == 1.0 {
        return Ok(array.clone());
    }
    if array.quantiser.is_some() {
        return Err(node.unsupported("it scales what is quantised: put the factor into the scale"));
    }
    let values = array.stored().iter().map(|&value| (f64::from(value) * factor) as f32).collect();
    Ok(Array { origin: array.origin.clone(), ..Array::floats(array.shape.clone(), values) })
}

/// A constant with at most one axis longer than 1 as a number for each of `width` entries.
fn vector(array: &Array, width: usize) -> Option<Array> {
    if array.len() == width {
        return array.reshaped(vec![width]);
    }
    array.scalar().map(|value| Array::floats(vec![width], vec![value; width]))
}

pub(super) fn dense<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    view: &View,
    kernel: &Array,
    bias: Option<Array>,
) -> Result<View, Error> {
    let name = to.name(node, Some(kernel));
    let (inputs, units) = (kernel.shape[0], kernel.shape[1]);
    let last = view.shape.len().saturating_sub(1);
    if view.shape.get(last) != Some(&inputs) {
        let given = format!("of shape {:?} for {:?}", kernel.shape, view.shape);
        return Err(node.wrong(
            "its second operand",
            given,
            "one with as many rows as the array has entries on its last axis",
        ));
    }
    let (id, axes) = to.with_last(&name, view, last)?;
    let op = Op::Dense { units, bias: bias.is_some() };
    let id = to.add_with_kernel(&name, op, id, (kernel, bias.as_ref()))?;
    let mut shape = view.shape.clone();
    shape[last] = units;
    Ok(View::of_axes(id, shape, &axes))
}
