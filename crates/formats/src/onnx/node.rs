//! One node of an ONNX graph: what it is called with, and how errors name it.

use super::array::{self, Array};
use super::proto::{Attribute, NodeProto};
use crate::Error;

/// As much of a text from a file as an error shows.
pub(super) fn brief(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) proto: &'a NodeProto,
    /// Its place in the file.
    pub(super) index: usize,
    /// The version of its domain's operators.
    pub(super) opset: i64,
}

impl<'a> Node<'a> {
    pub(super) fn op(self) -> &'a str {
        &self.proto.op_type
    }

    /// The name in the file, else the array that it makes.
    pub(super) fn name(self) -> &'a str {
        let made = || self.proto.output.first().map_or("", String::as_str);
        if self.proto.name.is_empty() { made() } else { &self.proto.name }
    }

    /// The array that it reads in place `place`, unless that is left out.
    pub(super) fn input(self, place: usize) -> Option<&'a str> {
        self.proto.input.get(place).map(String::as_str).filter(|name| !name.is_empty())
    }

    pub(super) fn inputs(self) -> impl Iterator<Item = &'a str> {
        self.proto.input.iter().map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The array that it makes first.
    pub(super) fn output(self) -> Result<&'a str, Error> {
        let made = self.proto.output.first().map(String::as_str).filter(|name| !name.is_empty());
        made.ok_or_else(|| self.unsupported("it makes no array"))
    }

    /// Whether channels come last in its arrays: QONNX' own domain.
    pub(super) fn is_channels_last(self) -> bool {
        self.proto.domain == "qonnx.custom_op.channels_last"
    }

    fn attribute(self, key: &str) -> Option<&'a Attribute> {
        self.proto.attribute.iter().find(|attribute| attribute.name == key)
    }

    pub(super) fn has(self, key: &str) -> bool {
        self.attribute(key).is_some()
    }

    pub(super) fn int(self, key: &str, default: i64) -> i64 {
        self.attribute(key).and_then(|attribute| attribute.i).unwrap_or(default)
    }

    pub(super) fn float(self, key: &str, default: f64) -> f64 {
        // The shortest decimal, so that 0.1 does not become 0.10000000149.
        let decimal = |value: f32| value.to_string().parse().unwrap_or(f64::from(value));
        self.attribute(key).and_then(|attribute| attribute.f).map_or(default, decimal)
    }

    pub(super) fn given_float(self, key: &str) -> Option<f32> {
        self.attribute(key).and_then(|attribute| attribute.f)
    }

    pub(super) fn ints(self, key: &str) -> Option<&'a [i64]> {
        self.attribute(key).map(|attribute| attribute.ints.as_slice())
    }

    pub(super) fn floats(self, key: &str) -> Option<&'a [f32]> {
        self.attribute(key).map(|attribute| attribute.floats.as_slice())
    }

    pub(super) fn text(self, key: &str, default: &'a str) -> &'a str {
        let text = self.attribute(key).and_then(|attribute| attribute.s.as_deref());
        text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or(default)
    }

    pub(super) fn tensor(self, key: &str) -> Result<Option<Array>, Error> {
        let tensor = self.attribute(key).and_then(|attribute| attribute.t.as_ref());
        tensor.map(|tensor| array::read(tensor, None)).transpose()
    }

    /// Lengths, strides and the like: positive numbers.
    pub(super) fn counts(self, key: &'static str) -> Result<Option<Vec<usize>>, Error> {
        let Some(given) = self.ints(key) else { return Ok(None) };
        let counts = given.iter().map(|&count| usize::try_from(count).ok());
        let counts: Option<Vec<usize>> = counts.collect();
        counts.map(Some).ok_or_else(|| self.wrong(key, format!("{given:?}"), "0 or more"))
    }

    /// The axis that a number names in an array of `rank` axes; negative ones count from the end.
    pub(super) fn axis(self, given: i64, rank: usize) -> Result<usize, Error> {
        let axis = if given < 0 { given.checked_add(rank as i64) } else { Some(given) };
        let axis = axis.and_then(|axis| usize::try_from(axis).ok()).filter(|axis| *axis < rank);
        axis.ok_or_else(|| {
            self.wrong("axis", given.to_string(), "one of the axes of the array that it reads")
        })
    }

    pub(super) fn unsupported(self, why: &'static str) -> Error {
        Error::OnnxNode { node: brief(self.name()), op: brief(self.op()), why }
    }

    pub(super) fn wrong(self, what: &'static str, given: String, expected: &'static str) -> Error {
        let (node, op) = (brief(self.name()), brief(self.op()));
        Error::OnnxValue { node, op, what, given: brief(&given), expected }
    }
}
