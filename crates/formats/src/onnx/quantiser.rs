//! Quantisers: QONNX' Quant, BipolarQuant and Trunc, ONNX' QuantizeLinear and DequantizeLinear.

use std::rc::Rc;

use handaxe_graph::{CodeRounding, Integer, Op, Quantiser};

use super::array::{Array, Data};
use super::builder::{Builder, Value};
use super::node::Node;
use super::view::View;
use crate::Error;

/// Of the inputs of a node those that are constants.
type Inputs<'a> = &'a [Option<Rc<Array>>];

fn rounding(node: Node<'_>, default: &'static str) -> Result<CodeRounding, Error> {
    let given = node.text("rounding_mode", default).to_ascii_uppercase();
    Ok(match given.as_str() {
        "ROUND" | "HALF_EVEN" => CodeRounding::HalfEven,
        "CEIL" => CodeRounding::Ceil,
        "FLOOR" => CodeRounding::Floor,
        "UP" => CodeRounding::Up,
        "DOWN" => CodeRounding::Down,
        "HALF_UP" => CodeRounding::HalfUp,
        "HALF_DOWN" => CodeRounding::HalfDown,
        _ => {
            let known = "ROUND, HALF_EVEN, HALF_UP, HALF_DOWN, CEIL, FLOOR, UP or DOWN";
            return Err(node.wrong("rounding_mode", given, known));
        }
    })
}

fn bits(node: Node<'_>, array: Option<&Array>) -> Result<u32, Error> {
    let given = array.and_then(Array::scalar);
    let bits = given.filter(|bits| bits.fract() == 0.0 && (1.0..=32.0).contains(bits));
    bits.map(|bits| bits as u32).ok_or_else(|| {
        let given = given.map_or("an array".to_owned(), |bits| bits.to_string());
        node.wrong("its bit width", given, "a constant whole number from 1 to 32")
    })
}

/// The quantiser that a node of QONNX states, its scales repeated as its constants are.
fn stated(node: Node<'_>, inputs: Inputs<'_>) -> Result<Integer, Error> {
    let optional = |place: usize| inputs.get(place).and_then(Option::as_deref);
    let Some(scale) = optional(1) else {
        return Err(node.unsupported("its scale is no constant"));
    };
    if node.op() == "BipolarQuant" {
        let zero = Array::floats(Vec::new(), vec![0.0]);
        let codes = codes(node, scale, &zero, 1, true)?;
        return Ok(codes);
    }
    let Some(zero) = optional(2) else {
        return Err(node.unsupported("its zero point is no constant"));
    };
    let bits = bits(node, optional(3))?;
    let codes = codes(node, scale, zero, bits, node.int("signed", 1) != 0)?;
    let narrow = node.int("narrow", 1) != 0;
    Ok(Integer { narrow, rounding: rounding(node, "ROUND")?, ..codes })
}

/// Codes with scales and zero points of one shape.
fn codes(
    node: Node<'_>,
    scale: &Array,
    zero: &Array,
    bits: u32,
    signed: bool,
) -> Result<Integer, Error> {
    let (scales, zeros) = (scale.values(), zero.values());
    if scales.is_empty() || zeros.is_empty() {
        return Err(node.unsupported("its scale or zero point has no elements"));
    }
    let shape = match (scales.len(), zeros.len()) {
        (1, 1) => Vec::new(),
        (_, 1) => scale.shape.clone(),
        (1, _) => zero.shape.clone(),
        _ if scale.shape == zero.shape => scale.shape.clone(),
        _ => return Err(node.unsupported("its scales and zero points are of different shapes")),
    };
    if scales.iter().any(|scale| !(scale.is_finite() && *scale > 0.0)) {
        return Err(node.unsupported("its scale must be positive"));
    }
    Ok(Integer {
        bits,
        signed,
        narrow: false,
        rounding: CodeRounding::HalfEven,
        zero_after: false,
        scale: scales,
        zero_point: zeros,
        shape,
    })
}

/// A quantised constant: kept as it is, with the quantiser as a note.
pub(super) fn constant(node: Node<'_>, inputs: Inputs<'_>) -> Result<Array, Error> {
    let Some(array) = inputs.first().and_then(Option::as_deref) else {
        return Err(node.unsupported("one of its inputs is missing"));
    };
    with_codes(node, array.clone(), stated(node, inputs)?)
}

/// The array with a quantiser, if its scales can be repeated over it.
fn with_codes(node: Node<'_>, array: Array, mut codes: Integer) -> Result<Array, Error> {
    if codes.shape.len() < array.shape.len() && !codes.shape.is_empty() {
        codes.shape = codes.shape_of_rank(array.shape.len());
    }
    let fits = codes.shape.is_empty()
        || codes.shape.len() == array.shape.len()
            && codes
                .shape
                .iter()
                .zip(&array.shape)
                .all(|(scale, extent)| *scale == 1 || scale == extent);
    if !fits {
        let given = format!("of shape {:?} for {:?}", codes.shape, array.shape);
        return Err(node.wrong("its scale", given, "1 or as long on each axis"));
    }
    // What was rounded before keeps those values.
    let data = if array.quantiser.is_some() { Data::Float(array.values()) } else { array.data };
    let data = match data {
        Data::Int(values) => Data::Float(values.into_iter().map(|value| value as f32).collect()),
        floats => floats,
    };
    Ok(Array { data, quantiser: Some(codes), ..array })
}

fn given<'a>(to: &Builder<'a>, node: Node<'a>) -> Vec<Option<Rc<Array>>> {
    let inputs = 0..node.proto.input.len();
    inputs.map(|place| to.optional(node, place).ok().flatten()).collect()
}

/// A quantiser of a computed array.
pub(super) fn quant<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let codes = stated(node, &given(to, node))?;
    let (view, name) = (to.array(node, 0)?, to.name(node, None));
    let view = layer(to, node, &name, &view, codes)?;
    to.set_value(node, Value::Array(view))
}

/// A layer that rounds a computed array.
pub(super) fn layer<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    name: &str,
    view: &View,
    mut codes: Integer,
) -> Result<View, Error> {
    let mut view = view.clone();
    if !codes.shape.is_empty() {
        let array = |values: &[f32]| match values {
            [one] => Array::floats(Vec::new(), vec![*one]),
            values => Array::floats(codes.shape.clone(), values.to_vec()),
        };
        let (scale, zero) = (array(&codes.scale), array(&codes.zero_point));
        let (seen, mut vectors) = to.per_channel(name, node, &view, &[&scale, &zero])?;
        view = seen;
        codes.zero_point = vectors.pop().unwrap_or_default();
        codes.scale = vectors.pop().unwrap_or_default();
        codes.shape = vec![codes.scale.len()];
    }
    let id = to.add(name, Op::Quantise { quantiser: codes.simplest() }, &[view.id])?;
    Ok(view.computed_by(id))
}

/// Trunc in either version: five inputs, or six with a scale for what is left.
pub(super) fn trunc<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let inputs = given(to, node);
    let optional = |place: usize| inputs.get(place).and_then(Option::as_deref);
    let (Some(scale), Some(zero)) = (optional(1), optional(2)) else {
        return Err(node.unsupported("its scale and zero point must be constants"));
    };
    let before = codes(node, scale, zero, bits(node, optional(3))?, true)?;
    if !before.shape.is_empty() {
        return Err(node.unsupported("Trunc is known with one scale for all channels"));
    }
    let rounding = rounding(node, "FLOOR")?;
    let view = to.array(node, 0)?;
    if node.proto.input.len() == 5 {
        let codes = Integer { rounding, ..before };
        let quantiser = Quantiser::Truncate { codes, kept: bits(node, optional(4))? };
        let id = to.add(&to.name(node, None), Op::Quantise { quantiser }, &[view.id])?;
        return to.set(node, view.computed_by(id));
    }
    let kept = bits(node, optional(5))?;
    let (Some(after), [scale], [zero]) = (
        optional(4).and_then(Array::scalar),
        before.scale.as_slice(),
        before.zero_point.as_slice(),
    ) else {
        return Err(node.unsupported("Trunc is known with one scale for all channels"));
    };
    let ratio = after / scale;
    if ratio <= 0.0 || ratio.log2().fract() != 0.0 {
        let given = ratio.to_string();
        return Err(node.wrong("its scale after by that before", given, "a power of two"));
    }
    // The codes before, of any size, then those that are left.
    let whole = Integer { bits: 32, ..before.clone() };
    let left = Integer {
        bits: kept,
        signed: node.int("signed", 1) != 0,
        narrow: node.int("narrow", 0) != 0,
        rounding,
        scale: vec![after],
        zero_point: vec![zero / ratio],
        ..before
    };
    let name = to.name(node, None);
    let view = layer(to, node, &format!("{name}_codes"), &view, whole)?;
    let view = layer(to, node, &name, &view, left)?;
    to.set(node, view)
}

/// Bits and sign of the whole-number types that codes are of.
fn width(node: Node<'_>, kind: i32) -> Result<(u32, bool), Error> {
    match kind {
        0 | 2 => Ok((8, false)),
        3 => Ok((8, true)),
        4 => Ok((16, false)),
        5 => Ok((16, true)),
        6 => Ok((32, true)),
        _ => Err(node.wrong(
            "the type of its codes",
            kind.to_string(),
            "int8, uint8, int16, uint16 or int32",
        )),
    }
}

/// The codes that scale and zero point at `place` and behind it state, for an array of `rank` axes.
pub(super) fn linear(
    node: Node<'_>,
    inputs: Inputs<'_>,
    place: usize,
    rank: usize,
    kind: Option<i32>,
) -> Result<Integer, Error> {
    let optional = |place: usize| inputs.get(place).and_then(Option::as_deref);
    let Some(scale) = optional(place) else {
        return Err(node.unsupported("its scale is no constant"));
    };
    if node.int("block_size", 0) != 0 {
        return Err(node.unsupported("scales of blocks are not known"));
    }
    let none = Array::new(Vec::new(), Data::Int(vec![0]));
    let zero = optional(place + 1).unwrap_or(&none);
    let (bits, signed) = width(node, kind.unwrap_or(zero.kind))?;
    let mut codes = codes(node, scale, zero, bits, signed)?;
    codes.zero_after = codes.zero_point.iter().any(|&zero| zero != 0.0);
    if codes.shape.len() == 1 {
        let axis = node.axis(node.int("axis", 1), rank)?;
        let mut shape = vec![1; rank];
        shape[axis] = codes.shape[0];
        codes.shape = shape;
    }
    Ok(codes)
}

pub(super) fn quantize_linear<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let (view, name) = (to.array(node, 0)?, to.name(node, None));
    let codes = linear(node, &given(to, node), 1, view.shape.len(), None)?;
    let view = layer(to, node, &name, &view, codes.clone())?;
    to.set_value(node, Value::Codes(view, Rc::new(codes)))
}

pub(super) fn dequantize_linear<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let Value::Codes(view, codes) = to.value(node, 0)?.clone() else {
        return Err(node.unsupported("it reads what no QuantizeLinear made"));
    };
    let by = linear(node, &given(to, node), 1, view.shape.len(), None)?;
    if (&by.scale, &by.zero_point) != (&codes.scale, &codes.zero_point) {
        return Err(node.unsupported(
            "its scale or zero point is not that of the QuantizeLinear whose codes it reads",
        ));
    }
    to.set(node, view)
}

/// Codes that are constants: the values that they stand for, and the quantiser that made them.
pub(super) fn dequantised(node: Node<'_>, inputs: Inputs<'_>) -> Result<Array, Error> {
    let Some(array) = inputs.first().and_then(Option::as_deref) else {
        return Err(node.unsupported("one of its inputs is missing"));
    };
    let codes = linear(node, inputs, 1, array.shape.len(), Some(array.kind))?;
    decoded(node, array, codes)
}

/// What constant codes stand for.
pub(super) fn decoded(node: Node<'_>, array: &Array, codes: Integer) -> Result<Array, Error> {
    let wide = codes.bits == 32;
    let zeros = codes.zero_point.clone();
    let named = with_codes(node, array.clone(), codes)?;
    let Some(codes) = &named.quantiser else { return Ok(named) };
    let shape =
        if codes.shape.is_empty() { vec![1; array.shape.len()] } else { codes.shape.clone() };
    let places = super::fold::broadcast(&shape, &array.shape);
    let at = |values: &[f32], place: usize| match values {
        [one] => *one,
        values => values[place],
    };
    let values = named.stored();
    let values = values
        .iter()
        .zip(places)
        .map(|(&code, place)| (code - at(&zeros, place)) * at(&codes.scale, place));
    let data = Data::Float(values.collect());
    // A bias of 32 bits is the sum of products already: rounding would find other neighbours in f32.
    let quantiser = if wide { None } else { named.quantiser.clone() };
    Ok(Array { data, quantiser, kind: 1, ..named })
}
