//! What a network must fit into, judged by the calibrated estimates.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use handaxe_graph::{HlsConfig, Model};
use handaxe_objective::estimate::{Family, Profile};
use handaxe_objective::parts::{Catalogue, Part};
use handaxe_optimize::{Budget, ByResource, Estimated, ForeignError, Use};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::target::pairs;

/// How much there is of each resource that counts, by name: `dsp=220,bram36=140`.
///
/// ```
/// let there_is: handaxe::Available = "dsp=220,lut=40000".parse()?;
/// assert_eq!(there_is.of["dsp"], 220.0);
/// assert!("mlab=3".parse::<handaxe::Available>().unwrap_err().to_string().contains("bram36"));
/// # Ok::<(), handaxe::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Available {
    /// Counts by resource, one of [`Available::RESOURCES`].
    pub of: BTreeMap<String, f64>,
}

impl Available {
    /// The resources that a network can be judged by.
    pub const RESOURCES: [&str; 5] = ["dsp", "lut", "ff", "bram36", "uram"];

    /// Whether every name is one of those, and every number 0 or more.
    ///
    /// # Errors
    /// [`Error::UnknownResource`], [`Error::Value`].
    pub fn check(&self) -> Result<(), Error> {
        for (name, count) in &self.of {
            if !Self::RESOURCES.contains(&name.as_str()) {
                let known = Self::RESOURCES.join(", ");
                return Err(Error::UnknownResource {
                    what: "a budget",
                    given: name.clone(),
                    known,
                });
            }
            if !(count.is_finite() && *count >= 0.0) {
                let (what, right) = ("a budget", "a number of blocks, 0 or more");
                return Err(Error::Value { what, given: count.to_string(), right });
            }
        }
        Ok(())
    }
}

/// The built-in catalogue of parts, with those of a file of the user's own ([`Catalogue::with`]).
///
/// # Errors
/// A file that cannot be read or holds no list of parts.
pub fn catalogue(more: Option<&Path>) -> Result<Catalogue, Error> {
    let Some(path) = more else { return Ok(Catalogue::built_in().clone()) };
    let json = std::fs::read_to_string(path).map_err(|source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    let within = |error: handaxe_objective::Error| Error::In {
        path: path.to_owned(),
        source: Box::new(error.into()),
    };
    Catalogue::built_in().with(&json).map_err(within)
}

impl Available {
    /// What `part` has, or a share of it that may be taken: `utilisation` in `0.0..=1.0`.
    ///
    /// # Errors
    /// [`Error::Value`] for a share that is none, or a part whose memories the estimates don't know.
    pub fn on(part: &Part, utilisation: f64) -> Result<Self, Error> {
        if !(utilisation > 0.0 && utilisation <= 1.0) {
            let (given, right) = (utilisation.to_string(), "a share of the part in 0..=1, above 0");
            return Err(Error::Value { what: "the utilisation", given, right });
        }
        if part.fabric() == Family::Intel {
            let right = "one of AMD's, since the estimates know no others' memories; a budget says what there is of the rest";
            return Err(Error::Value { what: "the part to fit", given: part.name.clone(), right });
        }
        Ok(Self::listed(part, utilisation))
    }

    /// A share of what is listed of `part`.
    pub(crate) fn listed(part: &Part, share: f64) -> Self {
        let of = |name: &&str| {
            // Parts without any are listed with 0, and no estimate takes any.
            let count =
                *part.resources.get(*name).filter(|count| **count > 0 || *name != "uram")?;
            Some(((*name).to_owned(), (count as f64 * share).floor()))
        };
        Self { of: Self::RESOURCES.iter().filter_map(of).collect() }
    }

    /// What every network takes that it does not say how much there is of: a part whose look-up tables are not listed has some.
    pub(crate) fn lacking(&self) -> Option<&'static str> {
        let needed = Self::RESOURCES.into_iter().filter(|name| *name != "uram");
        needed.into_iter().find(|name| !self.of.contains_key(*name))
    }
}

impl FromStr for Available {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (what, given) = ("the budget", format!("`{text}`"));
        let right = "a number for each resource, such as dsp=220,bram36=140";
        let available = Self { of: pairs(text).ok_or(Error::Value { what, given, right })? };
        available.check()?;
        Ok(available)
    }
}

impl fmt::Display for Available {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> =
            self.of.iter().map(|(name, count)| format!("{name}={count}")).collect();
        f.write_str(&pairs.join(","))
    }
}

/// A budget that is judged by what implementation will leave of the network, at most: by the upper ends of the
/// [estimates](handaxe_objective::estimate) from its actual weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Fits {
    /// What there is.
    pub available: Available,
    /// How the network is to be built.
    pub config: HlsConfig,
    /// By which tool, on what.
    pub profile: Profile,
}

impl Budget for Fits {
    fn judge(&self, model: &Model) -> Result<ByResource<Use>, ForeignError> {
        self.available.check()?;
        let of = Estimated::new(model, &self.config, &self.profile)?;
        if let Some(layer) = of.unknown {
            return Err(Error::Unjudged { layer }.into());
        }
        let judge = |(name, &available): (&String, &f64)| {
            let used = of.resources.get(name)?.high as f64;
            Some((name.clone(), Use { used, available }))
        };
        Ok(self.available.of.iter().filter_map(judge).collect())
    }
}
