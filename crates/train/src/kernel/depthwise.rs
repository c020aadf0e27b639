//! Convolutions with one filter a channel: loops over windows of padded samples, a vector of channels at a time.

use pulp::{Simd, WithSimd};

use super::{load, store};

/// Windows, or taps of a window, that are looked at side by side: sums wait for each other less.
const TOGETHER: usize = 4;

/// Where windows lie on a padded sample whose pixels have so many channels.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a> {
    /// Where the first tap of each output position lies.
    pub(crate) starts: &'a [usize],
    /// Where the other taps lie, from the first one on.
    pub(crate) taps: &'a [usize],
    pub(crate) channels: usize,
    /// Elements of a padded sample.
    pub(crate) sample: usize,
}

impl Windows<'_> {
    /// Elements of an answer.
    fn answer(&self) -> usize {
        self.starts.len() * self.channels
    }
}

/// `into = bias + sum over taps of sample * kernel`, and what is not above 0 cut off if asked; NaN stays.
pub(crate) struct Forward<'a> {
    pub(crate) windows: Windows<'a>,
    pub(crate) samples: &'a [f32],
    /// `(taps, channels)`
    pub(crate) kernel: &'a [f32],
    pub(crate) bias: &'a [f32],
    pub(crate) relu: bool,
    pub(crate) into: &'a mut [f32],
}

/// Adds the gradient by the kernel.
pub(crate) struct ByKernel<'a> {
    pub(crate) windows: Windows<'a>,
    pub(crate) samples: &'a [f32],
    /// The gradient by the answers.
    pub(crate) slopes: &'a [f32],
    pub(crate) into: &'a mut [f32],
}

/// Adds the gradient by the samples.
pub(crate) struct BySamples<'a> {
    pub(crate) windows: Windows<'a>,
    pub(crate) slopes: &'a [f32],
    pub(crate) kernel: &'a [f32],
    pub(crate) into: &'a mut [f32],
}

/// Calls `$each` with a vector of channels at a time: first and after the last.
macro_rules! vectors {
    ($simd:ident, $channels:expr, $each:expr) => {
        let mut first = 0;
        while first < $channels {
            let end = $channels.min(first + $simd::F32_LANES);
            $each(first, end);
            first = end;
        }
    };
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { windows, samples, kernel, bias, relu, into } = self;
        let answers = into.chunks_exact_mut(windows.answer());
        for (sample, answer) in samples.chunks_exact(windows.sample).zip(answers) {
            let channels = windows.channels;
            let blocks = windows.starts.chunks(TOGETHER);
            for (starts, to) in blocks.zip(answer.chunks_mut(TOGETHER * channels)) {
                let at = |place: usize| starts.get(place).unwrap_or(&starts[0]);
                // A short block computes its first window several times over.
                let starts: [usize; TOGETHER] = std::array::from_fn(|place| *at(place));
                vectors!(S, channels, |first, end| {
                    let mut sums = [load(simd, &bias[first..end]); TOGETHER];
                    for (tap, kernel) in windows.taps.iter().zip(kernel.chunks_exact(channels)) {
                        let weights = load(simd, &kernel[first..end]);
                        for (sum, start) in sums.iter_mut().zip(&starts) {
                            let from = start + tap;
                            let values = load(simd, &sample[from + first..from + end]);
                            *sum = simd.mul_add_e_f32s(values, weights, *sum);
                        }
                    }
                    for (sum, to) in sums.into_iter().zip(to.chunks_exact_mut(channels)) {
                        store(simd, &mut to[first..end], cut(simd, relu, sum));
                    }
                });
            }
        }
    }
}

#[inline(always)]
fn cut<S: Simd>(simd: S, relu: bool, value: S::f32s) -> S::f32s {
    let zero = simd.splat_f32s(0.0);
    match relu {
        true => simd.select_f32s(simd.less_than_or_equal_f32s(value, zero), zero, value),
        false => value,
    }
}

impl WithSimd for ByKernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { windows, samples, slopes, into } = self;
        let channels = windows.channels;
        let slopes = slopes.chunks_exact(windows.answer());
        for (sample, slopes) in samples.chunks_exact(windows.sample).zip(slopes) {
            let blocks = windows.taps.chunks(TOGETHER);
            for (taps, into) in blocks.zip(into.chunks_mut(TOGETHER * channels)) {
                let at = |place: usize| taps.get(place).unwrap_or(&taps[0]);
                let taps: [usize; TOGETHER] = std::array::from_fn(|place| *at(place));
                vectors!(S, channels, |first, end| {
                    let mut sums = [simd.splat_f32s(0.0); TOGETHER];
                    for (start, slopes) in windows.starts.iter().zip(slopes.chunks_exact(channels))
                    {
                        let slope = load(simd, &slopes[first..end]);
                        for (sum, tap) in sums.iter_mut().zip(&taps) {
                            let from = start + tap;
                            let values = load(simd, &sample[from + first..from + end]);
                            *sum = simd.mul_add_e_f32s(values, slope, *sum);
                        }
                    }
                    for (sum, into) in sums.into_iter().zip(into.chunks_exact_mut(channels)) {
                        let into = &mut into[first..end];
                        store(simd, into, simd.add_f32s(load(simd, into), sum));
                    }
                });
            }
        }
    }
}

impl WithSimd for BySamples<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { windows, slopes, kernel, into } = self;
        let channels = windows.channels;
        let slopes = slopes.chunks_exact(windows.answer());
        for (slopes, sample) in slopes.zip(into.chunks_exact_mut(windows.sample)) {
            for (start, slopes) in windows.starts.iter().zip(slopes.chunks_exact(channels)) {
                vectors!(S, channels, |first: usize, end: usize| {
                    let slope = load(simd, &slopes[first..end]);
                    for (tap, kernel) in windows.taps.iter().zip(kernel.chunks_exact(channels)) {
                        let from = start + tap;
                        let to = &mut sample[from + first..from + end];
                        let weights = load(simd, &kernel[first..end]);
                        store(simd, to, simd.mul_add_e_f32s(slope, weights, load(simd, to)));
                    }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::tests::{every_processor, noise};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        /// On every processor there is. Sums of at most 120 products of numbers below 1, to 3e-5.
        #[test]
        fn are_the_sums_by_definition(
            samples in 1usize..3, positions in 1usize..12, taps in 1usize..10, channels in 1usize..40, step in 1usize..3,
            relu: bool,
        ) {
            let starts: Vec<usize> = (0..positions).map(|position| position * step * channels).collect();
            let taps: Vec<usize> = (0..taps).map(|tap| (tap + tap / 3) * channels).collect();
            let sample = starts[positions - 1] + taps[taps.len() - 1] + channels;
            let windows = Windows { starts: &starts, taps: &taps, channels, sample };
            let values = noise(samples * sample);
            let (kernel, bias) = (noise(taps.len() * channels + 5), noise(channels));
            let kernel = &kernel[5..];
            let slopes = noise(samples * positions * channels);
            let mut answer = vec![0.0f64; slopes.len()];
            let mut by_kernel = vec![0.5f64; kernel.len()];
            let mut by_samples = vec![0.5f64; values.len()];
            for place in 0..slopes.len() {
                let (channel, position) = (place % channels, place / channels % positions);
                answer[place] = f64::from(bias[channel]);
                for (tap, offset) in taps.iter().enumerate() {
                    let from = place / channels / positions * sample + starts[position] + offset + channel;
                    let weight = tap * channels + channel;
                    answer[place] += f64::from(values[from]) * f64::from(kernel[weight]);
                    by_kernel[weight] += f64::from(values[from]) * f64::from(slopes[place]);
                    by_samples[from] += f64::from(slopes[place]) * f64::from(kernel[weight]);
                }
                answer[place] = if relu { answer[place].max(0.0) } else { answer[place] };
            }
            for arch in every_processor() {
                let mut into = vec![f32::NAN; slopes.len()];
                arch.dispatch(Forward { windows, samples: &values, kernel, bias: &bias, relu, into: &mut into });
                let mut into_kernel = vec![0.5; kernel.len()];
                arch.dispatch(ByKernel { windows, samples: &values, slopes: &slopes, into: &mut into_kernel });
                let mut into_samples = vec![0.5; values.len()];
                arch.dispatch(BySamples { windows, slopes: &slopes, kernel, into: &mut into_samples });
                for (got, expected) in [(into, &answer), (into_kernel, &by_kernel), (into_samples, &by_samples)] {
                    for (got, expected) in got.iter().zip(expected) {
                        prop_assert!((f64::from(*got) - expected).abs() < 3e-5, "{got} {expected}");
                    }
                }
            }
        }
    }
}
