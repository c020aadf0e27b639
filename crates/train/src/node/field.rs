use handaxe_graph::Window;

use crate::kernel::workspace::Workspace;

/// Where the windows of a convolution lie on a sample that its padding has been added to. One-dimensional data are one row
/// high.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// Where the first tap of each output position lies.
    pub(super) starts: Vec<usize>,
    /// Where the elements of a window lie, from its first tap on.
    pub(super) taps: Vec<usize>,
    /// Where what of a window lies in one piece begins, from its first tap on: its rows, or its taps where they are apart.
    pub(super) segments: Vec<usize>,
    /// Elements of such a piece.
    pub(super) length: usize,
    /// Rows and elements of a row of a sample, and of a padded one.
    rows: usize,
    width: usize,
    padded_rows: usize,
    padded_width: usize,
    /// Padding above, and elements of padding to the left.
    above: usize,
    left: usize,
}

impl Field {
    /// For samples of shape `input` `(length, channels)` or `(height, width, channels)` and answers of shape `output`.
    pub(super) fn new(window: &Window, input: &[usize], output: &[usize]) -> Self {
        let axes = input.len().saturating_sub(1);
        let before = window.padding_of(&input[..axes]);
        let axis = |axis: usize| Axis {
            extent: input[axis],
            positions: output[axis],
            size: window.size[axis],
            stride: window.strides[axis],
            dilation: window.dilation.get(axis).copied().unwrap_or(1),
            before: before[axis].0,
        };
        let vertical = if axes == 2 { axis(0) } else { Axis::SINGLE };
        Self::over(&vertical, &axis(axes - 1), input[axes])
    }

    fn over(vertical: &Axis, horizontal: &Axis, channels: usize) -> Self {
        let padded_width = horizontal.padded() * channels;
        let row = |row: usize| row * vertical.stride * padded_width;
        let column = move |column: usize| column * horizontal.stride * channels;
        let starts = (0..vertical.positions)
            .flat_map(|y| (0..horizontal.positions).map(move |x| row(y) + column(x)));
        let (pieces, length) = match horizontal.dilation {
            1 => (1, horizontal.size * channels),
            _ => (horizontal.size, channels),
        };
        let across = move |piece: usize| piece * horizontal.dilation * channels;
        let segments: Vec<usize> = (0..vertical.size)
            .map(|tap| tap * vertical.dilation * padded_width)
            .flat_map(|row| (0..pieces).map(move |piece| row + across(piece)))
            .collect();
        Self {
            starts: starts.collect(),
            taps: segments.iter().flat_map(|&start| start..start + length).collect(),
            segments,
            length,
            rows: vertical.extent,
            width: horizontal.extent * channels,
            padded_rows: vertical.padded(),
            padded_width,
            above: vertical.before,
            left: horizontal.before * channels,
        }
    }

    /// Elements of a sample.
    pub(super) fn sample(&self) -> usize {
        self.rows * self.width
    }

    /// Elements of a padded sample.
    pub(super) fn padded(&self) -> usize {
        self.padded_rows * self.padded_width
    }

    /// Output positions.
    pub(super) fn positions(&self) -> usize {
        self.starts.len()
    }

    /// Whether padding changes anything.
    fn pads(&self) -> bool {
        self.padded() != self.sample()
    }

    /// Calls `see` with samples as the windows lie on them, zeros around each.
    pub(super) fn pad(&self, samples: &[f32], memory: &Workspace, see: impl FnOnce(&[f32])) {
        if !self.pads() {
            return see(samples);
        }
        let count = samples.len() / self.sample();
        let mut padded = memory.zeros(count * self.padded());
        for (sample, to) in
            samples.chunks_exact(self.sample()).zip(padded.chunks_exact_mut(self.padded()))
        {
            let rows = to.chunks_exact_mut(self.padded_width).skip(self.above);
            for (row, to) in sample.chunks_exact(self.width).zip(rows) {
                to[self.left..self.left + self.width].copy_from_slice(row);
            }
        }
        see(&padded);
        memory.give(padded);
    }

    /// The reverse: lets `add` add to zeros that lie so, and writes what is not around the samples.
    pub(super) fn crop(
        &self,
        samples: &mut [f32],
        memory: &Workspace,
        add: impl FnOnce(&mut [f32]),
    ) {
        if !self.pads() {
            samples.fill(0.0);
            return add(samples);
        }
        let mut padded = memory.zeros(samples.len() / self.sample() * self.padded());
        add(&mut padded);
        for (from, sample) in
            padded.chunks_exact(self.padded()).zip(samples.chunks_exact_mut(self.sample()))
        {
            let rows = from.chunks_exact(self.padded_width).skip(self.above);
            for (row, from) in sample.chunks_exact_mut(self.width).zip(rows) {
                row.copy_from_slice(&from[self.left..self.left + self.width]);
            }
        }
        memory.give(padded);
    }
}

struct Axis {
    extent: usize,
    positions: usize,
    size: usize,
    stride: usize,
    dilation: usize,
    before: usize,
}

impl Axis {
    const SINGLE: Self =
        Self { extent: 1, positions: 1, size: 1, stride: 1, dilation: 1, before: 0 };

    /// The extent with padding, as far as windows reach.
    fn padded(&self) -> usize {
        let reached = (self.positions - 1) * self.stride + (self.size - 1) * self.dilation + 1;
        reached.max(self.before + self.extent)
    }
}
