//! Activations of straight pieces.

use handaxe_fixed::{FixedType, Integer};
use handaxe_graph::FirmwareLayer;

use super::cast::Cast;
use super::lanes::dispatch;

/// An activation of at most two straight pieces.
#[derive(Debug)]
pub(super) enum Hard<T> {
    /// The number itself.
    Linear(Cast),
    /// x for x > 0, at most `most`.
    Relu { cast: Cast, most: Option<T> },
    /// x above a limit, else 0.
    Threshold { cast: Cast, fraction: i32, limit: T, limit_fraction: i32 },
    /// x for x > 0, else a multiple of it: one slope, or one an element.
    Leaky { cast: Cast, slopes: Vec<T>, slope_cast: Cast },
    /// The codes of -1 for x < 0, of 1 else.
    Sign([T; 2]),
    /// The codes of -1, 0 and 1 for 2x up to -1, up to 1, and above. 2x is of the input's type, which does not always have a 1.
    Ternary { doubled: Cast, one: Option<T>, up: u32, codes: [T; 3] },
    /// clip(slope x + shift, 0, 1), or twice that less 1.
    Clip { slope: T, up: u32, shift: T, one: T, twice: bool, cast: Cast },
}

impl<T: Integer> Hard<T> {
    pub(super) fn linear(input: &FixedType, built: &FirmwareLayer) -> Self {
        Self::Linear(Cast::between(input, built.result()))
    }

    pub(super) fn sign(built: &FirmwareLayer) -> Self {
        let result = built.result();
        // One bit that is no fixed-point number is 0 in place of -1.
        let least = if result.is_int && !result.signed && result.width == 1 { 0 } else { -1 };
        Self::Sign([least, 1].map(|number| result.cast(T::from(number), 0)))
    }

    pub(super) fn ternary(input: &FixedType, built: &FirmwareLayer) -> Self {
        let fraction = input.fraction();
        let has_one = fraction < input.width as i32;
        Self::Ternary {
            doubled: Cast::new(input.width + 1, fraction, *input),
            one: has_one.then(|| T::from(1) << fraction.max(0) as u32),
            up: (-fraction).max(0) as u32,
            codes: [-1, 0, 1].map(|number| built.result().cast(T::from(number), 0)),
        }
    }

    pub(super) fn relu(input: &FixedType, built: &FirmwareLayer, most: Option<f64>) -> Self {
        let bound = |most: f64| {
            let code = most * 2f64.powi(input.fraction());
            // A limit beyond the type limits nothing; one between two codes is met from above.
            if code > input.max() * 2f64.powi(input.fraction()) {
                None
            } else {
                Some(T::from(code as i64))
            }
        };
        Self::Relu { cast: Cast::between(input, built.result()), most: most.and_then(bound) }
    }

    pub(super) fn threshold(input: &FixedType, built: &FirmwareLayer, theta: f64) -> Self {
        let param = built.types.get("param").copied().unwrap_or(*input);
        Self::Threshold {
            cast: Cast::between(input, built.result()),
            fraction: input.fraction(),
            limit: param.cast_f64(theta),
            limit_fraction: param.fraction(),
        }
    }

    pub(super) fn leaky(
        input: &FixedType,
        built: &FirmwareLayer,
        slopes: Vec<T>,
        of: &FixedType,
    ) -> Self {
        Self::Leaky {
            cast: Cast::between(input, built.result()),
            slopes,
            slope_cast: Cast::new(
                input.width + of.width,
                input.fraction() + of.fraction(),
                built.result(),
            ),
        }
    }

    /// `slope` and `shift` are the types of the constants.
    pub(super) fn clip(
        input: &FixedType,
        built: &FirmwareLayer,
        constants: (f64, f64),
        twice: bool,
    ) -> Option<Self> {
        let (slope, shift) = (built.types.get("slope")?, built.types.get("shift")?);
        let product = input.fraction() + slope.fraction();
        let fraction = product.max(shift.fraction()).max(0);
        Some(Self::Clip {
            slope: slope.cast_f64(constants.0),
            up: (fraction - product) as u32,
            shift: shift.cast_f64::<T>(constants.1) << (fraction - shift.fraction()) as u32,
            one: T::from(1) << fraction as u32,
            twice,
            cast: Cast::new(fraction as u32 + 3, fraction, built.result()),
        })
    }

    pub(super) fn run(&self, input: &[T], output: &mut [T], lanes: usize) {
        let zero = T::from(0);
        match self {
            Self::Linear(cast) => {
                output.copy_from_slice(input);
                cast.all(output);
            }
            Self::Relu { cast, most } => {
                match most {
                    Some(most) => output
                        .iter_mut()
                        .zip(input)
                        .for_each(|(y, x)| *y = (*x).max(zero).min(*most)),
                    None => rectify(input, output),
                }
                cast.all(output);
            }
            Self::Threshold { cast, fraction, limit, limit_fraction } => {
                let (up, down) =
                    ((limit_fraction - fraction).max(0), (fraction - limit_fraction).max(0));
                let limit = *limit << down as u32;
                output
                    .iter_mut()
                    .zip(input)
                    .for_each(|(y, x)| *y = if *x << up as u32 > limit { *x } else { zero });
                cast.all(output);
            }
            Self::Leaky { cast, slopes, slope_cast } => {
                for (place, (output, input)) in
                    output.chunks_exact_mut(lanes).zip(input.chunks_exact(lanes)).enumerate()
                {
                    let slope = slopes[place % slopes.len()];
                    output.iter_mut().zip(input).for_each(|(y, x)| {
                        *y = if *x > zero { cast.one(*x) } else { slope_cast.one(x.times(slope)) };
                    });
                }
            }
            Self::Sign([negative, positive]) => output
                .iter_mut()
                .zip(input)
                .for_each(|(y, x)| *y = if *x < zero { *negative } else { *positive }),
            Self::Ternary { doubled, one, up, codes: [negative, none, positive] } => {
                let code = |x: T| match (doubled.one(x << 1) << *up, *one) {
                    (twice, Some(one)) if twice > one => *positive,
                    (twice, Some(one)) if twice <= -one => *negative,
                    _ => *none,
                };
                output.iter_mut().zip(input).for_each(|(y, x)| *y = code(*x));
            }
            Self::Clip { slope, up, shift, one, twice, cast } => {
                output.iter_mut().zip(input).for_each(|(y, x)| {
                    let line = ((x.times(*slope) << *up) + *shift).max(zero).min(*one);
                    *y = if *twice { (line << 1) - *one } else { line };
                });
                cast.all(output);
            }
        }
    }
}

fn rectify<T: Integer>(input: &[T], output: &mut [T]) {
    match T::narrow(input) {
        Some(input) => {
            if let Some(output) = T::narrow_mut(output) {
                dispatch::relu(input, output);
            }
        }
        None => output.iter_mut().zip(input).for_each(|(y, x)| *y = (*x).max(T::from(0))),
    }
}
