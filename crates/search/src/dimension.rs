use chacha20::ChaCha8Rng;
use chacha20::rand_core::Rng;

use crate::Error;

/// One hyper-parameter and the values that it may take, ascending.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    name: String,
    values: Vec<f64>,
}

impl Dimension {
    /// A hyper-parameter with these values.
    ///
    /// # Errors
    /// No value, one that is not finite, or values that do not ascend.
    pub fn new(name: impl Into<String>, values: Vec<f64>) -> Result<Self, Error> {
        let name = name.into();
        if values.is_empty() {
            return Err(Error::NoValues { name });
        }
        let ascending = values.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || values.iter().any(|value| !value.is_finite()) {
            return Err(Error::Values { name });
        }
        Ok(Self { name, values })
    }

    /// `count` values from `low` to `high`, evenly spaced in their logarithms.
    ///
    /// # Errors
    /// Ends that are not finite, not above 0 or not in order; no value; one value for two ends.
    pub fn logarithmic(
        name: impl Into<String>,
        low: f64,
        high: f64,
        count: usize,
    ) -> Result<Self, Error> {
        let name = name.into();
        if !(low.is_finite() && high.is_finite() && 0.0 < low && low <= high) {
            return Err(Error::Ends { name, low, high });
        }
        let last = count.saturating_sub(1);
        // The ends as they were given: powers of logarithms may miss them by a bit.
        let value = |index: usize| match index {
            0 => low,
            _ if index == last => high,
            _ => low * (high / low).powf(index as f64 / last as f64),
        };
        Self::new(name, (0..count).map(value).collect())
    }

    /// The hyper-parameter's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The values that it may take, ascending.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The place of a value among [`Self::values`].
    pub(crate) fn place(&self, value: f64) -> Option<usize> {
        self.values.iter().position(|&known| known == value)
    }

    /// Any of the values, each as likely.
    pub(crate) fn draw(&self, rng: &mut ChaCha8Rng) -> f64 {
        // The high half of a product: no value is favoured by more than 2^-32 of its share.
        let place = (u64::from(rng.next_u32()) * self.values.len() as u64) >> 32;
        self.values[place as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_values_from_a_millionth_to_a_hundredth() {
        let penalties = Dimension::logarithmic("dense", 1e-6, 1e-2, 16).unwrap();
        let values = penalties.values();
        assert_eq!((values.len(), values[0], values[15]), (16, 1e-6, 1e-2));
        let ratio = 1e4f64.powf(1.0 / 15.0);
        assert!(values.windows(2).all(|pair| (pair[1] / pair[0] / ratio - 1.0).abs() < 1e-12));
    }

    #[test]
    fn refuses_what_cannot_be_searched() {
        let bad =
            [vec![], vec![f64::NAN], vec![1.0, 1.0], vec![2.0, 1.0], vec![0.0, f64::INFINITY]];
        for values in bad {
            assert!(Dimension::new("a", values).is_err());
        }
        for (low, high, count) in [(0.0, 1.0, 3), (2.0, 1.0, 3), (1.0, f64::NAN, 3), (1.0, 2.0, 0)]
        {
            assert!(Dimension::logarithmic("a", low, high, count).is_err());
        }
    }
}
