//! What is read of Keras, for people: the tables that the readers themselves follow.

use super::{activation, quantiser, table};

/// Every type of layer that is read, by Keras' name, with what becomes of it.
pub fn layers() -> impl Iterator<Item = (&'static str, &'static str)> {
    table::LAYERS.iter().map(|entry| (entry.class, entry.note))
}

/// Reasons for which types of layers are refused, each with the types that it is known to be the reason for.
pub fn refusals() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    table::REFUSED.iter().copied()
}

/// The names of all activations, in layers and in `Activation`.
pub fn activations() -> impl Iterator<Item = &'static str> {
    activation::names()
}

/// The names of QKeras' quantisers that are read.
pub fn quantisers() -> impl Iterator<Item = &'static str> {
    quantiser::names()
}
