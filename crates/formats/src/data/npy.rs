//! NumPy's `.npy` arrays: header, element types, byte and memory order.
//!
//! Written for hostile files: a header says how much to read, and only what is really there takes memory.

mod header;

use std::io::{BufReader, Read};
use std::path::Path;

use handaxe_data::Tensor;

use super::reference::Reference;
use super::targets::{Answers, MOST};
use super::{Part, open};
use crate::Error;
use header::{Header, Kind};

/// An array as it stands in the file, elements in row-major order.
pub(super) struct Array {
    name: String,
    header: Header,
    bytes: Vec<u8>,
}

/// Reads one array a file: the reference's own is the input, `y` names the target's beside it.
pub(super) fn read(reference: &Reference) -> Result<Vec<Part>, Error> {
    let Some(y) = &reference.y else { return Err(Error::LabelsFile) };
    if !reference.x.is_empty() || reference.y_test.is_some() {
        return Err(Error::Reference { text: "x=, x_test= or y_test=".to_owned() });
    }
    let x = array(&reference.path)?;
    let y = array(&reference.path.with_file_name(y))?;
    Ok(vec![Part::new(vec![(x.name.clone(), x.features()?)], (y.name.clone(), y.answers()?))?])
}

/// The array as the only input, where the reference names no labels.
pub(super) fn unlabelled(reference: &Reference) -> Result<Option<Vec<Tensor>>, Error> {
    match reference.y {
        Some(_) => Ok(None),
        None => Ok(Some(vec![array(&reference.path)?.features()?])),
    }
}

fn array(path: &Path) -> Result<Array, Error> {
    let file = open(path)?;
    let size = file.metadata()?.len();
    Array::read(&path.display().to_string(), size, BufReader::new(file))
}

impl Array {
    /// Reads the array called `name` from a source that claims to hold `size` bytes.
    pub(super) fn read(name: &str, size: u64, mut source: impl Read) -> Result<Self, Error> {
        let (header, start) = Header::read(name, &mut source)?;
        let needed = header.bytes();
        let there = size.saturating_sub(start);
        let short = |given| Error::Truncated {
            array: name.to_owned(),
            shape: header.shape.clone(),
            expected: needed.map_or("too many".to_owned(), |bytes| bytes.to_string()),
            given,
        };
        let Some(needed) = needed.filter(|&needed| needed <= there) else {
            return Err(short(there));
        };
        // Grows with what arrives, for the claimed size may be a lie; an archive checks its sums when it is read out.
        let mut bytes = Vec::new();
        let read = source.by_ref().take(needed).read_to_end(&mut bytes);
        let read = read.and_then(|_| source.read(&mut [0]));
        read.map_err(|error| Error::Unreadable { array: name.to_owned(), error })?;
        if (bytes.len() as u64) < needed {
            return Err(short(bytes.len() as u64));
        }
        if header.fortran && header.shape.len() > 1 && needed > 0 {
            bytes = row_major(&bytes, &header.shape, header.kind.size());
        }
        let array = Self { name: name.to_owned(), header, bytes };
        match array.header.shape.as_slice() {
            [] | [0, ..] => Err(Error::Empty { array: array.name, shape: array.header.shape }),
            _ => Ok(array),
        }
    }

    /// The elements as finite `f32`, a single axis as one feature a sample.
    pub(super) fn features(&self) -> Result<Tensor, Error> {
        let mut shape = self.header.shape.clone();
        if shape.len() == 1 {
            shape.push(1);
        }
        Tensor::new(shape, self.numbers()?).map_err(|error| Error::Data { error })
    }

    /// Labels of integers, text or one-hot rows, or real values.
    pub(super) fn answers(&self) -> Result<Answers, Error> {
        match (self.header.shape.as_slice(), self.text()) {
            ([_] | [_, 1], Some(names)) => Answers::names(&self.name, names),
            ([_] | [_, 1], None) => match self.integers() {
                Some(numbers) => Ok(Answers::labels(self.labels(&numbers)?)),
                None => Ok(Answers::Values(self.features()?)),
            },
            ([_, _], None) => Ok(Answers::values(self.features()?)),
            (shape, _) => {
                Err(Error::TargetShape { array: self.name.clone(), shape: shape.to_vec() })
            }
        }
    }

    fn labels(&self, numbers: &[i128]) -> Result<Vec<u32>, Error> {
        let label = |(sample, &number): (usize, &i128)| {
            let label = u32::try_from(number).ok().filter(|&label| label <= MOST);
            label.ok_or_else(|| Error::Label {
                place: format!("sample {sample} of `{}`", self.name),
                label: number.to_string(),
                most: MOST,
            })
        };
        numbers.iter().enumerate().map(label).collect()
    }
}

/// Elements of a numeric array in their own type, mapped by a closure over that type.
macro_rules! map_elements {
    ($array:expr, $value:ident => $map:expr, $($kind:ident: $type:ty),+) => {
        match $array.header.kind {
            $(Kind::$kind => {
                let (chunks, _) = $array.bytes.as_chunks::<{ size_of::<$type>() }>();
                let big = $array.header.big_endian;
                let read = |bytes: &[u8; size_of::<$type>()]| {
                    let $value =
                        if big { <$type>::from_be_bytes(*bytes) } else { <$type>::from_le_bytes(*bytes) };
                    $map
                };
                Some(chunks.iter().map(read).collect())
            })+
            _ => None,
        }
    };
}

impl Array {
    /// The elements as finite numbers. Integers beyond 2^24 are rounded, as everywhere in training.
    fn numbers(&self) -> Result<Vec<f32>, Error> {
        let values: Option<Vec<f32>> = map_elements!(self, value => value as f32,
            F32: f32, F64: f64, I8: i8, I16: i16, I32: i32, I64: i64,
            U8: u8, U16: u16, U32: u32, U64: u64, Bool: u8);
        let values = values.ok_or_else(|| Error::TextFeatures { array: self.name.clone() })?;
        let Some(index) = values.iter().position(|value| !value.is_finite()) else {
            return Ok(values);
        };
        // The message shows what stands in the file: 1e300 is finite there.
        let wide: Option<Vec<f64>> = map_elements!(self, value => value, F64: f64);
        let value = wide.map_or(f64::from(values[index]), |wide| wide[index]);
        let width = self.header.shape[1..].iter().product::<usize>().max(1);
        let (sample, element) = (index / width, index % width);
        Err(Error::NotFinite { array: self.name.clone(), value, sample, element })
    }

    /// The elements of an integer or boolean array.
    fn integers(&self) -> Option<Vec<i128>> {
        map_elements!(self, value => i128::from(value),
            I8: i8, I16: i16, I32: i32, I64: i64, U8: u8, U16: u16, U32: u32, U64: u64, Bool: u8)
    }

    /// The elements of a text array; NumPy fills them up with zeros.
    fn text(&self) -> Option<Vec<String>> {
        let big = self.header.big_endian;
        let character = |bytes: &[u8; 4]| {
            let code = if big { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        };
        let wide =
            |bytes: &[u8]| bytes.as_chunks::<4>().0.iter().map(character).collect::<String>();
        let narrow = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let trimmed = |text: String| text.trim_end_matches('\0').to_owned();
        let elements = self.bytes.chunks_exact(self.header.kind.size().max(1));
        match self.header.kind {
            Kind::Unicode(_) => Some(elements.map(|bytes| trimmed(wide(bytes))).collect()),
            Kind::Bytes(_) => Some(elements.map(|bytes| trimmed(narrow(bytes))).collect()),
            _ => None,
        }
    }
}

/// From Fortran's order, the first axis running fastest, to C's.
fn row_major(bytes: &[u8], shape: &[usize], size: usize) -> Vec<u8> {
    let strides: Vec<usize> = shape
        .iter()
        .scan(size, |stride, &axis| Some(std::mem::replace(stride, *stride * axis)))
        .collect();
    let mut ordered = Vec::with_capacity(bytes.len());
    let mut index = vec![0; shape.len()];
    while ordered.len() < bytes.len() {
        let start: usize = index.iter().zip(&strides).map(|(place, stride)| place * stride).sum();
        ordered.extend_from_slice(&bytes[start..start + size]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            if index[axis] < shape[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    ordered
}
