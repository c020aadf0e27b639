use handaxe_graph::{Activation, Layer};
use serde_json::{Value, json};

use super::super::activation;
use super::Generation;
use crate::Error;

/// Functions that Keras 2.14 has.
const IN_KERAS_2: &[&str] = &[
    "relu",
    "sigmoid",
    "tanh",
    "softmax",
    "elu",
    "selu",
    "softplus",
    "softsign",
    "swish",
    "gelu",
    "mish",
    "exponential",
    "hard_sigmoid",
    "leaky_relu",
];

/// The class and the config, but for the name, of the layer that computes `function`.
pub(super) fn write(
    layer: &Layer,
    function: Activation,
    to: Generation,
) -> Result<(&'static str, Value), Error> {
    let keras_2 = to == Generation::Two;
    let slope_key = if keras_2 { "alpha" } else { "negative_slope" };
    let by_name = |name: &str| ("Activation", json!({"activation": name}));
    Ok(match function {
        Activation::HardSigmoid if keras_2 => by_name("hard_sigmoid"),
        Activation::HardSigmoid6 if !keras_2 => by_name("hard_sigmoid"),
        Activation::Linear => by_name("linear"),
        Activation::LeakyRelu { slope } => ("LeakyReLU", json!({(slope_key): slope})),
        Activation::Elu { alpha } => ("ELU", json!({"alpha": alpha})),
        Activation::Softmax => ("Softmax", json!({"axis": -1})),
        Activation::ClippedRelu { slope, threshold, max } => {
            ("ReLU", json!({"max_value": max, "negative_slope": slope, "threshold": threshold}))
        }
        Activation::ThresholdedRelu { theta } if keras_2 => {
            ("ThresholdedReLU", json!({"theta": theta}))
        }
        // Above theta is from the next f32 on.
        Activation::ThresholdedRelu { theta } => {
            ("ReLU", json!({"threshold": f64::from((theta as f32).next_up())}))
        }
        _ => match activation::keras_name(function) {
            Some(name) if !keras_2 || IN_KERAS_2.contains(&name) => by_name(name),
            _ => {
                return Err(Error::NotInKeras {
                    layer: layer.name().to_owned(),
                    what: format!("the activation {function:?}"),
                    generation: if keras_2 { 2 } else { 3 },
                });
            }
        },
    })
}
