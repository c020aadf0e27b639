//! Where a file keeps the weights of each layer.

use std::collections::BTreeMap;
use std::rc::Rc;

use handaxe_data::Tensor;

use super::hdf5::Hdf5;
use crate::Error;

/// The weights of a model's layers.
pub(super) struct Store {
    file: Hdf5,
    form: Form,
}

/// The two forms in which Keras writes weights.
enum Form {
    /// By the names of layers and weights, in the group `root` (`.h5` and `.weights.h5` of Keras 2).
    Named { root: &'static str },
    /// By the order in which layers and weights were made (`.keras`, `.weights.h5` of Keras 3).
    Ordered,
}

/// A model, or a model within a model: how its layers are found.
pub(super) struct Level<'a> {
    store: &'a Store,
    kind: LevelKind,
}

enum LevelKind {
    /// Layers have groups of their own in `root`.
    Named { root: String },
    /// Layers of a nested model share its group; the names of weights tell them apart: arrays by layer and weight.
    Shared(Rc<BTreeMap<String, BTreeMap<String, String>>>),
    /// The group of each layer that says its name, and the groups by type and count otherwise.
    Ordered {
        container: String,
        by_name: BTreeMap<String, String>,
        counts: BTreeMap<String, usize>,
    },
}

/// The weights of one layer.
pub(super) struct LayerWeights<'a> {
    store: &'a Store,
    layer: String,
    kind: LayerKind,
}

enum LayerKind {
    /// Arrays by the last part of their names.
    Named(BTreeMap<String, String>),
    /// The group that holds `vars/0`, `vars/1`, ...
    Ordered(String),
}

impl Store {
    pub(super) fn new(file: Hdf5) -> Result<Self, Error> {
        let form = if file.has_group("model_weights") {
            Form::Named { root: "model_weights" }
        } else if file.texts("", "layer_names")?.is_some() {
            Form::Named { root: "" }
        } else {
            Form::Ordered
        };
        Ok(Self { file, form })
    }

    /// The level of the whole model.
    pub(super) fn top(&self) -> Result<Level<'_>, Error> {
        match self.form {
            Form::Named { root } => {
                Ok(Level { store: self, kind: LevelKind::Named { root: root.to_owned() } })
            }
            Form::Ordered => self.ordered(""),
        }
    }

    fn ordered(&self, group: &str) -> Result<Level<'_>, Error> {
        let names = ["layers", "_layer_checkpoint_dependencies"];
        let containers = names.map(|name| join(group, name));
        let found = containers.into_iter().find(|container| self.file.has_group(container));
        let container = found.unwrap_or_else(|| join(group, "layers"));
        let mut by_name = BTreeMap::new();
        for child in self.file.groups(&container)? {
            let path = join(&container, &child);
            if let Some(name) = self.file.text(&join(&path, "vars"), "name")? {
                by_name.insert(name, path);
            }
        }
        Ok(Level {
            store: self,
            kind: LevelKind::Ordered { container, by_name, counts: BTreeMap::new() },
        })
    }
}

impl<'a> Level<'a> {
    /// The weights of the layer called `name` of type `class`. Must be asked for every layer once, in the file's order.
    pub(super) fn layer(&mut self, name: &str, class: &str) -> Result<LayerWeights<'a>, Error> {
        let kind = match &mut self.kind {
            LevelKind::Named { root } => {
                let layers = self.store.named(&join(root, name))?;
                LayerKind::Named(layers.into_values().flatten().collect())
            }
            LevelKind::Shared(layers) => {
                LayerKind::Named(layers.get(name).cloned().unwrap_or_default())
            }
            LevelKind::Ordered { container, by_name, counts } => {
                let kind = snake_case(class);
                let count = counts.entry(kind.clone()).or_insert(0);
                let numbered = if *count == 0 { kind } else { format!("{kind}_{count}") };
                *count += 1;
                let path = by_name.get(name).cloned();
                LayerKind::Ordered(path.unwrap_or_else(|| join(container, &numbered)))
            }
        };
        Ok(LayerWeights { store: self.store, layer: name.to_owned(), kind })
    }

    /// The level of a nested model called `name`.
    pub(super) fn nested(&mut self, name: &str, class: &str) -> Result<Self, Error> {
        let layers = match &self.kind {
            LevelKind::Named { root } => Some(Rc::new(self.store.named(&join(root, name))?)),
            LevelKind::Shared(layers) => Some(Rc::clone(layers)),
            LevelKind::Ordered { .. } => None,
        };
        if let Some(layers) = layers {
            return Ok(Self { store: self.store, kind: LevelKind::Shared(layers) });
        }
        match self.layer(name, class)?.kind {
            LayerKind::Ordered(group) => self.store.ordered(&group),
            LayerKind::Named(_) => Err(Error::NotKeras),
        }
    }
}

impl Store {
    /// The arrays that a group lists, by the last two parts of their names: layer and weight.
    fn named(&self, group: &str) -> Result<BTreeMap<String, BTreeMap<String, String>>, Error> {
        let mut layers: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for name in self.file.texts(group, "weight_names")?.unwrap_or_default() {
            let bare = name.split_once(':').map_or(name.as_str(), |(bare, _)| bare);
            let (path, weight) = bare.rsplit_once('/').unwrap_or(("", bare));
            let layer = path.rsplit('/').next().unwrap_or("").to_owned();
            let weight = weight.to_owned();
            layers.entry(layer).or_default().insert(weight, join(group, &name));
        }
        Ok(layers)
    }
}

impl LayerWeights<'_> {
    /// The weights under the names that both generations of Keras may have given them (alternatives split by `|`), in the
    /// order in which they were made.
    ///
    /// # Errors
    /// A weight that is missing.
    pub(super) fn take<const N: usize>(
        &self,
        names: [&'static str; N],
    ) -> Result<[Tensor; N], Error> {
        self.take_in("", names)
    }

    /// The same for weights of a part of the layer that is a layer itself.
    pub(super) fn take_in<const N: usize>(
        &self,
        part: &str,
        names: [&'static str; N],
    ) -> Result<[Tensor; N], Error> {
        let mut found = Vec::with_capacity(N);
        for (place, name) in names.into_iter().enumerate() {
            found.push(self.find(part, place, name)?.ok_or_else(|| self.missing(name))?);
        }
        found.try_into().map_err(|_| self.missing("any"))
    }

    /// Of some weights in their order, those that `wanted` names.
    pub(super) fn list(
        &self,
        names: &[&'static str],
    ) -> Result<Vec<(&'static str, Tensor)>, Error> {
        self.list_in("", names)
    }

    /// The same for a part.
    pub(super) fn list_in(
        &self,
        part: &str,
        names: &[&'static str],
    ) -> Result<Vec<(&'static str, Tensor)>, Error> {
        let find = |(place, name): (usize, &&'static str)| {
            let weight = self.find(part, place, name)?.ok_or_else(|| self.missing(name))?;
            Ok((*name, weight))
        };
        names.iter().enumerate().map(find).collect()
    }

    /// A weight that need not be there, under its name only.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<Tensor>, Error> {
        match &self.kind {
            LayerKind::Named(_) => self.find("", 0, name),
            LayerKind::Ordered(_) => Ok(None),
        }
    }

    /// The layer in a wrapper.
    pub(super) fn wrapped(&self) -> Result<Self, Error> {
        let kind = match &self.kind {
            LayerKind::Named(names) => LayerKind::Named(names.clone()),
            LayerKind::Ordered(path) => {
                let inner = join(path, "layer");
                let own = self.store.file.array_count(&join(path, "vars"))?;
                let whole = own > 0 && !self.store.file.has_group(&inner);
                LayerKind::Ordered(if whole { path.clone() } else { inner })
            }
        };
        Ok(Self { store: self.store, layer: self.layer.clone(), kind })
    }

    fn find(&self, part: &str, place: usize, name: &str) -> Result<Option<Tensor>, Error> {
        let path = match &self.kind {
            LayerKind::Named(names) => name.split('|').find_map(|name| names.get(name)).cloned(),
            LayerKind::Ordered(path) => Some(join(&join(path, part), &format!("vars/{place}"))),
        };
        path.map_or(Ok(None), |path| self.store.file.array(&path))
    }

    fn missing(&self, weight: &str) -> Error {
        Error::KerasWeight { layer: self.layer.clone(), weight: weight.replace('|', " or ") }
    }
}

fn join(group: &str, name: &str) -> String {
    match (group, name) {
        ("", name) => name.to_owned(),
        (group, "") => group.to_owned(),
        (group, name) => format!("{group}/{name}"),
    }
}

/// Keras' own rule from types to the names of groups: `QConv2DBatchnorm` to `q_conv2d_batchnorm`.
pub(super) fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().collect();
    let mut name = String::new();
    for (place, letter) in letters.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| letters[place]);
        let followed = letters.get(place + 1).is_some_and(char::is_ascii_lowercase);
        let starts = followed || before.is_some_and(|before| before.is_ascii_lowercase());
        if place > 0 && letter.is_ascii_uppercase() && starts {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_called_as_keras_calls_them() {
        for (class, name) in [
            ("Dense", "dense"),
            ("QDense", "q_dense"),
            ("Conv2D", "conv2d"),
            ("QConv2DBatchnorm", "q_conv2d_batchnorm"),
            ("FixedPointQuantizer", "fixed_point_quantizer"),
            ("PReLU", "p_re_lu"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
        ] {
            assert_eq!(snake_case(class), name);
        }
    }
}
