//! Loops over matrices with few columns, which are cut at a multiple of the columns that vectors divide: so no vector is
//! left half empty, however few columns there are.

use super::chunks::{self, PASS};
use super::elements::add;
use super::run_loops;
use super::workspace::Workspace;

/// Numbers of the widest vector.
const LANES: usize = 16;

/// Elements of a cut, at least: each sum waits for the one before, several can wait at once.
const CUT: usize = 64;

/// Elements that one thread looks at together.
const TOGETHER: usize = 1 << 16;

/// A row for each column, repeated to the length of a cut.
pub(crate) fn repeated(row: &[f32], memory: &Workspace) -> Vec<f32> {
    let mut values = memory.take(cut(row.len()));
    values.chunks_exact_mut(row.len().max(1)).for_each(|values| values.copy_from_slice(row));
    values
}

/// The least multiple of `columns` that vectors divide, as often as it takes.
fn cut(columns: usize) -> usize {
    let mut common = columns;
    while !common.is_multiple_of(LANES) {
        common += columns;
    }
    common.max(1) * CUT.div_ceil(common.max(1))
}

/// Adds up what was summed cut by cut.
fn fold(sums: &[f32], row: &mut [f32]) {
    row.fill(0.0);
    for part in sums.chunks_exact(row.len().max(1)) {
        row.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
}

/// Elements of a piece of a matrix for one thread.
fn piece(columns: usize) -> usize {
    let cut = cut(columns);
    cut * (TOGETHER / cut).max(1)
}

/// The sum of all rows of `columns` elements.
pub(crate) fn sum_rows(matrix: &[f32], columns: usize, memory: &Workspace) -> Vec<f32> {
    let size = piece(columns);
    let mut parts = memory.take(matrix.len().div_ceil(size) * columns);
    let pieces = matrix.chunks(size).zip(parts.chunks_exact_mut(columns.max(1)));
    chunks::for_each(PASS * matrix.len(), pieces, |(piece, part): (&[f32], &mut [f32])| {
        sum_piece(piece, part, memory);
    });
    let mut sums = memory.take(columns);
    fold(&parts, &mut sums);
    memory.give(parts);
    sums
}

/// The same for one thread.
fn sum_piece(matrix: &[f32], into: &mut [f32], memory: &Workspace) {
    let cut = cut(into.len());
    let mut sums = memory.zeros(cut);
    run_loops!({
        let mut blocks = matrix.chunks_exact(4 * cut);
        for block in &mut blocks {
            let (first, rest) = block.split_at(cut);
            let (second, rest) = rest.split_at(cut);
            let (third, fourth) = rest.split_at(cut);
            let rows = first.iter().zip(second).zip(third).zip(fourth);
            for (sum, (((a, b), c), d)) in sums.iter_mut().zip(rows) {
                *sum += (a + b) + (c + d);
            }
        }
        for part in blocks.remainder().chunks(cut) {
            sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
    });
    fold(&sums, into);
    memory.give(sums);
}

/// Mean and population variance of each column. Pieces have theirs in two passes, so that a large mean costs no digits,
/// and are put together as Chan, Golub and LeVeque (1979) say.
pub(crate) fn moments(matrix: &[f32], columns: usize, memory: &Workspace) -> (Vec<f32>, Vec<f32>) {
    let size = piece(columns);
    let mut parts = memory.take(2 * columns * matrix.len().div_ceil(size));
    let pieces = matrix.chunks(size).zip(parts.chunks_exact_mut((2 * columns).max(1)));
    chunks::for_each(2 * PASS * matrix.len(), pieces, |(piece, part): (&[f32], &mut [f32])| {
        let (mean, squares) = part.split_at_mut(columns);
        measure_piece(piece, mean, squares, memory);
    });
    let rows = |piece: &[f32]| piece.len() as f64 / columns as f64;
    let count = rows(matrix);
    let (mut means, mut variances) = (memory.take(columns), memory.take(columns));
    for (column, (mean, variance)) in means.iter_mut().zip(&mut variances).enumerate() {
        let pieces = || matrix.chunks(size).zip(parts.chunks_exact(2 * columns));
        let sum: f64 = pieces().map(|(piece, part)| rows(piece) * f64::from(part[column])).sum();
        let whole = sum / count;
        let squares = pieces().map(|(piece, part)| {
            let (of_piece, squares) = (f64::from(part[column]), part[columns + column]);
            f64::from(squares) + rows(piece) * (of_piece - whole).powi(2)
        });
        (*mean, *variance) = (whole as f32, (squares.sum::<f64>() / count) as f32);
    }
    memory.give(parts);
    (means, variances)
}

/// The mean of each column, and the sum of the squares of what differs from it.
fn measure_piece(matrix: &[f32], mean: &mut [f32], squares: &mut [f32], memory: &Workspace) {
    sum_piece(matrix, mean, memory);
    let share = mean.len() as f32 / matrix.len() as f32;
    mean.iter_mut().for_each(|mean| *mean *= share);
    let means = repeated(mean, memory);
    let mut sums = memory.zeros(means.len());
    run_loops!({
        for part in matrix.chunks(means.len()) {
            for ((sum, value), mean) in sums.iter_mut().zip(part).zip(&means) {
                *sum += (value - mean) * (value - mean);
            }
        }
    });
    fold(&sums, squares);
    memory.give(means);
    memory.give(sums);
}

/// `to = (x - mean) * scale + shift`, and what is not above 0 cut off if asked; NaN stays.
pub(crate) fn normalise(
    x: &[f32],
    by: [&[f32]; 3],
    relu: bool,
    to: &mut [f32],
    memory: &Workspace,
) {
    let size = piece(by[0].len());
    let by = by.map(|row| repeated(row, memory));
    let [means, scales, shifts] = &by;
    let pieces = x.chunks(size).zip(to.chunks_mut(size));
    chunks::for_each(PASS * x.len(), pieces, |(x, to): (&[f32], &mut [f32])| {
        run_loops!({
            for (x, to) in x.chunks(means.len()).zip(to.chunks_mut(means.len())) {
                let columns = means.iter().zip(scales).zip(shifts);
                for ((x, to), ((mean, scale), shift)) in x.iter().zip(to).zip(columns) {
                    let value = (x - mean) * scale + shift;
                    *to = if relu && value <= 0.0 { 0.0 } else { value };
                }
            }
        });
    });
    by.into_iter().for_each(|row| memory.give(row));
}

/// The gradient by an output; where the output was cut off at 0 there is none.
#[derive(Clone, Copy)]
pub(crate) struct Gated<'a> {
    pub(crate) slopes: &'a [f32],
    /// The output, or the slopes again where nothing was cut off.
    pub(crate) output: &'a [f32],
    pub(crate) cut: bool,
}

impl<'a> Gated<'a> {
    /// The same in pieces of so many elements.
    fn pieces(self, size: usize) -> impl ExactSizeIterator<Item = Gated<'a>> {
        let pieces = self.slopes.chunks(size).zip(self.output.chunks(size));
        pieces.map(move |(slopes, output)| Gated { slopes, output, cut: self.cut })
    }

    #[inline(always)]
    fn iter(self) -> impl Iterator<Item = f32> + 'a {
        let pairs = self.slopes.iter().zip(self.output);
        pairs.map(move |(slope, output)| if !self.cut || *output > 0.0 { *slope } else { 0.0 })
    }
}

/// The sum of `slopes`, and that of `slopes * (x - mean)`, column by column.
pub(crate) fn slope_sums(
    x: &[f32],
    slopes: Gated<'_>,
    mean: &[f32],
    memory: &Workspace,
) -> (Vec<f32>, Vec<f32>) {
    let (columns, size) = (mean.len(), piece(mean.len()));
    let means = repeated(mean, memory);
    let mut parts = memory.take(2 * columns * x.len().div_ceil(size));
    let pieces = parts.chunks_exact_mut((2 * columns).max(1));
    chunks::for_each(
        PASS * x.len(),
        x.chunks(size).zip(slopes.pieces(size)).zip(pieces),
        |((x, slopes), part): ((&[f32], Gated<'_>), &mut [f32])| {
            let mut sums = [memory.zeros(means.len()), memory.zeros(means.len())];
            let [plain, products] = &mut sums;
            run_loops!({
                for (x, slopes) in x.chunks(means.len()).zip(slopes.pieces(means.len())) {
                    let sums = plain.iter_mut().zip(&mut *products);
                    for (((plain, product), mean), (x, slope)) in
                        sums.zip(&means).zip(x.iter().zip(slopes.iter()))
                    {
                        *plain += slope;
                        *product += slope * (x - mean);
                    }
                }
            });
            for (sums, part) in sums.into_iter().zip(part.chunks_exact_mut(columns)) {
                fold(&sums, part);
                memory.give(sums);
            }
        },
    );
    let (mut plain, mut products) = (memory.zeros(columns), memory.zeros(columns));
    for part in parts.chunks_exact((2 * columns).max(1)) {
        add(&mut plain, &part[..columns]);
        add(&mut products, &part[columns..]);
    }
    memory.give(parts);
    memory.give(means);
    (plain, products)
}

/// `to = slopes * scale - (x - mean) * bend - shift`
pub(crate) fn slopes_back(
    x: &[f32],
    slopes: Gated<'_>,
    by: [&[f32]; 4],
    to: &mut [f32],
    memory: &Workspace,
) {
    let size = piece(by[0].len());
    let by = by.map(|row| repeated(row, memory));
    let [means, scales, bends, shifts] = &by;
    let pieces = x.chunks(size).zip(slopes.pieces(size)).zip(to.chunks_mut(size));
    chunks::for_each(
        PASS * x.len(),
        pieces,
        |((x, slopes), to): ((&[f32], Gated<'_>), &mut [f32])| {
            run_loops!({
                let parts = x.chunks(means.len()).zip(slopes.pieces(means.len()));
                for ((x, slopes), to) in parts.zip(to.chunks_mut(means.len())) {
                    let columns = means.iter().zip(scales).zip(bends.iter().zip(shifts));
                    for (((x, slope), to), ((mean, scale), (bend, shift))) in
                        x.iter().zip(slopes.iter()).zip(to).zip(columns)
                    {
                        *to = slope * scale - (x - mean) * bend - shift;
                    }
                }
            });
        },
    );
    by.into_iter().for_each(|row| memory.give(row));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noise(count: usize) -> Vec<f32> {
        (0..count).map(|index| (index * 7919 % 211) as f32 / 211.0).collect()
    }

    proptest! {
        /// To 1e-5 on sums of at most 300 numbers below 1, some 1e-7 each.
        #[test]
        fn sums_all_rows(rows in 0usize..300, columns in 1usize..40) {
            let matrix = noise(rows * columns);
            for (column, sum) in sum_rows(&matrix, columns, &Workspace::default()).into_iter().enumerate() {
                let expected: f64 = matrix.iter().skip(column).step_by(columns).map(|&v| f64::from(v)).sum();
                prop_assert!((f64::from(sum) - expected).abs() < 3e-5 * (1.0 + expected));
            }
        }
    }

    /// More rows than one piece holds, far from 0: against double precision.
    #[test]
    fn moments_of_large_numbers_keep_their_digits() {
        for columns in [3, 16, 24] {
            let matrix: Vec<f32> = noise(200_001 * columns).iter().map(|v| v + 1000.0).collect();
            let (means, variances) = moments(&matrix, columns, &Workspace::default());
            for column in 0..columns {
                let values = || matrix.iter().skip(column).step_by(columns).map(|&v| f64::from(v));
                let count = values().count() as f64;
                let mean = values().sum::<f64>() / count;
                let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
                assert!((f64::from(means[column]) - mean).abs() < 2e-4);
                assert!((f64::from(variances[column]) - variance).abs() < 1e-5);
            }
        }
    }
}
