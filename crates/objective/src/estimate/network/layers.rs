use std::collections::BTreeMap;

use handaxe_fixed::{FixedType, Overflow, Precision, Rounding};
use handaxe_graph::{
    Activation, Diagnostic, Error, HlsAttributes, HlsConfig, IoType, Layer, LayerAttributes,
    LayerId, Model, Op, Quantiser, Scale, Strategy, Window,
};

use super::super::codes::{Codes, code};
use super::super::unit::{Matrix, Unit, Work};

/// The pieces that `model` is built of under `config`, layer by layer, with the widths that they are built with.
///
/// A normalisation right behind a layer with a kernel becomes part of it, as in the firmware, unless a quantiser says what the
/// kernel's weights are.
///
/// # Errors
/// A configuration that does not verify.
pub fn units(model: &Model, config: &HlsConfig) -> Result<(Vec<Unit>, Vec<Diagnostic>), Error> {
    let (attributes, diagnostics) = model.attributes(Some(config))?;
    let by_id = attributes.iter().map(|layer| (layer.id, layer)).collect();
    let asked = diagnostics.iter().filter_map(|diagnostic| match diagnostic {
        Diagnostic::ReuseFactorSnapped { layer, asked, .. } => Some((layer.as_str(), *asked)),
        _ => None,
    });
    let mut builder = Builder {
        model,
        config,
        attributes: by_id,
        asked: asked.collect(),
        folded: folded(model),
        widths: Vec::new(),
    };
    let units = model.layers().map(|(id, layer)| builder.unit(id, layer)).collect();
    Ok((units, diagnostics))
}

/// Bits of a type that nothing says.
const USUAL_BITS: u32 = 16;

struct Builder<'a> {
    model: &'a Model,
    config: &'a HlsConfig,
    attributes: BTreeMap<LayerId, &'a LayerAttributes>,
    /// Reuse factors as they were asked for, where the Resource strategy needs another.
    asked: BTreeMap<&'a str, usize>,
    /// The normalisation that a layer with a kernel takes in.
    folded: BTreeMap<LayerId, LayerId>,
    /// Bits of each layer's output so far.
    widths: Vec<u32>,
}

/// Layers with a kernel, and the normalisation that alone reads them.
fn folded(model: &Model) -> BTreeMap<LayerId, LayerId> {
    let mut readers: BTreeMap<LayerId, Vec<LayerId>> = BTreeMap::new();
    for (id, layer) in model.layers() {
        layer.inputs().iter().for_each(|input| readers.entry(*input).or_default().push(id));
    }
    let single = readers.into_iter().filter_map(|(id, readers)| match readers.as_slice() {
        [reader] if !model.outputs().contains(&id) => Some((id, *reader)),
        _ => None,
    });
    let folds = |(id, reader): &(LayerId, LayerId)| {
        let kernel = model.layer(*id);
        let dense = matches!(kernel.op(), Op::Dense { .. } | Op::Conv { .. });
        let norm = matches!(model.layer(*reader).op(), Op::BatchNorm { .. });
        dense && norm && kernel.quantiser("kernel").is_none()
    };
    single.filter(folds).collect()
}

impl Builder<'_> {
    fn unit(&mut self, id: LayerId, layer: &Layer) -> Unit {
        let stream = self.config.io_type == Some(IoType::IoStream);
        let input = layer.inputs().first().map(|&input| self.model.layer(input));
        let before = layer.inputs().first().map(|input| self.widths[input.index()]);
        let output = self.output(layer, before);
        let input_width = before.unwrap_or(output);
        self.widths.push(output);
        let shape = input.map_or(layer.output_shape(), Layer::output_shape);
        let at_once = |shape: &[usize]| {
            let all = shape.iter().product::<usize>();
            (if stream { shape.last().copied().unwrap_or(1) } else { all }) as u64
        };
        let (inputs, outputs) = (at_once(shape), at_once(layer.output_shape()));
        let pixels = shape.iter().rev().skip(1).product::<usize>() as u64;
        Unit {
            name: layer.name().to_owned(),
            work: self.work(id, layer, shape, output),
            io_type: self.config.io_type.unwrap_or_default(),
            inputs,
            outputs,
            input_bits: input_width,
            output_bits: output,
            positions: if stream { pixels } else { 1 },
        }
    }

    /// The width of what a layer gives: its own type's where it computes, its input's where it only moves numbers.
    fn output(&self, layer: &Layer, input: Option<u32>) -> u32 {
        let quantised = match layer.op() {
            // The widest element counts for all.
            Op::Quantise { quantiser: Quantiser::PerElement { .. } } => {
                let bits = layer.weight("bits").map(|bits| bits.values());
                let most = bits.and_then(|bits| bits.iter().copied().reduce(f32::max));
                most.map(|bits| bits.max(1.0) as u32)
            }
            Op::Quantise { quantiser } => quantised(quantiser),
            _ => None,
        };
        let passed = if moves(layer.op()) { input } else { None };
        quantised.or(passed).unwrap_or_else(|| {
            let kind = layer.op().layer_type();
            let own = self.config.precision(layer.name(), kind, "result");
            let model = self.config.model.precision.get("default").copied();
            let stated = [Some(own), model, Some(HlsConfig::DEFAULT_PRECISION)];
            let known = stated.into_iter().flatten().find_map(|stated| stated.width());
            known.unwrap_or(USUAL_BITS)
        })
    }

    fn work(&self, id: LayerId, layer: &Layer, shape: &[usize], output: u32) -> Work {
        let stream = self.config.io_type == Some(IoType::IoStream);
        match layer.op() {
            Op::Dense { .. } | Op::Conv { .. } | Op::DepthwiseConv { .. } => {
                self.matrix(id, layer, shape).map_or(Work::Unknown, Work::Matrix)
            }
            Op::BatchNorm { .. } if self.folded.values().any(|norm| *norm == id) => Work::Wires,
            Op::BatchNorm { .. } => {
                let kind = layer.op().layer_type();
                let width = self.config.precision(layer.name(), kind, "scale").width();
                Work::Scale { weight_bits: width.unwrap_or(output) }
            }
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

    /// The width of a layer's sums, that of its result where it is not yet known.
    fn sum(&self, layer: &Layer, hls: &HlsAttributes) -> u32 {
        let kind = layer.op().layer_type();
        let stated = self.config.precision(layer.name(), kind, "accum").width();
        let known = stated.or(hls.output_precision.width());
        known.unwrap_or(USUAL_BITS)
    }

    /// None where the weights are floats.
    fn matrix(&self, id: LayerId, layer: &Layer, shape: &[usize]) -> Option<Matrix> {
        let hls = self.attributes.get(&id)?.hls.as_ref()?;
        let kernel = layer.kernel()?;
        let kind = weight_type(layer, hls)?;
        let asked = self.asked.get(layer.name()).copied();
        let reuse = match hls.strategy.nearest_basic() {
            // Only the Resource strategy needs a reuse factor that divides.
            Strategy::Latency => asked.unwrap_or(hls.reuse_factor),
            _ => hls.reuse_factor,
        };
        let columns = kernel.shape().last().copied().unwrap_or(1);
        let scales = self.folded.get(&id).map(|norm| factors(self.model.layer(*norm)));
        let codes: Vec<i64> = match scales {
            None => kernel.values().iter().map(|&weight| code(weight, &kind)).collect(),
            Some(scales) => {
                let scaled = kernel.values().chunks(columns.max(1));
                scaled
                    .flat_map(|row| row.iter().zip(&scales))
                    .map(|(weight, scale)| code(weight * scale, &kind))
                    .collect()
            }
        };
        let positions = layer.output_shape().iter().rev().skip(1).product::<usize>() as u64;
        let stream = hls.io_type == IoType::IoStream;
        let (copies, turns) = match layer.op() {
            Op::Dense { .. } if positions == 1 => (1, 1),
            _ if stream => (1, positions),
            _ => {
                let copies = (hls.parallelization_factor as u64).clamp(1, positions.max(1));
                (copies, positions.div_ceil(copies))
            }
        };
        let window = match layer.op() {
            Op::Conv { window, .. } | Op::DepthwiseConv { window, .. } if stream => Some(window),
            _ => None,
        };
        Some(Matrix {
            n_in: hls.n_in as u64,
            n_out: hls.n_out as u64,
            strategy: hls.strategy,
            reuse: reuse as u64,
            weight_bits: kind.width,
            sum_bits: self.sum(layer, hls),
            copies,
            turns,
            buffered: window.map_or(0, |window| waiting(window, shape)),
            codes: Codes::of(&codes, columns, reuse),
        })
    }
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
fn moves(op: &Op) -> bool {
    use Op::{Crop, Dropout, Flatten, Permute, Pool, Reshape, UpSample, ZeroPad};
    let linear = matches!(op, Op::Activation { function: Activation::Linear });
    let shuffles = matches!(
        op,
        Flatten | Reshape { .. } | Dropout { .. } | Permute { .. } | Crop { .. } | UpSample { .. }
    );
    linear || shuffles || matches!(op, ZeroPad { .. } | Pool { .. } | Op::Concatenate)
}

/// The width of what a quantiser of activations gives.
fn quantised(quantiser: &Quantiser) -> Option<u32> {
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
fn weight_type(layer: &Layer, hls: &HlsAttributes) -> Option<FixedType> {
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

/// What a normalisation multiplies each channel by.
fn factors(norm: &Layer) -> Vec<f32> {
    let Op::BatchNorm { epsilon, .. } = norm.op() else { return Vec::new() };
    let of = |name: &str| norm.weight(name).map(|weight| weight.values().to_vec());
    let (gamma, variance) = (of("gamma").unwrap_or_default(), of("moving_variance"));
    let variance = variance.unwrap_or_default();
    let factor = |(gamma, variance): (&f32, &f32)| {
        (f64::from(*gamma) / (f64::from(*variance) + epsilon).sqrt()) as f32
    };
    gamma.iter().zip(&variance).map(factor).collect()
}

/// Numbers that must be kept until the window over them is complete: the rows above its last.
fn waiting(window: &Window, shape: &[usize]) -> u64 {
    let rows = window.extent().first().map_or(0, |extent| extent.saturating_sub(1));
    let row: usize = shape.iter().skip(1).product();
    if window.size.iter().product::<usize>() == 1 { 0 } else { (rows * row).max(1) as u64 }
}
