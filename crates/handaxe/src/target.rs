use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// How much of the resources is to be saved, as shares in `0.0..=1.0` of what the optimisable layers use: one share for
/// every resource of the objective (`0.5`), or one for each (`dsp=0.5,bram36=0.3`; what is not named may stay).
///
/// ```
/// use handaxe::FinalSparsity;
///
/// let target: FinalSparsity = "dsp=0.5,bram36=0.3".parse()?;
/// assert_eq!((target.of("dsp"), target.of("bram36"), target.of("ff")), (0.5, 0.3, 0.0));
/// # Ok::<(), handaxe::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FinalSparsity {
    /// The same share of every resource.
    All(f64),
    /// A share of each named resource.
    Each(BTreeMap<String, f64>),
}

impl FinalSparsity {
    /// The share of one resource.
    pub fn of(&self, resource: &str) -> f64 {
        match self {
            Self::All(share) => *share,
            Self::Each(shares) => shares.get(resource).copied().unwrap_or(0.0),
        }
    }

    /// The largest share: what the scheduler moves to. The others move in proportion.
    pub fn largest(&self) -> f64 {
        match self {
            Self::All(share) => *share,
            Self::Each(shares) => shares.values().copied().fold(0.0, f64::max),
        }
    }

    /// Whether every share is one, and every named resource is among `resources`.
    ///
    /// # Errors
    /// [`Error::Value`] for a share outside `0..=1`, [`Error::UnknownResource`] for another name.
    pub(crate) fn check(&self, resources: &[&str]) -> Result<(), Error> {
        let shares = match self {
            Self::All(share) => vec![*share],
            Self::Each(shares) => shares.values().copied().collect(),
        };
        if let Some(given) = shares.into_iter().find(|share| !(0.0..=1.0).contains(share)) {
            let right = "a fraction of the resource in 0..=1, not a percentage";
            return Err(Error::Value {
                what: "the final sparsity",
                given: given.to_string(),
                right,
            });
        }
        let Self::Each(shares) = self else { return Ok(()) };
        match shares.keys().find(|name| !resources.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => {
                let (what, known) = ("the objective", resources.join(", "));
                Err(Error::UnknownResource { what, given: name.clone(), known })
            }
        }
    }
}

impl From<f64> for FinalSparsity {
    fn from(share: f64) -> Self {
        Self::All(share)
    }
}

impl FromStr for FinalSparsity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Value {
            what: "the final sparsity",
            given: format!("`{text}`"),
            right: "a share such as 0.5, or one for each resource such as dsp=0.5,bram36=0.3",
        };
        if let Ok(share) = text.trim().parse() {
            return Ok(Self::All(share));
        }
        pairs(text).map(Self::Each).ok_or_else(wrong)
    }
}

/// Numbers by name, as `dsp=0.5,bram36=0.3`; none for anything else.
pub(crate) fn pairs(text: &str) -> Option<BTreeMap<String, f64>> {
    let pair = |pair: &str| {
        let (name, number) = pair.split_once('=')?;
        Some((name.trim().to_owned(), number.trim().parse().ok()?))
    };
    text.split(',').map(pair).collect()
}

impl fmt::Display for FinalSparsity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(share) => write!(f, "{share}"),
            Self::Each(shares) => {
                let shares: Vec<String> =
                    shares.iter().map(|(name, share)| format!("{name}={share}")).collect();
                f.write_str(&shares.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_says_what_is_wrong() {
        for text in ["0.5", "bram36=0.3,dsp=0.5"] {
            assert_eq!(text.parse::<FinalSparsity>().unwrap().to_string(), text);
        }
        let message = |text: &str| text.parse::<FinalSparsity>().unwrap_err().to_string();
        assert!(message("half").contains("dsp=0.5,bram36=0.3"), "{}", message("half"));
        let target: FinalSparsity = "dsp=0.5,lut=0.2".parse().unwrap();
        assert!(target.check(&["dsp", "bram36"]).unwrap_err().to_string().contains("`lut`"));
        assert!(FinalSparsity::All(50.0).check(&["dsp"]).is_err());
    }
}
