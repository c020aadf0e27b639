//! Arrays as bytes: element types, byte order, memory order.

/// Where the elements of an array lie among its bytes, and what they are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
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

    /// Whether its elements are text.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Unicode(_) | Self::Bytes(_))
    }
}

/// Applies `$map` to every element of `$bytes` in its own type and extends `$into`; other types are left out.
macro_rules! map_elements {
    ($layout:expr, $bytes:expr, $into:expr, $value:ident => $map:expr, $($kind:ident: $type:ty),+) => {
        match $layout.kind {
            $(Kind::$kind => {
                let elements = $bytes.as_chunks::<{ size_of::<$type>() }>().0.iter();
                if $layout.big_endian {
                    $into.extend(elements.map(|&bytes| { let $value = <$type>::from_be_bytes(bytes); $map }));
                } else {
                    $into.extend(elements.map(|&bytes| { let $value = <$type>::from_le_bytes(bytes); $map }));
                }
            })+
            _ => {}
        }
    };
}

impl Layout {
    /// Number of elements and bytes; nothing if no file can hold them.
    pub(super) fn extent(&self) -> Option<(usize, u64)> {
        let count = self.shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis))?;
        Some((count, count.checked_mul(self.kind.size())? as u64))
    }

    /// The elements of `bytes` as numbers; none of text. Integers beyond 2^24 are rounded, as everywhere in training.
    pub(super) fn numbers(&self, bytes: &[u8], into: &mut Vec<f32>) {
        map_elements!(self, bytes, into, value => value as f32,
            F32: f32, F64: f64, I8: i8, I16: i16, I32: i32, I64: i64,
            U8: u8, U16: u16, U32: u32, U64: u64, Bool: u8);
    }

    /// The elements of `bytes` where they are of double precision: 1e300 is finite there.
    pub(super) fn doubles(&self, bytes: &[u8], into: &mut Vec<f64>) {
        map_elements!(self, bytes, into, value => value, F64: f64);
    }

    /// The elements of `bytes` as integers; none unless they are integers or truth values.
    pub(super) fn integers(&self, bytes: &[u8], into: &mut Vec<i128>) {
        map_elements!(self, bytes, into, value => i128::from(value),
            I8: i8, I16: i16, I32: i32, I64: i64, U8: u8, U16: u16, U32: u32, U64: u64, Bool: u8);
    }

    /// One element of text; NumPy fills it up with zeros.
    pub(super) fn text(&self, bytes: &[u8]) -> String {
        let character = |bytes: &[u8; 4]| {
            let code = if self.big_endian {
                u32::from_be_bytes(*bytes)
            } else {
                u32::from_le_bytes(*bytes)
            };
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        let text: String = match self.kind {
            Kind::Unicode(_) => bytes.as_chunks::<4>().0.iter().map(character).collect(),
            _ => String::from_utf8_lossy(bytes).into_owned(),
        };
        text.trim_end_matches('\0').to_owned()
    }
}

/// Where in its row, in C's order, the `place`-th element in Fortran's order stands; `axes` are the row's.
pub(super) fn place_in_row(mut place: usize, axes: &[usize]) -> usize {
    let (mut index, mut stride) = (0, axes.iter().product::<usize>());
    for &axis in axes {
        stride /= axis.max(1);
        index += place % axis.max(1) * stride;
        place /= axis.max(1);
    }
    index
}

/// From Fortran's order, the first axis running fastest, to C's.
pub(super) fn row_major(values: &[f32], shape: &[usize]) -> Vec<f32> {
    let (rows, width) = (shape[0], shape[1..].iter().product::<usize>());
    let mut ordered = vec![0.0; values.len()];
    for (place, column) in values.chunks_exact(rows.max(1)).enumerate() {
        let place = place_in_row(place, &shape[1..]);
        for (row, &value) in column.iter().enumerate() {
            ordered[row * width + place] = value;
        }
    }
    ordered
}
