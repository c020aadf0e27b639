use std::fmt;
use std::str::FromStr;

use crate::{Bayesian, Dimension, Error, Hyperband, Method, Search};

/// The built-in searches, by the names of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// `bayesian`: [`Bayesian`].
    #[default]
    Bayesian,
    /// `hyperband`: [`Hyperband`].
    Hyperband,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Bayesian, Self::Hyperband];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bayesian => "bayesian",
            Self::Hyperband => "hyperband",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| Error::Unknown { given: name.to_owned() })
    }
}

/// Everything a built-in search may need; each takes what concerns it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Which search.
    pub kind: Kind,
    /// `bayesian`: number of trials.
    pub trials: usize,
    /// `hyperband`: one trial in so many goes on to the next rung.
    pub factor: usize,
    /// Strengths of penalties are tried between these two.
    pub range: (f64, f64),
    /// How many values of them, evenly spaced in their logarithms.
    pub values: usize,
    /// What the trials are drawn from.
    pub seed: u64,
}

impl Default for Settings {
    /// hls4ml's defaults: 10 Bayesian trials, factor 3, 16 values from 1e-6 to 1e-2.
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            trials: 10,
            factor: 3,
            range: (1e-6, 1e-2),
            values: 16,
            seed: 1,
        }
    }
}

impl Method for Settings {
    fn name(&self) -> &str {
        self.kind.name()
    }

    fn dimension(&self, name: &str) -> Result<Dimension, Error> {
        Dimension::logarithmic(name, self.range.0, self.range.1, self.values)
    }

    fn build(&self, space: Vec<Dimension>, epochs: usize) -> Result<Box<dyn Search>, Error> {
        Ok(match self.kind {
            Kind::Bayesian => Box::new(Bayesian::new(space, self.trials, epochs, self.seed)?),
            Kind::Hyperband => Box::new(Hyperband::new(space, epochs, self.factor, self.seed)?),
        })
    }
}

/// What every search needs.
pub(crate) fn check(space: &[Dimension], epochs: usize) -> Result<(), Error> {
    if space.is_empty() {
        return Err(Error::EmptySpace);
    }
    if epochs == 0 {
        return Err(Error::NoEpochs);
    }
    Ok(())
}
