use std::collections::BTreeMap;

use handaxe_data::Tensor;

use super::Pass;
use super::line::set;
use crate::model::{Rewrite, readers};
use crate::{Activation, Error, Integer, Layer, LayerId, Model, Op, PoolKind, Quantiser, Scale};

/// Scales of quantisers move into the multiplications between layers, so that what is left is whole numbers (Umuroglu and
/// Jahre 2017, arXiv:1709.04060).
///
/// s Q(x / s) is a quantiser of steps of 1 between a division and a multiplication. Kernels, ReLU, pools and what moves elements pass a
/// positive factor on; normalisations take it in.
pub(super) struct UnitScales;

impl Pass for UnitScales {
    fn name(&self) -> &'static str {
        "unit-scales"
    }

    fn description(&self) -> &'static str {
        "scales of quantisers move into normalisations, so that kernels and activations are whole numbers"
    }

    fn run(&self, model: Model) -> Result<Model, Error> {
        let scaled = |quantiser: &Quantiser| unit(quantiser).is_some();
        let any = model.layers().any(|(_, layer)| {
            matches!(layer.op(), Op::Quantise { quantiser } if scaled(quantiser))
                || layer.quantisers().any(|(_, quantiser)| scaled(quantiser))
        });
        if !any {
            return Ok(model);
        }
        let demands = demands(&model);
        let mut moving = Moving {
            demands,
            lines: Vec::new(),
            made: BTreeMap::new(),
            rewrite: Rewrite::new(model),
        };
        for id in moving.rewrite.ids() {
            let line = moving.layer(id)?;
            moving.lines.push(line);
        }
        let outputs = moving.rewrite.old.outputs().to_vec();
        let outputs: Result<Vec<LayerId>, Error> =
            outputs.into_iter().map(|output| moving.divided(output, &[1.0])).collect();
        moving.rewrite.finish(&outputs?)
    }
}

/// The scales of a quantiser that has some, and the quantiser of steps of 1.
fn unit(quantiser: &Quantiser) -> Option<(Integer, Quantiser)> {
    let codes = match quantiser {
        Quantiser::Integer(codes) => codes.clone(),
        Quantiser::Binary { zero_one: false, alpha: Scale::Value(_) } => quantiser.integer()?,
        _ => return None,
    };
    if codes.scale == [1.0] || codes.zero_point.iter().any(|zero| *zero != 0.0) {
        return None;
    }
    let unit =
        Integer { scale: vec![1.0], zero_point: vec![0.0], shape: Vec::new(), ..codes.clone() };
    Some((codes, unit.simplest()))
}

/// The scales of a layer that rounds, if they are one or one for each entry of the last axis.
fn scales(layer: &Layer) -> Option<(Vec<f64>, Quantiser)> {
    let Op::Quantise { quantiser } = layer.op() else { return None };
    let (codes, unit) = unit(quantiser)?;
    (codes.shape.len() <= 1).then(|| (codes.scale.iter().copied().map(f64::from).collect(), unit))
}

/// What all that read a layer would have its output divided by.
fn demands(model: &Model) -> Vec<Option<Vec<f64>>> {
    let readers = readers(model);
    let mut demands: Vec<Option<Vec<f64>>> = vec![None; readers.len()];
    let layers: Vec<_> = model.layers().collect();
    for (id, _) in layers.into_iter().rev() {
        let of = |reader: &LayerId| {
            let layer = model.layer(*reader);
            match scales(layer) {
                Some((scales, _)) => Some(scales),
                None if keeps_channels(layer.op()) => demands[reader.index()].clone(),
                None => None,
            }
        };
        let mut asked = readers[id.index()].iter().map(of);
        let first = asked.next().flatten();
        let agreed = asked.all(|next| next == first) && !model.outputs().contains(&id);
        demands[id.index()] = first.filter(|_| agreed);
    }
    demands
}

/// Layers of one input that give a times the output for a times the input, a > 0 and different for each channel.
fn keeps_channels(op: &Op) -> bool {
    use Activation::{LeakyRelu, Linear, Relu};
    match op {
        Op::Activation { function } => matches!(function, Relu | Linear | LeakyRelu { .. }),
        Op::Pool { kind, .. } | Op::GlobalPool { kind } => {
            matches!(kind, PoolKind::Max | PoolKind::Average)
        }
        Op::PRelu { .. }
        | Op::ZeroPad { .. }
        | Op::Crop { .. }
        | Op::UpSample { .. }
        | Op::Dropout { .. } => true,
        _ => false,
    }
}

/// Layers that give a times the output for a times all inputs, a > 0 being one number.
fn keeps_factor(op: &Op) -> bool {
    use Op::{Add, Average, Concatenate, Flatten, Maximum, Minimum, Permute, Reshape, Subtract};
    keeps_channels(op)
        || matches!(op, Flatten | Reshape { .. } | Permute { .. } | Concatenate)
        || matches!(op, Add | Subtract | Average | Maximum | Minimum)
}

/// An old layer's array: gain x + shift of a new one's, each one number or one for each entry of the last axis.
struct Line {
    from: LayerId,
    gain: Vec<f64>,
    shift: Vec<f64>,
    /// The normalisation that it was.
    name: Option<String>,
}

impl Line {
    fn times(from: LayerId, gain: Vec<f64>) -> Self {
        Self { from, gain, shift: vec![0.0], name: None }
    }

    fn has_shift(&self) -> bool {
        self.shift.iter().any(|shift| *shift != 0.0)
    }
}

/// Entry `place` of numbers that may be one for all.
fn at(values: &[f64], place: usize) -> f64 {
    if let [one] = values { *one } else { values.get(place).copied().unwrap_or(1.0) }
}

/// Two such numbers for each entry.
fn zipped(one: &[f64], two: &[f64], of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    (0..one.len().max(two.len())).map(|place| of(at(one, place), at(two, place))).collect()
}

struct Moving {
    rewrite: Rewrite,
    demands: Vec<Option<Vec<f64>>>,
    lines: Vec<Line>,
    /// Lines that were written out, by old layer and divisor.
    made: BTreeMap<(LayerId, Vec<u64>), LayerId>,
}

impl Moving {
    fn layer(&mut self, id: LayerId) -> Result<Line, Error> {
        let layer = self.rewrite.old.layer(id);
        let inputs = layer.inputs().to_vec();
        if let Some((scales, unit)) = scales(layer) {
            let input = self.divided(inputs[0], &scales)?;
            let new = self.rewrite.keep_as(id, Op::Quantise { quantiser: unit }, &[input])?;
            return Ok(Line::times(new, scales));
        }
        if let Some(affine) = layer.affine() {
            let before = &self.lines[inputs[0].index()];
            let wide =
                |values: Vec<f32>| -> Vec<f64> { values.into_iter().map(f64::from).collect() };
            let (scale, shift) = (wide(affine.scale), wide(affine.shift));
            let moved = zipped(&before.shift, &scale, |before, scale| before * scale);
            return Ok(Line {
                from: before.from,
                gain: zipped(&before.gain, &scale, |gain, scale| gain * scale),
                shift: zipped(&moved, &shift, |moved, shift| moved + shift),
                name: Some(layer.name().to_owned()),
            });
        }
        if layer.op().has_kernel() {
            return self.kernel(id, inputs[0]);
        }
        if keeps_factor(layer.op())
            && let Some(line) = self.passed(id, &inputs)?
        {
            return Ok(line);
        }
        let inputs: Result<Vec<LayerId>, Error> =
            inputs.iter().map(|&input| self.divided(input, &[1.0])).collect();
        let new = self.rewrite.keep(id, &inputs?)?;
        Ok(Line::times(new, vec![1.0]))
    }

    /// A layer that passes on the factor of its inputs, if they have one and the same.
    fn passed(&mut self, id: LayerId, inputs: &[LayerId]) -> Result<Option<Line>, Error> {
        let channels = keeps_channels(self.rewrite.old.layer(id).op());
        let [first, rest @ ..] = inputs else { return Ok(None) };
        if channels && self.lines[first.index()].has_shift() {
            let divisor = self.demands[id.index()].clone().unwrap_or_else(|| vec![1.0]);
            let input = self.divided(*first, &divisor)?;
            let new = self.rewrite.keep(id, &[input])?;
            return Ok(Some(Line::times(new, divisor)));
        }
        let gain = self.lines[first.index()].gain.clone();
        let fits = |input: &LayerId| {
            let line = &self.lines[input.index()];
            !line.has_shift() && line.gain == gain
        };
        let known = gain.len() == 1 || channels;
        if !known || gain.iter().any(|gain| *gain <= 0.0) || !fits(first) || !rest.iter().all(fits)
        {
            return Ok(None);
        }
        let from: Vec<LayerId> =
            inputs.iter().map(|input| self.lines[input.index()].from).collect();
        let new = self.rewrite.keep(id, &from)?;
        Ok(Some(Line::times(new, gain)))
    }

    /// A layer with a kernel: the factors of input and kernel, and the bias, stay behind it.
    fn kernel(&mut self, id: LayerId, input: LayerId) -> Result<Line, Error> {
        let free = |quantiser: &Quantiser| quantiser.integer().is_some();
        if !self.rewrite.old.layer(id).quantiser("bias").is_none_or(free) {
            let input = self.divided(input, &[1.0])?;
            return Ok(Line::times(self.rewrite.keep(id, &[input])?, vec![1.0]));
        }
        let line = &self.lines[input.index()];
        let (from, gain) = match line.gain.as_slice() {
            &[gain] if !line.has_shift() => (line.from, gain),
            _ => (self.divided(input, &[1.0])?, 1.0),
        };
        let layer = self.rewrite.old.layer(id);
        let found = layer.quantiser("kernel").and_then(unit);
        let found = found.zip(layer.kernel().cloned()).and_then(|((codes, unit), kernel)| {
            let scales = by_channel(layer.op(), &codes, kernel.shape())?;
            Some((divided_kernel(kernel, &scales), scales, unit))
        });
        let scales = found.as_ref().map_or_else(|| vec![1.0], |(_, scales, _)| scales.clone());
        let gains: Vec<f64> = scales.iter().map(|scale| scale * gain).collect();
        if gains.iter().all(|gain| *gain == 1.0) {
            let new = self.rewrite.keep(id, &[from])?;
            return Ok(Line::times(new, vec![1.0]));
        }
        let bias = layer.weight("bias").map(|bias| rounded(bias, layer.quantiser("bias")));
        let op = without_bias(layer.op());
        let new = self.rewrite.keep_as(id, op, &[from])?;
        if let Some((kernel, _, unit)) = found {
            self.rewrite.new.set_weight(new, "kernel", kernel)?;
            self.rewrite.new.set_quantiser(new, "kernel", unit)?;
        }
        let shift = bias.unwrap_or_else(|| vec![0.0]);
        Ok(Line { from: new, gain: gains, shift, name: None })
    }

    /// The new layer whose array is an old one's divided by `divisor`.
    fn divided(&mut self, id: LayerId, divisor: &[f64]) -> Result<LayerId, Error> {
        let line = &self.lines[id.index()];
        let gain = zipped(&line.gain, divisor, |gain, divisor| gain / divisor);
        let shift = zipped(&line.shift, divisor, |shift, divisor| shift / divisor);
        let from = line.from;
        if gain.iter().all(|gain| *gain == 1.0) && shift.iter().all(|shift| *shift == 0.0) {
            return Ok(from);
        }
        let key = (id, divisor.iter().map(|value| value.to_bits()).collect());
        if let Some(made) = self.made.get(&key) {
            return Ok(*made);
        }
        let scaled = || format!("{}_scale", self.rewrite.old.layer(id).name());
        let name = line.name.clone().unwrap_or_else(scaled);
        let channels = self.rewrite.new.layer(from).output_shape().last().copied().unwrap_or(1);
        let pairs: Vec<(f64, f64)> =
            (0..channels).map(|place| (at(&gain, place), at(&shift, place))).collect();
        let new = self.rewrite.add(&name, Op::line(), &[from])?;
        set(&mut self.rewrite.new, new, &pairs)?;
        self.made.insert(key, new);
        Ok(new)
    }
}

/// A kernel's scales as one number or one for each output channel.
fn by_channel(op: &Op, codes: &Integer, shape: &[usize]) -> Option<Vec<f64>> {
    let scales: Vec<f64> = codes.scale.iter().copied().map(f64::from).collect();
    // Channels and multiplier together are a depthwise convolution's outputs.
    let axes = if matches!(op, Op::DepthwiseConv { .. }) { 2 } else { 1 };
    let (before, last) = shape.split_at(shape.len().saturating_sub(axes));
    let stated = codes.shape_of_rank(shape.len());
    let whole = stated[before.len()..] == *last && stated[..before.len()].iter().all(|n| *n == 1);
    (scales.len() == 1 || whole).then_some(scales)
}

fn divided_kernel(mut kernel: Tensor, scales: &[f64]) -> Tensor {
    // In f32, as the quantiser itself divides.
    let values = kernel.values_mut().iter_mut().enumerate();
    values.for_each(|(place, value)| *value /= at(scales, place % scales.len()) as f32);
    kernel
}

/// A bias as it is computed with.
fn rounded(bias: &Tensor, quantiser: Option<&Quantiser>) -> Vec<f64> {
    let mut values = bias.values().to_vec();
    if let Some(codes) = quantiser.and_then(Quantiser::integer) {
        codes.round(&mut values, bias.shape());
    }
    values.into_iter().map(f64::from).collect()
}

fn without_bias(op: &Op) -> Op {
    let mut op = op.clone();
    if let Op::Dense { bias, .. } | Op::Conv { bias, .. } | Op::DepthwiseConv { bias, .. } = &mut op
    {
        *bias = false;
    }
    op
}
