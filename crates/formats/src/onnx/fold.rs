//! Operators on constants, computed while reading: shapes, and weights that are reordered or rounded.

mod arithmetic;
mod made;
mod parts;

use std::rc::Rc;

use super::array::{Array, Data};
use super::node::Node;
use super::{quantiser, shape};
use crate::Error;
pub(super) use arithmetic::broadcast;
use arithmetic::{binary, expand, unary};
use made::{cast, constant, filled, range};
pub(super) use parts::{bounds, node_axes};
use parts::{concat, gather, slice};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_found() {
        assert!(KNOWN.is_sorted());
    }
}
