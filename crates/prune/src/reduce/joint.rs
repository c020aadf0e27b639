//! Which channels stand or fall together: those that are the same channel of different layers, and those that additions,
//! multiplications and reshapes tie.

use handaxe_graph::{Activation, Layer, Model, Op};

use super::{channels, common_channels};

/// In which direction a depthwise convolution with a multiplier above 1 may shrink: its outputs are a grid of channels
/// and multipliers, of which only whole rows or whole columns can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depthwise {
    /// A channel goes, with all that is made of it.
    ByChannel,
    /// A multiplier goes, over all channels.
    ByMultiplier,
}

/// The sets of channels that can only be removed together.
pub(super) struct Joint {
    /// For each layer, the set of each channel.
    layers: Vec<Vec<usize>>,
    /// Sets are numbered below this.
    pub(super) count: usize,
    /// The sets that must stay whatever their weights: of inputs, outputs and layers that mix channels.
    pub(super) pinned: Vec<usize>,
}

impl Joint {
    pub(super) fn new(model: &Model, depthwise: Depthwise) -> Self {
        let (mut sets, mut pinned) = (Sets::default(), Vec::new());
        let mut layers: Vec<Vec<usize>> = Vec::new();
        for (_, layer) in model.layers() {
            let inputs: Vec<&[usize]> =
                layer.inputs().iter().map(|id| &layers[id.index()][..]).collect();
            let of_layer = sets.of(layer, &inputs, depthwise);
            match layer.op() {
                Op::Input { .. } | Op::Activation { function: Activation::Softmax } => {
                    pinned.extend(&of_layer);
                }
                Op::DepthwiseConv { multiplier: 2.., .. }
                    if depthwise == Depthwise::ByMultiplier =>
                {
                    inputs.iter().for_each(|input| pinned.extend(*input));
                }
                _ => {}
            }
            layers.push(of_layer);
        }
        model.outputs().iter().for_each(|output| pinned.extend(&layers[output.index()]));
        for set in layers.iter_mut().flatten().chain(&mut pinned) {
            *set = sets.root(*set);
        }
        Self { layers, count: sets.parent.len(), pinned }
    }

    /// The set of each channel of a layer.
    pub(super) fn of(&self, layer: usize) -> &[usize] {
        &self.layers[layer]
    }
}

/// A forest of sets that grow together.
#[derive(Default)]
struct Sets {
    parent: Vec<usize>,
}

impl Sets {
    fn several(&mut self, count: usize) -> Vec<usize> {
        let first = self.parent.len();
        self.parent.extend(first..first + count);
        (first..first + count).collect()
    }

    fn root(&mut self, mut set: usize) -> usize {
        while self.parent[set] != set {
            self.parent[set] = self.parent[self.parent[set]];
            set = self.parent[set];
        }
        set
    }

    fn unite(&mut self, a: usize, b: usize) {
        // The older is the root: sets keep the order of the layers.
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// The set of each channel of a layer whose inputs' channels are in the sets `inputs`.
    fn of(&mut self, layer: &Layer, inputs: &[&[usize]], depthwise: Depthwise) -> Vec<usize> {
        let first = inputs.first().copied().unwrap_or(&[]);
        let width = channels(layer);
        match layer.op() {
            Op::Input { .. } | Op::Dense { .. } | Op::Conv { .. } => self.several(width),
            &Op::DepthwiseConv { multiplier, .. }
                if multiplier > 1 && depthwise == Depthwise::ByMultiplier =>
            {
                let multipliers = self.several(multiplier);
                (0..width).map(|output| multipliers[output % multiplier]).collect()
            }
            &Op::DepthwiseConv { multiplier, .. } => {
                (0..width).map(|output| first[output / multiplier]).collect()
            }
            Op::BatchNorm { .. }
            | Op::Activation { .. }
            | Op::Pool { .. }
            | Op::GlobalPool { .. }
            | Op::Dropout { .. } => first.to_vec(),
            Op::Flatten | Op::Reshape { .. } => {
                let common = common_channels(first.len(), width);
                for (channel, &set) in first.iter().enumerate().skip(common) {
                    self.unite(first[channel % common], set);
                }
                (0..width).map(|channel| first[channel % common]).collect()
            }
            Op::Add | Op::Multiply => {
                for input in &inputs[1..] {
                    first.iter().zip(*input).for_each(|(&a, &b)| self.unite(a, b));
                }
                first.to_vec()
            }
            Op::Concatenate => inputs.concat(),
            _ => self.several(width), // refused before
        }
    }
}
