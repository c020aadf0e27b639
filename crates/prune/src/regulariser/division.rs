//! Sums over the groups of a kernel, and slopes back from them.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

use crate::Groups;

/// The weights of a kernel dealt out to parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Division {
    /// All weights in row-major order; none where they are one part. Groups are numbered by their first weights, so that
    /// neighbouring weights are in neighbouring parts wherever structures allow it: their sums are taken on vectors.
    runs: Vec<Run>,
    /// What each weight of a part is a share of.
    shares: Vec<f32>,
}

/// Neighbouring weights in neighbouring parts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Run {
    weight: usize,
    part: usize,
    length: usize,
}

/// Sums that are taken side by side: each waits for the one before.
const SUMS: usize = 16;

/// The widest vectors of this processor. Sums are taken in the same order on all.
static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

impl Division {
    /// All weights as one part.
    pub(super) fn whole(groups: &Groups) -> Self {
        Self { runs: Vec::new(), shares: vec![1.0 / groups.weights() as f32] }
    }

    /// The members of every group go to its parts in turn. Part p of all groups comes before part p + 1 of the first.
    pub(super) fn new(groups: &Groups, parts: usize) -> Self {
        let count = groups.count();
        if count * parts == 1 {
            return Self::whole(groups);
        }
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&group| groups.members(group).next());
        let (mut of, mut sizes) = (vec![0; groups.weights()], vec![0.0f32; count * parts]);
        for (place, group) in order.into_iter().enumerate() {
            for (member, index) in groups.members(group).enumerate() {
                of[index] = member % parts * count + place;
                sizes[of[index]] += 1.0;
            }
        }
        let mut runs: Vec<Run> = Vec::new();
        for (weight, part) in of.into_iter().enumerate() {
            match runs.last_mut() {
                Some(run) if run.part + run.length == part => run.length += 1,
                _ => runs.push(Run { weight, part, length: 1 }),
            }
        }
        Self { runs, shares: sizes.into_iter().map(f32::recip).collect() }
    }

    /// Number of parts.
    pub(super) fn count(&self) -> usize {
        self.shares.len()
    }

    /// For each part the sum of what `term` makes of how far its weights are from its centre.
    pub(super) fn sums(
        &self,
        kernel: &[f32],
        centres: &[f32],
        term: impl Fn(f32) -> f32,
    ) -> Vec<f32> {
        if let ([], [centre, ..]) = (&self.runs[..], centres) {
            return vec![sum(kernel, |weight| term(weight - centre)) as f32];
        }
        let mut sums = vec![0.0; self.count()];
        ARCH.dispatch(Sums { runs: &self.runs, kernel, centres, term, into: &mut sums });
        sums
    }

    /// The same, divided by the number of weights.
    pub(super) fn means(
        &self,
        kernel: &[f32],
        centres: &[f32],
        term: impl Fn(f32) -> f32,
    ) -> Vec<f32> {
        let mut sums = self.sums(kernel, centres, term);
        self.share(&mut sums);
        sums
    }

    /// Divides by the numbers of weights.
    pub(super) fn share(&self, values: &mut [f32]) {
        values.iter_mut().zip(&self.shares).for_each(|(value, share)| *value *= share);
    }

    /// Adds how far weights are from their parts' centres, times their parts' factors. No slopes may be given.
    pub(super) fn pull(
        &self,
        kernel: &[f32],
        slopes: &mut [f32],
        factors: &[f32],
        centres: &[f32],
    ) {
        if slopes.is_empty() {
            return;
        }
        if let ([], [factor, ..], [centre, ..]) = (&self.runs[..], factors, centres) {
            let pairs = slopes.iter_mut().zip(kernel);
            return pairs.for_each(|(slope, weight)| *slope += factor * (weight - centre));
        }
        ARCH.dispatch(Pull { runs: &self.runs, kernel, factors, centres, into: slopes });
    }
}

/// [`Division::sums`] over runs.
struct Sums<'a, T> {
    runs: &'a [Run],
    kernel: &'a [f32],
    centres: &'a [f32],
    term: T,
    into: &'a mut [f32],
}

impl<T: Fn(f32) -> f32> WithSimd for Sums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for &Run { weight, part, length } in self.runs {
            let weights = &self.kernel[weight..][..length];
            let centres = &self.centres[part..][..length];
            let sums = self.into[part..][..length].iter_mut();
            for (sum, (weight, centre)) in sums.zip(weights.iter().zip(centres)) {
                *sum += (self.term)(weight - centre);
            }
        }
    }
}

/// [`Division::pull`] over runs.
struct Pull<'a> {
    runs: &'a [Run],
    kernel: &'a [f32],
    factors: &'a [f32],
    centres: &'a [f32],
    into: &'a mut [f32],
}

impl WithSimd for Pull<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for &Run { weight, part, length } in self.runs {
            let weights = &self.kernel[weight..][..length];
            let parts = self.factors[part..][..length].iter().zip(&self.centres[part..][..length]);
            let slopes = self.into[weight..][..length].iter_mut();
            for (slope, (weight, (factor, centre))) in slopes.zip(weights.iter().zip(parts)) {
                *slope += factor * (weight - centre);
            }
        }
    }
}

/// In double precision, since there may be many.
pub(super) fn sum(values: &[f32], term: impl Fn(f32) -> f32) -> f64 {
    let mut sums = [0.0; SUMS];
    let (blocks, rest) = values.as_chunks::<SUMS>();
    for block in blocks {
        sums.iter_mut().zip(block).for_each(|(sum, &value)| *sum += f64::from(term(value)));
    }
    let rest: f64 = rest.iter().map(|&value| f64::from(term(value))).sum();
    sums.into_iter().sum::<f64>() + rest
}
