//! Products of a tall matrix, turned over, and another: the gradient by a kernel.

use pulp::{Simd, WithSimd};

use super::product::Side;
use super::{Rows, load, store};

/// Rows that are gone through together: theirs of both matrices stay in the first-level cache.
const TOGETHER: usize = 128;

/// `into += sum over rows of left row (as a column) x right row`, for all samples; `into` has a row for each number of
/// a left row and `columns` columns.
pub(crate) struct Outer<'a, A, T> {
    pub(crate) left: Side<'a, A, T>,
    /// Row after row, `rows` for each sample.
    pub(crate) right: &'a [f32],
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) samples: usize,
    pub(crate) into: &'a mut [f32],
}

impl<A: Rows, T: Rows> WithSimd for Outer<'_, A, T> {
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

impl<A: Rows, T: Rows> Outer<'_, A, T> {
    /// The terms of some rows of one sample.
    #[inline(always)]
    fn stretch<S: Simd>(&mut self, simd: S, sample: usize, row: usize, end: usize) {
        let tallest = if S::REGISTER_COUNT >= 32 { [12, 8] } else { [12, 6] };
        let numbers = self.left.length;
        let mut column = 0;
        while column < self.columns {
            let vectors = (self.columns - column).div_ceil(S::F32_LANES).min(2);
            let width = (vectors * S::F32_LANES).min(self.columns - column);
            let at = Place { sample, row, end, column, width };
            let mut number = 0;
            while number < numbers {
                // Tiles of about one height: a low one waits for its sums.
                let tiles = (numbers - number).div_ceil(tallest[vectors - 1]);
                let height = (numbers - number).div_ceil(tiles);
                let at = (at, number);
                match (vectors, height) {
                    (1, 12) => self.tile::<S, 12, 1>(simd, at),
                    (1, 11) => self.tile::<S, 11, 1>(simd, at),
                    (1, 10) => self.tile::<S, 10, 1>(simd, at),
                    (1, 9) => self.tile::<S, 9, 1>(simd, at),
                    (1, 8) => self.tile::<S, 8, 1>(simd, at),
                    (1, 7) => self.tile::<S, 7, 1>(simd, at),
                    (1, 6) => self.tile::<S, 6, 1>(simd, at),
                    (1, 5) => self.tile::<S, 5, 1>(simd, at),
                    (1, 4) => self.tile::<S, 4, 1>(simd, at),
                    (1, 3) => self.tile::<S, 3, 1>(simd, at),
                    (1, 2) => self.tile::<S, 2, 1>(simd, at),
                    (1, _) => self.tile::<S, 1, 1>(simd, at),
                    (_, 8) => self.tile::<S, 8, 2>(simd, at),
                    (_, 7) => self.tile::<S, 7, 2>(simd, at),
                    (_, 6) => self.tile::<S, 6, 2>(simd, at),
                    (_, 5) => self.tile::<S, 5, 2>(simd, at),
                    (_, 4) => self.tile::<S, 4, 2>(simd, at),
                    (_, 3) => self.tile::<S, 3, 2>(simd, at),
                    (_, 2) => self.tile::<S, 2, 2>(simd, at),
                    (..) => self.tile::<S, 1, 2>(simd, at),
                }
                number += height;
            }
            column += width;
        }
    }

    /// `HEIGHT` numbers of the left rows from `number` on. Loops count to constants, so that they are unrolled and
    /// all sums stay in registers.
    #[inline(always)]
    #[expect(clippy::needless_range_loop, reason = "see above")]
    fn tile<S: Simd, const HEIGHT: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        (at, number): (Place, usize),
    ) {
        let left = &self.left.values[at.sample * self.left.stride..];
        let right = &self.right[at.sample * self.rows * self.columns..];
        let right = &right[at.row * self.columns..at.end * self.columns];
        let mut places = [0; HEIGHT];
        for (height, place) in places.iter_mut().enumerate() {
            *place = self.left.taps.start(number + height);
        }
        let furthest = places.iter().max().map_or(0, |place| place + 1);
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; HEIGHT];
        let whole = at.width == VECTORS * S::F32_LANES;
        for (row, right) in right.chunks_exact(self.columns).enumerate() {
            let values = &left[self.left.at.start(at.row + row)..][..furthest];
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
                let value = simd.splat_f32s(values[places[height]]);
                for vector in 0..VECTORS {
                    let sum = &mut sums[height][vector];
                    *sum = simd.mul_add_e_f32s(value, vectors[vector], *sum);
                }
            }
        }
        for height in 0..HEIGHT {
            let start = (number + height) * self.columns + at.column;
            for vector in 0..VECTORS {
                let from = vector * S::F32_LANES;
                let into = &mut self.into[start + from..start + at.width.min(from + S::F32_LANES)];
                store(simd, into, simd.add_f32s(load(simd, into), sums[height][vector]));
            }
        }
    }
}

/// What a tile looks at.
#[derive(Clone, Copy)]
struct Place {
    sample: usize,
    /// The first row of the sample, and that after the last.
    row: usize,
    end: usize,
    /// The first column, and how many.
    column: usize,
    width: usize,
}
