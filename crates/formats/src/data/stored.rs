use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use handaxe_data::Source;

use super::element::{Layout, place_in_row};

/// A file, and memory that one read hands on to the next.
#[derive(Debug)]
struct Reader {
    file: File,
    bytes: Vec<u8>,
    numbers: Vec<f32>,
}

/// An array that stays in its file: rows are read when they are asked for.
#[derive(Debug)]
pub(super) struct Stored {
    name: String,
    /// Reading moves the file's one position.
    reader: Mutex<Reader>,
    /// Where the first element lies.
    start: u64,
    layout: Layout,
    /// The layout's shape; an array of one axis has one feature a sample.
    shape: Vec<usize>,
}

impl Stored {
    /// The array called `name`, of at least one axis, whose elements begin at `start`. The caller has seen that they are all
    /// there, numbers and finite.
    pub(super) fn new(name: String, file: File, start: u64, layout: Layout) -> Self {
        let shape = feature_shape(&layout.shape);
        let reader = Reader { file, bytes: Vec::new(), numbers: Vec::new() };
        Self { name, reader: Mutex::new(reader), start, layout, shape }
    }

    /// Lets `see` have elements from the `first` on, numbered as they lie in the file.
    fn read(&self, first: usize, count: usize, see: impl FnOnce(&[f32])) -> std::io::Result<()> {
        let size = self.layout.kind.size();
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let Reader { file, bytes, numbers } = &mut *reader;
        bytes.resize(count * size, 0);
        file.seek(SeekFrom::Start(self.start + (first * size) as u64))?;
        file.read_exact(bytes)?;
        numbers.clear();
        self.layout.numbers(bytes, numbers);
        see(numbers);
        Ok(())
    }

    fn read_rows(&self, rows: &[usize], mut into: &mut [f32]) -> std::io::Result<()> {
        let width = self.row_len();
        let runs = || rows.chunk_by(|a, b| a + 1 == *b);
        if !self.layout.fortran {
            for run in runs() {
                let (to, rest) = into.split_at_mut(run.len() * width);
                self.read(run[0] * width, to.len(), |read| to.copy_from_slice(read))?;
                into = rest;
            }
            return Ok(());
        }
        // One column after the other lies in the file.
        for number in 0..width {
            let place = place_in_row(number, &self.shape[1..]);
            let mut column = into.iter_mut().skip(place).step_by(width);
            for run in runs() {
                self.read(number * self.rows() + run[0], run.len(), |read| {
                    // In this order, so that no place is skipped at the end of a run.
                    read.iter().zip(column.by_ref()).for_each(|(&read, value)| *value = read);
                })?;
            }
        }
        Ok(())
    }
}

impl Source for Stored {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn gather_into(&self, rows: &[usize], into: &mut [f32]) -> Result<(), handaxe_data::Error> {
        self.read_rows(rows, into).map_err(|error| handaxe_data::Error::Read {
            what: format!("array `{}`", self.name),
            kind: error.kind(),
        })
    }
}

/// A single axis is one feature a sample.
pub(super) fn feature_shape(shape: &[usize]) -> Vec<usize> {
    if let &[samples] = shape { vec![samples, 1] } else { shape.to_vec() }
}
