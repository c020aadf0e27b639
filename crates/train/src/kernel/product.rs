//! Products of a tall matrix and a small one.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{Rows, load, store};

/// Vectors side by side in a panel of the right matrix, at most.
const WIDEST: usize = 3;

/// Bytes of the widest vector of any processor, in numbers.
const LANES: usize = 16;

/// Row by row, for each of `samples`: what [`Finish`] makes of `sum over segments of left row x right`.
///
/// A row of the left matrix is made of `segments` pieces of `length` numbers each; where those of neighbouring rows
/// overlap, the product is a convolution. The right matrix is copied once, panel by panel, into `scratch`; the left one is
/// read where it lies.
pub(crate) struct Product<'a, A, B> {
    pub(crate) left: Side<'a, A>,
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
pub(crate) struct Side<'a, A> {
    pub(crate) values: &'a [f32],
    /// Where rows start, and from one sample to the next.
    pub(crate) at: A,
    pub(crate) stride: usize,
    /// Where the pieces of a row start, after the row does.
    pub(crate) segments: &'a [usize],
    /// Numbers in a piece.
    pub(crate) length: usize,
}

/// A small matrix: as many rows as the pieces of the left one's have numbers.
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

impl<A: Rows, B: Rows> WithSimd for Product<'_, A, B> {
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
                (1, _) => self.panel::<S, 8, 1>(simd, column),
                (3, true) => self.panel::<S, 8, WIDEST>(simd, column),
                (_, true) => self.panel::<S, 8, 2>(simd, column),
                (_, false) => self.panel::<S, 6, 2>(simd, column),
            }
            column += lanes * if vectors == 3 && many { WIDEST } else { vectors.min(2) };
        }
    }
}

impl<A: Rows, B: Rows> Product<'_, A, B> {
    /// The columns from `column` on, as many as fit `VECTORS`.
    #[inline(always)]
    fn panel<S: Simd, const HEIGHT: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        column: usize,
    ) {
        let width = VECTORS * S::F32_LANES;
        let depth = self.left.segments.len() * self.left.length;
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
struct Stretch<'a, A, B> {
    side: &'a Side<'a, A>,
    left: &'a [f32],
    to: B,
    columns: Range<usize>,
}

impl<A: Rows, B: Rows> Stretch<'_, A, B> {
    /// `HEIGHT` rows of the product: `first` and the products of their pieces. Loops count to constants, so that they are
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
        let parts = panel.chunks_exact(self.side.length * VECTORS);
        for (&segment, part) in self.side.segments.iter().zip(parts) {
            let mut rows = [&self.left[..0]; HEIGHT];
            for place in 0..HEIGHT {
                let start = self.side.at.start(row + place) + segment;
                rows[place] = &self.left[start..][..self.side.length];
            }
            for (place, right) in part.chunks_exact(VECTORS).enumerate() {
                for height in 0..HEIGHT {
                    let value = simd.splat_f32s(rows[height][place]);
                    for vector in 0..VECTORS {
                        let sum = &mut sums[height][vector];
                        *sum = simd.mul_add_e_f32s(value, right[vector], *sum);
                    }
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
