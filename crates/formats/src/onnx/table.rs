//! Every operator that is read, and what becomes of it: the table that the reader follows and docs/formats.md shows.

use super::builder::Builder;
use super::node::Node;
use super::{
    activation, affine, convolution, dense, gelu, join, linear, part, pool, quantiser, shape, space,
};
use crate::Error;

/// How a node on computed arrays is read.
pub(super) type Reader = for<'a> fn(&mut Builder<'a>, Node<'a>) -> Result<(), Error>;

/// An operator.
pub(super) struct Entry {
    /// ONNX' or QONNX' name.
    pub(super) op: &'static str,
    reader: Reader,
    /// What it becomes, and what of it cannot be read.
    pub(super) note: &'static str,
}

const fn entry(op: &'static str, reader: Reader, note: &'static str) -> Entry {
    Entry { op, reader, note }
}

const FUNCTION: &str = "an activation of its own";
const CONSTANT: &str =
    "with a constant a normalisation, which passes join to a bias or to its like; else a join";
const JOIN: &str = "of computed arrays; axes of length 1 are repeated";
const LEFT_OUT: &str = "left out";
const SEEN: &str = "noted only: elements are moved where a layer needs them otherwise";
const POOL: &str =
    "one or two axes in space; padding as Keras' `same`, or zeros where these change nothing";
const GLOBAL: &str = "one or two axes in space";
const PART: &str = "a Crop; ranges without steps";
const CODES: &str = "the same without QLinear on what the codes stand for, and a layer that rounds";
const QUANT: &str =
    "of a weight its quantiser, else a layer; scales by channel; all rounding modes";

/// The operators that are read, in alphabetical order.
pub(super) const OPERATORS: &[Entry] = &[
    entry("Add", join::binary, CONSTANT),
    entry("AveragePool", pool::average, POOL),
    entry("BatchNormalization", affine::batch_norm, "in evaluation mode, over the channels"),
    entry("BipolarQuant", quantiser::quant, QUANT),
    entry("Cast", activation::nothing, LEFT_OUT),
    entry("Celu", activation::element_wise, FUNCTION),
    entry(
        "Clip",
        activation::clip,
        "a ReLU with a largest value, hard tanh, or two ReLUs that are moved",
    ),
    entry("Concat", join::concat, "along any axis but the samples'"),
    entry(
        "Conv",
        convolution::conv,
        "a group for each channel is a depthwise convolution; of other groups all channels are read, with weights of 0",
    ),
    entry(
        "DequantizeLinear",
        quantiser::dequantize_linear,
        "of constants, or behind QuantizeLinear",
    ),
    entry("Div", join::binary, CONSTANT),
    entry("Dropout", activation::nothing, LEFT_OUT),
    entry("Elu", activation::element_wise, FUNCTION),
    entry("Erf", gelu::erf, "as a part of Gelu"),
    entry("Exp", activation::element_wise, FUNCTION),
    entry("Flatten", shape::flatten, SEEN),
    entry("Gather", part::gather, "entries that follow each other, as a Crop"),
    entry("Gelu", activation::element_wise, FUNCTION),
    entry("Gemm", dense::gemm, "a Dense: matrix and bias are constants"),
    entry("GlobalAveragePool", pool::global_average, GLOBAL),
    entry("GlobalMaxPool", pool::global_max, GLOBAL),
    entry("HardSigmoid", activation::element_wise, "slope 1/5 or 1/6"),
    entry("HardSwish", activation::element_wise, FUNCTION),
    entry("Identity", activation::nothing, LEFT_OUT),
    entry("IntQuant", quantiser::quant, QUANT),
    entry("LayerNormalization", affine::layer_norm, "over the last axis"),
    entry("LeakyRelu", activation::element_wise, FUNCTION),
    entry("LogSoftmax", activation::softmax, "over any axis but the samples'"),
    entry("MatMul", dense::matmul, "a Dense: the second operand is a constant matrix"),
    entry("Max", join::binary, JOIN),
    entry("MaxPool", pool::max, POOL),
    entry("Mean", join::binary, JOIN),
    entry("Min", join::binary, JOIN),
    entry("Mish", activation::element_wise, FUNCTION),
    entry("Mul", join::binary, CONSTANT),
    entry("Neg", affine::negative, "a normalisation"),
    entry("PRelu", activation::prelu, "slopes by channel"),
    entry("Pad", space::pad, "zeros around axes in space"),
    entry("QLinearAdd", linear::join, CODES),
    entry("QLinearConv", linear::conv, CODES),
    entry("QLinearMatMul", linear::matmul, CODES),
    entry("QLinearMul", linear::join, CODES),
    entry("Quant", quantiser::quant, QUANT),
    entry(
        "QuantizeLinear",
        quantiser::quantize_linear,
        "a layer that rounds; DequantizeLinear takes the codes back",
    ),
    entry("ReduceMax", pool::reduce, "over the axes in space"),
    entry("ReduceMean", pool::reduce, "over the axes in space"),
    entry("Relu", activation::element_wise, FUNCTION),
    entry("Reshape", shape::reshape, SEEN),
    entry("Resize", space::resize, "enlargement by whole factors, nearest or linear"),
    entry("Selu", activation::element_wise, FUNCTION),
    entry("Shape", activation::shape_of, "computed while reading"),
    entry("Shrink", activation::element_wise, "hard or soft"),
    entry("Sigmoid", activation::element_wise, FUNCTION),
    entry("Size", activation::size_of, "computed while reading"),
    entry("Slice", part::slice, PART),
    entry("Softmax", activation::softmax, "over any axis but the samples'"),
    entry("Softplus", activation::element_wise, FUNCTION),
    entry("Softsign", activation::element_wise, FUNCTION),
    entry("Split", part::split, PART),
    entry("Squeeze", shape::squeeze, SEEN),
    entry("Sub", join::binary, CONSTANT),
    entry("Sum", join::binary, JOIN),
    entry("Swish", activation::element_wise, FUNCTION),
    entry("Tanh", activation::element_wise, FUNCTION),
    entry("ThresholdedRelu", activation::element_wise, FUNCTION),
    entry("Transpose", shape::transpose, SEEN),
    entry(
        "Trunc",
        quantiser::trunc,
        "one scale; the second version as two layers, the first of which rounds to the codes before",
    ),
    entry("Unsqueeze", shape::unsqueeze, SEEN),
    entry("Upsample", space::resize, "nearest"),
];

const RECURRENT: &str = "recurrent layers cannot be loaded";
const CONTROL: &str = "branches and loops that depend on data cannot be loaded";
const OTHER: &str = "the operator is not known here (docs/formats.md lists those that are)";

/// Operators that are refused for a reason of their own.
pub(super) const REFUSED: &[(&str, &[&str])] =
    &[(RECURRENT, &["GRU", "LSTM", "RNN"]), (CONTROL, &["If", "Loop", "Scan"]), (OTHER, &[])];

/// How a node is read.
pub(super) fn reader(node: Node<'_>) -> Option<Reader> {
    OPERATORS.iter().find(|entry| entry.op == node.op()).map(|entry| entry.reader)
}

/// Why a node that [`reader`] does not know cannot be loaded.
pub(super) fn refusal(node: Node<'_>) -> &'static str {
    let found = REFUSED.iter().find(|(_, operators)| operators.contains(&node.op()));
    found.map_or(OTHER, |(why, _)| why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_listed_once() {
        assert!(OPERATORS.is_sorted_by(|one, two| one.op < two.op));
    }
}
