//! PyTorch: a state dict saved as `.safetensors`, laid over a graph that has the same layers.
//!
//! `model.onnx:weights=state.safetensors` names both. Tensors are found by name, `features.3.weight` being the weight of the
//! layer `features_3`; PyTorch's layout becomes the graph's, and what a Linear reads behind a Flatten of channels first is
//! put in the graph's order. Pickles (`.pt`, `.pth`) can hold code, and are refused.

use std::collections::BTreeMap;
use std::path::Path;

use handaxe_data::Tensor;
use handaxe_graph::{Layer, LayerId, Model, Op, nearest, transposition};
use safetensors::tensor::TensorView;

use crate::Error;
use crate::native;
use crate::read::read_at_most;

/// The largest file that is read.
const MOST_BYTES: u64 = 1 << 30;

/// Sets all weights of `model` from a state dict.
///
/// ```no_run
/// use handaxe_formats::{onnx, pytorch};
///
/// let mut model = onnx::load("jets.onnx".as_ref())?;
/// pytorch::load_state(&mut model, "retrained.safetensors".as_ref())?;
/// # Ok::<(), handaxe_formats::Error>(())
/// ```
///
/// # Errors
/// A file that is missing or broken; tensors that are missing, surplus or of another shape, all named.
pub fn load_state(model: &mut Model, path: &Path) -> Result<(), Error> {
    let bytes = read_at_most(path, MOST_BYTES)?;
    set_state(model, &bytes).map_err(|error| error.in_file(path))
}

/// The same from the content of a file.
///
/// # Errors
/// As [`load_state`], but for a file that is missing.
pub fn set_state(model: &mut Model, bytes: &[u8]) -> Result<(), Error> {
    let tensors = native::tensors(bytes)?;
    let mut given: BTreeMap<String, (String, TensorView<'_>)> = tensors
        .iter()
        .filter(|(name, _)| !name.ends_with("num_batches_tracked"))
        .map(|(name, view)| (in_graph(name), (name.to_owned(), view)))
        .collect();
    let mut missing = Vec::new();
    let mut found = Vec::new();
    for (id, layer) in model.layers() {
        for (weight, theirs) in names(layer) {
            match given.remove(&format!("{}.{theirs}", layer.name())) {
                Some((name, view)) => found.push((id, weight, name, view)),
                None => missing.push(format!("{}.{theirs}", layer.name())),
            }
        }
    }
    let surplus: Vec<String> = given.into_values().map(|(name, _)| name).collect();
    if !missing.is_empty() || !surplus.is_empty() {
        let nearest =
            missing.first().and_then(|name| nearest(name, surplus.iter().map(String::as_str)));
        return Err(Error::StateDict { missing: some(&missing), surplus: some(&surplus), nearest });
    }
    let mut laid = Vec::with_capacity(found.len());
    for (id, weight, name, view) in found {
        let tensor = native::tensor(&name, &view)?;
        laid.push((id, weight, laid_out(model, id, weight, &name, tensor)?));
    }
    for (id, weight, tensor) in laid {
        model.set_weight(id, weight, tensor)?;
    }
    Ok(())
}

/// `features.3.weight` as `features_3.weight`: dots are for attributes in PyTorch.
fn in_graph(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((layer, weight)) => format!("{}.{weight}", layer.replace('.', "_")),
        None => name.to_owned(),
    }
}

/// The first few of a list of names.
fn some(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
    match names.len().saturating_sub(5) {
        _ if names.is_empty() => "none".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// PyTorch's names of a layer's weights.
fn names(layer: &Layer) -> impl Iterator<Item = (&'static str, &'static str)> {
    layer.weights().map(|(weight, _)| {
        let theirs = match weight {
            "kernel" | "gamma" | "alpha" => "weight",
            "beta" => "bias",
            "moving_mean" => "running_mean",
            "moving_variance" => "running_var",
            other => other,
        };
        (weight, theirs)
    })
}

/// A tensor of PyTorch in the graph's layout.
fn laid_out(
    model: &Model,
    id: LayerId,
    weight: &'static str,
    name: &str,
    tensor: Tensor,
) -> Result<Tensor, Error> {
    let layer = model.layer(id);
    let expected = layer.weight(weight).map_or(&[][..], Tensor::shape).to_vec();
    // For each axis of the graph's kernel, that of PyTorch's; the filters of a depthwise one are two axes.
    let (theirs, permutation): (Vec<usize>, Vec<usize>) = match (layer.op(), expected.as_slice()) {
        (Op::Dense { .. }, &[inputs, units]) => (vec![units, inputs], vec![1, 0]),
        (Op::Conv { .. }, [taps @ .., channels, filters]) if weight == "kernel" => {
            let rank = taps.len();
            ([&[*filters, *channels], taps].concat(), (2..rank + 2).chain([1, 0]).collect())
        }
        (Op::DepthwiseConv { .. }, [taps @ .., channels, multiplier]) if weight == "kernel" => {
            let rank = taps.len();
            ([&[*channels, *multiplier], taps].concat(), (2..rank + 2).chain([0, 1]).collect())
        }
        _ => (expected.clone(), (0..expected.len()).collect()),
    };
    let depthwise = matches!(layer.op(), Op::DepthwiseConv { .. }) && weight == "kernel";
    let stated = match theirs.as_slice() {
        [channels, multiplier, taps @ ..] if depthwise => {
            [&[channels * multiplier, 1], taps].concat()
        }
        theirs => theirs.to_vec(),
    };
    if tensor.shape() != stated {
        let given = tensor.shape().to_vec();
        return Err(Error::StateShape { name: name.to_owned(), given, expected: stated });
    }
    let values = tensor.into_values();
    let mut values: Vec<f32> =
        transposition(&theirs, &permutation).into_iter().map(|place| values[place]).collect();
    if let (Op::Dense { units, .. }, "kernel", Some(image)) =
        (layer.op(), weight, flattened_image(model, layer))
    {
        values = rows_of_channels_last(&values, *units, image);
    }
    Tensor::new(expected, values).map_err(|error| Error::Data { error })
}

/// The shape `(space.., channels)` of what a layer reads through a Flatten, if it reads such.
fn flattened_image<'a>(model: &'a Model, layer: &Layer) -> Option<&'a [usize]> {
    let mut source = model.layer(*layer.inputs().first()?);
    while source.output_shape().len() == 1 {
        let before = model.layer(*source.inputs().first()?);
        match source.op() {
            Op::Flatten if before.output_shape().len() > 1 => return Some(before.output_shape()),
            Op::Flatten
            | Op::Activation { .. }
            | Op::BatchNorm { .. }
            | Op::Dropout { .. }
            | Op::Quantise { .. } => source = before,
            _ => return None,
        }
    }
    None
}

/// Rows that stand in the order (channels, space..) put in the order (space.., channels).
fn rows_of_channels_last(values: &[f32], units: usize, image: &[usize]) -> Vec<f32> {
    let rank = image.len();
    let first: Vec<usize> =
        [image[rank - 1]].into_iter().chain(image[..rank - 1].to_vec()).collect();
    let order: Vec<usize> = (1..rank).chain([0]).collect();
    let rows = transposition(&first, &order);
    rows.into_iter().flat_map(|row| &values[row * units..(row + 1) * units]).copied().collect()
}
