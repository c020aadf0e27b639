use handaxe_graph::Structure;
use serde::{Deserialize, Serialize};

/// What holds for one layer in place of what holds for all.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LayerSettings {
    /// Leave the layer alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exclude: bool,
    /// Which of its weights form a group, in place of what the objective says; written as `structured`, `pattern 256/1` or
    /// `block 2x4`.
    #[serde(with = "text", skip_serializing_if = "Option::is_none")]
    pub structure: Option<Structure>,
    /// Groups that it keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floor: Option<usize>,
    /// How strongly its groups are drawn to zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sparse_penalty: Option<f64>,
    /// How strongly its groups are drawn to one value each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance_penalty: Option<f64>,
}

/// A structure as text.
mod text {
    use handaxe_graph::Structure;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        structure: &Option<Structure>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match structure {
            Some(structure) => serializer.collect_str(structure),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Structure>, D::Error> {
        String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
    }
}
