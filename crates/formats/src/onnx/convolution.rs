//! Conv: channels first become channels last, groups of one channel a depthwise convolution, other groups one convolution with zeros.

use handaxe_graph::{LayerId, Op, Padding, Window};

use super::array::{Array, Data, MOST_ELEMENTS};
use super::builder::Builder;
use super::node::Node;
use super::view::View;
use crate::Error;

/// The axes of an image or a series: those in space, then the channels.
pub(super) fn axes(node: Node<'_>, view: &View) -> Result<Vec<usize>, Error> {
    let rank = view.shape.len();
    if !matches!(rank, 3 | 4) {
        let given = format!("of shape {:?}", view.shape);
        return Err(node.wrong(
            "its input",
            given,
            "a series or an image: one or two axes in space",
        ));
    }
    let channels = if node.is_channels_last() { rank - 1 } else { 1 };
    Ok((1..rank).filter(|&axis| axis != channels).chain([channels]).collect())
}

/// The array of a layer with output `(space.., channels)` as the node's domain sees it.
pub(super) fn image(to: &Builder<'_>, id: LayerId, axes: &[usize]) -> View {
    let mut shape = vec![1; axes.len() + 1];
    for (&axis, extent) in axes.iter().zip(to.extents(id)) {
        shape[axis] = extent;
    }
    View::of_axes(id, shape, axes)
}

pub(super) fn conv<'a>(to: &mut Builder<'a>, node: Node<'a>) -> Result<(), Error> {
    let view = to.array(node, 0)?;
    let kernel = to.constant(node, 1)?;
    let bias = to.optional(node, 2)?.map(|bias| bias.as_ref().clone());
    let made = convolve(to, node, &view, &kernel, bias)?;
    to.set(node, made)
}

/// The convolution of an array with a kernel in the file's layout.
pub(super) fn convolve<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    view: &View,
    kernel: &Array,
    bias: Option<Array>,
) -> Result<View, Error> {
    let axes = axes(node, view)?;
    let rank = axes.len() - 1;
    if kernel.shape.len() != rank + 2 {
        let given = format!("of shape {:?}", kernel.shape);
        return Err(node.wrong("its kernel", given, "of as many axes as its input"));
    }
    // (filters, channels, taps..) or (filters, taps.., channels) become (taps.., channels, filters).
    let permutation: Vec<usize> = if node.is_channels_last() {
        (1..rank + 2).chain([0]).collect()
    } else {
        (2..rank + 2).chain([1, 0]).collect()
    };
    let kernel = kernel.transposed(&permutation);
    let channels = view.shape[axes[rank]];
    let (depthwise, kernel) = grouped(node, channels, kernel)?;
    let filters = kernel.shape[rank + 1];
    let mut window = window(node, &kernel.shape[..rank])?;
    let dilation = node.counts("dilations")?.unwrap_or_default();
    if dilation.iter().any(|&taps| taps != 1) {
        window.dilation = dilation;
    }
    let name = to.name(node, Some(&kernel));
    let id = to.arranged(&name, view, &axes)?;
    let id = padded(to, node, &name, id, &mut window)?;
    let (op, kernel) = if depthwise {
        let multiplier = filters / channels;
        let op = Op::DepthwiseConv { multiplier, window, bias: bias.is_some() };
        (op, per_channel(kernel, channels, multiplier))
    } else {
        (Op::Conv { filters, window, bias: bias.is_some() }, kernel)
    };
    let id = to.add_with_kernel(&name, op, id, (&kernel, bias.as_ref()))?;
    Ok(image(to, id, &axes))
}

/// Whether each channel has filters of its own, and the kernel; that of groups of several channels becomes one over all channels, 0 where
/// a filter does not look.
fn grouped(node: Node<'_>, channels: usize, kernel: Array) -> Result<(bool, Array), Error> {
    let rank = kernel.shape.len();
    let (inputs, filters) = (kernel.shape[rank - 2], kernel.shape[rank - 1]);
    let groups = usize::try_from(node.int("group", 1)).unwrap_or(0);
    let fits = groups > 0 && inputs.checked_mul(groups) == Some(channels);
    if !fits || !filters.is_multiple_of(groups) {
        let given =
            format!("{filters} of {inputs} channels, its input has {channels}, in {groups} groups");
        return Err(node.wrong("its filters", given, "as many for each group, over all channels"));
    }
    if groups == 1 || inputs == 1 {
        return Ok((groups > 1, kernel));
    }
    if kernel.len().saturating_mul(groups) > MOST_ELEMENTS {
        return Err(Error::OnnxElements { most: MOST_ELEMENTS as u64 });
    }
    let codes = kernel.quantiser.as_ref();
    if codes
        .is_some_and(|codes| (0..codes.scale.len()).any(|place| codes.element(0.0, place) != 0.0))
    {
        return Err(
            node.unsupported("groups are known of kernels whose quantiser leaves 0 as it is")
        );
    }
    let mut whole = vec![0.0; kernel.len() * groups];
    let each = filters / groups;
    for (row, weights) in kernel.stored().chunks_exact(filters).enumerate() {
        let (tap, input) = (row / inputs, row % inputs);
        for (filter, &weight) in weights.iter().enumerate() {
            let channel = filter / each * inputs + input;
            whole[(tap * channels + channel) * filters + filter] = weight;
        }
    }
    let mut shape = kernel.shape.clone();
    shape[rank - 2] = channels;
    Ok((false, Array { shape, data: Data::Float(whole), ..kernel }))
}

/// A kernel `(taps.., 1, filters)` as `(taps.., channels, multiplier)`.
fn per_channel(kernel: Array, channels: usize, multiplier: usize) -> Array {
    let mut shape = kernel.shape.clone();
    shape.truncate(kernel.shape.len() - 2);
    shape.extend([channels, multiplier]);
    let quantiser = kernel.quantiser.map(|mut codes| {
        let mut scales = codes.shape_of_rank(shape.len());
        let filters = scales.pop().unwrap_or(1);
        scales.pop();
        scales.extend(if filters == 1 { [1, 1] } else { [channels, multiplier] });
        codes.shape = scales;
        codes
    });
    Array { shape, quantiser, ..kernel }
}

/// The window of a convolution or a pool, without its padding.
pub(super) fn window(node: Node<'_>, size: &[usize]) -> Result<Window, Error> {
    let mut window = Window::dense(size, Padding::Valid);
    if let Some(strides) = node.counts("strides")? {
        window.strides = strides;
    }
    if window.strides.len() != size.len() {
        let given = format!("{:?}", window.strides);
        return Err(node.wrong("strides", given, "one for each axis in space"));
    }
    Ok(window)
}

/// Zeros before and after each axis in space, as `pads` or `auto_pad` says.
pub(super) fn margins(
    node: Node<'_>,
    window: &Window,
    input: &[usize],
) -> Result<Vec<(usize, usize)>, Error> {
    let rank = window.size.len();
    let same = Window { padding: Padding::Same, ..window.clone() };
    if window.strides.contains(&0) {
        return Err(node.wrong("strides", format!("{:?}", window.strides), "positive"));
    }
    match node.text("auto_pad", "NOTSET") {
        "NOTSET" => {}
        "VALID" => return Ok(vec![(0, 0); rank]),
        "SAME_UPPER" => return Ok(same.padding_of(input)),
        "SAME_LOWER" => {
            let swap = |(before, after)| (after, before);
            return Ok(same.padding_of(input).into_iter().map(swap).collect());
        }
        other => {
            let known = "NOTSET, VALID, SAME_UPPER or SAME_LOWER";
            return Err(node.wrong("auto_pad", other.to_owned(), known));
        }
    }
    let pads = node.counts("pads")?.unwrap_or_else(|| vec![0; 2 * rank]);
    if pads.len() != 2 * rank {
        let given = format!("{pads:?}");
        return Err(node.wrong("pads", given, "a number before and one after each axis in space"));
    }
    Ok((0..rank).map(|axis| (pads[axis], pads[axis + rank])).collect())
}

/// The padding that a window itself has a word for: none, or that of Keras' `same`.
pub(super) fn named(
    window: &Window,
    input: &[usize],
    margins: &[(usize, usize)],
) -> Option<Padding> {
    if margins.iter().all(|&margin| margin == (0, 0)) {
        return Some(Padding::Valid);
    }
    let same = Window { padding: Padding::Same, ..window.clone() };
    (same.padding_of(input) == margins).then_some(Padding::Same)
}

/// Sets the window's padding; zeros that it has no word for become a layer of their own.
pub(super) fn padded<'a>(
    to: &mut Builder<'a>,
    node: Node<'a>,
    name: &str,
    id: LayerId,
    window: &mut Window,
) -> Result<LayerId, Error> {
    let input = to.extents(id);
    let input = &input[..window.size.len()];
    let margins = margins(node, window, input)?;
    match named(window, input, &margins) {
        Some(padding) => {
            window.padding = padding;
            Ok(id)
        }
        None => to.add(&format!("{name}_pad"), Op::ZeroPad { margins }, &[id]),
    }
}
