//! One layer of the graph as one of Keras'.

use handaxe_data::Tensor;
use handaxe_graph::{
    Interpolation, Layer, LayerType, Model, Op, Padding, PoolKind, Quantiser, Window,
};
use serde_json::{Value, json};

use super::{Generation, function, quantiser, with_samples};
use crate::Error;

/// Whether the layer's weights are HGQ's types.
pub(super) fn has_types(layer: &Layer) -> bool {
    matches!(layer.op(), Op::Quantise { quantiser: Quantiser::PerElement { .. } })
}

/// The weights under Keras' names in the order in which Keras makes them.
pub(super) fn weights(layer: &Layer, to: Generation) -> Vec<(&'static str, &Tensor)> {
    let order = [
        "kernel",
        "bias",
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
        "alpha",
        "table",
        "keep_negative",
        "bits",
        "integers",
    ];
    let depthwise = matches!(layer.op(), Op::DepthwiseConv { .. }) && to == Generation::Two;
    let name = |name| if depthwise && name == "kernel" { "depthwise_kernel" } else { name };
    order.into_iter().filter_map(|known| Some((name(known), layer.weight(known)?))).collect()
}

/// The type that [`write`] gives, for the names of groups.
pub(super) fn class(model: &Model, layer: &Layer, to: Generation) -> String {
    match layer.op() {
        Op::Activation { function } => function::write(layer, *function, to)
            .map_or("Activation", |(class, _)| class)
            .to_owned(),
        Op::Quantise { quantiser: Quantiser::Sign { .. } | Quantiser::Ternarise { .. } } => {
            "Activation".to_owned()
        }
        Op::GlobalPool { kind } => {
            let kind = if *kind == PoolKind::Max { "Max" } else { "Average" };
            format!("Global{kind}Pooling{}D", input_shape(model, layer).len().saturating_sub(1))
        }
        op => {
            let base = op.layer_type().name();
            match layer.quantiser("kernel") {
                Some(Quantiser::Sign { .. }) => "BinaryDense".to_owned(),
                Some(Quantiser::Ternarise { .. }) => "TernaryDense".to_owned(),
                _ if layer.quantisers().next().is_some() => format!("Q{base}"),
                _ => base.to_owned(),
            }
        }
    }
}

fn input_shape<'a>(model: &'a Model, layer: &Layer) -> &'a [usize] {
    layer.inputs().first().map_or(&[], |&id| model.layer(id).output_shape())
}

/// Class, module and config.
pub(super) fn write(
    model: &Model,
    layer: &Layer,
    to: Generation,
) -> Result<(String, &'static str, Value), Error> {
    let class = class(model, layer, to);
    let mut config = json!({"name": layer.name(), "dtype": "float32"});
    if !matches!(layer.op(), Op::Input { .. }) {
        config["trainable"] = json!(true);
    }
    let mut own = settings(layer, input_shape(model, layer), to)?;
    if let (Value::Object(config), Value::Object(own)) = (&mut config, &mut own) {
        config.append(own);
    }
    if class == "QDepthwiseConv1D" {
        return Err(not_in_keras(layer, "a quantised depthwise convolution along one axis", to));
    }
    for (weight, quantiser) in layer.quantisers() {
        set_quantiser(&mut config, layer, weight, quantiser, to)?;
    }
    let module = match layer.op().layer_type() {
        LayerType::FixedPointQuantizer | LayerType::UnaryLUT => "HGQ.proxy",
        LayerType::QActivation if class == "QActivation" => "qkeras",
        _ if layer.quantisers().next().is_some() => "qkeras",
        _ => "keras.layers",
    };
    Ok((class, module, config))
}

fn set_quantiser(
    config: &mut Value,
    layer: &Layer,
    weight: &str,
    quantiser: &Quantiser,
    to: Generation,
) -> Result<(), Error> {
    if let (
        Quantiser::Sign { scale } | Quantiser::Ternarise { scale },
        Op::Dense { .. },
        "kernel",
    ) = (quantiser, layer.op(), weight)
    {
        config["H"] = json!(scale);
        return Ok(());
    }
    let part = match (layer.op(), weight) {
        (Op::DepthwiseConv { .. }, "kernel") => "depthwise",
        (_, weight) => weight.trim_start_matches("moving_"),
    };
    config[format!("{part}_quantizer")] = quantiser::write(quantiser, to)
        .ok_or_else(|| not_in_keras(layer, "a binary or ternary quantiser there", to))?;
    Ok(())
}

fn not_in_keras(layer: &Layer, what: &str, to: Generation) -> Error {
    let generation = if to == Generation::Two { 2 } else { 3 };
    Error::NotInKeras { layer: layer.name().to_owned(), what: what.to_owned(), generation }
}

fn window(window: &Window) -> Value {
    let dilation = if window.dilation.is_empty() {
        vec![1; window.size.len()]
    } else {
        window.dilation.clone()
    };
    json!({
        "kernel_size": window.size, "strides": window.strides, "padding": padding(window.padding),
        "data_format": "channels_last", "dilation_rate": dilation, "activation": "linear",
    })
}

fn padding(padding: Padding) -> &'static str {
    if padding == Padding::Same { "same" } else { "valid" }
}

fn merged(mut one: Value, two: Value) -> Value {
    if let (Value::Object(one), Value::Object(mut two)) = (&mut one, two) {
        one.append(&mut two);
    }
    one
}

/// What the layer was made with, but for its name and its quantisers.
fn settings(layer: &Layer, input: &[usize], to: Generation) -> Result<Value, Error> {
    let channels_last = json!({"data_format": "channels_last"});
    Ok(match layer.op() {
        Op::Input { shape } => {
            let key = if to == Generation::Two { "batch_input_shape" } else { "batch_shape" };
            json!({(key): with_samples(shape), "sparse": false})
        }
        Op::Dense { units, bias } => {
            json!({"units": units, "use_bias": bias, "activation": "linear"})
        }
        Op::Conv { filters, window: shown, bias } => {
            merged(window(shown), json!({"filters": filters, "use_bias": bias}))
        }
        Op::DepthwiseConv { multiplier, window: shown, bias } => {
            merged(window(shown), json!({"depth_multiplier": multiplier, "use_bias": bias}))
        }
        Op::BatchNorm { epsilon, momentum } => {
            // Keras 2 wrote a list, and both read a number.
            json!({"axis": -1, "epsilon": epsilon, "momentum": momentum, "scale": true, "center": true})
        }
        Op::LayerNorm { epsilon } => {
            json!({"axis": -1, "epsilon": epsilon, "scale": true, "center": true})
        }
        Op::Activation { function } => function::write(layer, *function, to)?.1,
        Op::PRelu { slopes } => {
            if slopes.len() != input.len() {
                return Err(not_in_keras(layer, "a slope shared by leaving axes out", to));
            }
            let axes = slopes.iter().zip(input).enumerate();
            let shared = axes.filter(|(_, (slope, axis))| **slope == 1 && **axis != 1);
            json!({"shared_axes": shared.map(|(axis, _)| axis + 1).collect::<Vec<_>>()})
        }
        Op::Quantise { quantiser } => return quantise(layer, quantiser, to),
        Op::Lookup { entries, step } => {
            let fraction = -step.log2();
            let bits = (*entries as f64).log2();
            if fraction.fract() != 0.0 || bits.fract() != 0.0 {
                return Err(not_in_keras(layer, "a table whose steps are no powers of two", to));
            }
            // The table wraps around, so whether the highest bit is a sign makes no difference.
            let (fraction, bits) = (fraction as i64, bits as i64);
            json!({"kif_in": [1, bits - 1 - fraction, fraction], "kif_out": [1, 0, 23]})
        }
        Op::Pool { window, .. } => json!({
            "pool_size": window.size, "strides": window.strides,
            "padding": padding(window.padding), "data_format": "channels_last",
        }),
        Op::GlobalPool { .. } => json!({"data_format": "channels_last", "keepdims": false}),
        Op::Flatten => channels_last,
        Op::Reshape { shape } => json!({"target_shape": shape}),
        Op::Permute { axes } => {
            json!({"dims": axes.iter().map(|axis| axis + 1).collect::<Vec<_>>()})
        }
        Op::ZeroPad { margins } => {
            merged(json!({"padding": sides(margins)}), on_planes(margins.len()))
        }
        Op::Crop { margins } => {
            merged(json!({"cropping": sides(margins)}), on_planes(margins.len()))
        }
        Op::UpSample { factors, interpolation } => match factors.as_slice() {
            [one] if *interpolation == Interpolation::Nearest => json!({"size": one}),
            [_] => return Err(not_in_keras(layer, "interpolation along one axis", to)),
            several => json!({
                "size": several, "data_format": "channels_last",
                "interpolation": if *interpolation == Interpolation::Nearest { "nearest" } else { "bilinear" },
            }),
        },
        Op::Concatenate => json!({"axis": -1}),
        Op::Dropout { rate } => json!({"rate": rate}),
        Op::Add | Op::Subtract | Op::Multiply | Op::Average | Op::Maximum | Op::Minimum => {
            json!({})
        }
    })
}

/// `[before, after]` for one axis, a list of such for two.
fn sides(margins: &[(usize, usize)]) -> Value {
    match margins {
        [(before, after)] => json!([before, after]),
        several => several.iter().map(|(before, after)| json!([before, after])).collect(),
    }
}

/// Layers of one axis have no order of channels in Keras 2.
fn on_planes(rank: usize) -> Value {
    if rank == 2 { json!({"data_format": "channels_last"}) } else { json!({}) }
}

fn quantise(layer: &Layer, quantiser: &Quantiser, to: Generation) -> Result<Value, Error> {
    match quantiser {
        Quantiser::PerElement { rounding, overflow, shape, overrides } => {
            let whole: Vec<usize> =
                if shape.is_empty() { vec![] } else { [&[1], shape.as_slice()].concat() };
            Ok(json!({
                "trainable": false, "RND": rounding.name(), "SAT": overflow.name(),
                "shape": whole, "overrides": {"layers": overrides}, "fusible": false,
            }))
        }
        Quantiser::Sign { scale: 1.0 } => Ok(json!({"activation": "binary_tanh"})),
        Quantiser::Ternarise { scale: 1.0 } => Ok(json!({"activation": "ternary_tanh"})),
        quantiser => {
            let written = match to {
                Generation::Two => quantiser::call(quantiser).map(Value::String),
                Generation::Three => quantiser::write(quantiser, to),
            };
            let written = written
                .ok_or_else(|| not_in_keras(layer, "a binary activation with a scale", to))?;
            Ok(json!({"activation": written}))
        }
    }
}
