use std::ops::RangeInclusive;

use crate::{Error, Scheduler, Step, TOLERANCE, ends};

/// Bisection: halves the distance to the largest sparsity that still holds.
///
/// Good steps raise the lower bound, bad steps lower the upper bound; the search ends when the bounds
/// are closer than the threshold, so it takes at most `log2((end - start) / threshold)` steps.
#[derive(Debug, Clone)]
pub struct Binary {
    sparsity: f64,
    good: f64,
    bad: f64,
    threshold: f64,
}

impl Binary {
    /// Searches `range` until its bounds are closer than `threshold`.
    ///
    /// # Errors
    /// A bound outside `0..=1`, an end below the start, or a threshold of [`TOLERANCE`] or less.
    pub fn new(range: RangeInclusive<f64>, threshold: f64) -> Result<Self, Error> {
        let (start, end) = ends(range)?;
        if threshold.is_nan() || threshold <= TOLERANCE {
            return Err(Error::Threshold { given: threshold });
        }
        Ok(Self { sparsity: start, good: start, bad: end, threshold })
    }

    fn halve(&mut self) -> Step {
        self.sparsity = 0.5 * (self.good + self.bad);
        Step::To(self.sparsity)
    }
}

impl Scheduler for Binary {
    fn sparsity(&self) -> f64 {
        self.sparsity
    }

    fn advance(&mut self) -> Step {
        let room = self.bad - self.sparsity;
        self.good = self.sparsity;
        if room >= self.threshold { self.halve() } else { Step::Done }
    }

    fn retreat(&mut self) -> Step {
        let room = self.sparsity - self.good;
        self.bad = self.sparsity;
        if room >= self.threshold { self.halve() } else { Step::Done }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whatever the network's true limit, bisection ends within a threshold of it.
    #[test]
    fn finds_the_limit() {
        proptest!(|(limit in 0.0..1.0f64)| {
            let mut schedule = Binary::new(0.0..=1.0, 1e-3).unwrap();
            let mut best = 0.0;
            let mut step = schedule.advance();
            while let Step::To(tried) = step {
                let held = tried <= limit;
                if held {
                    best = tried;
                }
                step = if held { schedule.advance() } else { schedule.retreat() };
            }
            prop_assert!(limit - best <= 2e-3, "limit {limit}, best {best}");
        });
    }

    #[test]
    fn ends_at_the_smallest_threshold() {
        let mut schedule = Binary::new(0.0..=1.0, 1.1e-9).unwrap();
        let steps = std::iter::repeat_with(|| schedule.advance()).take_while(|s| *s != Step::Done);
        assert_eq!(steps.count(), 30);
        assert_eq!(Binary::new(0.0..=1.0, 1e-300).unwrap_err(), Error::Threshold { given: 1e-300 });
    }

    #[test]
    fn refuses_percentages() {
        assert_eq!(Binary::new(0.0..=50.0, 0.01).unwrap_err(), Error::OutOfRange { given: 50.0 });
    }
}
