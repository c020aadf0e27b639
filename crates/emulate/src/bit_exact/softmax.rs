//! The four ways of a softmax, over stretches of the last axis.

use handaxe_fixed::table::{Address, TableFunction, exponential_table, inverse_table, toward_zero};
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
        for (input, output) in input.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
            match self.way {
                Way::Stable => {
                    self.distances(input, output, lanes);
                    self.by_tables(output, lanes);
                }
                Way::Latency => {
                    output.copy_from_slice(input);
                    self.by_tables(output, lanes);
                }
                Way::Legacy => self.each_sample(input, output, lanes, Self::legacy),
                Way::Argmax => self.each_sample(input, output, lanes, Self::argmax),
            }
        }
    }

    /// How far every input is below the largest.
    fn distances(&self, input: &[T], output: &mut [T], lanes: usize) {
        let mut most = input[..lanes].to_vec();
        for codes in input.chunks_exact(lanes) {
            most.iter_mut().zip(codes).for_each(|(most, code)| *most = (*most).max(*code));
        }
        for (codes, output) in input.chunks_exact(lanes).zip(output.chunks_exact_mut(lanes)) {
            output
                .iter_mut()
                .zip(codes)
                .zip(&most)
                .for_each(|((output, code), most)| *output = *most - *code);
        }
        self.norm.all(output);
    }

    /// exp and 1 / sum by table.
    fn by_tables(&self, output: &mut [T], lanes: usize) {
        let exponential = Address::new(&self.address, self.exponentials.len());
        output.iter_mut().for_each(|code| *code = self.exponentials[exponential.of(*code)]);
        let mut inverses = self.tree(output, lanes);
        self.to_inverse.all(&mut inverses);
        let inverse = Address::new(&self.inverse, self.inverses.len());
        inverses.iter_mut().for_each(|sum| *sum = self.inverses[inverse.of(*sum)]);
        for codes in output.chunks_exact_mut(lanes) {
            codes
                .iter_mut()
                .zip(&inverses)
                .for_each(|(code, inverse)| *code = code.times(*inverse));
        }
        self.result.all(output);
    }

    /// The sums over channels as a balanced tree of adders gives them.
    fn tree(&self, codes: &[T], lanes: usize) -> Vec<T> {
        let channels = codes.len() / lanes;
        if channels <= 1 {
            return codes.to_vec();
        }
        let (left, right) = codes.split_at(channels.next_power_of_two() / 2 * lanes);
        let mut sums = self.tree(left, lanes);
        sums.iter_mut().zip(self.tree(right, lanes)).for_each(|(sum, code)| *sum = *sum + code);
        self.step.all(&mut sums);
        sums
    }

    /// The ways that look at one sample after the other.
    fn each_sample(
        &self,
        input: &[T],
        output: &mut [T],
        lanes: usize,
        way: impl Fn(&Self, &mut [T]),
    ) {
        let mut row = vec![T::from(0); self.channels];
        for lane in 0..lanes {
            row.iter_mut()
                .enumerate()
                .for_each(|(channel, code)| *code = input[channel * lanes + lane]);
            way(self, &mut row);
            row.iter()
                .enumerate()
                .for_each(|(channel, code)| output[channel * lanes + lane] = *code);
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
