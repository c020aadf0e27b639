//! What a network must fit into, judged by the calibrated estimates.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use handaxe_graph::{HlsConfig, Model};
use handaxe_objective::estimate::{Family, Figures, Profile, Stage, estimate};
use handaxe_objective::parts::Part;
use handaxe_optimize::{Budget, ByResource, ForeignError, Use};
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
        let of = |name: &&str| {
            let count = *part.resources.get(*name)?;
            Some(((*name).to_owned(), (count as f64 * utilisation).floor()))
        };
        Ok(Self { of: Self::RESOURCES.iter().filter_map(of).collect() })
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
        let (estimate, _) = estimate(model, &self.config, &self.profile)?;
        let figures = estimate.stage(Stage::Implementation);
        let judge = |(name, &available): (&String, &f64)| {
            Ok((name.clone(), Use { used: at_most(figures, name)?, available }))
        };
        self.available.of.iter().map(judge).collect()
    }
}

fn at_most(figures: &Figures, resource: &str) -> Result<f64, Error> {
    let figure = match resource {
        "dsp" => figures.dsp,
        "lut" => figures.lut,
        "ff" => figures.ff,
        "bram36" => figures.bram36(),
        "uram" => figures.uram,
        _ => {
            let known = Available::RESOURCES.join(", ");
            return Err(Error::UnknownResource {
                what: "a budget",
                given: resource.to_owned(),
                known,
            });
        }
    };
    Ok(figure.high as f64)
}
