//! Convolutions of all kinds.

use handaxe_data::Tensor;
use handaxe_graph::{LayerId, Op, Padding, Window};
use serde_json::Value;

use super::config::Object;
use super::layer::{channels_last, followed_by_activation, kernel_and_bias, set};
use super::quantiser;
use super::topology::Builder;
use super::weights::LayerWeights;
use crate::Error;

/// `valid` or `same`, in any case.
pub(super) fn padding(object: Object<'_>) -> Result<Padding, Error> {
    match object.text("padding", "valid")?.to_ascii_lowercase().as_str() {
        "valid" => Ok(Padding::Valid),
        "same" => Ok(Padding::Same),
        given => {
            let given = Value::String(given.to_owned());
            Err(object.wrong("padding", &given, "valid or same (causal for Conv1D)"))
        }
    }
}

/// The window of a convolution over `rank` axes, and what it reads: a causal one has its padding as a layer of its own.
fn window(
    to: &mut Builder,
    object: Object<'_>,
    input: LayerId,
    rank: usize,
) -> Result<(Window, LayerId), Error> {
    channels_last(object)?;
    if object.get("groups").is_some_and(|groups| groups.as_u64() != Some(1)) {
        return Err(object.unsupported("groups of channels are not known here, but for depthwise"));
    }
    let size = object.counts("kernel_size", rank)?;
    let one =
        |key: &'static str| object.get(key).map_or(Ok(vec![1; rank]), |_| object.counts(key, rank));
    let (strides, dilation) = (one("strides")?, one("dilation_rate")?);
    let dilation = if dilation.iter().all(|&taps| taps == 1) { Vec::new() } else { dilation };
    let causal = rank == 1 && object.text("padding", "valid")?.eq_ignore_ascii_case("causal");
    let padding = if causal { Padding::Valid } else { padding(object)? };
    let window = Window { size, strides, padding, dilation };
    if !causal {
        return Ok((window, input));
    }
    let before = window.extent()[0].saturating_sub(1);
    let pad = Op::ZeroPad { margins: vec![(before, 0)] };
    Ok((window, to.add(&format!("{}_causal", object.name), pad, &[input])?))
}

pub(super) fn conv(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
    rank: usize,
) -> Result<LayerId, Error> {
    let (filters, bias) = (object.count("filters")?, object.flag("use_bias", true)?);
    let (window, input) = window(to, object, input, rank)?;
    let id = to.add(object.name, Op::Conv { filters, window, bias }, &[input])?;
    set(to, id, weights.list(&kernel_and_bias("kernel", bias))?)?;
    if object.class.starts_with('Q') {
        quantiser::of_weights(to, object, id, &["kernel", "bias"])?;
    }
    followed_by_activation(to, object, id)
}

pub(super) fn depthwise(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
    rank: usize,
) -> Result<LayerId, Error> {
    let (window, input) = window(to, object, input, rank)?;
    let (multiplier, bias) = (depth_multiplier(object)?, object.flag("use_bias", true)?);
    let id = to.add(object.name, Op::DepthwiseConv { multiplier, window, bias }, &[input])?;
    set(to, id, weights.list(&kernel_and_bias("depthwise_kernel|kernel", bias))?)?;
    if object.class.starts_with('Q') {
        quantiser::of_weights(to, object, id, &["depthwise", "bias"])?;
    }
    followed_by_activation(to, object, id)
}

fn depth_multiplier(object: Object<'_>) -> Result<usize, Error> {
    object.get("depth_multiplier").map_or(Ok(1), |_| object.count("depth_multiplier"))
}

/// A depthwise convolution and a pointwise one, called as hls4ml calls them.
pub(super) fn separable(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
    rank: usize,
) -> Result<LayerId, Error> {
    let (filters, bias) = (object.count("filters")?, object.flag("use_bias", true)?);
    let (window, input) = window(to, object, input, rank)?;
    let multiplier = depth_multiplier(object)?;
    let mut names = vec!["depthwise_kernel", "pointwise_kernel"];
    names.extend(bias.then_some("bias"));
    let mut stored = weights.list(&names)?.into_iter();
    let depthwise = Op::DepthwiseConv { multiplier, window, bias: false };
    let depthwise = to.add(&format!("{}_depthwise", object.name), depthwise, &[input])?;
    set(to, depthwise, stored.next())?;
    let window = Window::dense(&vec![1; rank], Padding::Valid);
    let pointwise = Op::Conv { filters, window, bias };
    let pointwise = to.add(&format!("{}_pointwise", object.name), pointwise, &[depthwise])?;
    set(to, pointwise, stored)?;
    if object.class.starts_with('Q') {
        quantiser::of_weights(to, object, depthwise, &["depthwise"])?;
        quantiser::of_weights(to, object, pointwise, &["pointwise", "bias"])?;
    }
    followed_by_activation(to, object, pointwise)
}

/// QKeras' convolution with its normalisation: the kernel is folded first and quantised then.
pub(super) fn conv_batch_norm(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let filters = object.count("filters")?;
    let (window, input) = window(to, object, input, 2)?;
    let folded = folded(object, weights, "kernel")?;
    let id = to.add(object.name, Op::Conv { filters, window, bias: true }, &[input])?;
    set(to, id, folded)?;
    quantiser::of_weights(to, object, id, &["kernel", "bias"])?;
    followed_by_activation(to, object, id)
}

pub(super) fn depthwise_batch_norm(
    to: &mut Builder,
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    input: LayerId,
) -> Result<LayerId, Error> {
    let (window, input) = window(to, object, input, 2)?;
    let multiplier = depth_multiplier(object)?;
    let folded = folded(object, weights, "depthwise_kernel|kernel")?;
    let id = to.add(object.name, Op::DepthwiseConv { multiplier, window, bias: true }, &[input])?;
    set(to, id, folded)?;
    quantiser::of_weights(to, object, id, &["depthwise", "bias"])?;
    followed_by_activation(to, object, id)
}

/// Kernel and bias with the normalisation in them, in f32 as QKeras computes them.
fn folded(
    object: Object<'_>,
    weights: &LayerWeights<'_>,
    kernel: &'static str,
) -> Result<[(&'static str, Tensor); 2], Error> {
    let epsilon = object.float("epsilon", 1e-3)? as f32;
    let (scale, centre) = (object.flag("scale", true)?, object.flag("center", true)?);
    let own = weights.list(&kernel_and_bias(kernel, object.flag("use_bias", false)?))?;
    let mut names = Vec::new();
    names.extend(scale.then_some("gamma"));
    names.extend(centre.then_some("beta"));
    names.extend(["moving_mean", "moving_variance"]);
    let normalisation = weights.list_in("batchnorm", &names)?;
    let value = |name: &str, place: usize, default: f32| {
        let found = normalisation.iter().chain(&own).find(|(known, _)| *known == name);
        found.and_then(|(_, weight)| weight.values().get(place)).copied().unwrap_or(default)
    };
    let Some((_, mut folded)) = own.first().cloned() else {
        return Err(object.unsupported("it has no kernel"));
    };
    // A depthwise kernel's outputs are its last two axes.
    let variance = normalisation.last().map_or(0, |(_, weight)| weight.values().len());
    if variance == 0 || !folded.values().len().is_multiple_of(variance) {
        return Err(object.unsupported("its normalisation has another number of channels"));
    }
    let inverse = |place: usize| {
        value("gamma", place, 1.0) / (value("moving_variance", place, 1.0) + epsilon).sqrt()
    };
    for (place, weight) in folded.values_mut().iter_mut().enumerate() {
        *weight *= inverse(place % variance);
    }
    let bias = (0..variance).map(|place| {
        let centred = value("bias", place, 0.0) - value("moving_mean", place, 0.0);
        inverse(place) * centred + value("beta", place, 0.0)
    });
    let bias = Tensor::new(vec![variance], bias.collect());
    Ok([("kernel", folded), ("bias", bias.map_err(|error| Error::Data { error })?)])
}
