use handaxe_graph::{LayerAttributes, LayerType, Structure};

use crate::Error;

/// A kernel cut into groups that stand or fall together; every weight is in exactly one.
///
/// Kernels are in Keras layout. Nothing is stored for each weight: members are computed.
///
/// ```
/// use handaxe_graph::Structure;
/// use handaxe_prune::Groups;
///
/// // A Dense kernel of 2 x 3, 3 multipliers: each works on the two weights of one neuron.
/// let groups = Groups::new(&[2, 3], &Structure::Pattern { offset: 3, consecutive: 2 })?;
/// assert_eq!((groups.count(), groups.size(0), groups.size(1)), (2, 4, 2));
/// assert_eq!(groups.members(0).collect::<Vec<_>>(), [0, 3, 1, 4]);
/// # Ok::<(), handaxe_prune::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    weights: usize,
    /// Members of every group but the last, which may have fewer.
    full: usize,
    order: Order,
}

/// The order in which the weights are dealt out to the groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// As they lie.
    RowMajor,
    /// Output axis first, as hls4ml's Resource strategy lays them out.
    OutputFirst { outputs: usize },
    /// Tile by tile of a matrix.
    Tiles { columns: usize, height: usize, width: usize },
}

impl Groups {
    /// Cuts the kernel of a layer.
    ///
    /// The outputs of a depthwise convolution are its last two axes, channel and multiplier: a structured group is one
    /// output channel.
    ///
    /// # Errors
    /// As [`Groups::new`].
    pub fn of(layer: &LayerAttributes, structure: &Structure) -> Result<Self, Error> {
        Self::new(&outputs_last(layer), structure)
    }

    /// Cuts a kernel of this shape, whose last axis is the output's.
    ///
    /// # Errors
    /// A shape without weights, or a structure that does not fit it.
    pub fn new(shape: &[usize], structure: &Structure) -> Result<Self, Error> {
        let weights = shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis));
        let (Some(weights @ 1..), Some(&outputs)) = (weights, shape.last()) else {
            return Err(Error::EmptyKernel { shape: shape.to_vec() });
        };
        let (full, order) = match *structure {
            Structure::Unstructured => (1, Order::RowMajor),
            Structure::Structured => (weights / outputs, Order::OutputFirst { outputs }),
            Structure::Pattern { offset, consecutive } => {
                if offset == 0 || consecutive == 0 || !weights.is_multiple_of(offset) {
                    let shape = shape.to_vec();
                    return Err(Error::Pattern { offset, consecutive, shape, weights });
                }
                let full = (weights / offset).saturating_mul(consecutive).min(weights);
                (full, Order::OutputFirst { outputs })
            }
            Structure::Block { height, width } => match *shape {
                [rows, columns] if divides(height, rows) && divides(width, columns) => {
                    (height * width, Order::Tiles { columns, height, width })
                }
                _ => return Err(Error::Block { height, width, shape: shape.to_vec() }),
            },
        };
        Ok(Self { weights, full, order })
    }

    /// Weights in all groups.
    pub fn weights(&self) -> usize {
        self.weights
    }

    /// Number of groups, at least 1.
    pub fn count(&self) -> usize {
        self.weights.div_ceil(self.full)
    }

    /// Number of weights in a group; 0 for a group that does not exist.
    pub fn size(&self, group: usize) -> usize {
        self.weights.saturating_sub(group.saturating_mul(self.full)).min(self.full)
    }

    /// The weights of a group, as row-major indices into the kernel.
    pub fn members(&self, group: usize) -> impl Iterator<Item = usize> + use<> {
        let (first, rows) = (group.saturating_mul(self.full), self.weights);
        let order = self.order;
        (first..first.saturating_add(self.size(group))).map(move |place| match order {
            Order::RowMajor => place,
            Order::OutputFirst { outputs } => {
                let inputs = rows / outputs;
                place % inputs * outputs + place / inputs
            }
            Order::Tiles { columns, height, width } => {
                let (tile, inside) = (place / (height * width), place % (height * width));
                let tiles_across = columns / width;
                let row = tile / tiles_across * height + inside / width;
                row * columns + tile % tiles_across * width + inside % width
            }
        })
    }
}

/// Shape of a layer's kernel with one axis for its outputs, the last.
pub(crate) fn outputs_last(layer: &LayerAttributes) -> Vec<usize> {
    let depthwise = [LayerType::DepthwiseConv1D, LayerType::DepthwiseConv2D];
    match &layer.weight_shape[..] {
        [window @ .., channels, multiplier] if depthwise.contains(&layer.layer_type) => {
            [window, &[channels.saturating_mul(*multiplier)]].concat()
        }
        shape => shape.to_vec(),
    }
}

fn divides(part: usize, whole: usize) -> bool {
    part > 0 && whole.is_multiple_of(part)
}
