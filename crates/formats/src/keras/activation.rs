//! Activations: functions by name, layers with parameters, and QKeras' quantisers in their place.

use handaxe_graph::{Activation, Op, Quantiser, nearest};
use serde_json::Value;

use super::config::Object;
use super::quantiser;
use crate::Error;

/// What stands behind a function's name.
enum Function {
    /// Nothing: what goes in comes out.
    Linear,
    /// The same in all generations of Keras.
    Known(Activation),
    /// Another formula in Keras 3.
    Differs { before: Activation, since_3: Activation },
    /// A function of the binary and ternary layers that came before QKeras.
    Rounds(Quantiser),
}
use Function::{Differs, Known, Linear, Rounds};

/// Every function that is read by its name.
const FUNCTIONS: &[(&str, Function)] = &[
    ("linear", Linear),
    ("relu", Known(Activation::Relu)),
    // Not Keras', but hls4ml's users have it.
    ("relu1", Known(Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max: Some(1.0) })),
    ("relu6", Known(Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max: Some(6.0) })),
    ("sigmoid", Known(Activation::Sigmoid)),
    ("tanh", Known(Activation::Tanh)),
    ("softmax", Known(Activation::Softmax)),
    ("log_softmax", Known(Activation::LogSoftmax)),
    ("leaky_relu", Known(Activation::LeakyRelu { slope: 0.2 })), // the layer's default is 0.3
    ("elu", Known(Activation::Elu { alpha: 1.0 })),
    ("selu", Known(Activation::Selu)),
    ("softplus", Known(Activation::Softplus)),
    ("softsign", Known(Activation::Softsign)),
    ("swish", Known(Activation::Swish)),
    ("silu", Known(Activation::Swish)),
    ("gelu", Known(Activation::Gelu)),
    ("mish", Known(Activation::Mish)),
    ("exponential", Known(Activation::Exponential)),
    ("hard_swish", Known(Activation::HardSwish)),
    ("hard_silu", Known(Activation::HardSwish)),
    ("hard_tanh", Known(Activation::HardTanh)),
    ("celu", Known(Activation::Celu { alpha: 1.0 })),
    ("log_sigmoid", Known(Activation::LogSigmoid)),
    ("tanh_shrink", Known(Activation::TanhShrink)),
    ("hard_shrink", Known(Activation::HardShrink { threshold: 0.5 })),
    ("soft_shrink", Known(Activation::SoftShrink { threshold: 0.5 })),
    ("threshold", Known(Activation::Threshold { threshold: 0.0, value: 0.0 })),
    ("squareplus", Known(Activation::Squareplus { b: 4.0 })),
    ("sparse_plus", Known(Activation::SparsePlus)),
    (
        "hard_sigmoid",
        Differs { before: Activation::HardSigmoid, since_3: Activation::HardSigmoid6 },
    ),
    ("binary_tanh", Rounds(Quantiser::Sign { scale: 1.0 })),
    ("ternary_tanh", Rounds(Quantiser::Ternarise { scale: 1.0 })),
];

/// The names of all functions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _)| *name)
}

/// What `function` computes; nothing for the linear one.
pub(super) fn op(keras_3: bool, object: Object<'_>, function: &Value) -> Result<Option<Op>, Error> {
    if let Some(quantiser) = quantiser::of_activation(object, function)? {
        return Ok(Some(Op::Quantise { quantiser }));
    }
    let name = match function {
        Value::String(name) => name.as_str(),
        Value::Object(_) => {
            let inner = Object::new(function)?;
            match inner.config {
                Value::String(name) => name, // {"class_name": "function", "config": "relu"}
                _ => {
                    let inner = Object { name: object.name, ..inner };
                    let rank = usize::MAX; // an activation in a layer is on the last axis
                    return layer(inner, rank).map(|function| Some(Op::Activation { function }));
                }
            }
        }
        _ => return Err(object.wrong("activation", function, "a name or a mapping")),
    };
    let name = name.rsplit('>').next().unwrap_or(name);
    let function = match FUNCTIONS.iter().find(|(known, _)| *known == name) {
        Some((_, Linear)) => return Ok(None),
        Some((_, Rounds(quantiser))) => {
            return Ok(Some(Op::Quantise { quantiser: quantiser.clone() }));
        }
        Some((_, Known(function))) => *function,
        Some((_, Differs { before, since_3 })) => {
            if keras_3 {
                *since_3
            } else {
                *before
            }
        }
        None => {
            return Err(Error::KerasActivation {
                layer: object.name.to_owned(),
                class: object.class.to_owned(),
                given: name.chars().take(60).collect(),
                nearest: nearest(name, names()),
            });
        }
    };
    Ok(Some(Op::Activation { function }))
}

/// The name that stands for a function with just these parameters in Keras.
pub(super) fn keras_name(function: Activation) -> Option<&'static str> {
    let found =
        FUNCTIONS.iter().find(|(_, known)| matches!(known, Known(known) if *known == function));
    found.map(|(name, _)| *name)
}

/// What a layer of an activation is called when it is split off: hls4ml's rule.
pub(super) fn name(function: &Value, op: &Op) -> String {
    let named = match function {
        Value::String(name) => Some(name.as_str()),
        Value::Object(parts) => match parts.get("config") {
            Some(Value::String(name)) => Some(name.as_str()),
            _ => parts.get("class_name").and_then(Value::as_str),
        },
        _ => None,
    };
    let named =
        named.and_then(|name| name.split('(').next()).and_then(|name| name.rsplit('>').next());
    named.map_or_else(|| op.layer_type().name().to_lowercase(), str::to_owned)
}

/// The function of an activation layer on arrays of `rank` axes.
pub(super) fn layer(object: Object<'_>, rank: usize) -> Result<Activation, Error> {
    match object.class {
        "ReLU" => {
            let max = object.get("max_value").and_then(serde_json::Value::as_f64);
            let slope = object.float("negative_slope", 0.0)?;
            let threshold = object.float("threshold", 0.0)?;
            Ok(match (max, slope, threshold) {
                (None, 0.0, 0.0) => Activation::Relu,
                (None, slope, 0.0) => Activation::LeakyRelu { slope },
                (max, slope, threshold) => Activation::ClippedRelu { slope, threshold, max },
            })
        }
        "LeakyReLU" => {
            let key =
                if object.get("negative_slope").is_some() { "negative_slope" } else { "alpha" };
            Ok(Activation::LeakyRelu { slope: object.float(key, 0.3)? })
        }
        "ELU" => Ok(Activation::Elu { alpha: object.float("alpha", 1.0)? }),
        "ThresholdedReLU" => Ok(Activation::ThresholdedRelu { theta: object.float("theta", 1.0)? }),
        "Softmax" => match object.get("axis") {
            None => Ok(Activation::Softmax),
            Some(axis) if axis.as_i64().is_some_and(|axis| axis == -1 || axis == rank as i64) => {
                Ok(Activation::Softmax)
            }
            Some(Value::Array(axes)) if axes.len() == 1 && axes[0].as_i64() == Some(-1) => {
                Ok(Activation::Softmax)
            }
            Some(axis) => Err(object.wrong("axis", axis, "the last axis")),
        },
        _ => Err(object.unsupported("it is no activation that is known here")),
    }
}
