use maud::{Markup, Render};

use crate::number::{positive_zero, significant};

/// A coordinate in a picture, written with one decimal; what is not a number is written as 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Px(pub(crate) f64);

impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let finite = if self.0.is_finite() { self.0 } else { 0.0 };
        write!(f, "{:.1}", positive_zero(finite, 1))
    }
}

impl Render for Px {
    fn render(&self) -> Markup {
        maud::PreEscaped(self.to_string())
    }
}

/// Values beyond this are not drawn: differences of them would not be numbers.
const LARGEST: f64 = 1e100;

/// Maps values onto a stretch of a picture.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
    logarithmic: bool,
}

impl Axis {
    /// Shows `low..=high` from `start` to `end` (pixels; may run backwards). An empty range is widened.
    pub(super) fn new(low: f64, high: f64, start: f64, end: f64) -> Self {
        Self {
            low,
            high: high.max(low + 1e-9 * low.abs().max(1e-3)),
            start,
            end,
            logarithmic: false,
        }
    }

    /// Shows all of `values`, with air around them; those that are not finite are passed over.
    pub(super) fn around(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let (low, high) = range(values).unwrap_or((0.0, 1.0));
        let air = if high > low { 0.08 * (high - low) } else { 0.1 * low.abs().max(1e-3) };
        Self::new(low - air, high + air, start, end)
    }

    /// Like [`Self::around`] for positive values, equal ratios taking equal space.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let (low, high) =
            range(values.filter(|value| *value > LARGEST.recip())).unwrap_or((0.1, 1.0));
        let air = (high / low).powf(0.08).max(1.05);
        Self { logarithmic: true, ..Self::new(low / air, high * air, start, end) }
    }

    /// Where `value` stands; beyond the ends, at the nearer end; not a number, at the start.
    pub(super) fn at(&self, value: f64) -> Px {
        let (value, low, high) = if self.logarithmic {
            (value.max(self.low).ln(), self.low.ln(), self.high.ln())
        } else {
            (value, self.low, self.high)
        };
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        let share = if share.is_nan() { 0.0 } else { share };
        Px(self.start + share * (self.end - self.start))
    }

    /// True for a value that lies between the ends.
    pub(super) fn shows(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Round values along the axis and how to write them after multiplying by `scale`, at most about `wanted` of them.
    pub(super) fn ticks(&self, wanted: usize, scale: f64) -> Vec<(f64, String)> {
        if self.logarithmic { self.log_ticks() } else { self.linear_ticks(wanted, scale) }
    }

    fn linear_ticks(&self, wanted: usize, scale: f64) -> Vec<(f64, String)> {
        let rough = scale * (self.high - self.low) / wanted.max(1) as f64;
        let exponent = rough.log10().floor();
        let power = 10f64.powf(exponent);
        let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = steps.into_iter().find(|step| *step >= 0.75 * rough).unwrap_or(rough);
        let first = (scale * self.low / step).ceil();
        let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as i32;
        let plain = (-6.0..7.0).contains(&exponent);
        let tick = |place: usize| {
            let value = (first + place as f64) * step;
            let text = match plain {
                true => format!("{:.*}", decimals as usize, positive_zero(value, decimals)),
                false => significant(value, 3),
            };
            (value / scale, text)
        };
        (0..=2 * wanted).map(tick).take_while(|(value, _)| *value <= self.high).collect()
    }

    /// Powers of ten, with 2 and 5 times them where fewer than three would stand.
    fn log_ticks(&self) -> Vec<(f64, String)> {
        let exponents = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let every = (exponents.clone().count() / 8).max(1);
        let ticks = |factors: &'static [f64]| {
            let values = exponents.clone().step_by(every).flat_map(move |exponent| {
                factors.iter().map(move |factor| factor * 10f64.powi(exponent))
            });
            let shown = values.filter(|value| self.shows(*value));
            shown.map(|value| (value, significant(value, 1))).collect::<Vec<_>>()
        };
        let powers = ticks(&[1.0]);
        if powers.len() < 3 { ticks(&[1.0, 2.0, 5.0]) } else { powers }
    }
}

/// The smallest and largest finite value, if there is any.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let finite = values.filter(|value| value.abs() < LARGEST);
    let ends = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    (ends.0 <= ends.1).then_some(ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ticks_are_round() {
        let axis = Axis::new(0.93, 0.98, 0.0, 100.0);
        let texts: Vec<_> = axis.ticks(5, 100.0).into_iter().map(|tick| tick.1).collect();
        assert_eq!(texts, ["93", "94", "95", "96", "97", "98"]);
        let axis = Axis::logarithmic([0.02, 3.0].into_iter(), 0.0, 100.0);
        let texts: Vec<_> = axis.ticks(5, 1.0).into_iter().map(|tick| tick.1).collect();
        assert_eq!(texts, ["0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"]);
    }

    /// Whatever the values, coordinates are numbers inside the picture and ticks are few.
    #[test]
    fn nothing_leaves_the_picture() {
        proptest!(|(values in prop::collection::vec(prop::num::f64::ANY, 0..5), probe in prop::num::f64::ANY)| {
            for axis in [
                Axis::around(values.iter().copied(), 400.0, 10.0),
                Axis::logarithmic(values.iter().copied(), 400.0, 10.0),
            ] {
                for value in values.iter().copied().chain([probe]) {
                    let place: f64 = axis.at(value).to_string().parse().unwrap();
                    prop_assert!((10.0..=400.0).contains(&place), "{value} at {place}");
                }
                let ticks = axis.ticks(6, 1.0);
                prop_assert!(ticks.len() <= 40);
                prop_assert!(ticks.iter().all(|tick| tick.0.is_finite()));
            }
        });
    }
}
