use handaxe_graph::Window;

use super::field::Field;
use super::windowed::Convolution;
use crate::kernel::outer::Outer;
use crate::kernel::product::{Finish, Product, Right, Side, scratch};
use crate::kernel::workspace::Workspace;
use crate::kernel::{Every, run};

/// Convolution as the product of windows and kernel. The windows are read where they lie: a row of a window is
/// contiguous, and neighbouring windows overlap.
pub(super) struct Conv {
    field: Field,
    filters: usize,
}

impl Conv {
    pub(super) fn new(window: &Window, input: &[usize], output: &[usize]) -> Self {
        let filters = output.last().copied().unwrap_or(0);
        Self { field: Field::new(window, input, output), filters }
    }

    /// Elements of an answer to one sample.
    fn answer(&self) -> usize {
        self.field.positions() * self.filters
    }

    fn windows<'a>(&'a self, values: &'a [f32]) -> Side<'a, &'a [usize], &'a [usize]> {
        let Field { starts, taps, .. } = &self.field;
        let (stride, reach) = (self.field.padded(), taps.last().map_or(0, |last| last + 1));
        Side { values, at: starts, stride, taps, length: taps.len(), reach }
    }
}

impl Convolution for Conv {
    const NAME: &'static str = "conv";

    fn sample(&self) -> usize {
        self.field.sample()
    }

    fn field(&self) -> &Field {
        &self.field
    }

    fn depth(&self) -> usize {
        self.field.taps.len()
    }

    fn forward(
        &self,
        samples: &[f32],
        (kernel, bias): (&[f32], &[f32]),
        relu: bool,
        output: &mut [f32],
        memory: &Workspace,
    ) {
        let (rows, columns) = (self.field.positions(), self.filters);
        let mut scratch = memory.take(scratch(self.depth(), columns));
        self.field.pad(samples, memory, |samples| {
            run(Product {
                left: self.windows(samples),
                right: Right { values: kernel, columns, turned: false },
                samples: output.len() / self.answer(),
                into: output,
                to: Every(columns),
                stride: self.answer(),
                rows,
                finish: Finish::Write { bias: Some(bias), relu },
                scratch: &mut scratch,
            });
        });
        memory.give(scratch);
    }

    fn by_kernel(&self, samples: &[f32], slopes: &[f32], into: &mut [f32], memory: &Workspace) {
        let (rows, count) = (self.field.positions(), slopes.len() / self.answer());
        self.field.pad(samples, memory, |samples| {
            let (left, columns) = (self.windows(samples), self.filters);
            run(Outer { left, right: slopes, columns, rows, samples: count, into });
        });
    }

    /// Each row of windows adds its part to the pixels under it.
    fn by_samples(&self, slopes: &[f32], kernel: &[f32], into: &mut [f32], memory: &Workspace) {
        let Field { starts, segments, length, .. } = &self.field;
        let (samples, filters) = (slopes.len() / self.answer(), self.filters);
        let mut scratch = memory.take(scratch(filters, *length));
        self.field.crop(into, memory, |into| {
            for (&segment, kernel) in segments.iter().zip(kernel.chunks_exact(length * filters)) {
                run(Product {
                    left: Side::rows(slopes, filters, self.answer()),
                    right: Right { values: kernel, columns: *length, turned: true },
                    into: &mut into[segment..],
                    to: &starts[..],
                    stride: self.field.padded(),
                    samples,
                    rows: self.field.positions(),
                    finish: Finish::Add,
                    scratch: &mut scratch,
                });
            }
        });
        memory.give(scratch);
    }
}
