//! The header of an array: a Python dictionary such as `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.

use std::io::Read;

use super::super::array::Head;
use super::super::element::{Kind, Layout};
use crate::Error;

/// Longest header read. NumPy itself refuses more than 10,000 characters.
const LONGEST: usize = 1 << 16;

/// The element type that NumPy's code without the byte order stands for: `f4`, `U13`.
fn kind(code: &str) -> Option<Kind> {
    Some(match code {
        "f4" => Kind::F32,
        "f8" => Kind::F64,
        "i1" => Kind::I8,
        "i2" => Kind::I16,
        "i4" => Kind::I32,
        "i8" => Kind::I64,
        "u1" => Kind::U8,
        "u2" => Kind::U16,
        "u4" => Kind::U32,
        "u8" => Kind::U64,
        "b1" => Kind::Bool,
        _ => {
            let (kind, length) = code.split_at_checked(1)?;
            let length = length.parse().ok().filter(|length| (1..=LONGEST).contains(length))?;
            match kind {
                "U" => Kind::Unicode(length),
                "S" | "a" => Kind::Bytes(length),
                _ => return None,
            }
        }
    })
}

/// Reads the header of the array called `name`; also how many bytes it took.
pub(in crate::data) fn read(name: &str, source: &mut impl Read) -> Result<(Head, u64), Error> {
    let broken = |what: &str| Error::NpyHeader { array: name.to_owned(), what: what.to_owned() };
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
    let kind = kind(code).ok_or_else(unknown)?;
    let layout = Layout { kind, big_endian: descr.starts_with('>'), fortran, shape };
    Ok((Head { name: name.to_owned(), layout }, (8 + width + length) as u64))
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
                let (head, length) = read("x", &mut &file(version, dictionary)[..]).unwrap();
                assert_eq!(head.layout, Layout { kind, big_endian, fortran, shape: shape.clone() });
                assert_eq!(length, file(version, dictionary).len() as u64);
            }
        }
    }

    #[test]
    fn names_what_it_cannot_read() {
        let record =
            "{'descr': [('a', '<f4'), ('b', '<i2')], 'fortran_order': False, 'shape': (3,)}";
        let error = read("x", &mut &file(1, record)[..]).unwrap_err().to_string();
        assert!(error.contains("`[('a', '<f4'), ('b', '<i2')]`"), "{error}");
        let object = "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}";
        assert!(matches!(read("x", &mut &file(1, object)[..]), Err(Error::Dtype { .. })));
    }

    proptest! {
        #[test]
        fn hostile_headers_are_errors(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            dictionary in "\\{?('(descr|shape|fortran_order)'?: ?['(\\[]?[<>|]?[a-zA-Z0-9,é]{0,6}['\\])]?,? ?){0,4}\\}?",
            version in 0..4u8,
        ) {
            let _ = read("x", &mut &bytes[..]);
            let _ = read("x", &mut &file(version, &dictionary)[..]);
        }
    }
}
