use handaxe_graph::{Padding, Window};

/// A window's path over the pixels of one sample, worked out once: which pixels lie under which part of the window
/// ("tap") at which output position. One-dimensional data are one row high.
#[derive(Debug, Clone)]
pub(crate) struct Sliding {
    runs: Vec<Run>,
    inputs: usize,
    outputs: usize,
    taps: usize,
}

/// Neighbouring taps that lie on one row of pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// The output position.
    pub(crate) output: usize,
    /// The first tap.
    pub(crate) tap: usize,
    /// The pixel under the first tap.
    pub(crate) input: usize,
    /// The number of taps.
    pub(crate) length: usize,
    /// From one tap's pixel to the next one's.
    pub(crate) step: usize,
}

impl Run {
    /// Output position, tap and pixel of each tap of the run.
    pub(crate) fn taps(self) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..self.length).map(move |tap| (self.output, self.tap + tap, self.input + tap * self.step))
    }
}

impl Sliding {
    /// The path of `window` over samples of shape `input` `(length, channels)` or `(height, width, channels)`.
    pub(crate) fn new(window: &Window, input: &[usize]) -> Self {
        let spatial = &input[..input.len().saturating_sub(1)];
        let before: Vec<usize> =
            window.padding_of(spatial).iter().map(|(before, _)| *before).collect();
        let axis = |axis: usize| Axis {
            extent: spatial[axis],
            size: window.size[axis],
            stride: window.strides[axis],
            dilation: window.dilation.get(axis).copied().unwrap_or(1),
            before: before[axis],
            same: window.padding == Padding::Same,
        };
        match spatial.len() {
            2 => Self::over(&axis(0), &axis(1)),
            _ => Self::over(&Axis::SINGLE, &axis(0)),
        }
    }

    fn over(vertical: &Axis, horizontal: &Axis) -> Self {
        let mut runs = Vec::new();
        for row in 0..vertical.positions() {
            for column in 0..horizontal.positions() {
                let (from, left, length) = horizontal.covered(column);
                let (first, top, height) = vertical.covered(row);
                runs.extend((0..height).map(|step| Run {
                    output: row * horizontal.positions() + column,
                    tap: (first + step) * horizontal.size + from,
                    input: (top + step * vertical.dilation) * horizontal.extent + left,
                    length,
                    step: horizontal.dilation,
                }));
            }
        }
        Self {
            runs,
            inputs: vertical.extent * horizontal.extent,
            outputs: vertical.positions() * horizontal.positions(),
            taps: vertical.size * horizontal.size,
        }
    }

    /// All runs, by output position.
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The pixels under the window at each output position.
    pub(crate) fn pixels(&self) -> impl Iterator<Item = Vec<usize>> {
        self.runs
            .chunk_by(|a, b| a.output == b.output)
            .map(|runs| runs.iter().flat_map(|run| run.taps().map(|(_, _, pixel)| pixel)).collect())
    }

    /// Pixels of a sample.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Output positions of a sample.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Elements of the window.
    pub(crate) fn taps(&self) -> usize {
        self.taps
    }
}

struct Axis {
    extent: usize,
    size: usize,
    stride: usize,
    dilation: usize,
    before: usize,
    same: bool,
}

impl Axis {
    const SINGLE: Self =
        Self { extent: 1, size: 1, stride: 1, dilation: 1, before: 0, same: false };

    fn positions(&self) -> usize {
        match self.same {
            true => self.extent.div_ceil(self.stride),
            false => (self.extent - (self.size - 1) * self.dilation - 1) / self.stride + 1,
        }
    }

    /// At a position: the first tap that lies on the data, the element under it, and how many taps do.
    fn covered(&self, position: usize) -> (usize, usize, usize) {
        let start = position * self.stride;
        let tap = self.before.saturating_sub(start).div_ceil(self.dilation);
        let element = start + tap * self.dilation - self.before;
        let there = self.extent.saturating_sub(element).div_ceil(self.dilation);
        (tap, element, self.size.saturating_sub(tap).min(there))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Tap t of position p lies on element p * stride + t * dilation - before, where there is one.
        #[test]
        fn covers_what_the_formula_says(height in 1usize..9, width in 1usize..9, size in 1usize..5, stride in 1usize..4, dilation in 1usize..4, same: bool) {
            prop_assume!(same || (size - 1) * dilation < height.min(width));
            let padding = if same { Padding::Same } else { Padding::Valid };
            let window = Window { strides: vec![stride, stride], dilation: vec![dilation, dilation], ..Window::dense(&[size, size], padding) };
            let sliding = Sliding::new(&window, &[height, width, 1]);
            let mut seen: Vec<_> = sliding.runs().iter().flat_map(|run| run.taps()).collect();
            let before = window.padding_of(&[height, width]);
            let columns = Axis { extent: width, size, stride, dilation, before: before[1].0, same }.positions();
            let mut expected = Vec::new();
            for position in 0..sliding.outputs() {
                for tap in 0..size * size {
                    let y = (position / columns * stride + tap / size * dilation).checked_sub(before[0].0);
                    let x = (position % columns * stride + tap % size * dilation).checked_sub(before[1].0);
                    if let (Some(y), Some(x)) = (y, x) && y < height && x < width {
                        expected.push((position, tap, y * width + x));
                    }
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, expected);
        }
    }
}
