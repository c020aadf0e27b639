//! What layers hold: weights, their quantisers, and notes.

use handaxe_data::Tensor;
use serde_json::Value;

use super::{LayerId, Model};
use crate::{Error, Quantiser};

impl Model {
    /// Replaces a weight.
    ///
    /// # Errors
    /// A weight that the layer has not, another shape, or a value that is NaN or infinite.
    pub fn set_weight(&mut self, id: LayerId, name: &str, weight: Tensor) -> Result<(), Error> {
        let layer = &mut self.layers[id.index()];
        let known = || layer.weights.keys().copied().collect::<Vec<_>>().join(", ");
        let Some(slot) = layer.weights.get(name) else {
            let (layer, weight) = (layer.name.clone(), name.to_owned());
            return Err(Error::UnknownWeight { layer, weight, known: known() });
        };
        if slot.shape() != weight.shape() {
            return Err(Error::WeightShape {
                layer: layer.name.clone(),
                weight: name.to_owned(),
                expected: slot.shape().to_vec(),
                given: weight.shape().to_vec(),
            });
        }
        if let Some(index) = weight.first_not_finite() {
            return Err(Error::WeightNotFinite {
                layer: layer.name.clone(),
                weight: name.to_owned(),
                value: weight.values()[index],
                index,
            });
        }
        if let Some(slot) = layer.weights.get_mut(name) {
            *slot = weight;
        }
        Ok(())
    }

    /// States what a weight is rounded to when the layer is computed.
    ///
    /// # Errors
    /// A weight that the layer has not, or a quantiser that cannot be or is not for weights.
    pub fn set_quantiser(
        &mut self,
        id: LayerId,
        weight: &str,
        quantiser: Quantiser,
    ) -> Result<(), Error> {
        let layer = &mut self.layers[id.index()];
        let Some((&slot, _)) = layer.weights.get_key_value(weight) else {
            return Err(Error::UnknownWeight {
                layer: layer.name.clone(),
                weight: weight.to_owned(),
                known: layer.weights.keys().copied().collect::<Vec<_>>().join(", "),
            });
        };
        let fault = match &quantiser {
            Quantiser::PerElement { .. } => Some((
                "the quantiser of a weight",
                "per element".to_owned(),
                "one without weights of its own",
            )),
            Quantiser::Truncate { .. } => {
                Some(("the quantiser of a weight", "a truncation".to_owned(), "no truncation"))
            }
            quantiser => quantiser.fault().or_else(|| {
                let weight = layer.weights.get(slot)?;
                quantiser.misfit(weight.shape())
            }),
        };
        if let Some((what, given, right)) = fault {
            let (layer, kind) = (layer.name.clone(), layer.op.layer_type().name());
            return Err(Error::Parameter { layer, kind, what, given, right });
        }
        layer.quantisers.insert(slot, quantiser);
        Ok(())
    }

    /// Notes something of a layer for objectives on other platforms; it travels with the model to
    /// [`LayerAttributes::extra`](crate::LayerAttributes::extra).
    pub fn set_extra(&mut self, id: LayerId, key: &str, value: Value) {
        self.layers[id.index()].extra.insert(key.to_owned(), value);
    }
}
