//! Batch normalisations that hls4ml folds into the layer before.

use handaxe_data::Tensor;

use super::{Plan, Stated};
use crate::{Layer, LayerId, Model, Op};

/// Scale and shift of a batch normalisation, one a channel, in f32 as hls4ml computes them.
pub struct Affine {
    /// gamma / sqrt(variance + epsilon)
    pub scale: Vec<f32>,
    /// beta - scale * mean
    pub shift: Vec<f32>,
}

impl Layer {
    /// Scale and shift of a batch normalisation; nothing for other layers.
    pub fn affine(&self) -> Option<Affine> {
        let Op::BatchNorm { epsilon, .. } = self.op() else { return None };
        let values = |name| self.weight(name).map(Tensor::values);
        let (gamma, beta) = (values("gamma")?, values("beta")?);
        let (mean, variance) = (values("moving_mean")?, values("moving_variance")?);
        let epsilon = *epsilon as f32;
        let scale: Vec<f32> = gamma
            .iter()
            .zip(variance)
            .map(|(gamma, variance)| gamma / (variance + epsilon).sqrt())
            .collect();
        let terms = beta.iter().zip(&scale).zip(mean);
        let shift = terms.map(|((beta, scale), mean)| beta - scale * mean).collect();
        Some(Affine { scale, shift })
    }
}

impl Plan<'_> {
    /// The batch normalisation behind a layer that is folded into it: the layer's result is `auto`, nothing else reads it, and
    /// not both of what would be multiplied are quantised.
    pub(super) fn folds(&self, id: LayerId) -> Option<LayerId> {
        let layer = self.model.layer(id);
        if !matches!(layer.op(), Op::Dense { .. } | Op::Conv { .. }) {
            return None;
        }
        if !matches!(self.stated(layer.name(), self.kind(id), "result"), Ok(Stated::Auto)) {
            return None;
        }
        let (reader, normalisation) = only_reader(self.model, id)?;
        let Affine { scale, shift } = normalisation.affine()?;
        let fits = |weight, neutral: f32, values: &[f32]| {
            layer.quantiser(weight).is_none() || values.iter().all(|value| *value == neutral)
        };
        (fits("kernel", 1.0, &scale) && fits("bias", 0.0, &shift)).then_some(reader)
    }
}

/// The layer that alone reads a layer, unless it is an output.
fn only_reader(model: &Model, id: LayerId) -> Option<(LayerId, &Layer)> {
    let mut readers = model.layers().filter(|(_, layer)| layer.inputs().contains(&id));
    let reader = readers.next()?;
    (readers.next().is_none() && !model.outputs().contains(&id)).then_some(reader)
}
