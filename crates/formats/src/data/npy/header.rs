//! The header of an array: a Python dictionary such as `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.

use std::io::Read;

use crate::Error;

/// Longest header read. NumPy itself refuses more than 10,000 characters.
const LONGEST: usize = 1 << 16;

/// What an array is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) big_endian: bool,
    /// True if the first axis runs fastest.
    pub(super) fortran: bool,
    pub(super) shape: Vec<usize>,
}

/// The type of an element. Text carries its length in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
    Unicode(usize),
    Bytes(usize),
}

impl Kind {
    /// Bytes of an element.
    pub(super) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::Unicode(length) => 4 * length,
            Self::Bytes(length) => length,
        }
    }

    /// Reads NumPy's code without the byte order: `f4`, `U13`.
    fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "f4" => Self::F32,
            "f8" => Self::F64,
            "i1" => Self::I8,
            "i2" => Self::I16,
            "i4" => Self::I32,
            "i8" => Self::I64,
            "u1" => Self::U8,
            "u2" => Self::U16,
            "u4" => Self::U32,
            "u8" => Self::U64,
            "b1" => Self::Bool,
            _ => {
                let (kind, length) = code.split_at_checked(1)?;
                let length = length.parse().ok().filter(|length| (1..=LONGEST).contains(length))?;
                match kind {
                    "U" => Self::Unicode(length),
                    "S" | "a" => Self::Bytes(length),
                    _ => return None,
                }
            }
        })
    }
}

impl Header {
    /// Reads the header of the array called `name`; also how many bytes it took.
    pub(super) fn read(name: &str, source: &mut impl Read) -> Result<(Self, u64), Error> {
        let broken =
            |what: &str| Error::NpyHeader { array: name.to_owned(), what: what.to_owned() };
        let mut start = [0; 8];
        source.read_exact(&mut start).map_err(|_| broken("it is too short"))?;
        let [b'\x93', b'N', b'U', b'M', b'P', b'Y', version, _] = start else {
            return Err(broken("it does not begin with \\x93NUMPY"));
        };
        let width = if version == 1 { 2 } else { 4 };
        let mut length = [0; 4];
        source.read_exact(&mut length[..width]).map_err(|_| broken("its header is cut short"))?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST {
            return Err(broken("its header is implausibly long"));
        }
        let mut text = vec![0; length];
        source.read_exact(&mut text).map_err(|_| broken("its header is cut short"))?;
        let text = String::from_utf8(text).map_err(|_| broken("its header is no text"))?;
        let entries = Entries::parse(&text).ok_or_else(|| broken("its header is no dictionary"))?;
        let shape = entries.shape.ok_or_else(|| broken("its header lacks a shape"))?;
        let fortran = entries.fortran.ok_or_else(|| broken("its header lacks an order"))?;
        let descr = entries.descr.ok_or_else(|| broken("its header lacks an element type"))?;
        let unknown = || Error::Dtype { array: name.to_owned(), given: descr.clone() };
        let code = descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(&descr);
        let kind = Kind::from_code(code).ok_or_else(unknown)?;
        let header = Self { kind, big_endian: descr.starts_with('>'), fortran, shape };
        Ok((header, (8 + width + length) as u64))
    }

    /// Bytes of all elements; nothing if no file can hold them.
    pub(super) fn bytes(&self) -> Option<u64> {
        let count = self.shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis))?;
        count.checked_mul(self.kind.size()).map(|bytes| bytes as u64)
    }
}

/// The three entries of the dictionary.
#[derive(Debug, Default)]
struct Entries {
    descr: Option<String>,
    fortran: Option<bool>,
    shape: Option<Vec<usize>>,
}

impl Entries {
    fn parse(text: &str) -> Option<Self> {
        let mut entries = Self::default();
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim_start();
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            rest = match key {
                "descr" => {
                    // A list of fields is a record: it is kept whole for the message.
                    let (descr, rest) =
                        if value.starts_with('[') { list(value)? } else { quoted(value)? };
                    entries.descr = Some(descr.to_owned());
                    rest
                }
                "fortran_order" => {
                    let fortran = value.starts_with("True");
                    entries.fortran = Some(fortran);
                    value.strip_prefix(if fortran { "True" } else { "False" })?
                }
                "shape" => {
                    let (inner, rest) = value.strip_prefix('(')?.split_once(')')?;
                    entries.shape = Some(axes(inner)?);
                    rest
                }
                _ => return None,
            };
            rest = rest.trim_start();
            rest = match rest.strip_prefix(',') {
                Some(rest) => rest.trim_start(),
                None if rest.is_empty() => rest,
                None => return None,
            };
        }
        Some(entries)
    }
}

/// A Python string without escapes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    text[1..].split_once(quote)
}

/// Everything to the last bracket, and what follows.
fn list(text: &str) -> Option<(&str, &str)> {
    let end = text.rfind(']')? + 1;
    Some(text.split_at(end))
}

/// The numbers of a tuple, with the comma behind the last one or without.
fn axes(inner: &str) -> Option<Vec<usize>> {
    let inner = inner.trim().strip_suffix(',').unwrap_or(inner).trim();
    if inner.is_empty() {
        return Some(Vec::new());
    }
    // Python 2 wrote long integers as `2400L`.
    inner.split(',').map(|axis| axis.trim().trim_end_matches('L').parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn file(version: u8, dictionary: &str) -> Vec<u8> {
        let length = (dictionary.len() as u32).to_le_bytes();
        let width = if version == 1 { 2 } else { 4 };
        [b"\x93NUMPY", &[version, 0][..], &length[..width], dictionary.as_bytes()].concat()
    }

    #[test]
    fn reads_what_numpy_writes() {
        for (dictionary, kind, big_endian, fortran, shape) in [
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (2400, 16), }  \n",
                Kind::F32,
                false,
                false,
                vec![2400, 16],
            ),
            (
                "{'descr': '>i8', 'fortran_order': True, 'shape': (3,), }\n",
                Kind::I64,
                true,
                true,
                vec![3],
            ),
            (
                "{\"shape\": (2L, 3L), \"descr\": \"|S7\", \"fortran_order\": False}",
                Kind::Bytes(7),
                false,
                false,
                vec![2, 3],
            ),
            (
                "{'descr': '<U13', 'fortran_order': False, 'shape': ()}",
                Kind::Unicode(13),
                false,
                false,
                vec![],
            ),
        ] {
            for version in [1, 2, 3] {
                let (header, length) =
                    Header::read("x", &mut &file(version, dictionary)[..]).unwrap();
                assert_eq!(header, Header { kind, big_endian, fortran, shape: shape.clone() });
                assert_eq!(length, file(version, dictionary).len() as u64);
            }
        }
    }

    #[test]
    fn names_what_it_cannot_read() {
        let record =
            "{'descr': [('a', '<f4'), ('b', '<i2')], 'fortran_order': False, 'shape': (3,)}";
        let error = Header::read("x", &mut &file(1, record)[..]).unwrap_err().to_string();
        assert!(error.contains("`[('a', '<f4'), ('b', '<i2')]`"), "{error}");
        let object = "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}";
        assert!(matches!(Header::read("x", &mut &file(1, object)[..]), Err(Error::Dtype { .. })));
    }

    proptest! {
        #[test]
        fn hostile_headers_are_errors(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            dictionary in "\\{?('(descr|shape|fortran_order)'?: ?['(\\[]?[<>|]?[a-zA-Z0-9,é]{0,6}['\\])]?,? ?){0,4}\\}?",
            version in 0..4u8,
        ) {
            let _ = Header::read("x", &mut &bytes[..]);
            let _ = Header::read("x", &mut &file(version, &dictionary)[..]);
        }
    }
}
