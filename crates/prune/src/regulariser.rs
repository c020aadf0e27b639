//! Penalties that draw groups of weights to zero, or to one value, while the network is trained (spec/optimization.md
//! section 7).

use std::collections::BTreeMap;

use handaxe_graph::{LayerAttributes, LayerId, LayerType, Structure};

use crate::{Error, Groups};

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
/// columns.add_slope(&kernel, &mut slope);
/// assert_eq!(slope, [0.3, 0.0, 0.4, 0.0]); // no slope, and never NaN, at a column of zeros
/// # Ok::<(), handaxe_prune::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Regulariser {
    penalties: Penalties,
    /// Those whose lengths count.
    groups: Groups,
    /// Those whose variances count.
    spreads: Groups,
    /// Interleaved parts of a group whose norms are added up.
    channels: usize,
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
        Self {
            groups: Groups::of(layer, structure)?,
            ..Self::new(&layer.weight_shape, structure, channels, penalties)?
        }
        .checked()
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
        let spreads = match structure {
            Structure::Unstructured => Groups::new(&[groups.weights(), 1], &Structure::Structured)?,
            _ => groups.clone(),
        };
        let channels = if *structure == Structure::Structured { channels.max(1) } else { 1 };
        Self { penalties, groups, spreads, channels }.checked()
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
        let Penalties { sparse, variance, norm } = self.penalties;
        let mut value = 0.0;
        if sparse > 0.0 {
            let lengths =
                (0..self.groups.count()).map(|group| self.parts(kernel, group).iter().sum());
            value += sparse * norm.of(lengths);
        }
        if variance > 0.0 {
            let variances = (0..self.spreads.count()).map(|group| self.spread(kernel, group).1);
            value += variance * norm.of(variances);
        }
        value
    }

    /// Adds the penalty's gradient by each weight; that of a group of zeros is 0.
    pub fn add_slope(&self, kernel: &[f32], gradient: &mut [f32]) {
        let Penalties { sparse, variance, norm } = self.penalties;
        if sparse > 0.0 {
            let parts: Vec<Vec<f64>> =
                (0..self.groups.count()).map(|group| self.parts(kernel, group)).collect();
            let lengths: Vec<f64> = parts.iter().map(|parts| parts.iter().sum()).collect();
            let total = norm.of(lengths.iter().copied());
            for (group, (parts, &length)) in parts.iter().zip(&lengths).enumerate() {
                let outer = sparse * norm.slope(length, total);
                for (place, index) in self.groups.members(group).enumerate() {
                    let part = parts[place % self.channels];
                    if part > 0.0 {
                        gradient[index] += (outer * f64::from(kernel[index]) / part) as f32;
                    }
                }
            }
        }
        if variance > 0.0 {
            let spreads: Vec<(f64, f64)> =
                (0..self.spreads.count()).map(|group| self.spread(kernel, group)).collect();
            let total = norm.of(spreads.iter().map(|(_, variance)| *variance));
            for (group, &(mean, spread)) in spreads.iter().enumerate() {
                let size = self.spreads.size(group) as f64;
                let outer = variance * norm.slope(spread, total) * 2.0 / size;
                for index in self.spreads.members(group) {
                    gradient[index] += (outer * (f64::from(kernel[index]) - mean)) as f32;
                }
            }
        }
    }

    /// The Euclidean norm of each channel of a group; the members of a filter go channel by channel at each tap.
    fn parts(&self, kernel: &[f32], group: usize) -> Vec<f64> {
        let mut squares = vec![0.0; self.channels];
        for (place, index) in self.groups.members(group).enumerate() {
            squares[place % self.channels] += f64::from(kernel[index]).powi(2);
        }
        squares.iter_mut().for_each(|square| *square = square.sqrt());
        squares
    }

    /// Mean and variance of a group.
    fn spread(&self, kernel: &[f32], group: usize) -> (f64, f64) {
        let size = self.spreads.size(group) as f64;
        let values = || self.spreads.members(group).map(|index| f64::from(kernel[index]));
        let mean = values().sum::<f64>() / size;
        (mean, values().map(|value| (value - mean).powi(2)).sum::<f64>() / size)
    }
}

impl Norm {
    fn of(self, values: impl Iterator<Item = f64>) -> f64 {
        match self {
            Self::One => values.sum(),
            Self::Two => values.map(|value| value * value).sum::<f64>().sqrt(),
        }
    }

    /// The derivative of a norm that is `total` by one of its values, none of which is negative.
    fn slope(self, value: f64, total: f64) -> f64 {
        match self {
            Self::One => 1.0,
            Self::Two if total > 0.0 => value / total,
            Self::Two => 0.0,
        }
    }
}
