use handaxe_graph::{HlsConfig, Model};
use handaxe_objective::estimate::{Figure, Figures, Profile, Work, estimate};
use handaxe_objective::resource;

use crate::{ByResource, Error};

/// What implementation will leave of a network as its weights stand: an estimate, zeros included, of what synthesis builds, not
/// what an objective counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimated {
    /// Resources by name, each with the interval that about nine in ten results lie in.
    pub resources: ByResource<Figure>,
    /// The first layer of whose kind nothing is known, if there is one: the resources are then those of the others.
    pub unknown: Option<String>,
    /// What the user should know before the tool is started.
    pub warnings: Vec<String>,
}

impl Estimated {
    /// The estimate of `model`, built as `config` says with the tool and the parts of `profile`.
    ///
    /// # Errors
    /// A configuration that does not verify.
    pub fn new(model: &Model, config: &HlsConfig, profile: &Profile) -> Result<Self, Error> {
        let (estimate, _) = estimate(model, config, profile)?;
        let unknown = estimate.layers.iter().find(|layer| layer.unit.work == Work::Unknown);
        Ok(Self {
            resources: Self::by_name(&estimate.implementation),
            unknown: unknown.map(|layer| layer.unit.name.clone()),
            warnings: estimate.warnings.iter().map(ToString::to_string).collect(),
        })
    }

    /// The resources among the figures, under the names that files have them by.
    pub fn by_name(figures: &Figures) -> ByResource<Figure> {
        let pairs = [
            (resource::DSP, figures.dsp),
            (resource::LUT, figures.lut),
            (resource::FF, figures.ff),
            (resource::BRAM36, figures.bram36()),
            (resource::URAM, figures.uram),
        ];
        pairs.map(|(name, figure)| (name.to_owned(), figure)).into()
    }
}
