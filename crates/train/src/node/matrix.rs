//! Products of matrices over slices.
//!
//! candle's own product asks the operating system for the number of processors each time, 26 us on Linux where
//! `RAYON_NUM_THREADS` is not set: more than most products here take. ndarray's runs on the calling thread and writes
//! where it is told to.

use candle_core::{Error, Result};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

/// `values` as a matrix of `rows` and `columns`, row-major; [`ArrayView2::t`] turns it over without a copy.
pub(super) fn matrix(values: &[f32], [rows, columns]: [usize; 2]) -> Result<ArrayView2<'_, f32>> {
    check_length(values, rows, columns)?;
    ArrayView2::from_shape((rows, columns), values).map_err(|error| Error::Msg(error.to_string()))
}

/// product := left x right
pub(super) fn multiply(
    left: &ArrayView2<'_, f32>,
    right: &ArrayView2<'_, f32>,
    product: &mut [f32],
) -> Result<()> {
    accumulate(left, right, 0.0, product)
}

/// product := left x right + product
pub(super) fn add_product(
    left: &ArrayView2<'_, f32>,
    right: &ArrayView2<'_, f32>,
    product: &mut [f32],
) -> Result<()> {
    accumulate(left, right, 1.0, product)
}

fn accumulate(
    left: &ArrayView2<'_, f32>,
    right: &ArrayView2<'_, f32>,
    share: f32,
    product: &mut [f32],
) -> Result<()> {
    if left.ncols() != right.nrows() {
        let shapes = (left.shape(), right.shape());
        return Err(Error::Msg(format!("cannot multiply matrices of shapes {shapes:?}")));
    }
    let (rows, columns) = (left.nrows(), right.ncols());
    check_length(product, rows, columns)?;
    let product = ArrayViewMut2::from_shape((rows, columns), product);
    let mut product = product.map_err(|error| Error::Msg(error.to_string()))?;
    general_mat_mul(1.0, left, right, share, &mut product);
    Ok(())
}

/// ndarray would accept more elements than it uses.
fn check_length(values: &[f32], rows: usize, columns: usize) -> Result<()> {
    if values.len() == rows * columns {
        return Ok(());
    }
    let given = values.len();
    Err(Error::Msg(format!("{given} elements are no matrix of {rows} rows and {columns} columns")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Sums of at most 40 products of numbers below 1, to 1e-5.
        #[test]
        fn multiplies_as_the_definition_says(rows in 1usize..40, inner in 1usize..40, columns in 1usize..40, turned: bool) {
            let number = |seed: usize| ((seed * 7919 % 211) as f32 - 105.0) / 105.0;
            let left: Vec<f32> = (0..rows * inner).map(number).collect();
            let right: Vec<f32> = (0..inner * columns).map(|index| number(index + 13)).collect();
            let mut product = vec![0.5; rows * columns];
            let (a, b) = match turned {
                true => (matrix(&left, [inner, rows]).unwrap().reversed_axes(), matrix(&right, [columns, inner]).unwrap().reversed_axes()),
                false => (matrix(&left, [rows, inner]).unwrap(), matrix(&right, [inner, columns]).unwrap()),
            };
            add_product(&a, &b, &mut product).unwrap();
            for row in 0..rows {
                for column in 0..columns {
                    let expected: f32 = (0..inner).map(|k| a[(row, k)] * b[(k, column)]).sum();
                    prop_assert!((product[row * columns + column] - expected - 0.5).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let (a, b) = ([1.0; 6], [1.0; 6]);
        let (a, b) = (matrix(&a, [2, 3]).unwrap(), matrix(&b, [2, 3]).unwrap());
        assert!(multiply(&a, &b, &mut [0.0; 4]).is_err());
        assert!(multiply(&a, &b.t(), &mut [0.0; 5]).is_err());
        assert!(matrix(&[1.0; 5], [2, 3]).is_err());
        assert!(matrix(&[1.0; 7], [2, 3]).is_err());
    }
}
