use tpe::density_estimation::DefaultEstimatorBuilder;
use tpe::{TpeOptimizer, TpeOptimizerBuilder};

use crate::{Dimension, Error, Outcome, Search, Trial, rank, seeded};

/// Trials that are asked for before the estimators have anything to go by.
const DRAWN: usize = 2;
/// Trials of a round. Two cores have both something to do, and little is lost by not knowing the other's outcome.
const AT_ONCE: usize = 2;
/// The share of trials that count as good ones; with ten trials a tenth would be a single one.
const GOOD: f64 = 0.25;

/// Tree-structured Parzen estimator: tries where good trials are dense and bad ones are not.
///
/// J. Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization". Each dimension is estimated by itself, on the
/// place of the value in its list: neighbours inform each other, and logarithmic ranges are even.
#[derive(Debug, Clone)]
pub struct Bayesian {
    space: Vec<Dimension>,
    trials: usize,
    epochs: usize,
    seed: u64,
}

impl Bayesian {
    /// A search of `trials` trials of `epochs` epochs each.
    ///
    /// # Errors
    /// An empty space, no trial, no epoch.
    pub fn new(
        space: Vec<Dimension>,
        trials: usize,
        epochs: usize,
        seed: u64,
    ) -> Result<Self, Error> {
        if trials == 0 {
            return Err(Error::NoTrials);
        }
        crate::settings::check(&space, epochs)?;
        Ok(Self { space, trials, epochs, seed })
    }

    /// Trial `number`, when `known` is what its round could know.
    fn trial(&self, number: usize, known: &[Outcome]) -> Result<Trial, Error> {
        let mut rng = seeded(self.seed, number);
        let mut values = Vec::with_capacity(self.space.len());
        for (index, dimension) in self.space.iter().enumerate() {
            if number < DRAWN {
                values.push(dimension.draw(&mut rng));
                continue;
            }
            let mut estimator = estimator(dimension)?;
            for outcome in known {
                let place = dimension.place(outcome.trial.values[index]);
                let place = place.ok_or(Error::Record { number: outcome.trial.number })?;
                // In the middle of its place, which is a half-open interval; the crate minimises.
                let told = estimator.tell(place as f64 + 0.5, -rank(outcome));
                told.map_err(|_| Error::Record { number: outcome.trial.number })?;
            }
            let Ok(asked) = estimator.ask(&mut rng);
            let last = dimension.values().len() - 1;
            values.push(dimension.values()[(asked as usize).min(last)]);
        }
        Ok(Trial { number, values, epochs: self.epochs })
    }
}

fn estimator(dimension: &Dimension) -> Result<TpeOptimizer<DefaultEstimatorBuilder>, Error> {
    let range = tpe::range(0.0, dimension.values().len() as f64);
    let range = range.map_err(|_| Error::NoValues { name: dimension.name().to_owned() })?;
    let mut builder = TpeOptimizerBuilder::new();
    let built = builder.gamma(GOOD).build(tpe::parzen_estimator(), range);
    built.map_err(|_| Error::Values { name: dimension.name().to_owned() })
}

impl Search for Bayesian {
    fn round(&self, done: &[Outcome]) -> Result<Vec<Trial>, Error> {
        let mut replayed: Vec<Trial> = Vec::new();
        // Rounds are short and few: what was asked before is made again, so that a foreign record is found out.
        loop {
            let start = replayed.len();
            let known = &done[..start];
            let end = (start + AT_ONCE).min(self.trials);
            let round: Result<Vec<_>, _> = (start..end).map(|n| self.trial(n, known)).collect();
            replayed.extend(round?);
            for (asked, outcome) in replayed.iter().zip(done).skip(start) {
                if *asked != outcome.trial {
                    return Err(Error::Record { number: outcome.trial.number });
                }
            }
            if done.len() > replayed.len() && end == self.trials {
                return Err(Error::Record { number: done[end].trial.number });
            }
            if done.len() < replayed.len() || end == self.trials {
                return Ok(replayed.split_off(done.len()));
            }
        }
    }

    fn trials(&self) -> usize {
        self.trials
    }
}
