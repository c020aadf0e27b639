//! Pooling.

use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::{FirmwareLayer, PoolKind, Window};

use super::cast::Cast;
use crate::float::window::Taps;

#[derive(Debug)]
pub(super) struct Pool<T> {
    kind: PoolKind,
    /// For each position of the output, the elements of its first channel; fewer than the window has at the border.
    seen: Vec<Vec<usize>>,
    channels: usize,
    accum: FixedType,
    /// From the input to the accumulator, and from there to the result.
    casts: [Cast; 2],
    /// From the input to what is added.
    enter: Cast,
    /// Of accumulator and what is added to a common fraction, and the cast from there to the accumulator.
    shifts: [u32; 2],
    step: Cast,
    /// What hls4ml pads windows of a maximum with, where it pads: the sign bit alone, even for numbers without sign.
    padding: T,
    taps: usize,
}

impl<T: Integer> Pool<T> {
    /// A window over one or two axes, or over the whole input.
    pub(super) fn new(
        kind: PoolKind,
        window: Option<&Window>,
        shapes: (&[usize], &[usize]),
        input: &FixedType,
        built: &FirmwareLayer,
    ) -> Self {
        let (from, to) = shapes;
        let channels = from.last().copied().unwrap_or(1).max(1);
        let elements = from.iter().product::<usize>() / channels;
        let (mut seen, mut taps) = (vec![(0..elements).collect()], elements);
        if let Some(window) = window {
            taps = window.size.iter().product();
            seen = vec![Vec::with_capacity(taps); to.iter().product::<usize>() / channels];
            Taps::new(window, from, to).visit(|position, _, element| seen[position].push(element));
        }
        let accum = built.types.get("accum").copied().unwrap_or(*input);
        let sign = T::from(1) << (input.width - 1);
        // `ap_int += ap_fixed` cuts the number off before it adds it.
        let term = if accum.is_int { accum } else { *input };
        let fraction = accum.fraction().max(term.fraction());
        let bits = super::network::joined_bits(&[accum, term]);
        Self {
            kind,
            seen,
            channels,
            accum,
            shifts: [accum, term].map(|one| (fraction - one.fraction()) as u32),
            step: Cast::new(bits, fraction, accum),
            enter: Cast::between(input, term),
            casts: [Cast::between(input, accum), Cast::between(&accum, built.result())],
            padding: if input.signed { -sign } else { sign },
            taps,
        }
    }

    pub(super) fn run(&self, input: &[T], output: &mut [T], lanes: usize) {
        let width = self.channels * lanes;
        for (seen, output) in self.seen.iter().zip(output.chunks_exact_mut(width)) {
            let rows = seen.iter().map(|element| &input[element * width..(element + 1) * width]);
            match self.kind {
                PoolKind::Max => self.largest(rows, seen.len() < self.taps, output),
                PoolKind::Average => self.mean(rows, seen.len(), output),
            }
        }
        self.casts[1].all(output);
    }

    fn largest<'a>(&self, rows: impl Iterator<Item = &'a [T]>, padded: bool, output: &mut [T])
    where
        T: 'a,
    {
        for (number, row) in rows.enumerate() {
            if number == 0 {
                output.copy_from_slice(row);
            }
            output.iter_mut().zip(row).for_each(|(most, code)| *most = (*most).max(*code));
        }
        if padded {
            output.iter_mut().for_each(|most| *most = (*most).max(self.padding));
        }
        self.casts[0].all(output);
    }

    /// The sum is kept in the accumulator's type, step by step, as is the quotient.
    fn mean<'a>(&self, rows: impl Iterator<Item = &'a [T]>, count: usize, output: &mut [T])
    where
        T: 'a,
    {
        output.fill(T::from(0));
        let [up, up_input] = self.shifts;
        for row in rows {
            output
                .iter_mut()
                .zip(row)
                .for_each(|(sum, code)| *sum = (*sum << up) + (self.enter.one(*code) << up_input));
            self.step.all(output);
        }
        let count = count.max(1) as i64;
        output.iter_mut().for_each(|sum| *sum = self.accum.quotient(*sum, count));
    }
}
