//! The same network on the channels that are kept.

use handaxe_graph::{Layer, LayerId, Model, Op};

use super::kernel::Kernel;
use crate::Error;

/// `model` on the channels that are `kept`, with the constants of the others in the biases of the layers that read them.
pub(super) fn rebuild(
    model: &Model,
    kept: &[Vec<bool>],
    constants: &[Vec<Option<f64>>],
) -> Result<Model, Error> {
    let mut smaller = Model::new(model.name());
    for (id, layer) in model.layers() {
        let (input, outputs) = around(layer, id, kept);
        let folded = folded(model, id, kept, constants);
        let has_bias = folded.iter().any(|&constant| constant != 0.0);
        let op = op(layer.op(), count(input), count(outputs), has_bias);
        let new = smaller.add(layer.name(), op, layer.inputs())?;
        copy(layer, &mut smaller, new, (input, outputs))?;
        if has_bias {
            set(&mut smaller, new, "bias", |bias| {
                let terms = bias.iter_mut().zip(folded);
                terms.for_each(|(bias, term)| *bias = (f64::from(*bias) + term) as f32);
            })?;
        }
    }
    smaller.set_outputs(model.outputs())?;
    smaller.set_preprocessing(model.preprocessing().to_vec())?;
    Ok(smaller)
}

/// Which channels before and behind a layer are kept.
pub(super) fn around<'a>(
    layer: &Layer,
    id: LayerId,
    kept: &'a [Vec<bool>],
) -> (&'a [bool], &'a [bool]) {
    let input = layer.inputs().first().map_or(&[][..], |input| &kept[input.index()]);
    (input, &kept[id.index()])
}

/// Where in an array of `count` weights those lie that stay: all end in the output's axis, and the kernels of sums have
/// the input's before it.
pub(super) fn places<'a>(
    layer: &Layer,
    name: &str,
    count: usize,
    (input, outputs): (&'a [bool], &'a [bool]),
) -> impl Iterator<Item = usize> + use<'a> {
    let sums = matches!(layer.op(), Op::Dense { .. } | Op::Conv { .. }) && name == "kernel";
    let stays = move |&place: &usize| {
        let (row, column) = (place / outputs.len(), place % outputs.len());
        outputs[column] && (!sums || input[row % input.len()])
    };
    (0..count).filter(stays)
}

fn count(kept: &[bool]) -> usize {
    kept.iter().filter(|&&kept| kept).count()
}

/// What the removed channels of a layer's input add to each output that is kept; nothing for a layer without sums.
///
/// A term that is not constant is dropped: then nothing that reaches an output depends on this one.
fn folded(
    model: &Model,
    id: LayerId,
    kept: &[Vec<bool>],
    constants: &[Vec<Option<f64>>],
) -> Vec<f64> {
    let layer = model.layer(id);
    let kernel = |&input: &LayerId| {
        let removed = kept[input.index()].contains(&false);
        let kernel = removed.then(|| Kernel::new(layer, model.layer(input))).flatten();
        kernel.filter(Kernel::mixes).map(|kernel| (input.index(), kernel))
    };
    let Some((input, kernel)) = layer.inputs().first().and_then(kernel) else {
        return Vec::new();
    };
    let outputs = kept[id.index()].iter().enumerate().filter(|(_, kept)| **kept);
    let constant = |(output, _)| {
        let removed = kernel.terms(output).filter(|term| !kept[input][term.channel]);
        removed.filter_map(|term| term.constant(constants[input][term.channel])).sum()
    };
    outputs.map(constant).collect()
}

/// The operation for fewer channels.
fn op(op: &Op, inputs: usize, outputs: usize, new_bias: bool) -> Op {
    match op.clone() {
        Op::Dense { bias, .. } => Op::Dense { units: outputs, bias: bias || new_bias },
        Op::Conv { window, bias, .. } => {
            Op::Conv { filters: outputs, window, bias: bias || new_bias }
        }
        Op::DepthwiseConv { window, bias, .. } => {
            Op::DepthwiseConv { multiplier: outputs / inputs.max(1), window, bias }
        }
        Op::Reshape { mut shape } => {
            shape.iter_mut().last().into_iter().for_each(|last| *last = outputs);
            Op::Reshape { shape }
        }
        same => same,
    }
}

/// Copies what was noted of a layer, and its weights for the channels that are kept.
fn copy(
    layer: &Layer,
    smaller: &mut Model,
    new: LayerId,
    around: (&[bool], &[bool]),
) -> Result<(), Error> {
    for (name, weight) in layer.weights() {
        let weights = weight.values();
        let places = places(layer, name, weights.len(), around);
        set(smaller, new, name, |slots| {
            slots.iter_mut().zip(places).for_each(|(slot, place)| *slot = weights[place]);
        })?;
    }
    for (key, value) in layer.extra() {
        smaller.set_extra(new, key, value.clone());
    }
    Ok(())
}

/// Changes a weight in place.
fn set(
    model: &mut Model,
    layer: LayerId,
    name: &str,
    change: impl FnOnce(&mut [f32]),
) -> Result<(), Error> {
    if let Some(mut weight) = model.layer(layer).weight(name).cloned() {
        change(weight.values_mut());
        model.set_weight(layer, name, weight)?;
    }
    Ok(())
}
