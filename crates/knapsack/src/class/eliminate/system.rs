//! Linear equations in whole numbers, and loads packed for a hash table.

use super::{super::core::Count, range::Range};

/// The inverse of a square matrix, times its determinant.
#[derive(Debug)]
pub(super) struct System {
    pub(super) inverse: Vec<Vec<i128>>,
    pub(super) determinant: i128,
}

impl System {
    /// Gauss-Jordan without fractions, of a matrix given by its columns; nothing if numbers grow too large.
    ///
    /// Reference: E. H. Bareiss, "Sylvester's identity and multistep integer-preserving Gaussian elimination",
    /// Mathematics of Computation 22 (1968).
    pub(super) fn new(columns: Vec<&[i128]>) -> Option<Self> {
        let size = columns.len();
        let row = |row: usize| {
            let unit = (0..size).map(|at| i128::from(at == row));
            columns.iter().map(|column| column[row]).chain(unit).collect()
        };
        let mut work: Vec<Vec<i128>> = (0..size).map(row).collect();
        let mut before = 1;
        for at in 0..size {
            let pivot_row = (at..size).find(|&row| work[row][at] != 0)?;
            work.swap(at, pivot_row);
            let pivot = work[at].clone();
            for (_, entries) in work.iter_mut().enumerate().filter(|(row, _)| *row != at) {
                let factor = entries[at];
                for (entry, p) in entries.iter_mut().zip(&pivot) {
                    let whole =
                        pivot[at].checked_mul(*entry)?.checked_sub(factor.checked_mul(*p)?)?;
                    *entry = whole / before;
                }
            }
            before = pivot[at];
        }
        let inverse: Vec<Vec<i128>> = work.into_iter().map(|row| row[size..].to_vec()).collect();
        // What follows multiplies entries with loads, which have at most 64 bits each.
        let small = inverse.iter().flatten().all(|entry| entry.unsigned_abs() < 1 << 56);
        small.then_some(Self { inverse, determinant: before })
    }
}

/// Loads packed into the bits of a number, one field for every row.
#[derive(Debug)]
pub(super) struct Fields {
    /// Place and width of each row.
    fields: Vec<(u32, u32)>,
    /// What makes every field non-negative.
    offset: u128,
    low: Vec<i128>,
}

impl Fields {
    pub(super) fn new<'r>(
        tried: impl Iterator<Item = (&'r Range, &'r Vec<Count>)>,
        rows: usize,
    ) -> Option<Self> {
        let (mut low, mut high) = (vec![0i128; rows], vec![0i128; rows]);
        for (range, choices) in tried {
            let counts = || choices.iter().map(|count| i128::from(count.more - range.first()));
            let (least, most) = (counts().min()?, counts().max()?);
            for (row, need) in range.column.iter().enumerate() {
                low[row] = low[row].checked_add(least.checked_mul(*need)?)?;
                high[row] = high[row].checked_add(most.checked_mul(*need)?)?;
            }
        }
        let mut place = 0;
        let mut fields = Vec::with_capacity(rows);
        for (low, high) in low.iter().zip(&high) {
            let width = 128 - (high - low).leading_zeros();
            fields.push((place, width));
            place += width;
            if width > 62 || place > 127 {
                return None;
            }
        }
        let offset = low.iter().zip(&fields).map(|(low, (place, _))| (-low as u128) << place).sum();
        Some(Self { fields, offset, low })
    }

    /// The number of a column so many times.
    pub(super) fn key(&self, column: &[i128], times: i128) -> u128 {
        let part = |(need, (place, _)): (&i128, &(u32, u32))| ((need * times) as u128) << place;
        column.iter().zip(&self.fields).map(part).fold(0, u128::wrapping_add)
    }

    /// What the loads in a key leave of the target.
    pub(super) fn rest(&self, key: u128, target: &[i128]) -> Vec<i128> {
        let packed = key.wrapping_add(self.offset);
        let load = |((place, width), low): (&(u32, u32), &i128)| {
            (packed >> place & ((1 << width) - 1)) as i128 + low
        };
        let loads = self.fields.iter().zip(&self.low).map(load);
        target.iter().zip(loads).map(|(target, load)| target - load).collect()
    }
}
