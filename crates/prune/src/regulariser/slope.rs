//! The penalty on a kernel, and its gradient.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

use super::division::{Itself, Lines, Magnitude, Moments, Square, sum};
use super::{Norm, Penalties, Regulariser};

/// The widest vectors of this processor. Sums are taken in the same order on all.
pub(super) static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// [`Regulariser::add_slope`], all of whose loops are compiled for the widest vectors.
pub(super) struct AddSlope<'a> {
    pub(super) regulariser: &'a Regulariser,
    pub(super) kernel: &'a [f32],
    pub(super) gradient: &'a mut [f32],
}

impl WithSimd for AddSlope<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { regulariser, kernel, gradient } = self;
        let Regulariser { penalties, parts, spreads, .. } = regulariser;
        let Penalties { sparse, variance, norm } = *penalties;
        let moments = (variance > 0.0).then(|| spreads.as_ref().unwrap_or(parts).moments(kernel));
        let mut value = 0.0;
        let mut factors = None;
        if sparse > 0.0 && parts.count() == kernel.len() && norm == Norm::One {
            let step = sparse as f32;
            for (slope, &weight) in gradient.iter_mut().zip(kernel) {
                *slope += step * (f32::from(weight > 0.0) - f32::from(weight < 0.0));
            }
            value += sparse * sum::<Magnitude>(kernel, 0.0);
        } else if sparse > 0.0 {
            let squares = match (&moments, spreads) {
                (Some(moments), None) => parts.squares(moments),
                _ => parts.sums::<Square>(kernel, None),
            };
            let (penalty, of_lengths) = regulariser.lengths(sparse, squares);
            value += penalty;
            factors = Some(of_lengths);
        }
        if let Some(moments) = moments {
            let (penalty, mut lines) = regulariser.variances(variance, moments);
            value += penalty;
            if let (None, Some(of_lengths)) = (spreads, &factors) {
                // The same parts: one pass does for both.
                for (factor, of_length) in lines.factors.iter_mut().zip(of_lengths) {
                    *factor += of_length;
                }
                factors = None;
            }
            spreads.as_ref().unwrap_or(parts).add(kernel, gradient, &lines);
        }
        if let Some(factors) = factors {
            let offsets = vec![0.0; factors.len()];
            parts.add(kernel, gradient, &Lines { factors, offsets });
        }
        value
    }
}

impl Regulariser {
    /// `strength` times the norm of the lengths of groups whose parts' sums of `squares` are these, and what its slopes are times
    /// the weights.
    #[inline(always)]
    fn lengths(&self, strength: f64, squares: Vec<f32>) -> (f64, Vec<f32>) {
        let norm = self.penalties.norm;
        let mut parts = squares;
        for part in &mut parts {
            *part = part.sqrt();
        }
        let groups = parts.len() / self.channels;
        let (first, rest) = parts.split_at(groups);
        let mut lengths = first.to_vec();
        for parts in rest.chunks_exact(groups) {
            for (length, part) in lengths.iter_mut().zip(parts) {
                *length += part;
            }
        }
        let total = norm.of(&lengths);
        norm.slopes(strength, &mut lengths, total);
        for parts in parts.chunks_exact_mut(groups) {
            for (part, slope) in parts.iter_mut().zip(&lengths) {
                *part = if *part > 0.0 { slope / *part } else { 0.0 };
            }
        }
        (strength * total, parts)
    }

    /// `strength` times the norm of the groups' variances, and its slopes by the weights of the spreads.
    #[inline(always)]
    fn variances(&self, strength: f64, moments: Moments) -> (f64, Lines) {
        let norm = self.penalties.norm;
        let Moments { means: mut offsets, variances: mut factors } = moments;
        let total = norm.of(&factors);
        norm.slopes(2.0 * strength, &mut factors, total);
        self.spreads.as_ref().unwrap_or(&self.parts).share(&mut factors);
        for (mean, factor) in offsets.iter_mut().zip(&factors) {
            *mean *= -factor;
        }
        (strength * total, Lines { factors, offsets })
    }
}

impl Norm {
    #[inline(always)]
    fn of(self, values: &[f32]) -> f64 {
        match self {
            Self::One => sum::<Itself>(values, 0.0),
            Self::Two => sum::<Square>(values, 0.0).sqrt(),
        }
    }

    /// Replaces values, none of which is negative, by `strength` times the derivatives of their norm `total`.
    #[inline(always)]
    fn slopes(self, strength: f64, values: &mut [f32], total: f64) {
        match self {
            Self::One => values.fill(strength as f32),
            Self::Two => {
                let factor = if total > 0.0 { (strength / total) as f32 } else { 0.0 };
                for value in values {
                    *value *= factor;
                }
            }
        }
    }
}
