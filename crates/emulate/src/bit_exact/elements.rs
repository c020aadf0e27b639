//! Layers that join arrays element by element.

use handaxe_fixed::{FixedType, Integer};

use super::cast::Cast;
use crate::float::join::repeated;

/// What is done with two elements.
#[derive(Debug, Clone, Copy)]
pub(super) enum Both {
    Add,
    Subtract,
    Multiply,
    Average,
    Maximum,
    Minimum,
}

/// An element-wise layer of two inputs or more: exact, from the first to the last, then one cast.
#[derive(Debug)]
pub(super) struct Join {
    what: Both,
    /// For each input the shift to a common fraction.
    shifts: Vec<u32>,
    /// For each input, which of its elements stands at each element of the output.
    places: Vec<Vec<usize>>,
    cast: Cast,
}

impl Join {
    pub(super) fn new<'a>(
        what: Both,
        of: &[FixedType],
        shapes: impl Iterator<Item = &'a [usize]>,
        shape: &[usize],
        result: FixedType,
    ) -> Self {
        let fractions = || of.iter().map(FixedType::fraction);
        let finest = fractions().max().unwrap_or(0);
        let (shifts, fraction) = match what {
            Both::Multiply => (vec![0; of.len()], fractions().sum()),
            _ => (
                fractions().map(|fraction| (finest - fraction) as u32).collect(),
                finest + i32::from(matches!(what, Both::Average)),
            ),
        };
        let width = super::network::joined_bits(of);
        let places = shapes.map(|part| repeated(part, shape).collect()).collect();
        Self { what, shifts, places, cast: Cast::new(width, fraction, result) }
    }

    pub(super) fn run<T: Integer>(&self, inputs: &[&[T]], output: &mut [T], lanes: usize) {
        for (number, input) in inputs.iter().enumerate() {
            let (shift, places) = (self.shifts[number], &self.places[number]);
            for (output, place) in output.chunks_exact_mut(lanes).zip(places) {
                let codes = &input[place * lanes..(place + 1) * lanes];
                for (output, code) in output.iter_mut().zip(codes) {
                    let code = *code << shift;
                    *output = if number == 0 { code } else { self.joined(*output, code) };
                }
            }
        }
        self.cast.all(output);
    }

    fn joined<T: Integer>(&self, one: T, two: T) -> T {
        match self.what {
            Both::Add | Both::Average => one + two,
            Both::Subtract => one - two,
            Both::Multiply => one.times(two),
            Both::Maximum => one.max(two),
            Both::Minimum => one.min(two),
        }
    }
}
