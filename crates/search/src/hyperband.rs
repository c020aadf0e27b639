use crate::{Dimension, Error, Outcome, Search, Trial, rank, seeded};

/// Hyperband: many trials of few epochs, of which the best go on to more; in several brackets, from eager to patient.
///
/// L. Li et al. 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization" (arXiv:1603.06560). A trial that goes on
/// starts again from the network as it was, with more epochs: that costs a factor of 1.5 at most, and needs no checkpoint for each trial.
#[derive(Debug, Clone)]
pub struct Hyperband {
    space: Vec<Dimension>,
    seed: u64,
    rungs: Vec<Rung>,
}

/// Trials that run with the same number of epochs and are compared with each other.
#[derive(Debug, Clone, Copy)]
struct Rung {
    /// The first of the bracket draws its values; the others take the best of the rung before.
    first: bool,
    trials: usize,
    epochs: usize,
}

impl Hyperband {
    /// A search with up to `epochs` epochs a trial, of which each rung keeps one in `factor`.
    ///
    /// # Errors
    /// An empty space, no epoch, a factor below 2.
    pub fn new(
        space: Vec<Dimension>,
        epochs: usize,
        factor: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        if factor < 2 {
            return Err(Error::Factor { given: factor });
        }
        crate::settings::check(&space, epochs)?;
        Ok(Self { space, seed, rungs: rungs(epochs, factor) })
    }

    /// The trials of a rung that begins with trial `start`, after the outcomes before it.
    fn trials_of(&self, rung: Rung, start: usize, before: &[Outcome]) -> Vec<Trial> {
        let mut better: Vec<&Outcome> = before.iter().collect();
        better.sort_by(|a, b| rank(b).total_cmp(&rank(a))); // stable: of equals the earlier
        let trial = |index: usize| {
            let number = start + index;
            let values = if rung.first {
                let mut rng = seeded(self.seed, number);
                self.space.iter().map(|dimension| dimension.draw(&mut rng)).collect()
            } else {
                better[index].trial.values.clone()
            };
            Trial { number, values, epochs: rung.epochs }
        };
        (0..rung.trials).map(trial).collect()
    }
}

/// The rungs of every bracket, in the order in which they run.
fn rungs(epochs: usize, factor: usize) -> Vec<Rung> {
    let mut brackets = 0u32; // the largest s with factor^s <= epochs
    while factor.checked_pow(brackets + 1).is_some_and(|power| power <= epochs) {
        brackets += 1;
    }
    let mut rungs = Vec::new();
    for eagerness in (0..=brackets).rev() {
        // factor^eagerness <= epochs, so nothing here overflows.
        let shared = (brackets as usize + 1).saturating_mul(factor.pow(eagerness));
        let mut trials = shared.div_ceil(eagerness as usize + 1);
        for rung in 0..=eagerness {
            let epochs = epochs / factor.pow(eagerness - rung);
            rungs.push(Rung { first: rung == 0, trials, epochs });
            trials /= factor;
        }
    }
    rungs
}

impl Search for Hyperband {
    fn round(&self, done: &[Outcome]) -> Result<Vec<Trial>, Error> {
        let (mut before, mut start) = (0, 0);
        for &rung in &self.rungs {
            let trials = self.trials_of(rung, start, &done[before..start]);
            for (asked, outcome) in trials.iter().zip(&done[start..]) {
                if *asked != outcome.trial {
                    return Err(Error::Record { number: outcome.trial.number });
                }
            }
            let end = start + rung.trials;
            if done.len() < end {
                return Ok(trials.into_iter().skip(done.len() - start).collect());
            }
            (before, start) = (start, end);
        }
        match done.get(start) {
            Some(surplus) => Err(Error::Record { number: surplus.trial.number }),
            None => Ok(Vec::new()),
        }
    }

    fn trials(&self) -> usize {
        self.rungs.iter().fold(0, |sum, rung| sum.saturating_add(rung.trials))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brackets_of_the_paper() {
        // Li et al., table 1: 81 epochs, factor 3.
        let shown: Vec<(usize, usize)> =
            rungs(81, 3).iter().map(|r| (r.trials, r.epochs)).collect();
        let eager =
            [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81), (34, 3), (11, 9), (3, 27), (1, 81)];
        let patient = [(15, 9), (5, 27), (1, 81), (8, 27), (2, 81), (5, 81)];
        assert_eq!(shown, [&eager[..], &patient].concat());
    }

    #[test]
    fn one_epoch_is_a_single_rung() {
        assert_eq!(rungs(1, 3).len(), 1);
        assert_eq!(rungs(usize::MAX, 2).len(), 64 * 65 / 2);
    }
}
