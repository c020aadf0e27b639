//! Products of a tall matrix and a small one.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Every, Rows, load, store};

/// Vectors side by side in a panel of the right matrix, at most.
const WIDEST: usize = 3;

/// Rows side by side, at most.
pub(crate) const HEIGHT: usize = 8;

/// Bytes of the widest vector of any processor, in numbers.
const LANES: usize = 16;

/// Row by row, for each of `samples`: what [`Finish`] makes of `left row x right`.
///
/// The numbers of a left row lie where its taps say; where those of neighbouring rows overlap, the product is a
/// convolution. The right matrix is copied once, panel by panel, into `scratch`; the left one is read where it lies.
pub(crate) struct Product<'a, A, T, B> {
    pub(crate) left: Side<'a, A, T>,
    pub(crate) right: Right<'a>,
    pub(crate) into: &'a mut [f32],
    /// Where rows of the product start, and from one sample to the next.
    pub(crate) to: B,
    pub(crate) stride: usize,
    pub(crate) samples: usize,
    /// Rows a sample.
    pub(crate) rows: usize,
    pub(crate) finish: Finish<'a>,
    /// At least [`scratch`] numbers.
    pub(crate) scratch: &'a mut [f32],
}

/// A tall matrix.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a, A, T> {
    pub(crate) values: &'a [f32],
    /// Where rows start, and from one sample to the next.
    pub(crate) at: A,
    pub(crate) stride: usize,
    /// Where the numbers of a row lie, after its start.
    pub(crate) taps: T,
    /// Numbers in a row.
    pub(crate) length: usize,
    /// How far from its start a row reaches.
    pub(crate) reach: usize,
}

impl<'a> Side<'a, Every, Every> {
    /// Rows of so many numbers, one after the other.
    pub(crate) fn rows(values: &'a [f32], length: usize, stride: usize) -> Self {
        Self { values, at: Every(length), stride, taps: Every(1), length, reach: length }
    }
}

/// A small matrix: as many rows as the left one's have numbers.
#[derive(Clone, Copy)]
pub(crate) struct Right<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) columns: usize,
    /// Whether it is stored column by column.
    pub(crate) turned: bool,
}

/// What becomes of a row of the product.
#[derive(Clone, Copy)]
pub(crate) enum Finish<'a> {
    /// Written, with this added and what is not above 0 cut off if asked; NaN stays.
    Write { bias: Option<&'a [f32]>, relu: bool },
    /// Added to what is there, row after row, so that rows may overlap.
    Add,
}

/// Numbers of scratch for a right matrix of such a shape.
pub(crate) fn scratch(rows: usize, columns: usize) -> usize {
    rows * columns.next_multiple_of(LANES)
}

impl<A: Rows, T: Rows, B: Rows> WithSimd for Product<'_, A, T, B> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let lanes = S::F32_LANES;
        let many = S::REGISTER_COUNT >= 32;
        let mut column = 0;
        while column < self.right.columns {
            let vectors = (self.right.columns - column).div_ceil(lanes);
            // Accumulators, a panel's row and one number of the left matrix must fit the registers.
            match (vectors, many) {
                (1, _) => self.panel::<S, HEIGHT, 1>(simd, column),
                (3, true) => self.panel::<S, HEIGHT, WIDEST>(simd, column),
                (_, true) => self.panel::<S, HEIGHT, 2>(simd, column),
                (_, false) => self.panel::<S, 6, 2>(simd, column),
            }
            column += lanes * if vectors == 3 && many { WIDEST } else { vectors.min(2) };
        }
    }
}

impl<A: Rows, T: Rows, B: Rows> Product<'_, A, T, B> {
    /// The columns from `column` on, as many as fit `VECTORS`.
    #[inline(always)]
    fn panel<S: Simd, const HEIGHT: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        column: usize,
    ) {
        let width = VECTORS * S::F32_LANES;
        let depth = self.left.length;
        let scratch = &mut self.scratch[..depth * width];
        self.right.pack(depth, column, width, scratch);
        let panel = S::as_simd_f32s(scratch).0;
        let mut first = [simd.splat_f32s(0.0); VECTORS];
        if let Finish::Write { bias: Some(bias), .. } = self.finish {
            let parts = bias[column..].chunks(S::F32_LANES);
            first.iter_mut().zip(parts).for_each(|(first, part)| {
                *first = simd.partial_load_f32s(part);
            });
        }
        let columns = column..self.right.columns.min(column + width);
        for sample in 0..self.samples {
            let left = &self.left.values[sample * self.left.stride..];
            let into = &mut self.into[sample * self.stride..];
            let rows = Stretch { side: &self.left, left, to: self.to, columns: columns.clone() };
            let finish = self.finish;
            let mut row = 0;
            while row + HEIGHT <= self.rows {
                rows.tile::<S, HEIGHT, VECTORS>(simd, row, panel, first, finish, into);
                row += HEIGHT;
            }
            for row in row..self.rows {
                rows.tile::<S, 1, VECTORS>(simd, row, panel, first, finish, into);
            }
        }
    }
}

impl Right<'_> {
    /// Lays out `width` columns from `column` on, row after row, zeros beyond the last.
    #[inline(always)]
    fn pack(&self, rows: usize, column: usize, width: usize, panel: &mut [f32]) {
        let there = width.min(self.columns - column);
        if self.turned {
            panel.fill(0.0);
            for (place, values) in
                self.values.chunks_exact(rows.max(1)).skip(column).take(there).enumerate()
            {
                let to = panel[place..].iter_mut().step_by(width);
                to.zip(values).for_each(|(to, value)| *to = *value);
            }
            return;
        }
        let rows = self.values.chunks_exact(self.columns).zip(panel.chunks_exact_mut(width));
        for (row, to) in rows {
            to[..there].copy_from_slice(&row[column..column + there]);
            to[there..].fill(0.0);
        }
    }
}

/// The rows of one sample, and the columns of the present panel.
struct Stretch<'a, A, T, B> {
    side: &'a Side<'a, A, T>,
    left: &'a [f32],
    to: B,
    columns: Range<usize>,
}

impl<A: Rows, T: Rows, B: Rows> Stretch<'_, A, T, B> {
    /// `HEIGHT` rows of the product, on top of `first`. Loops count to constants, so that they are
    /// unrolled and all sums stay in registers.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "see above")]
    fn tile<S: Simd, const HEIGHT: usize, const VECTORS: usize>(
        &self,
        simd: S,
        row: usize,
        panel: &[S::f32s],
        first: [S::f32s; VECTORS],
        finish: Finish<'_>,
        into: &mut [f32],
    ) {
        let mut sums = [first; HEIGHT];
        let mut rows = [&self.left[..0]; HEIGHT];
        for height in 0..HEIGHT {
            rows[height] = &self.left[self.side.at.start(row + height)..][..self.side.reach];
        }
        for (number, right) in panel.chunks_exact(VECTORS).enumerate() {
            let tap = self.side.taps.start(number);
            for height in 0..HEIGHT {
                let value = simd.splat_f32s(rows[height][tap]);
                for vector in 0..VECTORS {
                    let sum = &mut sums[height][vector];
                    *sum = simd.mul_add_e_f32s(value, right[vector], *sum);
                }
            }
        }
        for height in 0..HEIGHT {
            let start = self.to.start(row + height);
            let into = &mut into[start + self.columns.start..start + self.columns.end];
            for vector in 0..VECTORS {
                let end = into.len().min((vector + 1) * S::F32_LANES);
                let into = &mut into[vector * S::F32_LANES..end];
                write(simd, finish, sums[height][vector], into);
            }
        }
    }
}

#[inline(always)]
fn write<S: Simd>(simd: S, finish: Finish<'_>, sum: S::f32s, into: &mut [f32]) {
    let zero = simd.splat_f32s(0.0);
    let value = match finish {
        Finish::Write { relu: true, .. } => {
            simd.select_f32s(simd.less_than_or_equal_f32s(sum, zero), zero, sum)
        }
        Finish::Write { relu: false, .. } => sum,
        Finish::Add => simd.add_f32s(load(simd, into), sum),
    };
    store(simd, into, value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::outer::Outer;
    use crate::kernel::tests::{every_processor, noise};

    /// Rows of `length` numbers at `step`, so that they overlap or leave gaps, in single numbers.
    fn row(values: &[f32], start: usize, taps: &[usize], number: usize) -> f64 {
        f64::from(values[start + taps[number]])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// On every processor there is: written with bias and cut off, and added to rows that overlap. Sums of at most 40
        /// products of numbers below 1, to 1e-5.
        #[test]
        fn is_the_product_by_definition(
            samples in 1usize..3, rows in 1usize..40, length in 1usize..40, columns in 1usize..70, step in 1usize..5,
            turned: bool, relu: bool,
        ) {
            let taps: Vec<usize> = (0..length).map(|number| number + number / 3).collect();
            let starts: Vec<usize> = (0..rows).map(|row| row * step).collect();
            let reach = taps[length - 1] + 1;
            let stride = rows * step + reach;
            let values = noise(samples * stride);
            let (kernel, bias) = (noise(length * columns), noise(columns));
            let left = Side { values: &values, at: &starts[..], stride, taps: &taps[..], length, reach };
            let right = Right { values: &kernel, columns, turned };
            let product = |sample: usize, place: usize, column: usize| -> f64 {
                let terms = (0..length).map(|number| {
                    let at = if turned { column * length + number } else { number * columns + column };
                    row(&values, sample * stride + starts[place], &taps, number) * f64::from(kernel[at])
                });
                terms.sum()
            };
            for arch in every_processor() {
                let mut scratch = vec![7.0; scratch(length, columns)];
                let mut into = vec![f32::NAN; samples * rows * columns];
                let finish = Finish::Write { bias: Some(&bias), relu };
                arch.dispatch(Product {
                    left, right, into: &mut into, to: Every(columns), stride: rows * columns, samples, rows, finish,
                    scratch: &mut scratch,
                });
                for (index, got) in into.iter().enumerate() {
                    let (sample, place) = (index / columns / rows, index / columns % rows);
                    let sum = product(sample, place, index % columns) + f64::from(bias[index % columns]);
                    let expected = if relu { sum.max(0.0) } else { sum };
                    prop_assert!((f64::from(*got) - expected).abs() < 1e-5);
                }

                let length = (rows - 1) * step + columns;
                let mut into = vec![0.5; samples * length];
                arch.dispatch(Product {
                    left, right, into: &mut into, to: &starts[..], stride: length, samples, rows, finish: Finish::Add,
                    scratch: &mut scratch,
                });
                let mut expected = vec![0.5; samples * length];
                for (index, sum) in (0..samples * rows * columns).map(|index| {
                    let (sample, place) = (index / columns / rows, index / columns % rows);
                    (sample * length + starts[place] + index % columns, product(sample, place, index % columns))
                }) {
                    expected[index] += sum;
                }
                for (got, expected) in into.iter().zip(&expected) {
                    prop_assert!((f64::from(*got) - expected).abs() < 1e-4);
                }
            }
        }

        /// Sums of at most 400 products of numbers below 1, to 1e-4, on every processor there is.
        #[test]
        fn outer_is_the_product_by_definition(
            samples in 1usize..3, rows in 1usize..200, length in 1usize..40, columns in 1usize..70, step in 1usize..5,
        ) {
            let taps: Vec<usize> = (0..length).map(|number| number + number / 3).collect();
            let starts: Vec<usize> = (0..rows).map(|row| row * step).collect();
            let reach = taps[length - 1] + 1;
            let stride = rows * step + reach;
            let (values, right) = (noise(samples * stride), noise(samples * rows * columns));
            let left = Side { values: &values, at: &starts[..], stride, taps: &taps[..], length, reach };
            for arch in every_processor() {
                let mut into = vec![0.5; length * columns];
                arch.dispatch(Outer { left, right: &right, columns, rows, samples, into: &mut into });
                for (index, got) in into.iter().enumerate() {
                    let terms = (0..samples * rows).map(|place| {
                        let start = place / rows * stride + starts[place % rows];
                        row(&values, start, &taps, index / columns) * f64::from(right[place * columns + index % columns])
                    });
                    prop_assert!((f64::from(*got) - terms.sum::<f64>() - 0.5).abs() < 1e-4);
                }
            }
        }
    }

    /// Whatever is not above 0 is cut off, but what is no number.
    #[test]
    fn a_nan_passes_through() {
        for arch in every_processor() {
            let (mut into, mut scratch) = ([0.0; 3], [0.0; 16]);
            arch.dispatch(Product {
                left: Side::rows(&[f32::NAN, -1.0, 1.0], 1, 0),
                right: Right { values: &[2.0], columns: 1, turned: false },
                into: &mut into,
                to: Every(1),
                stride: 0,
                samples: 1,
                rows: 3,
                finish: Finish::Write { bias: None, relu: true },
                scratch: &mut scratch,
            });
            assert!(into[0].is_nan());
            assert_eq!(into[1..], [0.0, 2.0]);
        }
    }
}
