use handaxe_fixed::{FixedType, Overflow, Precision, Rounding};
use handaxe_graph::{Activation, HlsAttributes, Layer, Op, Quantiser, Scale, Window};

use super::super::unit::Work;

/// What a layer without weights does.
pub(super) fn work(layer: &Layer, shape: &[usize], stream: bool) -> Work {
    match layer.op() {
        Op::Activation { function } => activation(*function),
        // The layer before gives these types right away.
        Op::Quantise { quantiser: Quantiser::PerElement { .. } } => Work::Wires,
        Op::Quantise { .. } | Op::PRelu { .. } => Work::Clip,
        Op::Lookup { .. } => Work::Sigmoid,
        Op::Pool { window, .. } => {
            let taps = window.size.iter().product::<usize>() as u64;
            let buffered = if stream { waiting(window, shape) } else { 0 };
            Work::Pool { window: taps, buffered }
        }
        Op::GlobalPool { .. } => {
            let window = shape.iter().rev().skip(1).product::<usize>() as u64;
            Work::Pool { window, buffered: 0 }
        }
        Op::Add | Op::Subtract | Op::Average | Op::Maximum | Op::Minimum => {
            Work::Merge { arrays: layer.inputs().len() as u64, product: false }
        }
        Op::Multiply => Work::Merge { arrays: layer.inputs().len() as u64, product: true },
        Op::LayerNorm { .. } => Work::Unknown,
        Op::Input { .. } | Op::Flatten | Op::Reshape { .. } | Op::Dropout { .. } => Work::Wires,
        // Numbers that stream past must be held, repeated or left out.
        _ if stream => Work::Clip,
        _ => Work::Wires,
    }
}

/// Numbers that must be kept until the window over them is complete: the rows above its last.
pub(super) fn waiting(window: &Window, shape: &[usize]) -> u64 {
    let rows = window.extent().first().map_or(0, |extent| extent.saturating_sub(1));
    let row: usize = shape.iter().skip(1).product();
    if window.size.iter().product::<usize>() == 1 { 0 } else { (rows * row).max(1) as u64 }
}

fn activation(function: Activation) -> Work {
    match function {
        Activation::Linear => Work::Wires,
        Activation::Softmax | Activation::LogSoftmax => Work::Softmax,
        Activation::Relu
        | Activation::LeakyRelu { .. }
        | Activation::HardSigmoid
        | Activation::HardTanh
        | Activation::ClippedRelu { .. }
        | Activation::ThresholdedRelu { .. }
        | Activation::HardSigmoid6
        | Activation::HardShrink { .. }
        | Activation::SoftShrink { .. }
        | Activation::Threshold { .. } => Work::Clip,
        Activation::Sigmoid | Activation::Exponential => Work::Sigmoid,
        _ => Work::Tanh,
    }
}

/// Whether a layer hands numbers on as they are.
pub(super) fn moves(op: &Op) -> bool {
    use Op::{Crop, Dropout, Flatten, Permute, Pool, Reshape, UpSample, ZeroPad};
    let linear = matches!(op, Op::Activation { function: Activation::Linear });
    let shuffles = matches!(
        op,
        Flatten | Reshape { .. } | Dropout { .. } | Permute { .. } | Crop { .. } | UpSample { .. }
    );
    linear || shuffles || matches!(op, ZeroPad { .. } | Pool { .. } | Op::Concatenate)
}

/// The width of what a quantiser of activations gives.
pub(super) fn quantised(quantiser: &Quantiser) -> Option<u32> {
    match quantiser {
        Quantiser::Bits { bits, .. }
        | Quantiser::Relu { bits, .. }
        | Quantiser::Po2 { bits, .. }
        | Quantiser::Sigmoid { bits, .. }
        | Quantiser::Tanh { bits, .. } => Some(*bits),
        Quantiser::Binary { zero_one: true, .. } => Some(1),
        Quantiser::Binary { .. }
        | Quantiser::Ternary { .. }
        | Quantiser::Sign { .. }
        | Quantiser::Ternarise { .. } => Some(2),
        Quantiser::Integer(codes) => Some(codes.bits),
        Quantiser::Truncate { kept, .. } => Some(*kept),
        Quantiser::PerElement { .. } => None,
    }
}

/// The type of a kernel: its quantiser's where that is a fixed-point type, else the configured one.
pub(super) fn weight_type(layer: &Layer, hls: &HlsAttributes) -> Option<FixedType> {
    match layer.quantiser("kernel") {
        Some(Quantiser::Bits { bits, integer, keep_negative, alpha: Scale::Value(_), .. }) => {
            let sign = i32::from(*keep_negative);
            let modes = (Rounding::RndConv, Overflow::Sat);
            FixedType::new(*bits, integer + sign, *keep_negative, modes.0, modes.1, 0).ok()
        }
        _ => match hls.weight_precision {
            Precision::Fixed(fixed) => Some(fixed),
            _ => None,
        },
    }
}

/// The bits and the codes of a kernel whose quantiser has few, or scales that no fixed-point type has; what they are multiplied by
/// is multiplied after their sums.
pub(super) fn own_codes(layer: &Layer) -> Option<(u32, Vec<i64>)> {
    let kernel = layer.kernel()?;
    let each = |code: &dyn Fn(f32) -> i64| kernel.values().iter().map(|&x| code(x)).collect();
    let signs = |above: f32| each(&|x| i64::from(x >= above) - i64::from(x <= -above));
    Some(match layer.quantiser("kernel")? {
        Quantiser::Binary { zero_one: true, .. } => (1, each(&|x| i64::from(x >= 0.0))),
        Quantiser::Binary { .. } => (2, each(&|x| if x < 0.0 { -1 } else { 1 })),
        Quantiser::Sign { .. } => (2, each(&|x| if x > 0.0 { 1 } else { -1 })),
        Quantiser::Ternary { threshold, .. } => (2, signs(threshold.unwrap_or(0.33) as f32)),
        Quantiser::Ternarise { scale } => (2, signs((0.5 * scale) as f32)),
        Quantiser::Integer(codes) => {
            let mut values = kernel.values().to_vec();
            codes.round(&mut values, kernel.shape());
            let scales = codes.shape_of_rank(kernel.shape().len());
            let columns = kernel.shape().last().copied().unwrap_or(1).max(1);
            // One scale, or one for each column.
            let of_columns = scales.iter().rev().skip(1).all(|extent| *extent == 1);
            if codes.scale.len() != 1 && !(of_columns && codes.scale.len() == columns) {
                return None;
            }
            let scaled = values.iter().zip((0..columns).cycle());
            let code = |(value, column): (&f32, usize)| {
                let scale = codes.scale.get(column).or(codes.scale.first()).copied();
                (value / scale.unwrap_or(1.0)).round() as i64
            };
            (codes.bits.max(2), scaled.map(code).collect())
        }
        _ => return None,
    })
}

/// What a normalisation multiplies each channel by.
pub(super) fn factors(norm: &Layer) -> Vec<f32> {
    let Op::BatchNorm { epsilon, .. } = norm.op() else { return Vec::new() };
    let of = |name: &str| norm.weight(name).map(|weight| weight.values().to_vec());
    let (gamma, variance) = (of("gamma").unwrap_or_default(), of("moving_variance"));
    let variance = variance.unwrap_or_default();
    let factor = |(gamma, variance): (&f32, &f32)| {
        (f64::from(*gamma) / (f64::from(*variance) + epsilon).sqrt()) as f32
    };
    gamma.iter().zip(&variance).map(factor).collect()
}
