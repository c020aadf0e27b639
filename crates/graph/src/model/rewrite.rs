use std::collections::BTreeMap;

use handaxe_data::Tensor;

use super::{LayerId, Model};
use crate::{Error, Op};

/// For each layer those that read it, in order.
pub(crate) fn readers(model: &Model) -> Vec<Vec<LayerId>> {
    let mut readers = vec![Vec::new(); model.layers.len()];
    for (id, layer) in model.layers() {
        layer.inputs.iter().for_each(|input| readers[input.index()].push(id));
    }
    readers
}

/// A model that is made anew from another, layer by layer. Weights are moved, not copied: a layer is kept once at most, and what a pass
/// must know of weights it asks before.
pub(crate) struct Rewrite {
    pub(crate) old: Model,
    pub(crate) new: Model,
    /// For each old layer the new one whose array is its own.
    places: Vec<LayerId>,
    /// The last number that was tried behind each name that was taken.
    numbers: BTreeMap<String, usize>,
}

impl Rewrite {
    pub(crate) fn new(old: Model) -> Self {
        let new = Model::new(&old.name);
        let places = vec![LayerId(0); old.layers.len()];
        Self { old, new, places, numbers: BTreeMap::new() }
    }

    /// The ids of the old layers.
    pub(crate) fn ids(&self) -> impl Iterator<Item = LayerId> + use<> {
        (0..).map(LayerId).take(self.old.layers.len())
    }

    /// The new layer whose array is that of an old one.
    pub(crate) fn at(&self, id: LayerId) -> LayerId {
        self.places[id.index()]
    }

    /// What an old layer reads, as new layers.
    pub(crate) fn inputs(&self, id: LayerId) -> Vec<LayerId> {
        self.old.layer(id).inputs.iter().map(|&input| self.at(input)).collect()
    }

    /// States whose array an old layer's is.
    pub(crate) fn place(&mut self, id: LayerId, new: LayerId) {
        self.places[id.index()] = new;
    }

    /// Takes over an old layer that reads new ones.
    pub(crate) fn keep(&mut self, id: LayerId, inputs: &[LayerId]) -> Result<LayerId, Error> {
        let op = self.old.layer(id).op.clone();
        self.keep_as(id, op, inputs)
    }

    /// Takes over an old layer with another operator, and of its weights those that this has too.
    pub(crate) fn keep_as(
        &mut self,
        id: LayerId,
        op: Op,
        inputs: &[LayerId],
    ) -> Result<LayerId, Error> {
        let layer = &mut self.old.layers[id.index()];
        let weights = std::mem::take(&mut layer.weights);
        let new = self.new.append(&layer.name, op, inputs, weights)?;
        let made = &mut self.new.layers[new.index()];
        made.quantisers = std::mem::take(&mut layer.quantisers);
        made.quantisers.retain(|name, _| made.weights.contains_key(name));
        made.extra = std::mem::take(&mut layer.extra);
        self.place(id, new);
        Ok(new)
    }

    /// Takes a weight out of an old layer that is not kept.
    pub(crate) fn take_weight(&mut self, id: LayerId, name: &str) -> Option<Tensor> {
        self.old.layers[id.index()].weights.remove(name)
    }

    /// Adds a layer that the old model has not, under a name that no layer of either has.
    pub(crate) fn add(&mut self, stem: &str, op: Op, inputs: &[LayerId]) -> Result<LayerId, Error> {
        let mut name = stem.to_owned();
        while self.new.contains(&name) || (name != stem && self.old.contains(&name)) {
            let number = self.numbers.entry(stem.to_owned()).or_insert(1);
            *number += 1;
            name = format!("{stem}_{number}");
        }
        self.new.add(&name, op, inputs)
    }

    /// The new model, with the layers that `outputs` names as its answers.
    pub(crate) fn finish(mut self, outputs: &[LayerId]) -> Result<Model, Error> {
        self.new.set_outputs(outputs)?;
        self.new.preprocessing = self.old.preprocessing;
        Ok(self.new)
    }
}
