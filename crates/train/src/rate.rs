mod cosine;
mod exponential;

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// How the learning rate goes over a stretch of training.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Rate {
    /// `constant`: it stays.
    #[default]
    Constant,
    /// `cosine`: from the whole to nothing by half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983).
    Cosine,
    /// `exponential`: each epoch takes a share of the one before.
    Exponential {
        /// That share, above 0 and at most 1.
        decay: f64,
    },
}

impl Rate {
    /// The names on the command line.
    pub const NAMES: [&str; 3] = ["constant", "cosine", "exponential"];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Cosine => "cosine",
            Self::Exponential { .. } => "exponential",
        }
    }

    /// The share of the learning rate in an epoch, counted from 1, of a stretch of so many.
    ///
    /// ```
    /// use handaxe_train::Rate;
    ///
    /// let rate = Rate::Exponential { decay: 0.5 };
    /// assert_eq!((rate.share(1, 9), rate.share(2, 9), rate.share(3, 9)), (1.0, 0.5, 0.25));
    /// ```
    pub fn share(self, epoch: usize, epochs: usize) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine => cosine::share(epoch, epochs),
            Self::Exponential { decay } => exponential::share(decay, epoch),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Rate {
    type Err = Error;

    /// Reads a name; `exponential` decays by 0.9.
    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "constant" => Ok(Self::Constant),
            "cosine" => Ok(Self::Cosine),
            "exponential" => Ok(Self::Exponential { decay: 0.9 }),
            _ => Err(Error::UnknownName {
                what: "learning-rate schedule",
                given: name.to_owned(),
                known: Self::NAMES.join(", "),
            }),
        }
    }
}
