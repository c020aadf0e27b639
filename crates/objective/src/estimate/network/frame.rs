use std::collections::BTreeMap;

use handaxe_fixed::FixedType;
use handaxe_graph::{
    Diagnostic, Error, HlsAttributes, HlsConfig, IoType, Layer, LayerId, Model, Op, Quantiser,
    Strategy,
};

use super::super::cast::codes;
use super::super::codes::Codes;
use super::super::unit::{Matrix, Unit, Work};
use super::layers::{factors, moves, own_codes, quantised, waiting, weight_type, work};
use super::widths::{Widths, mean};

/// Bits of a type that nothing says.
const USUAL_BITS: u32 = 16;

/// What every layer of a network finds around it, whatever its own weights and layout: how wide the numbers are that it takes, and
/// which layers become part of others.
///
/// So one layer can be looked at again without the others, when nothing but its strategy, its reuse factor, the type of its
/// weights or their values change.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The normalisation that a layer with a kernel takes in: right behind it, as in the firmware, unless a quantiser says what the
    /// kernel's weights are.
    folded: BTreeMap<LayerId, LayerId>,
    /// Types that are not configured but implied, by layer: all of them where HGQ's quantisers say where numbers are rounded.
    implied: BTreeMap<LayerId, BTreeMap<&'static str, FixedType>>,
    /// Of each layer's output.
    widths: Vec<Widths>,
}

impl Frame {
    /// What surrounds the layers of `model`, built as `config` says.
    ///
    /// # Errors
    /// A configuration that does not verify.
    pub fn new(model: &Model, config: &HlsConfig) -> Result<Self, Error> {
        config.verify()?;
        let single = single_readers(model);
        let implied = implied(model, config);
        let mut frame = Self { folded: folded(model, &single), implied, widths: Vec::new() };
        for (id, layer) in model.layers() {
            let reader = single.get(&id).map(|reader| model.layer(*reader));
            let widths = frame.output(id, layer, reader, config);
            frame.widths.push(widths);
        }
        Ok(frame)
    }

    /// The pieces that the network is built of, layer by layer, with the widths that they are built with; and what is done
    /// differently from what was written, as [`Model::attributes`] says it.
    ///
    /// # Errors
    /// A configuration that does not verify.
    pub fn units(
        &self,
        model: &Model,
        config: &HlsConfig,
    ) -> Result<(Vec<Unit>, Vec<Diagnostic>), Error> {
        let (attributes, diagnostics) = model.attributes(Some(config))?;
        let mut hls: BTreeMap<LayerId, HlsAttributes> =
            attributes.into_iter().filter_map(|layer| Some((layer.id, layer.hls?))).collect();
        let asked: BTreeMap<&str, usize> = diagnostics.iter().filter_map(asked).collect();
        let unit = |(id, layer): (LayerId, &Layer)| {
            let asked = asked.get(layer.name()).copied();
            self.built(id, model, config, hls.remove(&id).map(|hls| (hls, asked)))
        };
        let units = model.layers().map(unit).collect();
        Ok((units, diagnostics))
    }

    /// The piece that one layer of the network is.
    pub fn unit(&self, id: LayerId, model: &Model, config: &HlsConfig) -> Unit {
        let hls = model.hls_attributes(id, config).map(|(hls, diagnostics)| {
            let asked = diagnostics.iter().find_map(asked).map(|(_, asked)| asked);
            (hls, asked)
        });
        self.built(id, model, config, hls)
    }

    /// The widths of what a layer gives: its own type's where it computes, its input's where it only moves numbers. What a quantiser
    /// alone reads of ReLU is computed as that quantiser's.
    fn output(
        &self,
        id: LayerId,
        layer: &Layer,
        reader: Option<&Layer>,
        config: &HlsConfig,
    ) -> Widths {
        let implied = self.implied.get(&id).and_then(|types| types.get("result"));
        let implied = implied.map(|result| result.width);
        if let Some(widths) = Widths::quantised(layer, implied) {
            return widths;
        }
        let input = layer.inputs().first().map(|input| &self.widths[input.index()]);
        let own = match layer.op() {
            Op::Quantise { quantiser } => quantised(quantiser),
            _ => None,
        };
        let clips = implied.is_some()
            && matches!(layer.op(), Op::Activation { .. })
            && work(layer, &[], false) == Work::Clip;
        let quantised_next = reader.and_then(|reader| Widths::quantised(reader, None));
        if let (true, Some(widths)) = (clips, quantised_next) {
            return widths;
        }
        let handed = moves(layer.op()) || clips;
        let passed = if handed { input.map(|input| input.most) } else { None };
        let most = own.or(implied).or(passed).unwrap_or_else(|| {
            let kind = layer.op().layer_type();
            let own = config.precision(layer.name(), kind, "result");
            let model = config.model.precision.get("default").copied();
            let stated = [Some(own), model, Some(HlsConfig::DEFAULT_PRECISION)];
            let known = stated.into_iter().flatten().find_map(|stated| stated.width());
            known.unwrap_or(USUAL_BITS)
        });
        match input {
            Some(input) if handed && own.is_none() => input.handed_on(layer, most),
            _ => Widths::uniform(most),
        }
    }

    /// `hls`: how a layer with a kernel is built, and the reuse factor that was asked for where the Resource strategy needs another.
    fn built(
        &self,
        id: LayerId,
        model: &Model,
        config: &HlsConfig,
        hls: Option<(HlsAttributes, Option<usize>)>,
    ) -> Unit {
        let layer = model.layer(id);
        let stream = config.io_type == Some(IoType::IoStream);
        let input = layer.inputs().first().map(|&input| model.layer(input));
        let own = &self.widths[id.index()];
        let before = layer.inputs().first().map_or(own, |input| &self.widths[input.index()]);
        let shape = input.map_or(layer.output_shape(), Layer::output_shape);
        let at_once = |shape: &[usize]| {
            let all = shape.iter().product::<usize>();
            (if stream { shape.last().copied().unwrap_or(1) } else { all }) as u64
        };
        let (inputs, mut input_bits) = before.counted(at_once(shape));
        let (outputs, output_bits) = own.counted(at_once(layer.output_shape()));
        let work = match layer.op() {
            Op::Dense { .. } | Op::Conv { .. } | Op::DepthwiseConv { .. } => {
                let built = hls.and_then(|hls| self.matrix(id, model, config, hls, before));
                built.map_or(Work::Unknown, |(matrix, bits)| {
                    input_bits = bits;
                    Work::Matrix(matrix)
                })
            }
            Op::BatchNorm { .. } if self.folded.values().any(|norm| *norm == id) => Work::Wires,
            Op::BatchNorm { .. } => {
                let kind = layer.op().layer_type();
                let width = config.precision(layer.name(), kind, "scale").width();
                Work::Scale { weight_bits: width.unwrap_or(own.most) }
            }
            _ => work(layer, shape, stream),
        };
        // Element by element, nothing is done for what nobody reads.
        let inputs = if work == Work::Clip { inputs.min(outputs) } else { inputs };
        let pixels = shape.iter().rev().skip(1).product::<usize>() as u64;
        Unit {
            name: layer.name().to_owned(),
            work,
            io_type: config.io_type.unwrap_or_default(),
            inputs,
            outputs,
            input_bits,
            output_bits,
            positions: if stream { pixels } else { 1 },
        }
    }

    /// The matrix, and the bits of what its weights are multiplied by, on average; none where the weights are floats.
    fn matrix(
        &self,
        id: LayerId,
        model: &Model,
        config: &HlsConfig,
        (hls, asked): (HlsAttributes, Option<usize>),
        before: &Widths,
    ) -> Option<(Matrix, u32)> {
        let layer = model.layer(id);
        let kernel = layer.kernel()?;
        let implied = self.implied.get(&id);
        let reuse = match hls.strategy.nearest_basic() {
            // Only the Resource strategy needs a reuse factor that divides.
            Strategy::Latency => asked.unwrap_or(hls.reuse_factor),
            _ => hls.reuse_factor,
        };
        let columns = kernel.shape().last().copied().unwrap_or(1).max(1);
        let (weight_bits, mut codes) = match own_codes(layer) {
            Some(own) => own,
            None => {
                let kind = implied.and_then(|types| types.get("weight")).copied();
                let kind = kind.or_else(|| weight_type(layer, &hls))?;
                let scaled = self.folded.get(&id).map(|norm| {
                    let scales = factors(model.layer(*norm));
                    let weights = kernel.values().iter().zip(scales.iter().cycle());
                    weights.map(|(weight, scale)| weight * scale).collect::<Vec<f32>>()
                });
                (kind.width, codes(scaled.as_deref().unwrap_or(kernel.values()), &kind))
            }
        };
        let input = model.layer(*layer.inputs().first()?);
        let channels = input.output_shape().last().copied().unwrap_or(1);
        let rows = before.rows(codes.len() / columns, channels);
        let input_bits = rows.map_or(before.most, |rows| without_dead(&mut codes, columns, &rows));
        let sum = implied.and_then(|types| types.get("accum")).map(|accum| accum.width);
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
        let matrix = Matrix {
            n_in: hls.n_in as u64,
            n_out: hls.n_out as u64,
            strategy: hls.strategy,
            reuse: reuse as u64,
            weight_bits,
            sum_bits: sum.unwrap_or_else(|| configured_sum(layer, config, &hls)),
            copies,
            turns,
            buffered: window.map_or(0, |window| waiting(window, input.output_shape())),
            codes: Codes::of(&codes, columns, reuse),
        };
        Some((matrix, input_bits))
    }
}

/// The layer and the reuse factor that was asked for, of a diagnostic that says that another is used.
fn asked(diagnostic: &Diagnostic) -> Option<(&str, usize)> {
    match diagnostic {
        Diagnostic::ReuseFactorSnapped { layer, asked, .. } => Some((layer, *asked)),
        _ => None,
    }
}

/// Layers that one other reads, and no one else.
fn single_readers(model: &Model) -> BTreeMap<LayerId, LayerId> {
    let mut readers: BTreeMap<LayerId, Vec<LayerId>> = BTreeMap::new();
    for (id, layer) in model.layers() {
        layer.inputs().iter().for_each(|input| readers.entry(*input).or_default().push(id));
    }
    let single = readers.into_iter().filter_map(|(id, readers)| match readers.as_slice() {
        [reader] if !model.outputs().contains(&id) => Some((id, *reader)),
        _ => None,
    });
    single.collect()
}

/// Layers with a kernel, and the normalisation that alone reads them.
fn folded(model: &Model, single: &BTreeMap<LayerId, LayerId>) -> BTreeMap<LayerId, LayerId> {
    let folds = |(id, reader): &(LayerId, LayerId)| {
        let kernel = model.layer(*id);
        let dense = matches!(kernel.op(), Op::Dense { .. } | Op::Conv { .. });
        let norm = matches!(model.layer(*reader).op(), Op::BatchNorm { .. });
        dense && norm && kernel.quantiser("kernel").is_none()
    };
    single.iter().map(|(id, reader)| (*id, *reader)).filter(folds).collect()
}

/// All types of a network whose quantisers say where it rounds; none of one whose types are configured.
fn implied(
    model: &Model,
    config: &HlsConfig,
) -> BTreeMap<LayerId, BTreeMap<&'static str, FixedType>> {
    let per_element =
        |op: &Op| matches!(op, Op::Quantise { quantiser: Quantiser::PerElement { .. } });
    if !model.layers().any(|(_, layer)| per_element(layer.op())) {
        return BTreeMap::new();
    }
    // Types do not depend on how arrays travel; of what has no firmware, nothing is implied.
    let parallel = HlsConfig { io_type: None, ..config.clone() };
    let built = model.firmware(&parallel).unwrap_or_default();
    built.into_iter().map(|layer| (layer.id, layer.types)).collect()
}

/// What is multiplied by what is always 0 is left out: clears those rows, and gives the mean bits of what the others' weights that
/// are not 0 are multiplied by.
fn without_dead(codes: &mut [i64], columns: usize, rows: &[u32]) -> u32 {
    let (mut bits, mut count) = (0, 0);
    for (row, &width) in codes.chunks_mut(columns).zip(rows) {
        if width == 0 {
            row.fill(0);
        }
        let nonzeros = row.iter().filter(|code| **code != 0).count() as u64;
        bits += nonzeros * u64::from(width);
        count += nonzeros;
    }
    mean(bits, count)
}

/// The configured width of a layer's sums, that of its result where it is not yet known.
fn configured_sum(layer: &Layer, config: &HlsConfig, hls: &HlsAttributes) -> u32 {
    let kind = layer.op().layer_type();
    let stated = config.precision(layer.name(), kind, "accum").width();
    stated.or(hls.output_precision.width()).unwrap_or(USUAL_BITS)
}
