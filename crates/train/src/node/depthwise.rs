use handaxe_graph::Window;

use super::field::Field;
use super::windowed::Convolution;
use crate::kernel::depthwise::{ByKernel, BySamples, Forward, Windows};
use crate::kernel::run;
use crate::kernel::workspace::Workspace;

/// Convolution with one filter a channel and multiplier; output channel = channel x multiplier + filter.
///
/// With more filters than one a channel is repeated for each, so that vectors of channels meet vectors of filters.
pub(super) struct Depthwise {
    /// On samples with repeated channels.
    field: Field,
    /// Where the taps of a window lie, from the first one on.
    taps: Vec<usize>,
    outputs: usize,
    multiplier: usize,
}

impl Depthwise {
    pub(super) fn new(window: &Window, input: &[usize], output: &[usize]) -> Self {
        let last = |shape: &[usize]| shape.last().map_or(1, |&channels| channels.max(1));
        let (channels, outputs) = (last(input), last(output));
        let multiplier = outputs / channels;
        let repeated = [&input[..input.len().saturating_sub(1)], &[outputs]].concat();
        let field = Field::new(window, &repeated, output);
        let taps = field.taps.iter().copied().step_by(outputs).collect();
        Self { field, taps, outputs, multiplier }
    }

    fn windows(&self) -> Windows<'_> {
        let (starts, taps) = (&self.field.starts[..], &self.taps[..]);
        Windows { starts, taps, channels: self.outputs, sample: self.field.padded() }
    }

    /// Calls `see` with samples as the windows lie on them.
    fn laid_out(&self, samples: &[f32], memory: &Workspace, see: impl FnOnce(&[f32])) {
        if self.multiplier == 1 {
            return self.field.pad(samples, memory, see);
        }
        let mut repeated = memory.take(samples.len() * self.multiplier);
        for (filters, value) in repeated.chunks_exact_mut(self.multiplier).zip(samples) {
            filters.fill(*value);
        }
        self.field.pad(&repeated, memory, see);
        memory.give(repeated);
    }
}

impl Convolution for Depthwise {
    const NAME: &'static str = "depthwise conv";

    fn sample(&self) -> usize {
        self.field.sample() / self.multiplier
    }

    fn field(&self) -> &Field {
        &self.field
    }

    fn depth(&self) -> usize {
        self.taps.len()
    }

    fn forward(
        &self,
        samples: &[f32],
        (kernel, bias): (&[f32], &[f32]),
        relu: bool,
        output: &mut [f32],
        memory: &Workspace,
    ) {
        self.laid_out(samples, memory, |samples| {
            run(Forward { windows: self.windows(), samples, kernel, bias, relu, into: output });
        });
    }

    fn by_kernel(&self, samples: &[f32], slopes: &[f32], into: &mut [f32], memory: &Workspace) {
        self.laid_out(samples, memory, |samples| {
            run(ByKernel { windows: self.windows(), samples, slopes, into });
        });
    }

    fn by_samples(&self, slopes: &[f32], kernel: &[f32], into: &mut [f32], memory: &Workspace) {
        let add =
            |into: &mut [f32]| run(BySamples { windows: self.windows(), slopes, kernel, into });
        if self.multiplier == 1 {
            return self.field.crop(into, memory, add);
        }
        let mut repeated = memory.take(into.len() * self.multiplier);
        self.field.crop(&mut repeated, memory, add);
        for (value, filters) in into.iter_mut().zip(repeated.chunks_exact(self.multiplier)) {
            *value = filters.iter().sum();
        }
        memory.give(repeated);
    }
}
