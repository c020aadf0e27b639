use crate::Error;

/// A dense array of `f32` in row-major order. The first axis of data is the sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Tensor {
    /// An array of `shape` over `values` in row-major order.
    ///
    /// # Errors
    /// [`Error::Length`] when the product of `shape` is not the number of values.
    pub fn new(shape: Vec<usize>, values: Vec<f32>) -> Result<Self, Error> {
        match element_count(&shape) {
            Some(count) if count == values.len() => Ok(Self { shape, values }),
            count => {
                let expected = count.map_or("too many".to_owned(), |count| count.to_string());
                Err(Error::Length { shape, expected, given: values.len() })
            }
        }
    }

    /// An array of `shape` with every element `value`.
    pub fn full(shape: &[usize], value: f32) -> Self {
        Self { shape: shape.to_vec(), values: vec![value; shape.iter().product()] }
    }

    /// Length of every axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All elements, row-major.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The elements alone, row-major.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// All elements, row-major, to be changed in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Length of the first axis, 0 for a scalar.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }

    /// Number of elements of one entry along the first axis.
    pub fn row_len(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// The first element that is NaN or infinite.
    pub fn first_not_finite(&self) -> Option<usize> {
        self.values.iter().position(|value| !value.is_finite())
    }
}

/// Product of the axes, or nothing when it overflows.
fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_shapes_that_do_not_fit() {
        assert!(matches!(Tensor::new(vec![2, 3], vec![0.0; 5]), Err(Error::Length { .. })));
        assert!(matches!(Tensor::new(vec![usize::MAX, 2], vec![]), Err(Error::Length { .. })));
    }
}
