use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use crate::{Error, Standardiser, Tensor};

/// Elements that are looked at together by what reads a source from one end to the other.
const BLOCK: usize = 1 << 20;

/// Rows whose places in another source are looked up together.
const SELECTED: usize = 256;

/// The rows of an array, wherever they lie: in memory as a [`Tensor`], or in a file that need not fit there.
///
/// What reads data asks for some rows at a time: training for a batch, standardisation and prediction for one block
/// after the other. All values are finite; who makes a source of something that may hold others looks through it once.
///
/// ```
/// use handaxe_data::{Source, Tensor};
///
/// let array = Tensor::new(vec![3, 2], vec![1., 2., 3., 4., 5., 6.])?;
/// assert_eq!(array.gather(&[2, 0])?.values(), [5., 6., 1., 2.]);
/// # Ok::<(), handaxe_data::Error>(())
/// ```
pub trait Source: Debug + Send + Sync {
    /// Length of every axis, the first being the samples.
    fn shape(&self) -> &[usize];

    /// Writes the rows at `rows`, in that order, one after the other `into` as many times [`Source::row_len`] elements.
    /// Every row must be below the first axis.
    ///
    /// # Errors
    /// [`Error::Read`] when they cannot be read where they lie.
    fn gather_into(&self, rows: &[usize], into: &mut [f32]) -> Result<(), Error>;

    /// Whether the rows are at hand: then a changed copy may be made, where otherwise rows are changed when they are read.
    fn in_memory(&self) -> bool {
        false
    }

    /// Number of samples.
    fn rows(&self) -> usize {
        self.shape().first().copied().unwrap_or(0)
    }

    /// Number of elements of one sample.
    fn row_len(&self) -> usize {
        self.shape().iter().skip(1).product()
    }

    /// The rows at `rows` as an array, as [`Source::gather_into`] writes them.
    ///
    /// # Errors
    /// As [`Source::gather_into`].
    fn gather(&self, rows: &[usize]) -> Result<Tensor, Error> {
        let mut values = vec![0.0; rows.len() * self.row_len()];
        self.gather_into(rows, &mut values)?;
        Tensor::new(with_rows(self.shape(), rows.len()), values)
    }

    /// The rows of a range, which must lie within the first axis.
    ///
    /// # Errors
    /// As [`Source::gather_into`].
    fn block(&self, rows: Range<usize>) -> Result<Tensor, Error> {
        self.gather(&rows.collect::<Vec<_>>())
    }
}

impl Source for Tensor {
    fn shape(&self) -> &[usize] {
        Tensor::shape(self)
    }

    fn gather_into(&self, rows: &[usize], into: &mut [f32]) -> Result<(), Error> {
        let width = self.row_len();
        for (&row, into) in rows.iter().zip(into.chunks_exact_mut(width.max(1))) {
            into.copy_from_slice(&self.values()[row * width..(row + 1) * width]);
        }
        Ok(())
    }

    fn in_memory(&self) -> bool {
        true
    }
}

/// Some rows of another source, in an order of their own.
#[derive(Debug)]
pub(crate) struct Selected {
    source: Arc<dyn Source>,
    rows: Arc<[usize]>,
    shape: Vec<usize>,
}

impl Selected {
    /// The rows at `rows`, each of which must be in `source`.
    pub(crate) fn new(source: Arc<dyn Source>, rows: Arc<[usize]>) -> Self {
        let shape = with_rows(source.shape(), rows.len());
        Self { source, rows, shape }
    }
}

impl Source for Selected {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn gather_into(&self, rows: &[usize], into: &mut [f32]) -> Result<(), Error> {
        let width = self.row_len().max(1);
        let mut selected = [0; SELECTED];
        for (rows, into) in rows.chunks(SELECTED).zip(into.chunks_mut(SELECTED * width)) {
            let selected = &mut selected[..rows.len()];
            selected.iter_mut().zip(rows).for_each(|(selected, &row)| *selected = self.rows[row]);
            self.source.gather_into(selected, into)?;
        }
        Ok(())
    }

    fn in_memory(&self) -> bool {
        self.source.in_memory()
    }
}

/// Another source's rows, standardised as they are read.
#[derive(Debug)]
struct Standardised {
    source: Arc<dyn Source>,
    by: Standardiser,
}

impl Source for Standardised {
    fn shape(&self) -> &[usize] {
        self.source.shape()
    }

    fn gather_into(&self, rows: &[usize], into: &mut [f32]) -> Result<(), Error> {
        self.source.gather_into(rows, into)?;
        self.by.standardise(into);
        Ok(())
    }
}

/// `source` standardised: at once where its rows are at hand, otherwise whenever they are read.
pub(crate) fn standardised(
    source: &Arc<dyn Source>,
    by: &Standardiser,
) -> Result<Arc<dyn Source>, Error> {
    by.check(source.shape())?;
    if source.in_memory() {
        return Ok(Arc::new(by.apply(source.block(0..source.rows())?)?));
    }
    Ok(Arc::new(Standardised { source: source.clone(), by: by.clone() }))
}

/// `visit` sees all of `source`, block by block in the order of the rows.
pub(crate) fn for_each_block(
    source: &dyn Source,
    mut visit: impl FnMut(&Tensor),
) -> Result<(), Error> {
    for rows in ranges(source.rows(), source.row_len()) {
        visit(&source.block(rows)?);
    }
    Ok(())
}

/// The ranges that `rows` of `row_len` elements each are read in.
pub(crate) fn ranges(rows: usize, row_len: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (BLOCK / row_len.max(1)).max(1);
    (0..rows).step_by(step).map(move |first| first..(first + step).min(rows))
}

fn with_rows(shape: &[usize], rows: usize) -> Vec<usize> {
    let mut shape = shape.to_vec();
    shape[0] = rows;
    shape
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A source that is not at hand.
    #[derive(Debug)]
    pub(crate) struct Far(pub(crate) Tensor);

    impl Source for Far {
        fn shape(&self) -> &[usize] {
            Tensor::shape(&self.0)
        }

        fn gather_into(&self, rows: &[usize], into: &mut [f32]) -> Result<(), Error> {
            self.0.gather_into(rows, into)
        }
    }

    proptest! {
        /// Where rows lie and how often they are chosen from changes no bit of them.
        #[test]
        fn near_and_far_are_the_same(
            values in prop::collection::vec(-1e3f32..1e3, 12..120),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 1..20),
        ) {
            let rows = values.len() / 3;
            let near = Tensor::new(vec![rows, 3], values[..rows * 3].to_vec()).unwrap();
            let by = Standardiser::fit(&near).unwrap();
            prop_assert_eq!(&by, &Standardiser::fit(&Far(near.clone())).unwrap());
            let picks: Arc<[usize]> = picks.iter().map(|pick| pick.index(rows)).collect();
            let answers = [Arc::new(near.clone()) as Arc<dyn Source>, Arc::new(Far(near))].map(|source| {
                let part: Arc<dyn Source> = Arc::new(Selected::new(source, picks.clone()));
                let part = standardised(&part, &by).unwrap();
                part.block(0..picks.len()).unwrap()
            });
            prop_assert_eq!(&answers[0], &answers[1]);
        }
    }

    #[test]
    fn blocks_cover_all_rows_once() {
        for (rows, width) in [(0, 4), (1, 1 << 20), (300_000, 1), (1000, 784)] {
            let all: Vec<usize> = ranges(rows, width).flatten().collect();
            assert_eq!(all, (0..rows).collect::<Vec<_>>());
            assert!(ranges(rows, width).all(|block| block.len() * width <= BLOCK.max(width)));
        }
    }
}
