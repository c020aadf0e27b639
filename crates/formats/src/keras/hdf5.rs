//! The one place that knows the HDF5 library: groups, attributes of text, arrays of numbers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use handaxe_data::Tensor;
use hdf5_pure::{AttrValue, DType, File, FormatError, Group, Source};

use crate::Error;

/// The largest array that is read, in elements: the graph accepts no more weights.
const MOST_ELEMENTS: u64 = 1 << 27;
/// An array may be packed, or be filled by a number that is stored once: so much of it is believed whatever the file holds,
const SURELY: u64 = 1 << 24;
/// and beyond that so many elements for each byte of the file.
const ELEMENTS_A_BYTE: u64 = 256;

/// An HDF5 file in memory.
pub(super) struct Hdf5 {
    file: File,
    most_elements: u64,
    left: Arc<AtomicU64>,
}

/// The file's content, of which no more is handed out than an honest file has read of it. Without that a small file whose
/// texts all stand in one place, or whose groups lie in each other, is read for as long and into as much memory as it likes.
struct Metered {
    bytes: Vec<u8>,
    left: Arc<AtomicU64>,
}

impl Source for Metered {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
        // A read costs time however short it is.
        let cost = buffer.len() as u64 + 16;
        let left = self.left.load(Ordering::Relaxed).checked_sub(cost);
        self.left.store(left.unwrap_or(0), Ordering::Relaxed);
        if left.is_none() {
            return Err(FormatError::Source("read too often".to_owned()));
        }
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(buffer.len());
        let available = self.bytes.len();
        let part = self.bytes.get(start..end);
        buffer
            .copy_from_slice(part.ok_or(FormatError::UnexpectedEof { expected: end, available })?);
        Ok(())
    }
}

impl Hdf5 {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, Error> {
        if !hdf5_pure::is_hdf5_bytes(&bytes) {
            return Err(Error::NotKeras);
        }
        let held = (bytes.len() as u64).saturating_mul(ELEMENTS_A_BYTE);
        let most_elements = held.saturating_add(SURELY).min(MOST_ELEMENTS);
        // An honest file has every byte read a few times, and its groups for each name that is looked up in them.
        let left = Arc::new(AtomicU64::new((1 << 28) + 16 * bytes.len() as u64));
        let source = Metered { bytes, left: Arc::clone(&left) };
        let file = File::from_source(source).map_err(|error| Error::Hdf5 { error })?;
        Ok(Self { file, most_elements, left })
    }

    /// What the library found in a group, unless it gave up; it passes over attributes that it cannot read.
    fn found<T>(&self, read: Result<T, hdf5_pure::Error>) -> Result<T, Error> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Err(Error::Hdf5Tangled);
        }
        read.map_err(|error| Error::Hdf5 { error })
    }

    fn attributes(&self, path: &str) -> Result<Option<HashMap<String, AttrValue>>, Error> {
        self.group(path).map(|group| self.found(group.attrs())).transpose()
    }

    /// The group at `path`, whose parts are split by `/`; nothing if there is none.
    fn group(&self, path: &str) -> Option<Group> {
        if path.is_empty() { Some(self.file.root()) } else { self.file.group(path).ok() }
    }

    pub(super) fn has_group(&self, path: &str) -> bool {
        self.group(path).is_some()
    }

    /// Names of the groups in a group, nothing for one that is not there.
    pub(super) fn groups(&self, path: &str) -> Result<Vec<String>, Error> {
        let Some(group) = self.group(path) else { return Ok(Vec::new()) };
        self.found(group.groups())
    }

    /// Number of arrays in a group, 0 for one that is not there.
    pub(super) fn array_count(&self, path: &str) -> Result<usize, Error> {
        let Some(group) = self.group(path) else { return Ok(0) };
        Ok(self.found(group.datasets())?.len())
    }

    /// An attribute of text.
    pub(super) fn text(&self, path: &str, name: &str) -> Result<Option<String>, Error> {
        let Some(attributes) = self.attributes(path)? else { return Ok(None) };
        Ok(attributes.get(name).and_then(|value| value.as_str()).map(str::to_owned))
    }

    /// An attribute that lists texts. Keras splits a long one in `name0`, `name1`, ...
    pub(super) fn texts(&self, path: &str, name: &str) -> Result<Option<Vec<String>>, Error> {
        let Some(attributes) = self.attributes(path)? else { return Ok(None) };
        let Some(value) = attributes.get(name) else {
            let parts = (0..).map_while(|part| attributes.get(&format!("{name}{part}")));
            let parts: Vec<String> =
                parts.filter_map(|part| part.as_strings()).flatten().cloned().collect();
            return Ok(if parts.is_empty() { None } else { Some(parts) });
        };
        // An empty list is written as an empty array of floats.
        Ok(Some(value.as_strings().map(<[String]>::to_vec).unwrap_or_default()))
    }

    /// An array of numbers as f32.
    pub(super) fn array(&self, path: &str) -> Result<Option<Tensor>, Error> {
        let Ok(array) = self.file.dataset(path) else { return Ok(None) };
        let broken = |error| Error::Hdf5Array { array: path.to_owned(), error };
        let shape = array.shape().map_err(broken)?;
        let elements = shape.iter().try_fold(1u64, |count, &axis| count.checked_mul(axis));
        let most = self.most_elements;
        if elements.is_none_or(|elements| elements > most) {
            return Err(Error::Hdf5TooLarge { array: path.to_owned(), shape, most });
        }
        let dtype = array.dtype().map_err(broken)?;
        let values = match dtype {
            DType::F32 => array.read_f32().map_err(broken)?,
            DType::F64
            | DType::I8
            | DType::I16
            | DType::I32
            | DType::I64
            | DType::U8
            | DType::U16
            | DType::U32
            | DType::U64 => {
                let wide = array.read_f64().map_err(broken)?;
                wide.into_iter().map(|value| value as f32).collect()
            }
            other => {
                let given = format!("{other:?}").chars().take(40).collect();
                return Err(Error::Hdf5Type { array: path.to_owned(), given });
            }
        };
        let shape = shape.into_iter().map(|axis| axis as usize).collect();
        Tensor::new(shape, values).map(Some).map_err(|error| Error::Data { error })
    }
}
