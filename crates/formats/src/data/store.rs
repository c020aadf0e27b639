use std::fs::File;
use std::io::{self, Seek, Write};
use std::sync::Arc;

use handaxe_data::{Source, Tensor};

use super::element::{Kind, Layout, row_major};
use super::stored::{Stored, feature_shape};
use crate::Error;

/// Values that are written to the temporary file at once.
const WRITTEN: usize = 1 << 18;

/// Takes an array value by value and keeps it: in memory while it is small, then in a temporary file that goes with it.
pub(super) struct Store {
    held: Vec<f32>,
    /// Bytes that may be held in memory.
    memory: u64,
    file: Option<File>,
    count: usize,
}

impl Store {
    pub(super) fn new(memory: u64) -> Self {
        Self { held: Vec::new(), memory, file: None, count: 0 }
    }

    /// Number of values taken.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, values: &[f32]) -> Result<(), Error> {
        self.held.extend_from_slice(values);
        self.count += values.len();
        let full = match self.file {
            Some(_) => self.held.len() >= WRITTEN,
            None => size_of_val(self.held.as_slice()) as u64 > self.memory,
        };
        if full { self.write().map_err(|error| Error::SetAside { error }) } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile()?,
        };
        for values in self.held.chunks(WRITTEN) {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            file.write_all(&bytes)?;
        }
        self.held.clear();
        self.held.shrink_to(WRITTEN);
        self.file = Some(file);
        Ok(())
    }

    /// The array `name` of `shape`, which all values were given of, in Fortran's order or C's.
    pub(super) fn finish(
        mut self,
        name: &str,
        shape: &[usize],
        fortran: bool,
    ) -> Result<Arc<dyn Source>, Error> {
        if self.file.is_some() {
            self.write().map_err(|error| Error::SetAside { error })?;
        }
        let Some(mut file) = self.file else {
            let turned = fortran && shape.len() > 1;
            let values = if turned { row_major(&self.held, shape) } else { self.held };
            let tensor = Tensor::new(feature_shape(shape), values);
            return Ok(Arc::new(tensor.map_err(|error| Error::Data { error })?));
        };
        file.rewind()?;
        let layout = Layout { kind: Kind::F32, big_endian: false, fortran, shape: shape.to_vec() };
        Ok(Arc::new(Stored::new(name.to_owned(), file, 0, layout)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In memory, set aside, in C's order or Fortran's: the same rows.
        #[test]
        fn memory_and_file_agree(
            axes in prop::collection::vec(1usize..5, 1..4),
            rows in 1usize..40,
            fortran: bool,
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..50),
        ) {
            let shape = [&[rows], axes.as_slice()].concat();
            let count: usize = shape.iter().product();
            let values: Vec<f32> = (0..count).map(|value| value as f32).collect();
            let keep = |memory| {
                let mut store = Store::new(memory);
                values.chunks(7).for_each(|chunk| store.push(chunk).unwrap());
                store.finish("x", &shape, fortran).unwrap()
            };
            let (near, far) = (keep(u64::MAX), keep(0));
            prop_assert!(near.in_memory() && !far.in_memory());
            let picks: Vec<usize> = picks.iter().map(|pick| pick.index(rows)).collect();
            prop_assert_eq!(near.gather(&picks).unwrap(), far.gather(&picks).unwrap());
            prop_assert_eq!(near.block(0..rows).unwrap(), far.block(0..rows).unwrap());
            if fortran {
                // x[row][...] stands at row + rows * (place in Fortran's order).
                let first = near.gather(&[picks[0]]).unwrap();
                prop_assert_eq!(first.values()[0], picks[0] as f32);
            }
        }
    }
}
