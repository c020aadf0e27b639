//! Loops over matrices with few columns, which are cut at a multiple of the columns that vectors divide: so no vector is
//! left half empty, however few columns there are.

use super::chunks::{self, PASS};
use super::elements::add;
use super::run_loops;

/// Numbers of the widest vector.
const LANES: usize = 16;

/// Elements of a cut, at least: each sum waits for the one before, several can wait at once.
const CUT: usize = 64;

/// Elements that one thread looks at together.
const TOGETHER: usize = 1 << 16;

/// A row for each column, repeated to the length of a cut.
pub(crate) struct Repeated(Vec<f32>);

impl Repeated {
    pub(crate) fn new(row: &[f32]) -> Self {
        Self(row.iter().copied().cycle().take(cut(row.len())).collect())
    }
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
fn folded(sums: &[f32], columns: usize) -> Vec<f32> {
    let mut row = vec![0.0; columns];
    for part in sums.chunks_exact(columns.max(1)) {
        row.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    row
}

/// Elements of a piece of a matrix for one thread.
fn piece(columns: usize) -> usize {
    let cut = cut(columns);
    cut * (TOGETHER / cut).max(1)
}

/// The sum of all rows of `columns` elements.
pub(crate) fn sum_rows(matrix: &[f32], columns: usize) -> Vec<f32> {
    let pieces = matrix.chunks(piece(columns)).collect();
    let parts = chunks::map(PASS * matrix.len(), pieces, |piece| sum_of(piece, columns));
    let mut sums = vec![0.0; columns];
    parts.iter().for_each(|part| add(&mut sums, part));
    sums
}

/// The same for one thread.
fn sum_of(matrix: &[f32], columns: usize) -> Vec<f32> {
    let cut = cut(columns);
    let mut sums = vec![0.0; cut];
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
    folded(&sums, columns)
}

/// Mean and population variance of each column. Pieces have theirs in two passes, so that a large mean costs no digits,
/// and are put together as Chan, Golub and LeVeque (1979) say.
pub(crate) fn moments(matrix: &[f32], columns: usize) -> (Vec<f32>, Vec<f32>) {
    let pieces: Vec<&[f32]> = matrix.chunks(piece(columns)).collect();
    let mut parts: Vec<(Vec<f32>, Vec<f32>)> = vec![Default::default(); pieces.len()];
    let tasks = pieces.iter().zip(&mut parts).collect();
    chunks::for_each(2 * PASS * matrix.len(), tasks, |(piece, part)| {
        *part = part_of(piece, columns)
    });
    let rows = |piece: &[f32]| piece.len() as f64 / columns as f64;
    let count = rows(matrix);
    let moment = |column: usize| {
        let means = pieces.iter().zip(&parts);
        let sum: f64 = means.map(|(piece, (mean, _))| rows(piece) * f64::from(mean[column])).sum();
        let mean = sum / count;
        let squares = pieces.iter().zip(&parts).map(|(piece, (part, squares))| {
            f64::from(squares[column]) + rows(piece) * (f64::from(part[column]) - mean).powi(2)
        });
        (mean as f32, (squares.sum::<f64>() / count) as f32)
    };
    (0..columns).map(moment).unzip()
}

/// The mean of each column, and the sum of the squares of what differs from it.
fn part_of(matrix: &[f32], columns: usize) -> (Vec<f32>, Vec<f32>) {
    let share = columns as f32 / matrix.len() as f32;
    let mean: Vec<f32> = sum_of(matrix, columns).iter().map(|sum| sum * share).collect();
    let Repeated(means) = Repeated::new(&mean);
    let mut squares = vec![0.0f32; means.len()];
    run_loops!({
        for part in matrix.chunks(means.len()) {
            for ((sum, value), mean) in squares.iter_mut().zip(part).zip(&means) {
                *sum += (value - mean) * (value - mean);
            }
        }
    });
    (mean, folded(&squares, columns))
}

/// `to = (x - mean) * scale + shift`, and what is not above 0 cut off if asked; NaN stays.
pub(crate) fn normalise(x: &[f32], by: [&[f32]; 3], relu: bool, to: &mut [f32]) {
    let size = piece(by[0].len());
    let by = by.map(Repeated::new);
    let [Repeated(means), Repeated(scales), Repeated(shifts)] = &by;
    let pieces = x.chunks(size).zip(to.chunks_mut(size)).collect();
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
pub(crate) fn slope_sums(x: &[f32], slopes: Gated<'_>, mean: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let (columns, size) = (mean.len(), piece(mean.len()));
    let Repeated(means) = Repeated::new(mean);
    let tasks = x.chunks(size).zip(slopes.pieces(size));
    let mut parts: Vec<[Vec<f32>; 2]> = vec![Default::default(); tasks.len()];
    let tasks = tasks.zip(&mut parts).collect();
    chunks::for_each(
        PASS * x.len(),
        tasks,
        |((x, slopes), part): ((&[f32], Gated<'_>), &mut [Vec<f32>; 2])| {
            let mut sums = [vec![0.0f32; means.len()], vec![0.0f32; means.len()]];
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
            *part = sums.map(|sums| folded(&sums, columns));
        },
    );
    let mut whole = (vec![0.0; columns], vec![0.0; columns]);
    for [plain, products] in parts {
        add(&mut whole.0, &plain);
        add(&mut whole.1, &products);
    }
    whole
}

/// `to = slopes * scale - (x - mean) * bend - shift`
pub(crate) fn slopes_back(x: &[f32], slopes: Gated<'_>, by: [&[f32]; 4], to: &mut [f32]) {
    let size = piece(by[0].len());
    let by = by.map(Repeated::new);
    let [Repeated(means), Repeated(scales), Repeated(bends), Repeated(shifts)] = &by;
    let pieces = x.chunks(size).zip(slopes.pieces(size)).zip(to.chunks_mut(size)).collect();
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
            for (column, sum) in sum_rows(&matrix, columns).into_iter().enumerate() {
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
            let (means, variances) = moments(&matrix, columns);
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
