use std::ops::RangeInclusive;

use crate::{Error, Scheduler, Step, ends};

/// Large steps while much is redundant, small ones near the end: `s_t = s_f + (s_i - s_f) (1 - t/T)^p`.
///
/// It goes on whether the network holds or not, and ends after `T` steps at `s_f`
/// (Zhu & Gupta 2017, arXiv:1710.01878, with p = 3).
#[derive(Debug, Clone)]
pub struct Polynomial {
    sparsity: f64,
    start: f64,
    end: f64,
    taken: u32,
    steps: u32,
    power: f64,
}

impl Polynomial {
    /// Walks `range` in `steps` steps that shrink with `power`.
    ///
    /// # Errors
    /// A bound outside `0..=1`, an end below the start, no steps, or a power that is not finite and positive.
    pub fn new(range: RangeInclusive<f64>, steps: u32, power: f64) -> Result<Self, Error> {
        let (start, end) = ends(range)?;
        if steps == 0 {
            return Err(Error::NoSteps);
        }
        if !power.is_finite() || power <= 0.0 {
            return Err(Error::Power { given: power });
        }
        Ok(Self { sparsity: start, start, end, taken: 0, steps, power })
    }
}

impl Scheduler for Polynomial {
    fn sparsity(&self) -> f64 {
        self.sparsity
    }

    fn advance(&mut self) -> Step {
        if self.taken == self.steps {
            return Step::Done;
        }
        self.taken += 1;
        let left = 1.0 - f64::from(self.taken) / f64::from(self.steps);
        self.sparsity = self.end + (self.start - self.end) * left.powf(self.power);
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

    /// The steps are as many as asked, never go down, never grow at powers of 1 and more, and end at the end.
    #[test]
    fn slows_down_to_the_end() {
        proptest!(|(start in 0.0..0.5f64, end in 0.5..=1.0f64, steps in 1..50u32, power in 1.0..5.0f64)| {
            let mut schedule = Polynomial::new(start..=end, steps, power).unwrap();
            let mut tried = vec![start];
            while let Step::To(sparsity) = schedule.retreat() {
                tried.push(sparsity);
            }
            let rises: Vec<f64> = tried.windows(2).map(|pair| pair[1] - pair[0]).collect();
            prop_assert_eq!(rises.len(), steps as usize);
            prop_assert!(rises.iter().all(|rise| *rise >= 0.0));
            prop_assert!(rises.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12));
            prop_assert_eq!(schedule.sparsity(), end);
        });
    }

    #[test]
    fn refuses_what_does_not_rise() {
        assert_eq!(Polynomial::new(0.0..=1.0, 0, 3.0).unwrap_err(), Error::NoSteps);
        assert_eq!(Polynomial::new(0.0..=1.0, 5, 0.0).unwrap_err(), Error::Power { given: 0.0 });
        assert!(Polynomial::new(0.0..=1.0, 5, f64::INFINITY).is_err());
    }
}
