//! Reduction (surgery): what masks have made idle is taken out of the network (spec/optimization.md section 9).
//!
//! One pass asks three questions. Which channels stand or fall together ([`joint`])? Which channels have the same value
//! whatever the data ([`constants`])? From which sets can data reach an output ([`live`])? Sets that are not live are
//! removed and what was constant in them goes into the biases behind ([`rebuild`]).

mod constants;
mod joint;
mod kernel;
mod live;
mod rebuild;

use std::collections::BTreeMap;

use handaxe_graph::{Activation, Layer, LayerId, Model, Op, Window};

use crate::Error;
use joint::{Depthwise, Joint};

/// A network without its idle neurons and filters.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduced {
    /// The network, with the layers of the original under their names and ids.
    pub model: Model,
    /// For each layer with a kernel that lost any, the neurons or filters it lost: places on the last axis of the
    /// original's output, ascending.
    pub removed: BTreeMap<LayerId, Vec<usize>>,
    /// For each kernel, where in the original's its weights lie, row-major.
    pub weights: BTreeMap<LayerId, Vec<usize>>,
}

/// Where in the original that lies which is left of it.
struct Origin {
    /// Places on the last axis of each layer's output.
    channels: Vec<Vec<usize>>,
    /// Places in each kernel.
    weights: BTreeMap<LayerId, Vec<usize>>,
}

impl Origin {
    fn new(model: &Model) -> Self {
        let weights = model
            .layers()
            .filter_map(|(id, layer)| Some((id, (0..layer.kernel()?.values().len()).collect())));
        let channels = model.layers().map(|(_, layer)| (0..channels(layer)).collect()).collect();
        Self { channels, weights: weights.collect() }
    }

    /// Forgets what goes when `model` is rebuilt on the channels that are `kept`.
    fn retain(&mut self, model: &Model, kept: &[Vec<bool>]) {
        for (places, kept) in self.channels.iter_mut().zip(kept) {
            let mut kept = kept.iter();
            places.retain(|_| kept.next() == Some(&true));
        }
        for (&id, places) in &mut self.weights {
            let layer = model.layer(id);
            let stay =
                rebuild::places(layer, "kernel", places.len(), rebuild::around(layer, id, kept));
            *places = stay.map(|place| places[place]).collect();
        }
    }
}

/// Removes every neuron and filter that no data pass through to an output, with its bias, its entries in batch
/// normalisations and the input rows of all layers that read it.
///
/// Idle are those whose incoming weights are zero and those whose outgoing ones are. The former are constant: what bias,
/// batch normalisation and activations make of them is added to the biases of the layers behind, which get one where
/// they have none. A constant that zero padding would meet is kept, as it differs at the border. Inputs and outputs
/// keep their shape; channels joined by an addition or multiplication go together or stay; every layer keeps at least
/// one. Evaluated, the reduced network answers what `model` does, but for the rounding of the biases (in training,
/// dropout no longer falls on the constants). Linear in the number of weights; reducing again changes nothing.
///
/// ```
/// use handaxe_graph::{Activation, Model, Op};
/// use handaxe_prune::reduce;
///
/// let mut model = Model::new("small");
/// let input = model.add("in", Op::Input { shape: vec![1] }, &[])?;
/// let hidden = model.add("fc", Op::Dense { units: 2, bias: true }, &[input])?;
/// let relu = model.add("relu", Op::Activation { function: Activation::Relu }, &[hidden])?;
/// let output = model.add("out", Op::Dense { units: 1, bias: false }, &[relu])?;
/// let mut set = |layer, name: &str, values: [f32; 2]| {
///     let mut weight = model.layer(layer).weight(name).unwrap().clone();
///     weight.values_mut().copy_from_slice(&values);
///     model.set_weight(layer, name, weight)
/// };
/// set(hidden, "kernel", [3.0, 0.0])?; // neuron 1 was pruned
/// set(hidden, "bias", [0.5, 2.0])?; // it is 2 for all data
/// set(output, "kernel", [1.0, -1.5])?;
///
/// let reduced = reduce(&model)?;
/// assert_eq!(reduced.removed[&hidden], [1]);
/// assert_eq!(reduced.weights[&hidden], [0]); // weight 0 of the original's two
/// assert_eq!(reduced.model.layer(hidden).output_shape(), [1]);
/// assert_eq!(reduced.model.layer(output).weight("bias").unwrap().values(), [-3.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`Error::Graph`] where a constant is too large for a bias: the network has diverged.
/// [`Error::Irreducible`] for a network with layers whose channels are not followed yet.
pub fn reduce(model: &Model) -> Result<Reduced, Error> {
    if let Some((_, layer)) = model.layers().find(|(_, layer)| !is_followed(model, layer)) {
        let (layer, kind) = (layer.name().to_owned(), layer.op().layer_type().name());
        return Err(Error::Irreducible { layer, kind });
    }
    let mut reduced = model.clone();
    let mut origin = Origin::new(model);
    // What goes in one way of looking at depthwise convolutions may free more in the other.
    let mut idle = 0;
    for depthwise in [Depthwise::ByChannel, Depthwise::ByMultiplier].into_iter().cycle() {
        match pass(&reduced, depthwise, &mut origin)? {
            Some(smaller) => (reduced, idle) = (smaller, 0),
            None => idle += 1,
        }
        if idle == 2 {
            break;
        }
    }
    let removed = model
        .layers()
        .zip(&origin.channels)
        .filter(|((_, layer), places)| layer.op().has_kernel() && places.len() < channels(layer));
    let removed = removed.map(|((id, layer), places)| (id, missing(channels(layer), places)));
    Ok(Reduced { removed: removed.collect(), model: reduced, weights: origin.weights })
}

/// Whether it is known what the layer does with each channel.
fn is_followed(model: &Model, layer: &Layer) -> bool {
    let plain = |window: &Window| window.dilation.iter().all(|&taps| taps == 1);
    let equal = || {
        let mut shapes = layer.inputs().iter().map(|&input| model.layer(input).output_shape());
        shapes.all(|shape| shape == layer.output_shape())
    };
    layer.quantisers().next().is_none()
        && match layer.op() {
            Op::Conv { window, .. } | Op::DepthwiseConv { window, .. } => plain(window),
            Op::Pool { window, .. } => plain(window),
            Op::Add | Op::Multiply => equal(),
            Op::Activation { function } => *function != Activation::LogSoftmax,
            Op::Input { .. }
            | Op::Dense { .. }
            | Op::BatchNorm { .. }
            | Op::GlobalPool { .. }
            | Op::Flatten
            | Op::Reshape { .. }
            | Op::Concatenate
            | Op::Dropout { .. } => true,
            _ => false,
        }
}

/// The network without the sets that are not live, which `origin` forgets; none if all are live.
fn pass(model: &Model, depthwise: Depthwise, origin: &mut Origin) -> Result<Option<Model>, Error> {
    let joint = Joint::new(model, depthwise);
    let constants = constants::constants(model);
    let kept = live::kept(model, &joint, &constants);
    if kept.iter().flatten().all(|&kept| kept) {
        return Ok(None);
    }
    origin.retain(model, &kept);
    rebuild::rebuild(model, &kept, &constants).map(Some)
}

/// Those of `0..count` that the ascending `places` skip.
fn missing(count: usize, places: &[usize]) -> Vec<usize> {
    let mut places = places.iter().peekable();
    (0..count).filter(|place| places.next_if(|&kept| kept == place).is_none()).collect()
}

/// Extent of the last axis of a layer's output.
fn channels(layer: &Layer) -> usize {
    layer.output_shape().last().copied().unwrap_or(1)
}

/// How many different channels of input and output the elements of a reshaped array can be told apart by. Element `e`
/// is of channel `e % input` before and `e % output` afterwards: the two meet where they agree modulo the greatest
/// common divisor. A Flatten keeps all input channels apart.
fn common_channels(input: usize, output: usize) -> usize {
    let (mut a, mut b) = (input, output);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}
