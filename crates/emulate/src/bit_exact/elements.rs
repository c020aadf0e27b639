//! Layers that work on two arrays, element by element.

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

/// An element-wise layer of two inputs.
#[derive(Debug)]
pub(super) struct Join {
    what: Both,
    /// Shifts to a common fraction.
    shifts: [u32; 2],
    /// Which element of each input stands at each element of the output.
    places: [Vec<usize>; 2],
    cast: Cast,
}

impl Join {
    pub(super) fn new(
        what: Both,
        of: [FixedType; 2],
        shapes: [&[usize]; 2],
        shape: &[usize],
        result: FixedType,
    ) -> Self {
        let [a, b] = of;
        let fraction = a.fraction().max(b.fraction());
        let (shifts, fraction) = match what {
            Both::Multiply => ([0, 0], a.fraction() + b.fraction()),
            _ => (
                of.map(|one| (fraction - one.fraction()) as u32),
                fraction + i32::from(matches!(what, Both::Average)),
            ),
        };
        let width = super::network::joined_bits(&a, &b);
        let places = shapes.map(|part| repeated(part, shape).collect());
        Self { what, shifts, places, cast: Cast::new(width, fraction, result) }
    }

    pub(super) fn run<T: Integer>(&self, inputs: [&[T]; 2], output: &mut [T], lanes: usize) {
        let [a, b] = inputs;
        for (place, output) in output.chunks_exact_mut(lanes).enumerate() {
            let (from_a, from_b) = (self.places[0][place] * lanes, self.places[1][place] * lanes);
            let pairs = a[from_a..from_a + lanes].iter().zip(&b[from_b..from_b + lanes]);
            for (output, (a, b)) in output.iter_mut().zip(pairs) {
                let (a, b) = (*a << self.shifts[0], *b << self.shifts[1]);
                *output = match self.what {
                    Both::Add | Both::Average => a + b,
                    Both::Subtract => a - b,
                    Both::Multiply => a.times(b),
                    Both::Maximum => a.max(b),
                    Both::Minimum => a.min(b),
                };
            }
        }
        self.cast.all(output);
    }
}
