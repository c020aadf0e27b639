//! Penalties that draw groups of weights to zero, or to one value, while the network is trained (spec/optimization.md
//! section 7).

use std::collections::BTreeMap;

use handaxe_graph::{LayerAttributes, LayerId, LayerType, Structure};

use crate::groups::outputs_last;
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
    /// Those whose lengths count: the parts of groups whose norms are added up, and how many make a group.
    parts: Division,
    channels: usize,
    /// Those whose variances count.
    spreads: Division,
}

/// The weights of a kernel dealt out to parts.
#[derive(Debug, Clone, PartialEq)]
enum Division {
    /// Each weight is a part of its own.
    Single,
    /// All weights are one part.
    Whole,
    /// The part of each weight, in row-major order, and the weights of each part.
    Parts { of: Vec<u32>, sizes: Vec<f64> },
}

impl Division {
    /// The members of every group go to its parts in turn.
    fn new(groups: &Groups, parts: usize) -> Self {
        if groups.size(0) == 1 {
            return Self::Single;
        }
        if groups.count() * parts == 1 {
            return Self::Whole;
        }
        let mut of = vec![0; groups.weights()];
        let mut sizes = vec![0.0; groups.count() * parts];
        for group in 0..groups.count() {
            for (place, index) in groups.members(group).enumerate() {
                let part = group * parts + place % parts;
                of[index] = part as u32;
                sizes[part] += 1.0;
            }
        }
        Self::Parts { of, sizes }
    }

    /// For each part the sum of what `term` makes of its weights; it is also given the part.
    fn sums(&self, kernel: &[f32], term: impl Fn(f64, usize) -> f64) -> Vec<f64> {
        match self {
            Self::Single => kernel
                .iter()
                .enumerate()
                .map(|(part, &weight)| term(f64::from(weight), part))
                .collect(),
            Self::Whole => vec![kernel.iter().map(|&weight| term(f64::from(weight), 0)).sum()],
            Self::Parts { of, sizes } => {
                let mut sums = vec![0.0; sizes.len()];
                for (&weight, &part) in kernel.iter().zip(of) {
                    sums[part as usize] += term(f64::from(weight), part as usize);
                }
                sums
            }
        }
    }

    /// Calls `visit` with each weight, its slope and its part.
    fn each(&self, kernel: &[f32], slopes: &mut [f32], visit: impl Fn(f32, &mut f32, usize)) {
        let pairs = kernel.iter().zip(slopes);
        match self {
            Self::Single => {
                pairs.enumerate().for_each(|(part, (&weight, slope))| visit(weight, slope, part))
            }
            Self::Whole => pairs.for_each(|(&weight, slope)| visit(weight, slope, 0)),
            Self::Parts { of, .. } => pairs
                .zip(of)
                .for_each(|((&weight, slope), &part)| visit(weight, slope, part as usize)),
        }
    }

    fn size(&self, part: usize, weights: usize) -> f64 {
        match self {
            Self::Single => 1.0,
            Self::Whole => weights as f64,
            Self::Parts { sizes, .. } => sizes[part],
        }
    }
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
            Structure::Unstructured => Division::Whole,
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
        if matches!((&self.parts, norm), (Division::Single, Norm::One)) {
            let step = strength as f32;
            for (slope, &weight) in gradient.iter_mut().zip(kernel) {
                *slope += step * (f32::from(weight > 0.0) - f32::from(weight < 0.0));
            }
            return kernel.iter().map(|weight| f64::from(weight.abs())).sum();
        }
        let squares = self.parts.sums(kernel, |weight, _| weight * weight);
        // Roots and quotients of many small groups are most of the work, and four at a time in single precision.
        let parts: Vec<f32> = squares.iter().map(|&square| (square as f32).sqrt()).collect();
        let lengths = || {
            parts
                .chunks_exact(self.channels)
                .map(|parts| parts.iter().map(|&part| f64::from(part)).sum::<f64>())
        };
        let total = norm.of(lengths());
        let mut factors: Vec<f32> = match norm {
            Norm::One => vec![strength as f32; parts.len()],
            Norm::Two => {
                let outer = lengths().map(|length| (strength * norm.slope(length, total)) as f32);
                outer.flat_map(|outer| std::iter::repeat_n(outer, self.channels)).collect()
            }
        };
        // What a weight is multiplied by.
        for (factor, part) in factors.iter_mut().zip(&parts) {
            *factor = if *part > 0.0 { *factor / part } else { 0.0 };
        }
        self.parts.each(kernel, gradient, |weight, slope, part| *slope += factors[part] * weight);
        total
    }

    /// The norm of the groups' variances, whose gradient times `strength` is added.
    fn add_variances(&self, strength: f64, kernel: &[f32], gradient: &mut [f32]) -> f64 {
        let (norm, spreads) = (self.penalties.norm, &self.spreads);
        let size = |part: usize| spreads.size(part, kernel.len());
        let mut means = spreads.sums(kernel, |weight, _| weight);
        means.iter_mut().enumerate().for_each(|(part, sum)| *sum /= size(part));
        let mut variances = spreads.sums(kernel, |weight, part| (weight - means[part]).powi(2));
        variances.iter_mut().enumerate().for_each(|(part, sum)| *sum /= size(part));
        let total = norm.of(variances.iter().copied());
        let factor = |part: usize| strength * norm.slope(variances[part], total) * 2.0 / size(part);
        let factors: Vec<f64> = (0..variances.len()).map(factor).collect();
        spreads.each(kernel, gradient, |weight, slope, part| {
            *slope += (factors[part] * (f64::from(weight) - means[part])) as f32;
        });
        total
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
