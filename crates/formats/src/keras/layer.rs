//! From one of Keras' layers to one or more of the graph's.

use handaxe_data::Tensor;
use handaxe_graph::{LayerId, Op, PoolKind, Window};
use serde_json::Value;

use super::config::Object;
use super::table::{self, Reader};
use super::topology::Builder;
use super::weights::LayerWeights;
use super::{activation, convolution, quantiser};
use crate::Error;

/// Adds what `object` computes from `inputs`, with its weights; gives the array that others read.
pub(super) fn add(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    inputs: &[LayerId],
) -> Result<LayerId, Error> {
    let module = object.whole.get("module").and_then(Value::as_str).unwrap_or("");
    let is_operator = module.starts_with("keras.src.ops");
    match table::reader(object.class) {
        // Operators on arrays have their layers' names, but their own settings.
        Some(Reader::One(_)) if is_operator => Err(object.unsupported(table::CODE)),
        Some(Reader::Several(read)) => read(to, object, inputs),
        Some(Reader::One(read)) => {
            let [input] = inputs else {
                return Err(object.unsupported("it is called with several arrays, and takes one"));
            };
            read(to, object, weights, *input)
        }
        Some(Reader::Structure) => Err(object.unsupported("it cannot stand in a wrapper")),
        None => Err(object.unsupported(table::refusal(object.class))),
    }
}

/// A layer that a trained network does without.
pub(super) fn nothing(
    _: &mut Builder,
    _: Object<'_>,
    _: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    Ok(input)
}

pub(super) fn activation(
    to: &mut Builder,
    object: Object<'_>,
    _: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let function = object.get("activation").unwrap_or(&Value::Null);
    let Some(op) = activation::op(to.keras_3, object, function)? else { return Ok(input) };
    to.add(object.name, op, &[input])
}

pub(super) fn activation_layer(
    to: &mut Builder,
    object: Object<'_>,
    _: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let function = activation::layer(object, to.shape(input).len())?;
    to.add(object.name, Op::Activation { function }, &[input])
}

pub(super) fn flatten(
    to: &mut Builder,
    object: Object<'_>,
    _: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    channels_last(object)?;
    to.add(object.name, Op::Flatten, &[input])
}

/// Channels-first data are laid out otherwise than the graph's.
pub(super) fn channels_last(object: Object<'_>) -> Result<(), Error> {
    match object.text("data_format", "channels_last")? {
        "channels_last" => Ok(()),
        _ => Err(object.unsupported("its data are channels first: save the model channels last")),
    }
}

/// The activation that a layer holds, as a layer of its own called `fc1_relu`.
pub(super) fn followed_by_activation(
    to: &mut Builder,
    object: Object<'_>,
    id: LayerId,
) -> Result<LayerId, Error> {
    let Some(function) = object.get("activation") else { return Ok(id) };
    let Some(op) = activation::op(to.keras_3, object, function)? else { return Ok(id) };
    let name = format!("{}_{}", object.name, activation::name(function, &op));
    to.add(&name, op, &[id])
}

/// The names of a kernel and of a bias, if there is one.
pub(super) fn kernel_and_bias(kernel: &'static str, bias: bool) -> Vec<&'static str> {
    if bias { vec![kernel, "bias"] } else { vec![kernel] }
}

/// Sets weights under the graph's names.
pub(super) fn set(
    to: &mut Builder,
    id: LayerId,
    weights: impl IntoIterator<Item = (&'static str, Tensor)>,
) -> Result<(), Error> {
    for (name, weight) in weights {
        let name = if name.contains("kernel") { "kernel" } else { name };
        to.model.set_weight(id, name, weight)?;
    }
    Ok(())
}

pub(super) fn dense(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let (units, bias) = (object.count("units")?, object.flag("use_bias", true)?);
    let inputs = to.shape(input).last().copied().unwrap_or(1);
    let id = to.add(object.name, Op::Dense { units, bias }, &[input])?;
    set(to, id, weights.list(&kernel_and_bias("kernel", bias))?)?;
    match object.class {
        "QDense" => quantiser::of_weights(to, object, id, &["kernel", "bias"])?,
        "BinaryDense" | "TernaryDense" => {
            let quantiser = quantiser::of_binary_layer(object, inputs, units)?;
            to.model.set_quantiser(id, "kernel", quantiser)?;
        }
        _ => {}
    }
    followed_by_activation(to, object, id)
}

/// Whether the axis or axes that a layer normalises are the last.
fn is_last_axis(object: Object<'_>, rank: usize) -> bool {
    let last = |axis: &Value| axis.as_i64().is_some_and(|axis| axis == -1 || axis == rank as i64);
    match object.get("axis") {
        None => true,
        Some(Value::Array(axes)) => matches!(axes.as_slice(), [axis] if last(axis)),
        Some(axis) => last(axis),
    }
}

/// Which of scale and centre a normalisation has.
fn gamma_and_beta(object: Object<'_>) -> Result<Vec<&'static str>, Error> {
    let mut names = Vec::new();
    if object.flag("scale", true)? {
        names.push("gamma");
    }
    if object.flag("center", true)? {
        names.push("beta");
    }
    Ok(names)
}

pub(super) fn batch_norm(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    if !is_last_axis(object, to.shape(input).len()) {
        return Err(object.unsupported("it normalises another axis than the last"));
    }
    let (epsilon, momentum) = (object.float("epsilon", 1e-3)?, object.float("momentum", 0.99)?);
    let mut names = gamma_and_beta(object)?;
    names.extend(["moving_mean", "moving_variance"]);
    let id = to.add(object.name, Op::BatchNorm { epsilon, momentum }, &[input])?;
    set(to, id, weights.list(&names)?)?;
    if object.class == "QBatchNormalization" {
        quantiser::of_normalisation(to, object, id, &names)?;
    }
    Ok(id)
}

pub(super) fn layer_norm(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    if !is_last_axis(object, to.shape(input).len()) {
        return Err(object.unsupported("it normalises other axes than the last"));
    }
    if object.flag("rms_scaling", false)? {
        return Err(object.unsupported("rms_scaling is not known here"));
    }
    let epsilon = object.float("epsilon", 1e-3)?;
    let id = to.add(object.name, Op::LayerNorm { epsilon }, &[input])?;
    set(to, id, weights.list(&gamma_and_beta(object)?)?)?;
    Ok(id)
}

pub(super) fn prelu(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let [alpha] = weights.take(["alpha"])?;
    let op = Op::PRelu { slopes: alpha.shape().to_vec() };
    let id = to.add(object.name, op, &[input])?;
    set(to, id, [("alpha", alpha)])?;
    Ok(id)
}

pub(super) fn pool(
    to: &mut Builder,
    object: Object<'_>,
    input: LayerId,
    kind: PoolKind,
    rank: usize,
) -> Result<LayerId, Error> {
    channels_last(object)?;
    let size = object.counts("pool_size", rank)?;
    let strides = match object.get("strides") {
        None => size.clone(),
        Some(_) => object.counts("strides", rank)?,
    };
    let padding = convolution::padding(object)?;
    let window = Window { strides, ..Window::dense(&size, padding) };
    to.add(object.name, Op::Pool { kind, window }, &[input])
}

pub(super) fn global_pool(
    to: &mut Builder,
    object: Object<'_>,
    input: LayerId,
    kind: PoolKind,
) -> Result<LayerId, Error> {
    channels_last(object)?;
    let id = to.add(object.name, Op::GlobalPool { kind }, &[input])?;
    if !object.flag("keepdims", false)? {
        return Ok(id);
    }
    let mut shape = vec![1; to.shape(input).len()];
    if let (Some(last), Some(&channels)) = (shape.last_mut(), to.shape(id).last()) {
        *last = channels;
    }
    to.add(&format!("{}_keepdims", object.name), Op::Reshape { shape }, &[id])
}

/// A layer in TensorFlow Model Optimization's wrapper; its mask is applied, as the wrapper does before each call.
pub(super) fn pruned(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let inner = object
        .get("layer")
        .ok_or_else(|| object.wrong("layer", &Value::Null, "the layer that is wrapped"))?;
    let inner = Object::new(inner)?;
    if inner.class == object.class {
        return Err(object.unsupported("it wraps another wrapper"));
    }
    let id = add(to, inner, &weights.wrapped()?, &[input])?;
    // The activation may stand behind the layer with the kernel.
    let with_kernel = [Some(id), to.model.layer(id).inputs().first().copied()];
    let Some(kernel_id) =
        with_kernel.into_iter().flatten().find(|&id| to.model.layer(id).kernel().is_some())
    else {
        return Ok(id);
    };
    if let (Some(mask), Some(kernel)) =
        (weights.optional("mask")?, to.model.layer(kernel_id).kernel().cloned())
    {
        let mut kernel = kernel;
        if mask.shape() != kernel.shape() {
            return Err(object.unsupported("its mask is of another shape than its kernel"));
        }
        for (weight, keep) in kernel.values_mut().iter_mut().zip(mask.values()) {
            if *keep == 0.0 {
                *weight = 0.0;
            }
        }
        to.model.set_weight(kernel_id, "kernel", kernel)?;
    }
    Ok(id)
}
