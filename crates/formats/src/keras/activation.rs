//! Activations: functions by name, layers with parameters, and QKeras' quantisers in their place.

use handaxe_graph::{Activation, Op, Quantiser, nearest};
use serde_json::Value;

use super::config::{Object, brief};
use super::quantiser;
use crate::Error;

/// Names of functions that both generations of Keras give the same meaning.
const COMMON: &[(&str, Activation)] = &[
    ("relu", Activation::Relu),
    // Not Keras', but hls4ml's users have it.
    ("relu1", Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max: Some(1.0) }),
    ("relu6", Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max: Some(6.0) }),
    ("sigmoid", Activation::Sigmoid),
    ("tanh", Activation::Tanh),
    ("softmax", Activation::Softmax),
    ("log_softmax", Activation::LogSoftmax),
    ("leaky_relu", Activation::LeakyRelu { slope: 0.2 }), // the layer's default is 0.3
    ("elu", Activation::Elu { alpha: 1.0 }),
    ("selu", Activation::Selu),
    ("softplus", Activation::Softplus),
    ("softsign", Activation::Softsign),
    ("swish", Activation::Swish),
    ("silu", Activation::Swish),
    ("gelu", Activation::Gelu),
    ("mish", Activation::Mish),
    ("exponential", Activation::Exponential),
    ("hard_swish", Activation::HardSwish),
    ("hard_silu", Activation::HardSwish),
    ("hard_tanh", Activation::HardTanh),
    ("celu", Activation::Celu { alpha: 1.0 }),
    ("log_sigmoid", Activation::LogSigmoid),
    ("tanh_shrink", Activation::TanhShrink),
    ("hard_shrink", Activation::HardShrink { threshold: 0.5 }),
    ("soft_shrink", Activation::SoftShrink { threshold: 0.5 }),
    ("threshold", Activation::Threshold { threshold: 0.0, value: 0.0 }),
    ("squareplus", Activation::Squareplus { b: 4.0 }),
    ("sparse_plus", Activation::SparsePlus),
];

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
    let function = match (name, keras_3) {
        ("linear", _) => return Ok(None),
        ("hard_sigmoid", false) => Activation::HardSigmoid,
        ("hard_sigmoid", true) => Activation::HardSigmoid6,
        // The functions of the binary and ternary layers that came before QKeras.
        ("binary_tanh", _) => {
            return Ok(Some(Op::Quantise { quantiser: Quantiser::Sign { scale: 1.0 } }));
        }
        ("ternary_tanh", _) => {
            return Ok(Some(Op::Quantise { quantiser: Quantiser::Ternarise { scale: 1.0 } }));
        }
        _ => COMMON
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, function)| *function)
            .ok_or_else(|| Error::KerasActivation {
                layer: object.name.to_owned(),
                given: name.chars().take(60).collect(),
                nearest: nearest(name, COMMON.iter().map(|(known, _)| *known)),
            })?,
    };
    Ok(Some(Op::Activation { function }))
}

/// The name that stands for a function with just these parameters in Keras.
pub(super) fn keras_name(function: Activation) -> Option<&'static str> {
    COMMON.iter().find(|(_, known)| *known == function).map(|(name, _)| *name)
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
        class => Err(Error::KerasActivation {
            layer: object.name.to_owned(),
            given: brief(&Value::String(class.to_owned())),
            nearest: None,
        }),
    }
}
