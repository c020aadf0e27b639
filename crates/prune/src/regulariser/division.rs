//! Sums over the groups of a kernel, and slopes back from them.

use std::collections::BTreeMap;

use crate::Groups;

/// The weights of a kernel dealt out to parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Division {
    /// Hold each weight once; none where all are one part. Groups are numbered by their first weights, so that
    /// neighbouring weights are in neighbouring parts wherever structures allow it: these are worked on as vectors.
    bands: Vec<Band>,
    /// How many weights each part has, and what share of its part one weight is.
    sizes: Vec<f32>,
    shares: Vec<f32>,
}

/// Neighbouring parts whose weights lie in runs: from each of these starts on, one for each part.
#[derive(Debug, Clone, PartialEq)]
struct Band {
    part: usize,
    length: usize,
    starts: Vec<usize>,
}

/// Parts that are worked on at once, and sums that are taken side by side: each waits for the one before.
const LANES: usize = 32;

/// What is made of how far a weight is from its part's centre, before it is added up. No closures: these are compiled for
/// the caller's vectors for certain.
pub(super) trait Term {
    fn of(distance: f32) -> f32;
}

pub(super) struct Itself;
pub(super) struct Magnitude;
pub(super) struct Square;

impl Term for Itself {
    #[inline(always)]
    fn of(distance: f32) -> f32 {
        distance
    }
}

impl Term for Magnitude {
    #[inline(always)]
    fn of(distance: f32) -> f32 {
        distance.abs()
    }
}

impl Term for Square {
    #[inline(always)]
    fn of(distance: f32) -> f32 {
        distance * distance
    }
}

impl Division {
    /// All weights as one part.
    pub(super) fn whole(groups: &Groups) -> Self {
        Self::of(Vec::new(), vec![groups.weights() as f32])
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
        let mut runs: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        let mut start = 0;
        for run in of.chunk_by(|part, next| part + 1 == *next) {
            runs.entry((run[0], run.len())).or_default().push(start);
            start += run.len();
        }
        let bands = runs.into_iter().map(|((part, length), starts)| Band { part, length, starts });
        Self::of(bands.collect(), sizes)
    }

    fn of(bands: Vec<Band>, sizes: Vec<f32>) -> Self {
        let shares = sizes.iter().copied().map(f32::recip).collect();
        Self { bands, sizes, shares }
    }

    /// Number of parts.
    pub(super) fn count(&self) -> usize {
        self.shares.len()
    }

    /// Adds to each part's sum, which is zero, the terms of its weights; the centres are zero where none are given.
    #[inline(always)]
    pub(super) fn sums<T: Term>(&self, kernel: &[f32], centres: Option<&[f32]>, sums: &mut [f32]) {
        if let ([], [whole]) = (&self.bands[..], &mut *sums) {
            let centre = centres.and_then(<[f32]>::first).copied().unwrap_or_default();
            *whole = sum::<T>(kernel, centre) as f32;
        }
        for band in &self.bands {
            let range = band.part..band.part + band.length;
            band.sum::<T>(kernel, centres.map(|centres| &centres[range.clone()]), &mut sums[range]);
        }
    }

    /// The means and population variances of the parts, in place of zeros.
    #[inline(always)]
    pub(super) fn measure(&self, kernel: &[f32], moments: &mut Moments<'_>) {
        let Moments { means, variances } = moments;
        self.sums::<Itself>(kernel, None, means);
        self.share(means);
        self.sums::<Square>(kernel, Some(means), variances);
        self.share(variances);
    }

    /// The sums of the squares that these moments tell: cheaper than from the weights, and nothing cancels.
    #[inline(always)]
    pub(super) fn squares(&self, moments: &Moments<'_>, squares: &mut [f32]) {
        let Moments { means, variances } = moments;
        let moments = means.iter().zip(&**variances);
        for ((square, size), (mean, variance)) in squares.iter_mut().zip(&self.sizes).zip(moments) {
            *square = size * (mean * mean + variance);
        }
    }

    /// Divides by the numbers of weights.
    #[inline(always)]
    pub(super) fn share(&self, values: &mut [f32]) {
        for (value, share) in values.iter_mut().zip(&self.shares) {
            *value *= share;
        }
    }

    /// Adds to each slope the line of its part at the weight. No slopes may be given.
    #[inline(always)]
    pub(super) fn add(&self, kernel: &[f32], slopes: &mut [f32], lines: &Lines<'_>) {
        if slopes.is_empty() {
            return;
        }
        let Lines { factors, offsets } = lines;
        if let ([], [factor, ..], [offset, ..]) = (&self.bands[..], factors, offsets) {
            for (slope, weight) in slopes.iter_mut().zip(kernel) {
                *slope += factor * weight + offset;
            }
        }
        for Band { part, length, starts } in &self.bands {
            let (factors, offsets) = (&factors[*part..][..*length], &offsets[*part..][..*length]);
            for start in starts {
                let weights = kernel[*start..][..*length].iter();
                let terms = weights.zip(factors.iter().zip(offsets));
                for (slope, (weight, (factor, offset))) in slopes[*start..].iter_mut().zip(terms) {
                    *slope += factor * weight + offset;
                }
            }
        }
    }
}

impl Band {
    #[inline(always)]
    fn sum<T: Term>(&self, kernel: &[f32], centres: Option<&[f32]>, sums: &mut [f32]) {
        let mut blocks = sums.chunks_exact_mut(LANES);
        for (block, sums) in blocks.by_ref().enumerate() {
            let mut centre = [0.0; LANES];
            if let Some(centres) = centres {
                centre.copy_from_slice(&centres[block * LANES..][..LANES]);
            }
            // Of a length that is known, so that it stays in registers.
            let mut lanes = [0.0; LANES];
            lanes.copy_from_slice(sums);
            for start in &self.starts {
                let weights = &kernel[start + block * LANES..][..LANES];
                for (sum, (weight, centre)) in lanes.iter_mut().zip(weights.iter().zip(&centre)) {
                    *sum += T::of(weight - centre);
                }
            }
            sums.copy_from_slice(&lanes);
        }
        let rest = blocks.into_remainder();
        let whole = self.length - rest.len();
        for start in &self.starts {
            let weights = &kernel[start + whole..][..rest.len()];
            for (lane, (sum, weight)) in rest.iter_mut().zip(weights).enumerate() {
                *sum += T::of(weight - centres.map_or(0.0, |centres| centres[whole + lane]));
            }
        }
    }
}

/// Of the weights of each part.
pub(super) struct Moments<'a> {
    pub(super) means: &'a mut [f32],
    pub(super) variances: &'a mut [f32],
}

/// For each part what is added to the slopes of its weights.
pub(super) struct Lines<'a> {
    /// Times the weight.
    pub(super) factors: &'a [f32],
    /// Whatever the weight.
    pub(super) offsets: &'a [f32],
}

/// In double precision, since there may be many.
#[inline(always)]
pub(super) fn sum<T: Term>(values: &[f32], centre: f32) -> f64 {
    let mut sums = [0.0; LANES];
    let (blocks, rest) = values.as_chunks::<LANES>();
    for block in blocks {
        for (sum, value) in sums.iter_mut().zip(block) {
            *sum += f64::from(T::of(value - centre));
        }
    }
    let rest: f64 = rest.iter().map(|value| f64::from(T::of(value - centre))).sum();
    sums.into_iter().sum::<f64>() + rest
}
