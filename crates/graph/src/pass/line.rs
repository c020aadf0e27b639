//! Lines: batch normalisations that only multiply by constants and add constants.

use handaxe_data::Tensor;

use crate::{Error, Layer, LayerId, Model, Op};

/// So small that a variance of 1 stays 1.
const NEGLIGIBLE: f64 = 1e-30;

impl Op {
    /// gamma x + beta over the last axis: a batch normalisation whose statistics are neutral.
    pub fn line() -> Self {
        Self::BatchNorm { epsilon: NEGLIGIBLE, momentum: 0.9 }
    }
}

/// gamma and beta of a line for each entry of the last axis.
pub(super) type Pairs = Vec<(f64, f64)>;

/// gamma and beta of a layer that is a line; nothing for other layers.
pub(super) fn line(layer: &Layer) -> Option<(&[f32], &[f32])> {
    if !matches!(layer.op(), Op::BatchNorm { epsilon, .. } if *epsilon <= NEGLIGIBLE) {
        return None;
    }
    let values = |name| layer.weight(name).map(Tensor::values);
    let (mean, variance) = (values("moving_mean")?, values("moving_variance")?);
    let neutral = mean.iter().all(|value| *value == 0.0) && variance.iter().all(|v| *v == 1.0);
    neutral.then_some((values("gamma")?, values("beta")?))
}

/// Sets gamma and beta of a line.
pub(super) fn set(model: &mut Model, id: LayerId, pairs: &[(f64, f64)]) -> Result<(), Error> {
    let vector = |of: fn(&(f64, f64)) -> f64| {
        let mut tensor = Tensor::full(&[pairs.len()], 0.0);
        let values = pairs.iter().map(|pair| of(pair) as f32);
        tensor.values_mut().iter_mut().zip(values).for_each(|(slot, value)| *slot = value);
        tensor
    };
    model.set_weight(id, "gamma", vector(|pair| pair.0))?;
    model.set_weight(id, "beta", vector(|pair| pair.1))
}
