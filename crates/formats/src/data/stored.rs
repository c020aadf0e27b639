use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use handaxe_data::{Source, Tensor};

use super::element::{Layout, place_in_row};

/// An array that stays in its file: rows are read when they are asked for.
#[derive(Debug)]
pub(super) struct Stored {
    name: String,
    /// Reading moves the file's one position.
    file: Mutex<File>,
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
        Self { name, file: Mutex::new(file), start, layout, shape }
    }

    /// Elements from the `first` on, numbered as they lie in the file.
    fn read(&self, first: usize, count: usize, values: &mut Vec<f32>) -> std::io::Result<()> {
        let size = self.layout.kind.size();
        let mut bytes = vec![0; count * size];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(self.start + (first * size) as u64))?;
            file.read_exact(&mut bytes)?;
        }
        self.layout.numbers(&bytes, values);
        Ok(())
    }

    fn gather_values(&self, rows: &[usize]) -> std::io::Result<Vec<f32>> {
        let width = self.row_len();
        let neighbours = |a: &usize, b: &usize| a + 1 == *b;
        if !self.layout.fortran {
            let mut values = Vec::with_capacity(rows.len() * width);
            for run in rows.chunk_by(neighbours) {
                self.read(run[0] * width, run.len() * width, &mut values)?;
            }
            return Ok(values);
        }
        // One column after the other lies in the file.
        let mut values = vec![0.0; rows.len() * width];
        let mut column = Vec::with_capacity(rows.len());
        for number in 0..width {
            column.clear();
            for run in rows.chunk_by(neighbours) {
                self.read(number * self.rows() + run[0], run.len(), &mut column)?;
            }
            let place = place_in_row(number, &self.shape[1..]);
            let of_column = values.iter_mut().skip(place).step_by(width);
            of_column.zip(&column).for_each(|(value, &read)| *value = read);
        }
        Ok(values)
    }
}

impl Source for Stored {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn gather(&self, rows: &[usize]) -> Result<Tensor, handaxe_data::Error> {
        let values = self.gather_values(rows).map_err(|error| handaxe_data::Error::Read {
            what: format!("array `{}`", self.name),
            kind: error.kind(),
        })?;
        Tensor::new([&[rows.len()], &self.shape[1..]].concat(), values)
    }
}

/// A single axis is one feature a sample.
pub(super) fn feature_shape(shape: &[usize]) -> Vec<usize> {
    if let &[samples] = shape { vec![samples, 1] } else { shape.to_vec() }
}
