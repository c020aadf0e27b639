//! The one place that knows the HDF5 library: groups, attributes of text, arrays of numbers.

use handaxe_data::Tensor;
use hdf5_pure::{DType, File, Group};

use crate::Error;

/// The largest array that is read, in elements: the graph accepts no more weights.
const MOST_ELEMENTS: u64 = 1 << 27;

/// An HDF5 file in memory.
pub(super) struct Hdf5 {
    file: File,
}

impl Hdf5 {
    pub(super) fn open(bytes: Vec<u8>) -> Result<Self, Error> {
        if !hdf5_pure::is_hdf5_bytes(&bytes) {
            return Err(Error::NotKeras);
        }
        let file = File::from_bytes(bytes).map_err(|error| Error::Hdf5 { error })?;
        Ok(Self { file })
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
        group.groups().map_err(|error| Error::Hdf5 { error })
    }

    /// Number of arrays in a group, 0 for one that is not there.
    pub(super) fn array_count(&self, path: &str) -> Result<usize, Error> {
        let Some(group) = self.group(path) else { return Ok(0) };
        Ok(group.datasets().map_err(|error| Error::Hdf5 { error })?.len())
    }

    /// An attribute of text.
    pub(super) fn text(&self, path: &str, name: &str) -> Result<Option<String>, Error> {
        let Some(group) = self.group(path) else { return Ok(None) };
        let attributes = group.attrs().map_err(|error| Error::Hdf5 { error })?;
        Ok(attributes.get(name).and_then(|value| value.as_str()).map(str::to_owned))
    }

    /// An attribute that lists texts. Keras splits a long one in `name0`, `name1`, ...
    pub(super) fn texts(&self, path: &str, name: &str) -> Result<Option<Vec<String>>, Error> {
        let Some(group) = self.group(path) else { return Ok(None) };
        let attributes = group.attrs().map_err(|error| Error::Hdf5 { error })?;
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
        if elements.is_none_or(|elements| elements > MOST_ELEMENTS) {
            return Err(Error::Hdf5TooLarge { array: path.to_owned(), shape, most: MOST_ELEMENTS });
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
