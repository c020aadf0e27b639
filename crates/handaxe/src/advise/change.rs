use std::fmt;

use handaxe_fixed::Precision;
use handaxe_graph::{HlsConfig, Model, Section, Strategy};
use serde::Serialize;

use crate::Error;
use crate::magnitude::cut;

/// What is done to one layer; what is not said stays.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Change {
    /// How its multiplications are laid out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Multiplications that a multiplier does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse_factor: Option<usize>,
    /// The type of its weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<Precision>,
    /// The share of its weights that become zero, the least ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<f64>,
}

impl Change {
    /// Another layout.
    pub(super) fn built(strategy: Strategy, reuse_factor: usize) -> Self {
        let (strategy, reuse_factor) = (Some(strategy), Some(reuse_factor));
        Self { strategy, reuse_factor, ..Self::default() }
    }

    /// This change after `before`.
    pub(super) fn after(self, before: Self) -> Self {
        Self {
            strategy: self.strategy.or(before.strategy),
            reuse_factor: self.reuse_factor.or(before.reuse_factor),
            weight: self.weight.or(before.weight),
            cut: self.cut.or(before.cut),
        }
    }

    /// The network and its configuration with the change in `layer`.
    pub(super) fn apply(
        self,
        layer: &str,
        model: &Model,
        config: &HlsConfig,
    ) -> Result<(Option<Model>, HlsConfig), Error> {
        let mut config = config.clone();
        let section = section(&mut config, layer);
        section.strategy = self.strategy.or(section.strategy);
        section.reuse_factor = self.reuse_factor.or(section.reuse_factor);
        section.precision.extend(self.weight.map(|of| ("weight".to_owned(), of)));
        let cut = self.cut.map(|share| cut(model, &config, share, Some(layer))).transpose()?;
        Ok((cut, config))
    }
}

/// The section of a layer, whatever the case of its name there.
fn section<'a>(config: &'a mut HlsConfig, layer: &str) -> &'a mut Section {
    let names = || config.layer_name.keys();
    let same = |name: &&String| name.to_lowercase() == layer.to_lowercase();
    let known = names().find(|name| *name == layer).or(names().find(same));
    let name = known.cloned().unwrap_or_else(|| layer.to_owned());
    config.layer_name.entry(name).or_default()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.cut.map(|share| format!("{:.0} % of its weights cut", 100.0 * share)),
            self.strategy.map(|strategy| format!("strategy {strategy}")),
            self.reuse_factor.map(|reuse| format!("reuse factor {reuse}")),
            self.weight.map(|of| format!("weights {of}")),
        ];
        f.write_str(&parts.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}
