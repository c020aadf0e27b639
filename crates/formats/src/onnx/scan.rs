//! A look at a file before it is decoded: a message of two bytes may become hundreds in memory, so they are counted first.

use crate::Error;

/// Most fields of all messages together: a thousand nodes with attributes have some ten thousand.
const MOST_FIELDS: usize = 1 << 19;
/// Most bytes of whole numbers of variable length, each of which may become eight.
const MOST_VARINTS: u64 = 1 << 26;

/// The messages that are decoded, by what they may hold.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    /// Whatever holds no messages.
    Leaf,
}

/// What stands behind a field of a message.
enum Content {
    Message(Kind),
    Varints,
    Plain,
}

impl Kind {
    fn content(self, field: u64) -> Content {
        use Content::{Message, Plain, Varints};
        match (self, field) {
            (Self::Model, 7) => Message(Self::Graph),
            (Self::Model, 8 | 14) | (Self::Tensor, 13) | (Self::Shape, 1) => Message(Self::Leaf),
            (Self::Graph, 1) => Message(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5) => Message(Self::Tensor),
            (Self::Graph, 11 | 12) => Message(Self::ValueInfo),
            (Self::Node, 5) => Message(Self::Attribute),
            (Self::ValueInfo, 2) => Message(Self::Type),
            (Self::Type, 1) => Message(Self::TensorType),
            (Self::TensorType, 2) => Message(Self::Shape),
            (Self::Tensor, 1 | 5 | 7 | 11) | (Self::Attribute, 8) => Varints,
            _ => Plain,
        }
    }
}

#[derive(Default)]
struct Counts {
    fields: usize,
    varints: u64,
}

/// Refuses a file that would take far more memory than its weights do.
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    walk(bytes, Kind::Model, &mut Counts::default())
}

fn walk(mut bytes: &[u8], kind: Kind, counts: &mut Counts) -> Result<(), Error> {
    while !bytes.is_empty() {
        counts.fields += 1;
        if counts.fields > MOST_FIELDS {
            return Err(Error::OnnxFields { most: MOST_FIELDS });
        }
        let tag = varint(&mut bytes)?;
        match tag & 7 {
            0 => drop(varint(&mut bytes)?),
            1 => drop(take(&mut bytes, 8)?),
            2 => {
                let length = varint(&mut bytes)?;
                let part = take(&mut bytes, length)?;
                match kind.content(tag >> 3) {
                    Content::Message(inner) => walk(part, inner, counts)?,
                    Content::Varints => counts.varints += length,
                    Content::Plain => {}
                }
                if counts.varints > MOST_VARINTS {
                    return Err(Error::OnnxFields { most: MOST_FIELDS });
                }
            }
            5 => drop(take(&mut bytes, 4)?),
            // Groups, which no writer of ONNX makes.
            _ => return Err(Error::OnnxCut),
        }
    }
    Ok(())
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Error> {
    let mut value = 0;
    for place in 0..10 {
        let [byte] = take(bytes, 1)? else { break };
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Error::OnnxCut)
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], Error> {
    let length = usize::try_from(length).map_err(|_| Error::OnnxCut)?;
    let (part, rest) = bytes.split_at_checked(length).ok_or(Error::OnnxCut)?;
    *bytes = rest;
    Ok(part)
}
