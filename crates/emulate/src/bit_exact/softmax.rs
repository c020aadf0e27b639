//! The four ways of a softmax, over stretches of the last axis.

use handaxe_fixed::table::{
    TableFunction, exponential_table, high_bits_index, inverse_table, toward_zero,
};
use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::FirmwareLayer;
use handaxe_graph::Softmax as Way;

use super::cast::Cast;

#[derive(Debug)]
pub(super) struct Softmax<T> {
    way: Way,
    channels: usize,
    input: FixedType,
    /// What addresses the table of exponentials.
    address: FixedType,
    /// exp, already in the accumulator's type.
    exponentials: Vec<T>,
    inverses: Vec<T>,
    accum: FixedType,
    /// From a distance to what addresses the table, and from a sum to the accumulator.
    norm: Cast,
    step: Cast,
    to_inverse: Cast,
    inverse: FixedType,
    result: Cast,
    one: T,
}

impl<T: Integer> Softmax<T> {
    pub(super) fn new(channels: usize, input: FixedType, built: &FirmwareLayer) -> Option<Self> {
        let of = |variable| built.types.get(variable).copied();
        let (exp, inv, inverse) = (of("exp_table")?, of("inv_table")?, of("inv_inp")?);
        let legacy = FixedType::exact(18, 8, true).ok()?;
        let (size, way) = (built.table_size, built.softmax);
        let sign = u32::from(input.signed);
        let norm =
            FixedType::exact((input.width - sign).max(1), input.integer - sign as i32, false)
                .ok()?;
        let accum = if way == Way::Legacy { legacy } else { of("accum")? };
        let (address, exponentials): (_, Vec<T>) = match way {
            Way::Stable => {
                let limit = if input.signed { size.min(1 << norm.width.min(30)) } else { size };
                (norm, exponential_table(&norm, limit, true, &exp))
            }
            Way::Latency => (input, exponential_table(&input, size, false, &exp)),
            Way::Legacy => (input, TableFunction::Exponential.table(size, &legacy)),
            Way::Argmax => (input, Vec::new()),
        };
        let exponentials = match way {
            Way::Legacy => exponentials,
            _ => exponentials.into_iter().map(|code| accum.cast(code, exp.fraction())).collect(),
        };
        let (inverses, result) = match way {
            Way::Legacy => (
                TableFunction::Inverse.table(size, &legacy),
                Cast::between(&legacy, built.result()),
            ),
            _ => {
                let width = accum.width + inv.width;
                let cast = Cast::new(width, accum.fraction() + inv.fraction(), built.result());
                (inverse_table(&inverse, size, &inv), cast)
            }
        };
        let distance = Cast::new(input.width + 1, input.fraction(), norm);
        let step = Cast::new(accum.width + 1, accum.fraction(), accum);
        let to_inverse = Cast::between(&accum, inverse);
        let one = built.result().cast_f64(1.0);
        Some(Self {
            way,
            channels,
            input,
            address,
            exponentials,
            inverses,
            accum,
            norm: distance,
            step,
            to_inverse,
            inverse,
            result,
            one,
        })
    }

    pub(super) fn run(&self, input: &[T], output: &mut [T], lanes: usize) {
        let width = self.channels * lanes;
        let mut row = vec![T::from(0); self.channels];
        for (input, output) in input.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
            for lane in 0..lanes {
                for (channel, code) in row.iter_mut().enumerate() {
                    *code = input[channel * lanes + lane];
                }
                self.row(&mut row);
                for (channel, code) in row.iter().enumerate() {
                    output[channel * lanes + lane] = *code;
                }
            }
        }
    }

    /// Replaces the inputs of one softmax by its outputs.
    fn row(&self, row: &mut [T]) {
        match self.way {
            Way::Argmax => self.argmax(row),
            Way::Legacy => self.legacy(row),
            Way::Stable => {
                let most = row.iter().copied().max().unwrap_or(T::from(0));
                row.iter_mut().for_each(|code| *code = self.norm.one(most - *code));
                self.by_tables(row);
            }
            Way::Latency => self.by_tables(row),
        }
    }

    fn by_tables(&self, row: &mut [T]) {
        for code in row.iter_mut() {
            *code =
                self.exponentials[high_bits_index(&self.address, self.exponentials.len(), *code)];
        }
        let sum = self.to_inverse.one(self.tree(row));
        let inverse = self.inverses[high_bits_index(&self.inverse, self.inverses.len(), sum)];
        row.iter_mut().for_each(|code| *code = self.result.one(code.times(inverse)));
    }

    /// The sum as a balanced tree of adders gives it.
    fn tree(&self, codes: &[T]) -> T {
        match codes {
            [] => T::from(0),
            [one] => *one,
            _ => {
                let left = codes.len().next_power_of_two() / 2;
                let sum = self.tree(&codes[..left]) + self.tree(&codes[left..]);
                self.step.one(sum)
            }
        }
    }

    fn legacy(&self, row: &mut [T]) {
        let size = self.exponentials.len();
        let own: T = self.accum.cast_f64(1.0);
        let sums: Vec<T> = (0..row.len())
            .map(|i| {
                let terms = row.iter().enumerate().map(|(j, code)| {
                    let difference = *code - row[i];
                    let entry = || {
                        self.exponentials[TableFunction::Exponential.index(
                            difference,
                            self.input.fraction(),
                            size,
                        )]
                    };
                    if i == j { own } else { entry() }
                });
                terms.fold(T::from(0), |sum, term| self.step.one(sum + term))
            })
            .collect();
        for (code, sum) in row.iter_mut().zip(sums) {
            let steps = toward_zero(
                sum.times(T::from(self.inverses.len() as i64)).over(64),
                self.accum.fraction(),
            );
            let last = self.inverses.len() as i64 - 1;
            let place = steps.to_i64().unwrap_or(last).clamp(0, last);
            *code = self.result.one(self.inverses[place as usize]);
        }
    }

    fn argmax(&self, row: &mut [T]) {
        let mut best = 0;
        for place in 1..row.len() {
            if row[place] > row[best] {
                best = place;
            }
        }
        row.iter_mut()
            .enumerate()
            .for_each(|(place, code)| *code = if place == best { self.one } else { T::from(0) });
    }
}
