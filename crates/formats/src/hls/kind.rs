//! What hls4ml takes a layer of the graph for, and which settings it has for such layers on each backend.

use handaxe_fixed::{FixedType, Overflow, Precision, Rounding};
use handaxe_graph::{Activation, Layer, Model, Op, Quantiser};

/// The class that hls4ml's converter gives a layer; nothing for layers that it leaves out.
pub(super) fn class(model: &Model, layer: &Layer) -> Option<String> {
    let input = layer.inputs().first().map_or(0, |&id| model.layer(id).output_shape().len());
    let name = layer.op().layer_type().name();
    Some(match layer.op() {
        Op::Dropout { .. } => return None,
        Op::Activation { function } => activation(*function).to_owned(),
        Op::Quantise { quantiser } => activation_quantiser(quantiser).to_owned(),
        Op::GlobalPool { .. } => format!("{name}{}D", input.saturating_sub(1)),
        Op::Flatten => "Reshape".to_owned(),
        Op::Permute { .. } => "Transpose".to_owned(),
        Op::UpSample { .. } => "Resize".to_owned(),
        Op::Add | Op::Subtract | Op::Multiply | Op::Average | Op::Maximum | Op::Minimum => {
            "Merge".to_owned()
        }
        _ => match layer.quantiser("kernel") {
            Some(Quantiser::Sign { .. }) => format!("Binary{name}"),
            Some(Quantiser::Ternarise { .. }) => format!("Ternary{name}"),
            _ if layer.quantisers().next().is_some() => format!("Q{name}"),
            _ => name.to_owned(),
        },
    })
}

fn activation(function: Activation) -> &'static str {
    match function {
        Activation::Softmax => "Softmax",
        Activation::LeakyRelu { .. } => "LeakyReLU",
        Activation::Elu { .. } => "ELU",
        Activation::ThresholdedRelu { .. } => "ThresholdedReLU",
        Activation::HardSigmoid | Activation::HardSigmoid6 | Activation::HardTanh => {
            "HardActivation"
        }
        _ => "Activation",
    }
}

fn activation_quantiser(quantiser: &Quantiser) -> &'static str {
    match quantiser {
        Quantiser::PerElement { .. } => "FixedPointQuantizer",
        Quantiser::Ternary { .. } | Quantiser::Ternarise { .. } => "TernaryTanh",
        Quantiser::Relu { negative_slope, .. } if *negative_slope != 0.0 => "LeakyReLU",
        Quantiser::Tanh { real: false, .. } | Quantiser::Sigmoid { real: false, .. } => {
            "HardActivation"
        }
        _ => "Activation",
    }
}

/// The settings that layers of a class have.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// Variables with the types that hls4ml gives them, `auto` where it infers them.
    pub(super) precision: Vec<(&'static str, &'static str)>,
    pub(super) reuse_factor: bool,
    pub(super) parallelization_factor: bool,
    pub(super) conv_implementation: bool,
    pub(super) table_size: Option<usize>,
    pub(super) softmax: bool,
    pub(super) interpolation: bool,
    pub(super) table_range: bool,
}

const TABLE: (&str, &str) = ("table", "fixed<18,8,TRN,WRAP,0>");
const AUTO: &str = "auto";

impl Settings {
    /// Those of layers of `class`, hls4ml 1.3's; `vivado` for Vivado and Vitis, which have more for some.
    pub(super) fn of(class: &str, vivado: bool) -> Self {
        let variables = |names: &[&'static str]| names.iter().map(|name| (*name, AUTO)).collect();
        let reused = |names: &[&'static str]| Self {
            precision: variables(names),
            reuse_factor: true,
            ..Self::default()
        };
        let activation = |names: &[&'static str]| {
            let mut settings = reused(names);
            settings.precision.push(TABLE);
            Self { table_size: Some(1024), ..settings }
        };
        let bare = class.trim_start_matches("Binary").trim_start_matches("Ternary");
        match class.strip_prefix('Q').unwrap_or(bare) {
            "Dense" => reused(&["result", "weight", "bias", "accum"]),
            "Conv1D" | "Conv2D" | "DepthwiseConv1D" | "DepthwiseConv2D" => Self {
                parallelization_factor: true,
                conv_implementation: true,
                ..reused(&["result", "weight", "bias", "accum"])
            },
            "BatchNormalization" => reused(&["result", "scale", "bias"]),
            "LayerNormalization" if vivado => Self {
                precision: vec![
                    ("result", AUTO),
                    ("scale", AUTO),
                    ("bias", AUTO),
                    ("accum", "fixed<14,4,RND_CONV,SAT,0>"),
                    ("table", "ufixed<8,5,RND_CONV,SAT,0>"),
                ],
                reuse_factor: true,
                table_size: Some(4096),
                table_range: true,
                ..Self::default()
            },
            "LayerNormalization" => reused(&["result", "scale", "bias", "accum"]),
            "Activation" | "Tanh" => activation(&["result"]),
            "LeakyReLU" | "ELU" | "PReLU" | "ThresholdedReLU" => activation(&["result", "param"]),
            "HardActivation" => activation(&["result", "slope", "shift"]),
            "Softmax" => {
                let mut settings = activation(&["result"]);
                let tables = ["exp_table", "inv_table", "inv_inp", "accum"];
                settings.precision.extend(tables.map(|name| (name, "fixed<18,8,RND,SAT,0>")));
                Self { softmax: true, ..settings }
            }
            "MaxPooling1D" | "MaxPooling2D" | "AveragePooling1D" | "AveragePooling2D" => {
                Self { conv_implementation: true, ..reused(&["result", "accum"]) }
            }
            global if global.starts_with("Global") => reused(&["result", "accum"]),
            "Merge" | "Concatenate" => reused(&["result"]),
            "UnaryLUT" => Self { precision: vec![("result", AUTO), TABLE], ..Self::default() },
            "Resize" => {
                Self { precision: variables(&["result"]), interpolation: true, ..Self::default() }
            }
            _ => Self { precision: variables(&["result"]), ..Self::default() },
        }
    }
}

/// The type that hls4ml gives a quantised weight.
pub(super) fn weight_type(weight: &str, quantiser: &Quantiser) -> Option<Precision> {
    let plain = |width: u32, integer: i64| {
        fixed(width, integer, true, Rounding::default(), Overflow::default())
    };
    match quantiser {
        Quantiser::Bits { bits: 1, integer: 1, .. } => int(1, false),
        Quantiser::Bits { bits, integer, .. } if i64::from(*bits) == i64::from(*integer) => {
            int(*bits, true)
        }
        Quantiser::Bits { bits, integer, .. } => plain(*bits, i64::from(*integer) + 1),
        Quantiser::Po2 { bits, .. } => int(*bits, true),
        Quantiser::Binary { .. } if weight == "kernel" => int(1, false),
        Quantiser::Binary { .. }
        | Quantiser::Ternary { .. }
        | Quantiser::Sign { .. }
        | Quantiser::Ternarise { .. } => int(2, true),
        Quantiser::Relu { .. } | Quantiser::Tanh { .. } | Quantiser::Sigmoid { .. } => plain(16, 6),
        Quantiser::PerElement { .. } | Quantiser::Integer(_) | Quantiser::Truncate { .. } => None,
    }
}

/// The type that hls4ml gives the result of a quantised activation; nothing where it infers it.
pub(super) fn result_type(quantiser: &Quantiser) -> Option<Precision> {
    let saturating = |width: u32, integer: i64, signed, overflow| {
        if i64::from(width) > integer {
            return fixed(width, integer, signed, Rounding::RndConv, overflow);
        }
        int(u32::try_from(integer).ok()?, signed)
    };
    match *quantiser {
        Quantiser::Bits { bits, integer, .. } => {
            saturating(bits, i64::from(integer) + 1, true, Overflow::Sat)
        }
        Quantiser::Relu { bits, integer, negative_slope, .. } => {
            let signed = negative_slope != 0.0;
            saturating(bits, i64::from(integer) + i64::from(signed), signed, Overflow::Sat)
        }
        Quantiser::Tanh { bits, symmetric, .. } => {
            let overflow = if symmetric { Overflow::SatSym } else { Overflow::Sat };
            saturating(bits, 1, true, overflow)
        }
        Quantiser::Sigmoid { bits, .. } => saturating(bits, 0, false, Overflow::Sat),
        Quantiser::Binary { .. }
        | Quantiser::Ternary { .. }
        | Quantiser::Sign { .. }
        | Quantiser::Ternarise { .. } => saturating(2, 2, true, Overflow::Wrap),
        Quantiser::Po2 { .. }
        | Quantiser::PerElement { .. }
        | Quantiser::Integer(_)
        | Quantiser::Truncate { .. } => None,
    }
}

fn int(width: u32, signed: bool) -> Option<Precision> {
    FixedType::int(width, signed).ok().map(Precision::Fixed)
}

fn fixed(
    width: u32,
    integer: i64,
    signed: bool,
    rounding: Rounding,
    overflow: Overflow,
) -> Option<Precision> {
    let integer = i32::try_from(integer).ok()?;
    FixedType::new(width, integer, signed, rounding, overflow, 0).ok().map(Precision::Fixed)
}
