use std::ops::RangeInclusive;

use crate::{Error, Scheduler, Step, TOLERANCE, ends};

/// Equal steps up to the final sparsity, whether the network holds or not.
///
/// The last step is cut short so that the final sparsity is reached exactly.
#[derive(Debug, Clone)]
pub struct Constant {
    sparsity: f64,
    end: f64,
    step: f64,
}

impl Constant {
    /// Walks `range` in steps of `step`.
    ///
    /// # Errors
    /// A bound outside `0..=1`, an end below the start, or a step of [`TOLERANCE`] or less.
    pub fn new(range: RangeInclusive<f64>, step: f64) -> Result<Self, Error> {
        let (start, end) = ends(range)?;
        if step.is_nan() || step <= TOLERANCE {
            return Err(Error::Step { given: step });
        }
        Ok(Self { sparsity: start, end, step })
    }
}

impl Scheduler for Constant {
    fn sparsity(&self) -> f64 {
        self.sparsity
    }

    fn advance(&mut self) -> Step {
        if self.end - self.sparsity <= TOLERANCE {
            return Step::Done;
        }
        let next = self.sparsity + self.step;
        // Accumulated steps may miss the end by a rounding error, on either side.
        self.sparsity = if self.end - next <= TOLERANCE { self.end } else { next };
        Step::To(self.sparsity)
    }

    fn retreat(&mut self) -> Step {
        self.advance()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// However start, end and step divide, the end is reached and nothing is beyond it.
    #[test]
    fn reaches_the_end_exactly() {
        proptest!(|(start in 0.0..1.0f64, length in 0.0..=1.0f64, step in 0.001..0.5f64)| {
            let end = start + length * (1.0 - start);
            let mut schedule = Constant::new(start..=end, step).unwrap();
            let mut tried = vec![start];
            while let Step::To(sparsity) = schedule.advance() {
                tried.push(sparsity);
            }
            prop_assert!(tried.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(end - schedule.sparsity() <= TOLERANCE && schedule.sparsity() <= end);
            prop_assert!(tried.len() <= ((end - start) / step).ceil() as usize + 2);
        });
    }

    #[test]
    fn refuses_a_step_that_leads_nowhere() {
        for given in [0.0, -0.1, 1e-300] {
            assert_eq!(Constant::new(0.0..=1.0, given).unwrap_err(), Error::Step { given });
        }
        assert!(Constant::new(0.0..=1.0, f64::NAN).is_err());
    }
}
