//! Products of a tall matrix, turned over, and another: the gradient by a kernel.

use pulp::{Simd, WithSimd};

use super::product::Side;
use super::{Rows, load, store};

/// Rows that are gone through together: theirs of both matrices stay in the first-level cache.
const TOGETHER: usize = 128;

/// `into += sum over rows of left row (as a column) x right row`, for all samples; `into` has a row for each number of
/// a left row and `columns` columns.
pub(crate) struct Outer<'a, A> {
    pub(crate) left: Side<'a, A>,
    /// Row after row, `rows` for each sample.
    pub(crate) right: &'a [f32],
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) samples: usize,
    pub(crate) into: &'a mut [f32],
}

impl<A: Rows> WithSimd for Outer<'_, A> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        for sample in 0..self.samples {
            let mut row = 0;
            while row < self.rows {
                let end = self.rows.min(row + TOGETHER);
                self.stretch(simd, sample, row, end);
                row = end;
            }
        }
    }
}

impl<A: Rows> Outer<'_, A> {
    /// The terms of some rows of one sample.
    #[inline(always)]
    fn stretch<S: Simd>(&mut self, simd: S, sample: usize, row: usize, end: usize) {
        let many = S::REGISTER_COUNT >= 32;
        let length = self.left.length;
        let mut column = 0;
        while column < self.columns {
            let vectors = (self.columns - column).div_ceil(S::F32_LANES).min(2);
            let width = (vectors * S::F32_LANES).min(self.columns - column);
            for segment in 0..self.left.segments.len() {
                let at = Place { sample, row, end, segment, column, width };
                let mut number = 0;
                while number < length {
                    let at = (at, number);
                    number += match (length - number, vectors, many) {
                        (12.., 1, true) => self.tile::<S, 12, 1>(simd, at),
                        (8.., 1, _) => self.tile::<S, 8, 1>(simd, at),
                        (4.., 1, _) => self.tile::<S, 4, 1>(simd, at),
                        (_, 1, _) => self.tile::<S, 1, 1>(simd, at),
                        (8.., _, true) => self.tile::<S, 8, 2>(simd, at),
                        (4.., ..) => self.tile::<S, 4, 2>(simd, at),
                        _ => self.tile::<S, 1, 2>(simd, at),
                    };
                }
            }
            column += width;
        }
    }

    /// Some numbers of the left rows from `number` on; how many. Loops count to constants, so that they are unrolled and
    /// all sums stay in registers.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "see above")]
    fn tile<S: Simd, const HEIGHT: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        (at, number): (Place, usize),
    ) -> usize {
        let left = &self.left.values[at.sample * self.left.stride..];
        let right = &self.right[at.sample * self.rows * self.columns..];
        let right = &right[at.row * self.columns..at.end * self.columns];
        let from = self.left.segments[at.segment] + number;
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; HEIGHT];
        let whole = at.width == VECTORS * S::F32_LANES;
        for (row, right) in right.chunks_exact(self.columns).enumerate() {
            let values = &left[self.left.at.start(at.row + row) + from..][..HEIGHT];
            let right = &right[at.column..][..at.width];
            let mut vectors = [simd.splat_f32s(0.0); VECTORS];
            for vector in 0..VECTORS {
                let first = vector * S::F32_LANES;
                vectors[vector] = match whole {
                    true => load(simd, &right[first..][..S::F32_LANES]),
                    false => {
                        simd.partial_load_f32s(&right[first..at.width.min(first + S::F32_LANES)])
                    }
                };
            }
            for height in 0..HEIGHT {
                let value = simd.splat_f32s(values[height]);
                for vector in 0..VECTORS {
                    let sum = &mut sums[height][vector];
                    *sum = simd.mul_add_e_f32s(value, vectors[vector], *sum);
                }
            }
        }
        let first = at.segment * self.left.length + number;
        for height in 0..HEIGHT {
            let start = (first + height) * self.columns + at.column;
            for vector in 0..VECTORS {
                let from = vector * S::F32_LANES;
                let into = &mut self.into[start + from..start + at.width.min(from + S::F32_LANES)];
                store(simd, into, simd.add_f32s(load(simd, into), sums[height][vector]));
            }
        }
        HEIGHT
    }
}

/// What a tile looks at.
#[derive(Clone, Copy)]
struct Place {
    sample: usize,
    /// The first row of the sample, and that after the last.
    row: usize,
    end: usize,
    segment: usize,
    /// The first column, and how many.
    column: usize,
    width: usize,
}
