//! Matrices side by side in one.

/// The columns of a matrix that one of those in it has.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    first: usize,
    width: usize,
    whole: usize,
}

/// The columns of matrices of these widths.
pub(crate) fn columns(
    widths: impl Iterator<Item = usize> + Clone,
) -> impl Iterator<Item = Columns> {
    let whole = widths.clone().sum();
    widths.scan(0, move |first, width| {
        let columns = Columns { first: *first, width, whole };
        *first += width;
        Some(columns)
    })
}

impl Columns {
    /// Writes all of a matrix to its columns.
    pub(crate) fn put(self, part: &[f32], whole: &mut [f32]) {
        if self.width == self.whole {
            return whole.copy_from_slice(part);
        }
        let rows = whole.chunks_exact_mut(self.whole.max(1));
        for (row, part) in rows.zip(part.chunks_exact(self.width.max(1))) {
            row[self.first..self.first + self.width].copy_from_slice(part);
        }
    }

    /// The reverse: copies the columns of a matrix.
    pub(crate) fn get(self, whole: &[f32], part: &mut [f32]) {
        if self.width == self.whole {
            return part.copy_from_slice(whole);
        }
        let rows = whole.chunks_exact(self.whole.max(1));
        for (row, part) in rows.zip(part.chunks_exact_mut(self.width.max(1))) {
            part.copy_from_slice(&row[self.first..self.first + self.width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::tests::noise;

    proptest! {
        /// Each element stands where row and column say, and comes back from there.
        #[test]
        fn there_and_back(rows in 0usize..5, widths in prop::collection::vec(0usize..4, 1..4)) {
            let width: usize = widths.iter().sum();
            let mut whole = vec![f32::NAN; rows * width];
            for (number, at) in columns(widths.iter().copied()).enumerate() {
                let part: Vec<f32> = noise(rows * at.width).iter().map(|v| v + number as f32).collect();
                at.put(&part, &mut whole);
                for (row, part) in part.chunks_exact(at.width.max(1)).enumerate() {
                    prop_assert_eq!(&whole[row * width + at.first..][..at.width], part);
                }
                let mut back = vec![f32::NAN; part.len()];
                at.get(&whole, &mut back);
                prop_assert_eq!(back, part);
            }
            prop_assert!(whole.iter().all(|value| value.is_finite()));
        }
    }
}
