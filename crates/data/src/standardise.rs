use serde::{Deserialize, Serialize};

use crate::source::for_each_block;
use crate::{Error, Source, Tensor};

/// Shifts and scales each feature (entry of the last axis) to mean 0 and standard deviation 1,
/// as measured on the training part only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardiser {
    /// Mean of each feature.
    pub mean: Vec<f64>,
    /// Population standard deviation of each feature; 1 where the feature never varies.
    pub deviation: Vec<f64>,
}

impl Standardiser {
    /// Measures mean and deviation over all axes but the last, in two passes, block by block.
    ///
    /// # Errors
    /// [`Error::Empty`] for an array without elements, [`Error::Read`] when it cannot be read where it lies.
    pub fn fit(data: &dyn Source) -> Result<Self, Error> {
        let features = data.shape().last().copied().unwrap_or(0);
        let elements = data.rows() * data.row_len();
        if features == 0 || elements == 0 {
            return Err(Error::Empty {
                what: "the array to standardise".to_owned(),
                unit: "value",
            });
        }
        let count = (elements / features) as f64;
        let mut mean = vec![0.0; features];
        for_each_block(data, |block| {
            for row in block.values().chunks_exact(features) {
                row.iter()
                    .zip(&mut mean)
                    .for_each(|(&value, mean)| *mean += f64::from(value) / count);
            }
        })?;
        let mut deviation = vec![0.0; features];
        for_each_block(data, |block| {
            for row in block.values().chunks_exact(features) {
                for ((&value, mean), sum) in row.iter().zip(&mean).zip(&mut deviation) {
                    *sum += (f64::from(value) - mean).powi(2) / count;
                }
            }
        })?;
        for value in &mut deviation {
            *value = if *value > 0.0 { value.sqrt() } else { 1.0 };
        }
        Ok(Self { mean, deviation })
    }

    /// Whether it can be applied: a finite mean and a positive deviation for each feature. [`Standardiser::fit`] gives no
    /// other, a file may.
    pub fn is_valid(&self) -> bool {
        self.mean.len() == self.deviation.len()
            && self.mean.iter().all(|mean| mean.is_finite())
            && self.deviation.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0)
    }

    /// `data` standardised.
    ///
    /// # Errors
    /// [`Error::Features`] when the last axis is not the one that was fitted.
    pub fn apply(&self, mut data: Tensor) -> Result<Tensor, Error> {
        self.check(data.shape())?;
        self.standardise(data.values_mut());
        Ok(data)
    }

    /// Standardises rows of the features that were fitted, in place.
    pub(crate) fn standardise(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.mean.len().max(1)) {
            for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *value = ((f64::from(*value) - mean) / deviation) as f32;
            }
        }
    }

    /// Whether it is for arrays of this shape.
    pub(crate) fn check(&self, shape: &[usize]) -> Result<(), Error> {
        let (given, expected) = (shape.last().copied().unwrap_or(0), self.mean.len());
        if given != expected || self.deviation.len() != expected {
            return Err(Error::Features { what: "features to standardise", given, expected });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centres_and_scales_and_leaves_constants_finite() {
        let data = Tensor::new(vec![3, 2], vec![1.0, 5.0, 2.0, 5.0, 3.0, 5.0]).unwrap();
        let standard = Standardiser::fit(&data).unwrap().apply(data).unwrap();
        let root = 1.5f32.sqrt();
        for (got, want) in standard.values().iter().zip([-root, 0.0, 0.0, 0.0, root, 0.0]) {
            assert!((got - want).abs() < 1e-6);
        }
    }
}
