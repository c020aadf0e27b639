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
    pub(super) scratch: &'a mut Vec<f32>,
}

impl WithSimd for AddSlope<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let Self { regulariser, kernel, gradient, scratch } = self;
        let Regulariser { penalties, parts, spreads, .. } = regulariser;
        let Penalties { sparse, variance, norm } = *penalties;
        let spread = spreads.as_ref().unwrap_or(parts);
        scratch.clear();
        scratch.resize(2 * spread.count() + 3 * parts.count(), 0.0);
        let (means, rest) = scratch.split_at_mut(spread.count());
        let (variances, rest) = rest.split_at_mut(spread.count());
        let (factors, rest) = rest.split_at_mut(parts.count());
        let (offsets, lengths) = rest.split_at_mut(parts.count());
        let mut moments = Moments { means, variances };
        if variance > 0.0 {
            spread.measure(kernel, &mut moments);
        }
        let (mut value, mut pulls) = (0.0, false);
        if sparse > 0.0 && parts.count() == kernel.len() && norm == Norm::One {
            let step = sparse as f32;
            for (slope, &weight) in gradient.iter_mut().zip(kernel) {
                *slope += step * (f32::from(weight > 0.0) - f32::from(weight < 0.0));
            }
            value += sparse * sum::<Magnitude>(kernel, 0.0);
        } else if sparse > 0.0 {
            match (variance > 0.0, spreads) {
                (true, None) => parts.squares(&moments, factors),
                _ => parts.sums::<Square>(kernel, None, factors),
            }
            value += regulariser.lengths(sparse, factors, lengths);
            pulls = true;
        }
        if variance > 0.0 {
            value += regulariser.variances(variance, &mut moments);
            let Moments { means: offsets, variances: lines } = moments;
            if pulls && spreads.is_none() {
                // The same parts: one pass does for both.
                for (line, factor) in lines.iter_mut().zip(&*factors) {
                    *line += factor;
                }
                pulls = false;
            }
            spread.add(kernel, gradient, &Lines { factors: lines, offsets });
        }
        if pulls {
            parts.add(kernel, gradient, &Lines { factors, offsets });
        }
        value
    }
}

impl Regulariser {
    /// `strength` times the norm of the lengths of groups, given their `parts`' sums of squares, which become what the norm's
    /// slopes are times the weights. The groups' `lengths` have room for as many as there are parts.
    #[inline(always)]
    fn lengths(&self, strength: f64, parts: &mut [f32], lengths: &mut [f32]) -> f64 {
        let norm = self.penalties.norm;
        for part in &mut *parts {
            *part = part.sqrt();
        }
        let groups = parts.len() / self.channels;
        let lengths = &mut lengths[..groups];
        for parts in parts.chunks_exact(groups) {
            for (length, part) in lengths.iter_mut().zip(parts) {
                *length += part;
            }
        }
        let total = norm.of(lengths);
        norm.slopes(strength, lengths, total);
        for parts in parts.chunks_exact_mut(groups) {
            for (part, slope) in parts.iter_mut().zip(&*lengths) {
                *part = if *part > 0.0 { slope / *part } else { 0.0 };
            }
        }
        strength * total
    }

    /// `strength` times the norm of the groups' variances. Moments become the lines of its slopes by the weights: variances
    /// their factors, means their offsets.
    #[inline(always)]
    fn variances(&self, strength: f64, moments: &mut Moments<'_>) -> f64 {
        let norm = self.penalties.norm;
        let Moments { means, variances } = moments;
        let total = norm.of(variances);
        norm.slopes(2.0 * strength, variances, total);
        self.spreads.as_ref().unwrap_or(&self.parts).share(variances);
        for (mean, factor) in means.iter_mut().zip(&**variances) {
            *mean *= -factor;
        }
        strength * total
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
