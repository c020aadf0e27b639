use std::fmt;
use std::str::FromStr;

use crate::{Binary, Constant, Error, Polynomial, Scheduler};

/// The built-in schedulers, by the names of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// `constant`: [`Constant`].
    Constant,
    /// `binary`: [`Binary`].
    Binary,
    /// `polynomial`: [`Polynomial`].
    #[default]
    Polynomial,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Constant, Self::Binary, Self::Polynomial];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Binary => "binary",
            Self::Polynomial => "polynomial",
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

/// Everything a built-in scheduler may need; each takes what concerns it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Which scheduler.
    pub kind: Kind,
    /// Sparsity of the first step, a fraction of the resource in `0.0..=1.0`.
    pub initial_sparsity: f64,
    /// Sparsity of the last step, `initial_sparsity..=1.0`.
    pub final_sparsity: f64,
    /// `constant`: what each step adds.
    pub step: f64,
    /// `polynomial`: number of steps from the initial to the final sparsity.
    pub steps: u32,
    /// `polynomial`: the power by which steps shrink.
    pub power: f64,
    /// `binary`: how close the bounds must come.
    pub threshold: f64,
}

impl Default for Settings {
    /// hls4ml's defaults: 0 to 1, step 0.05, power 3, threshold 0.01. The number of steps, which hls4ml leaves open, is 10.
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            initial_sparsity: 0.0,
            final_sparsity: 1.0,
            step: 0.05,
            steps: 10,
            power: 3.0,
            threshold: 0.01,
        }
    }
}

impl Settings {
    /// The scheduler that these settings describe.
    ///
    /// # Errors
    /// Those of [`Constant::new`], [`Binary::new`] or [`Polynomial::new`].
    pub fn build(&self) -> Result<Box<dyn Scheduler>, Error> {
        let range = self.initial_sparsity..=self.final_sparsity;
        Ok(match self.kind {
            Kind::Constant => Box::new(Constant::new(range, self.step)?),
            Kind::Binary => Box::new(Binary::new(range, self.threshold)?),
            Kind::Polynomial => Box::new(Polynomial::new(range, self.steps, self.power)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_built_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            let schedule = Settings { kind, ..Settings::default() }.build().unwrap();
            assert_eq!(schedule.sparsity(), 0.0);
        }
    }

    #[test]
    fn an_unknown_name_is_told_the_known_ones() {
        let message = "linear".parse::<Kind>().unwrap_err().to_string();
        assert_eq!(message, "unknown scheduler `linear`: known are constant, binary, polynomial");
    }
}
