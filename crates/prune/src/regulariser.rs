//! Penalties that draw groups of weights to zero, or to one value, while the network is trained (spec/optimization.md
//! section 7).

mod division;
mod slope;

use std::collections::BTreeMap;

use handaxe_graph::{LayerAttributes, LayerId, LayerType, Structure};

use crate::groups::outputs_last;
use crate::{Error, Groups};
use division::Division;
use slope::{ARCH, AddSlope};

/// How the lengths, or the variances, of all groups are made one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Norm {
    /// Their sum: groups are drawn to zero one by one.
    #[default]
    One,
    /// The root of the sum of their squares.
    Two,
}

impl TryFrom<u8> for Norm {
    type Error = Error;

    /// 1 or 2.
    fn try_from(given: u8) -> Result<Self, Error> {
        match given {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            _ => Err(Error::Norm { given }),
        }
    }
}

/// How strong the penalties on a kernel are; by default there are none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Penalties {
    /// Factor of the groups' lengths: weights are drawn to zero.
    pub sparse: f64,
    /// Factor of the groups' variances: weights are drawn to their group's mean.
    pub variance: f64,
    /// How groups are added up.
    pub norm: Norm,
}

/// The penalties of the layers that have any.
pub type Regularisers = BTreeMap<LayerId, Regulariser>;

/// A penalty on a kernel that knows its groups: `sparse * ||lengths||_p + variance * ||variances||_p`.
///
/// The length of a group is its Euclidean norm; that of a convolution's filter is the sum of the norms of its channels
/// (as in hls4ml). Variances are population variances, of the whole kernel where each weight is a group.
///
/// ```
/// use handaxe_graph::Structure;
/// use handaxe_prune::{Penalties, Regulariser};
///
/// let penalties = Penalties { sparse: 0.5, ..Penalties::default() };
/// let columns = Regulariser::new(&[2, 2], &Structure::Structured, 1, penalties)?;
/// let kernel = [3.0, 0.0, 4.0, 0.0]; // columns of lengths 5 and 0
/// assert_eq!(columns.value(&kernel), 2.5);
/// let mut slope = [0.0; 4];
/// columns.add_slope(&kernel, &mut slope, &mut Vec::new());
/// assert_eq!(slope, [0.3, 0.0, 0.4, 0.0]); // no slope, and never NaN, at a column of zeros
/// # Ok::<(), handaxe_prune::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Regulariser {
    penalties: Penalties,
    /// Those whose lengths count: the parts of groups whose norms are added up, and how many make a group.
    parts: Division,
    channels: usize,
    /// Those whose variances count, where they are others.
    spreads: Option<Division>,
}

impl Regulariser {
    /// The penalties on the kernel of a layer whose groups have this structure.
    ///
    /// # Errors
    /// A structure that does not fit the kernel, or a strength that is negative or no number.
    pub fn of(
        layer: &LayerAttributes,
        structure: &Structure,
        penalties: Penalties,
    ) -> Result<Self, Error> {
        let channels = match (layer.layer_type, layer.weight_shape.as_slice()) {
            (LayerType::Conv1D | LayerType::Conv2D, [.., channels, _]) => *channels,
            _ => 1,
        };
        Self::new(&outputs_last(layer), structure, channels, penalties)
    }

    /// The penalties on a kernel of this shape, whose filters have so many input `channels`; 1 for a Dense kernel.
    ///
    /// # Errors
    /// As [`Regulariser::of`].
    pub fn new(
        shape: &[usize],
        structure: &Structure,
        channels: usize,
        penalties: Penalties,
    ) -> Result<Self, Error> {
        let groups = Groups::new(shape, structure)?;
        let channels = if *structure == Structure::Structured { channels.max(1) } else { 1 };
        let spreads = match structure {
            Structure::Unstructured => Some(Division::whole(&groups)),
            _ => (channels > 1).then(|| Division::new(&groups, 1)),
        };
        Self { penalties, parts: Division::new(&groups, channels), channels, spreads }.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        let Penalties { sparse, variance, .. } = self.penalties;
        for (what, given) in [("sparse penalty", sparse), ("variance penalty", variance)] {
            if !(0.0..f64::INFINITY).contains(&given) {
                return Err(Error::Penalty { what, given });
            }
        }
        Ok(self)
    }

    /// The penalty on a kernel, row-major.
    pub fn value(&self, kernel: &[f32]) -> f64 {
        self.add_slope(kernel, &mut [], &mut Vec::new())
    }

    /// The penalty; adds its gradient by each weight. That of a group of zeros is 0. What lies in `scratch` does not matter:
    /// it is memory that one call hands on to the next.
    pub fn add_slope(&self, kernel: &[f32], gradient: &mut [f32], scratch: &mut Vec<f32>) -> f64 {
        ARCH.dispatch(AddSlope { regulariser: self, kernel, gradient, scratch })
    }
}
