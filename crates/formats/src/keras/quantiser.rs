//! QKeras' and HGQ's quantisers.

use std::collections::BTreeMap;

use handaxe_data::Tensor;
use handaxe_graph::{LayerId, Op, Quantiser, Scale};
use serde_json::Value;

use super::call::{self, Call};
use super::config::{Object, truth};
use super::topology::Builder;
use super::weights::LayerWeights;
use crate::Error;

/// QKeras' quantisers with the names of their arguments in order.
const ARGUMENTS: &[(&str, &[&str])] = &[
    ("quantized_bits", &["bits", "integer", "symmetric", "keep_negative", "alpha"]),
    ("quantized_linear", &["bits", "integer", "symmetric", "keep_negative", "alpha"]),
    ("quantized_relu", &["bits", "integer", "use_sigmoid", "negative_slope"]),
    ("quantized_po2", &["bits", "max_value", "", "quadratic_approximation", "log2_rounding"]),
    (
        "quantized_relu_po2",
        &["bits", "max_value", "negative_slope", "", "quadratic_approximation", "log2_rounding"],
    ),
    ("binary", &["use_01", "alpha"]),
    ("ternary", &["alpha", "threshold", "", "number_of_unrolls"]),
    ("quantized_tanh", &["bits", "", "symmetric", "use_real_tanh"]),
    ("quantized_sigmoid", &["bits", "symmetric", "use_real_sigmoid"]),
];

/// The names of QKeras' quantisers.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ARGUMENTS.iter().map(|(name, _)| *name)
}

/// The arguments of a quantiser by name.
struct Arguments<'a> {
    object: Object<'a>,
    name: &'static str,
    given: BTreeMap<String, Value>,
}

impl<'a> Arguments<'a> {
    /// The quantiser that `value` describes, if it is one of QKeras'.
    fn read(object: Object<'a>, value: &Value) -> Result<Option<Self>, Error> {
        let call = match value {
            Value::String(text) => call::parse(text),
            Value::Object(_) => {
                let inner = Object::new(value)?;
                let given = inner.config.as_object().map(|config| {
                    config.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
                });
                given.map(|named| Call { name: inner.class.to_owned(), positional: vec![], named })
            }
            _ => None,
        };
        let Some(call) = call else { return Ok(None) };
        let Some((name, order)) = ARGUMENTS.iter().find(|(name, _)| *name == call.name) else {
            return Ok(None);
        };
        let places = order.iter().map(|name| (*name).to_owned()).zip(call.positional);
        let given: BTreeMap<String, Value> = places.chain(call.named).collect();
        Ok(Some(Self { object, name, given }))
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.given.get(key).filter(|value| !value.is_null())
    }

    fn wrong(&self, key: &'static str, given: &Value, expected: &'static str) -> Error {
        Object { class: self.name, ..self.object }.wrong(key, given, expected)
    }

    /// A number, which numpy may have written as a mapping with a `value`.
    fn number(&self, key: &'static str, default: f64) -> Result<f64, Error> {
        let Some(value) = self.get(key) else { return Ok(default) };
        let plain = value.get("config").and_then(|config| config.get("value")).unwrap_or(value);
        let number = plain.as_f64().or_else(|| truth(plain).map(|flag| f64::from(u8::from(flag))));
        number.ok_or_else(|| self.wrong(key, value, "a number"))
    }

    fn flag(&self, key: &'static str, default: bool) -> Result<bool, Error> {
        let Some(value) = self.get(key) else { return Ok(default) };
        truth(value).ok_or_else(|| self.wrong(key, value, "true or false"))
    }

    fn bits(&self) -> Result<u32, Error> {
        Ok(self.number("bits", 8.0)?.clamp(0.0, f64::from(u32::MAX)) as u32)
    }

    /// The scale, with what stands for no scale here.
    fn scale(&self, none: Scale) -> Result<Scale, Error> {
        match self.get("alpha") {
            None => Ok(none),
            Some(Value::String(name)) if name == "auto" => Ok(Scale::Auto),
            Some(Value::String(name)) if name == "auto_po2" => Ok(Scale::AutoPo2),
            Some(_) => Ok(Scale::Value(self.number("alpha", 1.0)?)),
        }
    }

    /// The quantiser; `none` is the scale where none is given.
    fn quantiser(&self, none: Scale) -> Result<Quantiser, Error> {
        let noise = self.number("qnoise_factor", 1.0)?;
        if noise != 1.0 {
            let given = noise.into();
            return Err(self.wrong("qnoise_factor", &given, "1: finish the quantisation first"));
        }
        let max_value = || -> Result<Option<f64>, Error> {
            self.get("max_value").map(|_| self.number("max_value", 1.0)).transpose()
        };
        let po2 = |relu| -> Result<Quantiser, Error> {
            let floor = self.get("log2_rounding").and_then(Value::as_str) == Some("floor");
            let quadratic = self.flag("quadratic_approximation", false)?;
            Ok(Quantiser::Po2 {
                bits: self.bits()?,
                max_value: max_value()?,
                quadratic,
                floor,
                relu,
            })
        };
        Ok(match self.name {
            "quantized_bits" | "quantized_linear" => {
                let alpha = self.scale(none)?;
                let fitted = !matches!(alpha, Scale::Value(_));
                Quantiser::Bits {
                    bits: self.bits()?,
                    integer: self.number("integer", 0.0)? as i32,
                    keep_negative: self.flag("keep_negative", true)?,
                    symmetric: fitted || self.flag("symmetric", self.name == "quantized_linear")?,
                    alpha,
                }
            }
            "quantized_relu" => Quantiser::Relu {
                bits: self.bits()?,
                integer: self.number("integer", 0.0)? as i32,
                negative_slope: self.number("negative_slope", 0.0)?,
                use_sigmoid: self.flag("use_sigmoid", false)?,
            },
            "quantized_po2" => po2(None)?,
            "quantized_relu_po2" => po2(Some(self.number("negative_slope", 0.0)?))?,
            "binary" => Quantiser::Binary {
                zero_one: self.flag("use_01", false)?,
                alpha: self.scale(none)?,
            },
            "ternary" => Quantiser::Ternary {
                threshold: self
                    .get("threshold")
                    .map(|_| self.number("threshold", 0.33))
                    .transpose()?,
                unrolls: self.number("number_of_unrolls", 5.0)?.clamp(0.0, 100.0) as u32,
                alpha: self.scale(none)?,
            },
            "quantized_tanh" => Quantiser::Tanh {
                bits: self.bits()?,
                symmetric: self.flag("symmetric", false)?,
                real: self.flag("use_real_tanh", false)?,
            },
            _ => Quantiser::Sigmoid {
                bits: self.bits()?,
                symmetric: self.flag("symmetric", false)?,
                real: self.flag("use_real_sigmoid", false)?,
            },
        })
    }
}

/// The quantiser in the place of an activation, if it is one.
pub(super) fn of_activation(object: Object<'_>, value: &Value) -> Result<Option<Quantiser>, Error> {
    let arguments = Arguments::read(object, value)?;
    arguments.map(|arguments| arguments.quantiser(Scale::Value(1.0))).transpose()
}

/// Sets the quantisers that a layer of QKeras names `<part>_quantizer`.
pub(super) fn of_weights(
    to: &mut Builder,
    object: Object<'_>,
    id: LayerId,
    parts: &[&'static str],
) -> Result<(), Error> {
    for part in parts {
        // A kernel's missing scale is fitted, a bias's is 1.
        let (weight, none) =
            if *part == "bias" { ("bias", Scale::Value(1.0)) } else { ("kernel", Scale::AutoPo2) };
        set(to, object, id, &format!("{part}_quantizer"), weight, none)?;
    }
    Ok(())
}

/// Sets the quantisers of a normalisation's weights.
pub(super) fn of_normalisation(
    to: &mut Builder,
    object: Object<'_>,
    id: LayerId,
    weights: &[&'static str],
) -> Result<(), Error> {
    if object.get("inverse_quantizer").is_some() {
        return Err(object.unsupported("its inverse_quantizer is not known here"));
    }
    for weight in weights {
        let key = weight.trim_start_matches("moving_");
        set(to, object, id, &format!("{key}_quantizer"), weight, Scale::Value(1.0))?;
    }
    Ok(())
}

fn set(
    to: &mut Builder,
    object: Object<'_>,
    id: LayerId,
    key: &str,
    weight: &str,
    none: Scale,
) -> Result<(), Error> {
    let Some(value) = object.get(key) else { return Ok(()) };
    if to.model.layer(id).weight(weight).is_none() {
        return Ok(()); // a bias's quantiser may be given without a bias
    }
    let arguments = Arguments::read(object, value)?.ok_or_else(|| {
        object.wrong("a quantizer", value, "one of QKeras' that is not stochastic")
    })?;
    Ok(to.model.set_quantiser(id, weight, arguments.quantiser(none)?)?)
}

/// The quantiser of a `BinaryDense` or `TernaryDense`, whose scale may be a number or `Glorot`.
pub(super) fn of_binary_layer(
    object: Object<'_>,
    inputs: usize,
    units: usize,
) -> Result<Quantiser, Error> {
    let scale = match object.get("H") {
        Some(Value::String(name)) if name == "Glorot" => {
            f64::from((1.5 / (inputs + units) as f64).sqrt() as f32)
        }
        _ => object.float("H", 1.0)?,
    };
    Ok(match object.class {
        "BinaryDense" => Quantiser::Sign { scale },
        _ => Quantiser::Ternarise { scale },
    })
}

/// HGQ's quantiser with a type for each element.
pub(super) fn per_element(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let mode = |key: &'static str, default: &str| {
        object.get(key).cloned().unwrap_or_else(|| Value::String(default.to_owned()))
    };
    let (rounding, overflow) = (mode("RND", "TRN"), mode("SAT", "WRAP"));
    let rounding = serde_json::from_value(rounding.clone())
        .map_err(|_| object.wrong("RND", &rounding, "a rounding mode such as TRN or RND"))?;
    let overflow = serde_json::from_value(overflow.clone())
        .map_err(|_| object.wrong("SAT", &overflow, "an overflow mode such as WRAP or SAT"))?;
    let overrides = object.get("overrides").and_then(|overrides| overrides.get("layers"));
    let overrides = overrides.map(|layers| serde_json::from_value(layers.clone())).transpose();
    let overrides = overrides.map_err(|_| {
        let given = object.get("overrides").unwrap_or(&Value::Null);
        object.wrong("overrides", given, "precisions by layer and variable")
    })?;
    let names = ["keep_negative", "bits", "integers"];
    let stored = weights.take(names)?.map(without_samples);
    let shape = stored[0].shape().to_vec();
    let overrides = overrides.unwrap_or_default();
    let quantiser = Quantiser::PerElement { rounding, overflow, shape, overrides };
    let id = to.add(object.name, Op::Quantise { quantiser }, &[input])?;
    for (name, weight) in names.into_iter().zip(stored) {
        to.model.set_weight(id, name, weight)?;
    }
    Ok(id)
}

/// The same array without the axis of the samples, along which it is shared.
fn without_samples(weight: Tensor) -> Tensor {
    match weight.shape() {
        [1, rest @ ..] => Tensor::new(rest.to_vec(), weight.values().to_vec()).unwrap_or(weight),
        _ => weight,
    }
}

/// HGQ's table in place of a function.
pub(super) fn look_up(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let kif = object.counts_signed("kif_in")?;
    let fraction = kif.get(2).copied().unwrap_or(0).clamp(-64, 64);
    let [table] = weights.take(["table"])?;
    let op = Op::Lookup { entries: table.values().len(), step: 2f64.powi(-fraction as i32) };
    let id = to.add(object.name, op, &[input])?;
    to.model.set_weight(id, "table", table)?;
    Ok(id)
}
