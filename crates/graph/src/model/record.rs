//! A model's structure in files; reading it checks all that adding layers checks.

use std::collections::BTreeMap;

use handaxe_data::Standardiser;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{LayerId, Model};
use crate::{Error, Op, Quantiser};

/// How a graph is written: structure only, weights travel as tensors.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    name: String,
    layers: Vec<LayerRecord>,
    outputs: Vec<LayerId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    preprocessing: Vec<Standardiser>,
}

#[derive(Serialize, Deserialize)]
struct LayerRecord {
    name: String,
    inputs: Vec<LayerId>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    quantisers: BTreeMap<String, Quantiser>,
    #[serde(flatten)]
    op: Op,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extra: BTreeMap<String, Value>,
}

impl From<Model> for Record {
    fn from(model: Model) -> Self {
        let layers = model.layers.into_iter();
        let layers = layers.map(|layer| LayerRecord {
            name: layer.name,
            inputs: layer.inputs,
            quantisers: layer.quantisers.into_iter().map(|(w, q)| (w.to_owned(), q)).collect(),
            op: layer.op,
            extra: layer.extra,
        });
        let (outputs, preprocessing) = (model.outputs, model.preprocessing);
        Self { name: model.name, layers: layers.collect(), outputs, preprocessing }
    }
}

impl TryFrom<Record> for Model {
    type Error = Error;

    fn try_from(record: Record) -> Result<Self, Error> {
        let mut model = Self::new(&record.name);
        for layer in record.layers {
            let id = model.add(&layer.name, layer.op, &layer.inputs)?;
            for (weight, quantiser) in layer.quantisers {
                model.set_quantiser(id, &weight, quantiser)?;
            }
            model.layers[id.index()].extra = layer.extra;
        }
        model.set_outputs(&record.outputs)?;
        model.set_preprocessing(record.preprocessing)?;
        model.verify()?;
        Ok(model)
    }
}
