//! The largest and the mean of what lies under a window, channel by channel.

use pulp::{Simd, WithSimd};

use super::{load, store};

/// Which elements lie under a window at each output position.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taps {
    /// First channels of pixels.
    pixels: Vec<usize>,
    /// Where those of a position end.
    ends: Vec<usize>,
}

impl Taps {
    /// From the pixels under each position.
    pub(crate) fn new(positions: impl Iterator<Item = Vec<usize>>, channels: usize) -> Self {
        let mut taps = Self::default();
        for pixels in positions {
            taps.pixels.extend(pixels.iter().map(|pixel| pixel * channels));
            taps.ends.push(taps.pixels.len());
        }
        taps
    }

    /// The pixels of each position.
    pub(crate) fn positions(&self) -> impl Iterator<Item = &[usize]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(&start, &end)| &self.pixels[start..end])
    }
}

/// Pooling of one sample.
pub(crate) struct Forward<'a> {
    pub(crate) taps: &'a Taps,
    pub(crate) channels: usize,
    pub(crate) max: bool,
    pub(crate) sample: &'a [f32],
    pub(crate) answer: &'a mut [f32],
}

/// The way back; the gradient of a maximum goes to the first element that has it. Adds to `back`.
pub(crate) struct Backward<'a> {
    pub(crate) taps: &'a Taps,
    pub(crate) channels: usize,
    pub(crate) max: bool,
    pub(crate) sample: &'a [f32],
    pub(crate) answer: &'a [f32],
    pub(crate) gradient: &'a [f32],
    pub(crate) back: &'a mut [f32],
}

/// Calls `$each` with the channels of a pixel, a vector at a time: first and after the last.
macro_rules! vectors {
    ($channels:expr, $lanes:expr, $each:expr) => {
        let mut first = 0;
        while first < $channels {
            let end = $channels.min(first + $lanes);
            $each(first, end);
            first = end;
        }
    };
}

#[inline(always)]
fn read<S: Simd>(simd: S, values: &[f32]) -> S::f32s {
    if values.len() == S::F32_LANES { load(simd, values) } else { simd.partial_load_f32s(values) }
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let answers = self.answer.chunks_exact_mut(self.channels);
        for (pixels, answer) in self.taps.positions().zip(answers) {
            let start = simd.splat_f32s(if self.max { f32::NEG_INFINITY } else { 0.0 });
            let share = simd.splat_f32s(1.0 / pixels.len() as f32);
            vectors!(self.channels, S::F32_LANES, |first, end| {
                let mut value = start;
                for pixel in pixels {
                    let next = read(simd, &self.sample[pixel + first..pixel + end]);
                    if self.max {
                        // NaN wins and stays, so that it is seen at the end.
                        let larger =
                            simd.select_f32s(simd.less_than_f32s(value, next), next, value);
                        let number = simd.equal_f32s(next, next);
                        value = simd.select_f32s(number, larger, next);
                    } else {
                        value = simd.add_f32s(value, next);
                    }
                }
                if !self.max {
                    value = simd.mul_f32s(value, share);
                }
                store(simd, &mut answer[first..end], value);
            });
        }
    }
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let zero = simd.splat_f32s(0.0);
        let answers = self.answer.chunks_exact(self.channels);
        let answers = answers.zip(self.gradient.chunks_exact(self.channels));
        for (pixels, (answer, gradient)) in self.taps.positions().zip(answers) {
            let share = simd.splat_f32s(1.0 / pixels.len() as f32);
            vectors!(self.channels, S::F32_LANES, |first: usize, end: usize| {
                let best = read(simd, &answer[first..end]);
                let mut left = read(simd, &gradient[first..end]);
                let mean = simd.mul_f32s(left, share);
                for pixel in pixels {
                    let range = pixel + first..pixel + end;
                    let passed = if self.max {
                        let found = simd.equal_f32s(read(simd, &self.sample[range.clone()]), best);
                        let passed = simd.select_f32s(found, left, zero);
                        left = simd.select_f32s(found, zero, left);
                        passed
                    } else {
                        mean
                    };
                    let back = &mut self.back[range];
                    store(simd, back, simd.add_f32s(read(simd, back), passed));
                }
            });
        }
    }
}
