//! Constants: initialisers, and what is computed from them while reading.

use handaxe_graph::{Integer, transposition};

use super::node::brief;
use super::proto::TensorProto;
use crate::Error;

/// The most elements of a constant: more than the weights of any model that is accepted.
pub(super) const MOST_ELEMENTS: usize = 1 << 27;
/// The most axes of a constant.
pub(super) const MOST_AXES: usize = 32;

/// Elements of a constant.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Float(Vec<f32>),
    /// Whole numbers and truth values.
    Int(Vec<i64>),
}

/// An array whose elements are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) data: Data,
    /// What its elements are rounded to when they are computed with, its scales shaped to be repeated over this array.
    pub(super) quantiser: Option<Integer>,
    /// The initialiser that it came from, or nothing.
    pub(super) origin: String,
    /// ONNX' number of the element type that it was read as; 0 for what was computed.
    pub(super) kind: i32,
}

impl Array {
    pub(super) fn new(shape: Vec<usize>, data: Data) -> Self {
        Self { shape, data, quantiser: None, origin: String::new(), kind: 0 }
    }

    pub(super) fn floats(shape: Vec<usize>, values: Vec<f32>) -> Self {
        Self::new(shape, Data::Float(values))
    }

    pub(super) fn ints(values: Vec<i64>) -> Self {
        Self::new(vec![values.len()], Data::Int(values))
    }

    pub(super) fn len(&self) -> usize {
        match &self.data {
            Data::Float(values) => values.len(),
            Data::Int(values) => values.len(),
        }
    }

    /// The elements as they are stored, before any rounding.
    pub(super) fn stored(&self) -> Vec<f32> {
        match &self.data {
            Data::Float(values) => values.clone(),
            Data::Int(values) => values.iter().map(|&value| value as f32).collect(),
        }
    }

    /// The elements as they are computed with: rounded if a quantiser says so.
    pub(super) fn values(&self) -> Vec<f32> {
        let mut values = self.stored();
        if let Some(quantiser) = &self.quantiser {
            quantiser.round(&mut values, &self.shape);
        }
        values
    }

    /// Whole numbers, if all are such.
    pub(super) fn whole(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::Int(values) => Some(values.clone()),
            Data::Float(values) => values
                .iter()
                .map(|&value| (value.fract() == 0.0 && value.abs() < 1e15).then_some(value as i64))
                .collect(),
        }
    }

    /// The only element, of any shape.
    pub(super) fn scalar(&self) -> Option<f32> {
        if self.len() == 1 { self.values().first().copied() } else { None }
    }

    /// The same elements in another shape of as many. A quantiser that has a scale for each channel keeps it where axes
    /// of length 1 come or go.
    pub(super) fn reshaped(&self, shape: Vec<usize>) -> Option<Self> {
        let quantiser = match &self.quantiser {
            None => None,
            Some(quantiser) => Some(reshaped_quantiser(quantiser, &self.shape, &shape)?),
        };
        Some(Self { shape, quantiser, ..self.clone() })
    }

    /// The axes reordered as `numpy.transpose` does it.
    pub(super) fn transposed(&self, permutation: &[usize]) -> Self {
        let shape = permutation.iter().map(|&axis| self.shape[axis]).collect();
        let order = transposition(&self.shape, permutation);
        let data = match &self.data {
            Data::Float(values) => Data::Float(order.iter().map(|&place| values[place]).collect()),
            Data::Int(values) => Data::Int(order.iter().map(|&place| values[place]).collect()),
        };
        let quantiser = self.quantiser.as_ref().map(|quantiser| {
            let scales = quantiser.shape_of_rank(self.shape.len());
            // At most one scale a channel: reordering axes leaves a single long one as it is.
            let order = transposition(&scales, permutation);
            let pick = |values: &[f32]| match values {
                [one] => vec![*one],
                values => order.iter().map(|&place| values[place]).collect(),
            };
            let one = quantiser.shape.is_empty() || scales.iter().all(|&extent| extent == 1);
            let moved = permutation.iter().map(|&axis| scales[axis]).collect();
            let shape = if one { Vec::new() } else { moved };
            let (scale, zero_point) = (pick(&quantiser.scale), pick(&quantiser.zero_point));
            Integer { shape, scale, zero_point, ..quantiser.clone() }
        });
        Self { shape, data, quantiser, origin: self.origin.clone(), kind: self.kind }
    }
}

/// A quantiser for the same elements in another shape: scales of one axis follow the axis of the same extent and place.
fn reshaped_quantiser(quantiser: &Integer, from: &[usize], to: &[usize]) -> Option<Integer> {
    let scales = quantiser.shape_of_rank(from.len());
    let long = |shape: &[usize]| shape.iter().copied().filter(|&extent| extent > 1).collect();
    let (old, new): (Vec<usize>, Vec<usize>) = (long(from), long(to));
    let shape = if quantiser.scale.len() <= 1 && quantiser.zero_point.len() <= 1 {
        Vec::new()
    } else if old == new {
        let mut kept = from.iter().zip(scales).filter(|(extent, _)| **extent > 1).map(|(_, s)| s);
        to.iter().map(|&extent| if extent > 1 { kept.next().unwrap_or(1) } else { 1 }).collect()
    } else {
        return None;
    };
    Some(Integer { shape, ..quantiser.clone() })
}

/// The element types that are read, by ONNX' numbers.
const TYPES: [(i32, &str, usize); 12] = [
    (1, "float", 4),
    (2, "uint8", 1),
    (3, "int8", 1),
    (4, "uint16", 2),
    (5, "int16", 2),
    (6, "int32", 4),
    (7, "int64", 8),
    (9, "bool", 1),
    (10, "float16", 2),
    (11, "double", 8),
    (12, "uint32", 4),
    (16, "bfloat16", 2),
];

/// A tensor of the file, with the content of `external` if its elements are in another file.
pub(super) fn read(tensor: &TensorProto, external: Option<&[u8]>) -> Result<Array, Error> {
    let wrong =
        |what: String| Error::OnnxTensor { tensor: brief(&tensor.name), what: brief(&what) };
    let Some((kind, _, size)) = TYPES.iter().find(|(kind, ..)| *kind == tensor.data_type) else {
        let known = TYPES.map(|(_, name, _)| name).join(", ");
        return Err(wrong(format!("is of type {}: read are {known}", tensor.data_type)));
    };
    let shape: Option<Vec<usize>> =
        tensor.dims.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    let count = |shape: &Vec<usize>| shape.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
    let shape = shape.filter(|shape| {
        shape.len() <= MOST_AXES && count(shape).is_some_and(|count| count <= MOST_ELEMENTS)
    });
    let Some(shape) = shape else {
        return Err(wrong(format!(
            "claims the shape {:?}: at most {MOST_ELEMENTS} elements are read",
            tensor.dims
        )));
    };
    let expected: usize = shape.iter().product();
    let raw = external.or(tensor.raw_data.as_deref());
    let given = raw.map_or_else(|| listed(tensor), |raw| raw.len() / size);
    if given != expected || raw.is_some_and(|raw| raw.len() % size != 0) {
        return Err(wrong(format!("of shape {shape:?} holds {given} elements, not {expected}")));
    }
    let data = match raw {
        Some(raw) => from_raw(*kind, raw),
        None => from_lists(*kind, tensor),
    };
    if let Data::Float(values) = &data
        && let Some(place) = values.iter().position(|value| value.is_nan())
    {
        return Err(wrong(format!("is no number at element {place}")));
    }
    let (origin, kind) = (tensor.name.clone(), tensor.data_type);
    Ok(Array { shape, data, quantiser: None, origin, kind })
}

/// The number of elements in the typed lists.
fn listed(tensor: &TensorProto) -> usize {
    match tensor.data_type {
        1 => tensor.float_data.len(),
        7 => tensor.int64_data.len(),
        11 => tensor.double_data.len(),
        12 => tensor.uint64_data.len(),
        _ => tensor.int32_data.len(),
    }
}

fn from_lists(kind: i32, tensor: &TensorProto) -> Data {
    let halves = |convert: fn(u16) -> f32| {
        Data::Float(tensor.int32_data.iter().map(|&bits| convert(bits as u16)).collect())
    };
    match kind {
        1 => Data::Float(tensor.float_data.clone()),
        7 => Data::Int(tensor.int64_data.clone()),
        10 => halves(half),
        11 => Data::Float(tensor.double_data.iter().map(|&value| value as f32).collect()),
        12 => Data::Int(tensor.uint64_data.iter().map(|&value| value as i64).collect()),
        16 => halves(brain),
        _ => Data::Int(tensor.int32_data.iter().map(|&value| i64::from(value)).collect()),
    }
}

fn from_raw(kind: i32, raw: &[u8]) -> Data {
    fn chunks<const N: usize, T>(raw: &[u8], convert: impl Fn([u8; N]) -> T) -> Vec<T> {
        raw.as_chunks::<N>().0.iter().map(|chunk| convert(*chunk)).collect()
    }
    match kind {
        1 => Data::Float(chunks(raw, f32::from_le_bytes)),
        10 => Data::Float(chunks(raw, |bytes| half(u16::from_le_bytes(bytes)))),
        11 => Data::Float(chunks(raw, |bytes| f64::from_le_bytes(bytes) as f32)),
        16 => Data::Float(chunks(raw, |bytes| brain(u16::from_le_bytes(bytes)))),
        3 => Data::Int(chunks(raw, |bytes| i64::from(i8::from_le_bytes(bytes)))),
        4 => Data::Int(chunks(raw, |bytes| i64::from(u16::from_le_bytes(bytes)))),
        5 => Data::Int(chunks(raw, |bytes| i64::from(i16::from_le_bytes(bytes)))),
        6 => Data::Int(chunks(raw, |bytes| i64::from(i32::from_le_bytes(bytes)))),
        7 => Data::Int(chunks(raw, i64::from_le_bytes)),
        12 => Data::Int(chunks(raw, |bytes| i64::from(u32::from_le_bytes(bytes)))),
        _ => Data::Int(raw.iter().map(|&byte| i64::from(byte)).collect()),
    }
}

/// IEEE 754 half precision: 1 sign, 5 exponent and 10 fraction bits.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

/// The upper half of an `f32`.
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}
