//! What is read of ONNX, for people: the tables that the reader itself follows.

use super::table;

/// Every operator that is read, with what becomes of it.
pub fn operators() -> impl Iterator<Item = (&'static str, &'static str)> {
    table::OPERATORS.iter().map(|entry| (entry.op, entry.note))
}

/// Reasons for which operators are refused, each with those that it is known to be the reason for.
pub fn refusals() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    table::REFUSED.iter().copied()
}
