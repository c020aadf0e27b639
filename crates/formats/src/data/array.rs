//! One array from the bytes of a file, whatever format they are wrapped in.
//!
//! Written for hostile files: what a header claims is read block by block, so that memory holds what is really there.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use handaxe_data::{Source, Tensor};

use super::element::{Kind, Layout, place_in_row};
use super::open;
use super::store::Store;
use super::stored::Stored;
use super::targets::{Answers, MOST, Names};
use crate::Error;

/// Bytes that are decoded at once.
const BLOCK: usize = 1 << 20;
/// Compressed arrays up to this size may shrink to anything: an image of zeros does.
const SMALL: u64 = 1 << 26;
/// How many bytes of a larger array one compressed byte may stand for. Measured data stay below 20.
const SHRUNK: u64 = 200;

/// An array whose elements are about to be read.
pub(super) struct Array<R> {
    pub(super) head: Head,
    /// Stands before the first element.
    pub(super) source: R,
    /// Bytes of the elements that the file has, as far as it says.
    pub(super) there: u64,
    pub(super) form: Form,
}

/// What is known of an array before its elements are read.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) layout: Layout,
}

/// How the elements lie in their file.
pub(super) enum Form {
    /// As they are, from a place on: they may stay there.
    Plain { path: PathBuf, start: u64 },
    /// Compressed into so many bytes.
    Packed { bytes: u64 },
    /// In memory anyway.
    Memory,
}

impl<R: Read> Array<R> {
    /// The elements as finite `f32`, a single axis as one feature a sample. Those of more than `memory` bytes stay in the
    /// file, or go to a temporary one.
    pub(super) fn features(mut self, memory: u64) -> Result<Arc<dyn Source>, Error> {
        if self.head.layout.kind.is_text() {
            return Err(Error::TextFeatures { array: self.head.name });
        }
        let count = self.check()?.0;
        let stays = match &self.form {
            Form::Plain { path, start } if (count as u64).saturating_mul(4) > memory => {
                Some((open(path)?, *start))
            }
            _ => None,
        };
        let (mut store, mut values, mut seen) = (Store::new(memory), Vec::new(), 0);
        self.for_each_block(|head, bytes| {
            values.clear();
            head.layout.numbers(bytes, &mut values);
            head.check_finite(&values, bytes, seen)?;
            seen += values.len();
            if stays.is_none() { store.push(&values) } else { Ok(()) }
        })?;
        let Head { name, layout } = self.head;
        match stays {
            Some((file, start)) => Ok(Arc::new(Stored::new(name, file, start, layout))),
            None => store.finish(&name, &layout.shape, layout.fortran),
        }
    }

    /// Labels of integers, text or one-hot rows, or real values.
    pub(super) fn answers(self) -> Result<Answers, Error> {
        let Layout { shape, kind, .. } = &self.head.layout;
        match (shape.as_slice(), kind) {
            ([_] | [_, 1], kind) if kind.is_text() => self.names(),
            ([_] | [_, 1], Kind::F32 | Kind::F64) => Ok(Answers::Values(self.values()?)),
            ([_] | [_, 1], _) => self.labels(),
            ([_, _], kind) if !kind.is_text() => Ok(Answers::values(self.values()?)),
            ([] | [0, ..], _) => Err(self.head.empty()),
            (shape, _) => {
                Err(Error::TargetShape { array: self.head.name.clone(), shape: shape.to_vec() })
            }
        }
    }

    fn values(self) -> Result<Tensor, Error> {
        let source = self.features(u64::MAX)?;
        source.block(0..source.rows()).map_err(|error| Error::Data { error })
    }

    fn names(mut self) -> Result<Answers, Error> {
        let mut names = Names::default();
        self.for_each_block(|head, bytes| {
            let elements = bytes.chunks_exact(head.layout.kind.size());
            elements.for_each(|element| names.push(&head.layout.text(element)));
            Ok(())
        })?;
        names.answers(&self.head.name)
    }

    fn labels(mut self) -> Result<Answers, Error> {
        let (mut labels, mut numbers) = (Vec::new(), Vec::new());
        self.for_each_block(|head, bytes| {
            numbers.clear();
            head.layout.integers(bytes, &mut numbers);
            for number in &numbers {
                let label = u32::try_from(*number).ok().filter(|&label| label <= MOST);
                labels.push(label.ok_or_else(|| Error::Label {
                    place: format!("sample {} of `{}`", labels.len(), head.name),
                    label: number.to_string(),
                    most: MOST,
                })?);
            }
            Ok(())
        })?;
        Ok(Answers::labels(labels))
    }

    /// All elements, block by block. An archive checks its sums when it is read out.
    fn for_each_block(
        &mut self,
        mut visit: impl FnMut(&Head, &[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (_, needed) = self.check()?;
        let size = self.head.layout.kind.size();
        let unreadable = |error| Error::Unreadable { array: self.head.name.clone(), error };
        let (mut done, mut bytes) = (0, Vec::new());
        while done < needed {
            let wanted = (needed - done).min((BLOCK / size).max(1) as u64 * size as u64);
            bytes.clear();
            let read = self.source.by_ref().take(wanted).read_to_end(&mut bytes);
            let read = read.map_err(unreadable)? as u64;
            if read < wanted {
                return Err(self.head.cut_short(done + read));
            }
            visit(&self.head, &bytes)?;
            done += read;
        }
        self.source.read(&mut [0]).map_err(unreadable)?;
        Ok(())
    }

    /// Number of elements and their bytes, if the file can hold them.
    fn check(&self) -> Result<(usize, u64), Error> {
        let extent = self.head.layout.extent();
        let Some((count, bytes)) = extent.filter(|(_, bytes)| *bytes <= self.there) else {
            return Err(self.head.cut_short(self.there));
        };
        if count == 0 || self.head.layout.shape.is_empty() {
            return Err(self.head.empty());
        }
        if let Form::Packed { bytes: packed } = self.form {
            check_packing(&self.head.name, packed, bytes)?;
        }
        Ok((count, bytes))
    }
}

/// Whether `packed` bytes may be read out to `bytes`.
pub(super) fn check_packing(array: &str, packed: u64, bytes: u64) -> Result<(), Error> {
    if bytes > SMALL && bytes / SHRUNK > packed {
        return Err(Error::Bomb { array: array.to_owned(), packed, bytes });
    }
    Ok(())
}

impl Head {
    fn empty(&self) -> Error {
        Error::Empty { array: self.name.clone(), shape: self.layout.shape.clone() }
    }

    fn cut_short(&self, given: u64) -> Error {
        Error::Truncated {
            array: self.name.clone(),
            shape: self.layout.shape.clone(),
            expected: self
                .layout
                .extent()
                .map_or("too many".to_owned(), |(_, bytes)| bytes.to_string()),
            given,
        }
    }

    /// Whether all `values`, read from `bytes`, are finite; `seen` came before them.
    fn check_finite(&self, values: &[f32], bytes: &[u8], seen: usize) -> Result<(), Error> {
        let Some(index) = values.iter().position(|value| !value.is_finite()) else {
            return Ok(());
        };
        let mut doubles = Vec::new();
        self.layout.doubles(bytes, &mut doubles);
        let value = doubles.get(index).copied().unwrap_or(f64::from(values[index]));
        let (shape, place) = (&self.layout.shape, seen + index);
        let width = shape[1..].iter().product::<usize>();
        let (sample, element) = match self.layout.fortran {
            false => (place / width, place % width),
            true => (place % shape[0], place_in_row(place / shape[0], &shape[1..])),
        };
        Err(Error::NotFinite { array: self.name.clone(), value, sample, element })
    }
}
