use handaxe_graph::{Quantiser, Scale};
use serde_json::{Value, json};

use super::Generation;

/// A quantiser as QKeras writes it; nothing for one that is no object of QKeras.
pub(super) fn write(quantiser: &Quantiser, to: Generation) -> Option<Value> {
    let (class, config) = match quantiser {
        Quantiser::Bits { bits, integer, keep_negative, symmetric, alpha } => (
            "quantized_bits",
            json!({"bits": bits, "integer": integer, "symmetric": u8::from(*symmetric),
                "keep_negative": keep_negative, "alpha": scale(*alpha),
                "use_stochastic_rounding": false, "qnoise_factor": 1.0}),
        ),
        Quantiser::Relu { bits, integer, negative_slope, use_sigmoid } => (
            "quantized_relu",
            json!({"bits": bits, "integer": integer, "use_sigmoid": u8::from(*use_sigmoid),
                "negative_slope": negative_slope, "use_stochastic_rounding": false,
                "relu_upper_bound": null, "qnoise_factor": 1.0}),
        ),
        Quantiser::Po2 { bits, max_value, quadratic, floor, relu } => {
            let mut config = json!({"bits": bits, "max_value": max_value,
                "use_stochastic_rounding": false, "quadratic_approximation": quadratic,
                "log2_rounding": if *floor { "floor" } else { "rnd" }, "qnoise_factor": 1.0});
            if let Some(slope) = relu {
                config["negative_slope"] = json!(slope);
            }
            (if relu.is_some() { "quantized_relu_po2" } else { "quantized_po2" }, config)
        }
        Quantiser::Binary { zero_one, alpha } => (
            "binary",
            json!({"use_01": zero_one, "alpha": scale(*alpha), "use_stochastic_rounding": false}),
        ),
        Quantiser::Ternary { threshold, unrolls, alpha } => (
            "ternary",
            json!({"alpha": scale(*alpha), "threshold": threshold,
                "use_stochastic_rounding": false, "number_of_unrolls": unrolls}),
        ),
        Quantiser::Tanh { bits, symmetric, real } => (
            "quantized_tanh",
            json!({"bits": bits, "symmetric": symmetric, "use_real_tanh": real,
                "use_stochastic_rounding": false}),
        ),
        Quantiser::Sigmoid { bits, symmetric, real } => (
            "quantized_sigmoid",
            json!({"bits": bits, "symmetric": symmetric, "use_real_sigmoid": real,
                "use_stochastic_rounding": false}),
        ),
        Quantiser::Sign { .. }
        | Quantiser::Ternarise { .. }
        | Quantiser::PerElement { .. }
        | Quantiser::Integer(_)
        | Quantiser::Truncate { .. } => {
            return None;
        }
    };
    let mut object = json!({"class_name": class, "config": config});
    if to == Generation::Three {
        object["module"] = json!("qkeras.quantizers");
        object["registered_name"] = json!(format!("qkeras>{class}"));
    }
    Some(object)
}

/// The same as a call, the form in which QKeras for Keras 2 reads the quantiser of an activation back.
pub(super) fn call(quantiser: &Quantiser) -> Option<String> {
    let written = write(quantiser, Generation::Two)?;
    let argument = |(key, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::Bool(flag) => Some(format!("{key}={}", u8::from(*flag))),
        Value::String(text) => Some(format!("{key}='{text}'")),
        value => Some(format!("{key}={value}")),
    };
    let settings = written["config"].as_object()?.iter();
    let settings =
        settings.filter(|(key, _)| *key != "qnoise_factor" && *key != "use_stochastic_rounding");
    let arguments: Vec<String> = settings.filter_map(argument).collect();
    Some(format!("{}({})", written["class_name"].as_str()?, arguments.join(",")))
}

/// Always said, so that QKeras' own default, which differs from place to place, plays no part.
fn scale(scale: Scale) -> Value {
    match scale {
        Scale::Value(value) => json!(value),
        Scale::Auto => json!("auto"),
        Scale::AutoPo2 => json!("auto_po2"),
    }
}
