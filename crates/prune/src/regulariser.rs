//! Penalties that draw groups of weights to zero, or to one value, while the network is trained (spec/optimization.md
//! section 7).

mod division;

use std::collections::BTreeMap;

use handaxe_graph::{LayerAttributes, LayerId, LayerType, Structure};

use crate::groups::outputs_last;
use crate::{Error, Groups};
use division::{Division, sum};

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
    /// Those whose lengths count: the parts of groups whose norms are added up, and how many make a group.
    parts: Division,
    channels: usize,
    /// Those whose variances count.
    spreads: Division,
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
            Structure::Unstructured => Division::whole(&groups),
            _ => Division::new(&groups, 1),
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
        self.add_slope(kernel, &mut [])
    }

    /// The penalty; adds its gradient by each weight. That of a group of zeros is 0.
    pub fn add_slope(&self, kernel: &[f32], gradient: &mut [f32]) -> f64 {
        let Penalties { sparse, variance, .. } = self.penalties;
        let mut value = 0.0;
        if sparse > 0.0 {
            value += sparse * self.add_lengths(sparse, kernel, gradient);
        }
        if variance > 0.0 {
            value += variance * self.add_variances(variance, kernel, gradient);
        }
        value
    }

    /// The norm of the groups' lengths, whose gradient times `strength` is added.
    fn add_lengths(&self, strength: f64, kernel: &[f32], gradient: &mut [f32]) -> f64 {
        let norm = self.penalties.norm;
        let count = self.parts.count();
        if count == kernel.len() && norm == Norm::One {
            let step = strength as f32;
            for (slope, &weight) in gradient.iter_mut().zip(kernel) {
                *slope += step * (f32::from(weight > 0.0) - f32::from(weight < 0.0));
            }
            return sum(kernel, f32::abs);
        }
        let centres = vec![0.0; count];
        let mut parts = self.parts.sums(kernel, &centres, |weight| weight * weight);
        parts.iter_mut().for_each(|part| *part = part.sqrt());
        let groups = count / self.channels;
        let mut lengths = vec![0.0; groups];
        for parts in parts.chunks_exact(groups) {
            lengths.iter_mut().zip(parts).for_each(|(length, part)| *length += part);
        }
        let total = norm.of(&lengths);
        let outer = norm.slopes(strength, lengths, total);
        // What a weight is multiplied by.
        for parts in parts.chunks_exact_mut(groups) {
            for (part, outer) in parts.iter_mut().zip(&outer) {
                *part = if *part > 0.0 { outer / *part } else { 0.0 };
            }
        }
        self.parts.pull(kernel, gradient, &parts, &centres);
        total
    }

    /// The norm of the groups' variances, whose gradient times `strength` is added.
    fn add_variances(&self, strength: f64, kernel: &[f32], gradient: &mut [f32]) -> f64 {
        let centres = vec![0.0; self.spreads.count()];
        let means = self.spreads.means(kernel, &centres, |weight| weight);
        let variances = self.spreads.means(kernel, &means, |distance| distance * distance);
        let total = self.penalties.norm.of(&variances);
        let mut factors = self.penalties.norm.slopes(2.0 * strength, variances, total);
        self.spreads.share(&mut factors);
        self.spreads.pull(kernel, gradient, &factors, &means);
        total
    }
}

impl Norm {
    fn of(self, values: &[f32]) -> f64 {
        match self {
            Self::One => sum(values, |value| value),
            Self::Two => sum(values, |value| value * value).sqrt(),
        }
    }

    /// `strength` times the derivatives of a norm that is `total` by its values, none of which is negative.
    fn slopes(self, strength: f64, mut values: Vec<f32>, total: f64) -> Vec<f32> {
        match self {
            Self::One => values.fill(strength as f32),
            Self::Two => {
                let factor = if total > 0.0 { (strength / total) as f32 } else { 0.0 };
                values.iter_mut().for_each(|value| *value *= factor);
            }
        }
        values
    }
}
