//! Exact arithmetic on f64 values: each is an integer times a power of two.

use crate::{Problem, reduce::Reduced};

/// Bits of the exponent range that share one accumulator.
const SPAN: u32 = 32;

/// The smallest exponent of a unit: every f64 is a multiple of 2^-1074.
const LOWEST: i32 = -1074;

/// An exact sum of non-negative f64, whatever their order and magnitude.
///
/// Mantissas are added into 128-bit accumulators, one for every 32 binary orders of magnitude, so up to
/// 2^43 terms cannot overflow.
#[derive(Debug, Clone)]
pub(crate) struct Sum {
    parts: [u128; 64],
}

impl Sum {
    pub(crate) fn new() -> Self {
        Self { parts: [0; 64] }
    }

    #[inline]
    pub(crate) fn add(&mut self, value: f64) {
        let (mantissa, exponent) = split(value);
        let shift = (exponent - LOWEST) as u32;
        self.parts[(shift / SPAN) as usize] += u128::from(mantissa) << (shift % SPAN);
    }

    /// The f64 nearest to the sum, ties to even; infinite if it is too large.
    pub(crate) fn nearest(&self) -> f64 {
        let digits = self.digits();
        let Some(top) = digits.iter().rposition(|&digit| digit != 0) else { return 0.0 };
        // The leading 96 bits decide, with everything below them folded into the last one.
        let digit = |i: Option<usize>| i.map_or(0, |i| u128::from(digits[i]));
        let mut head = digit(Some(top)) << 64 | digit(top.checked_sub(1)) << 32;
        head |= digit(top.checked_sub(2));
        let lower = top.saturating_sub(2);
        if digits[..lower].iter().any(|&digit| digit != 0) {
            head |= 1;
        }
        // The head has over 64 bits, so the conversion rounds once; scaling is exact unless subnormal,
        // and a subnormal sum has no more bits than fit.
        let exponent = (top as i32 - 2) * SPAN as i32 + LOWEST;
        scale(head as f64, exponent)
    }

    fn digits(&self) -> [u32; 68] {
        let mut digits = [0u32; 68];
        let mut carry = 0u128;
        for (i, digit) in digits.iter_mut().enumerate() {
            let part = self.parts.get(i).copied().unwrap_or(0);
            let sum = part + carry;
            *digit = sum as u32;
            carry = sum >> SPAN;
        }
        digits
    }
}

/// The exact sum of `values`, rounded once.
pub(crate) fn sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut total = Sum::new();
    for value in values {
        total.add(value);
    }
    total.nearest()
}

/// A common unit for the values of a problem, a power of two, so that they become integers.
///
/// All values together have about 110 bits, so every value is a whole number of units unless
/// the values span more than about 2^50 beyond their 53 bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Units {
    exponent: i32,
}

/// Bits of the sum of all values, in units.
const BITS: i32 = 110;

impl Units {
    /// A unit for the values that are still to be decided.
    pub(crate) fn new(problem: &Problem<'_>, reduced: &Reduced) -> Self {
        let classes = reduced.groups.iter().flat_map(|group| &group.classes);
        let total: f64 = classes.map(|&class| problem.values(class).iter().sum::<f64>()).sum();
        let (mantissa, exponent) = split(total);
        Self { exponent: exponent + 64 - mantissa.leading_zeros() as i32 - BITS }
    }

    /// A value in units, rounded down.
    pub(crate) fn of(&self, value: f64) -> u128 {
        let (mantissa, exponent) = split(value);
        let shift = exponent - self.exponent;
        if shift >= 0 {
            u128::from(mantissa).checked_shl(shift as u32).unwrap_or(u128::MAX)
        } else {
            u128::from(mantissa).checked_shr(shift.unsigned_abs()).unwrap_or(0)
        }
    }

    /// A value in units, if it is a whole number of them.
    pub(crate) fn exactly(&self, value: f64) -> Option<i128> {
        let (mantissa, exponent) = split(value);
        let whole = mantissa == 0 || exponent + mantissa.trailing_zeros() as i32 >= self.exponent;
        whole.then(|| self.of(value) as i128)
    }

    /// At most this many units, in an f64; below 0 too.
    pub(crate) fn at_most(&self, units: i128) -> f64 {
        scale((units as f64).next_down(), self.exponent).next_down()
    }

    /// At least this many units, in an f64; below 0 too.
    pub(crate) fn at_least(&self, units: i128) -> f64 {
        scale((units as f64).next_up(), self.exponent).next_up()
    }

    /// The bound of a selection that is best in units: nothing where every value that was decided is a whole
    /// number of units, else its value and one unit more for every item.
    pub(crate) fn slack(
        &self,
        problem: &Problem<'_>,
        reduced: &Reduced,
        keep: &[bool],
    ) -> Option<f64> {
        let mut values = (0..reduced.groups.len())
            .flat_map(|k| reduced.members(problem, k).map(|member| member.1));
        let exact = values.all(|value| self.exactly(value).is_some());
        let lost = scale(problem.len() as f64, self.exponent);
        (!exact).then(|| (problem.value(keep) + lost).next_up())
    }
}

/// A non-negative finite f64 as `mantissa * 2^exponent`, the exponent at least -1074.
#[inline]
pub(crate) fn split(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let biased = ((bits >> 52) & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    if biased == 0 { (fraction, LOWEST) } else { (fraction | 1 << 52, biased - 1075) }
}

/// `value * 2^exponent`, in steps that neither overflow nor vanish before the end.
pub(crate) fn scale(value: f64, exponent: i32) -> f64 {
    let mut value = value;
    let mut left = exponent;
    while left != 0 {
        let step = left.clamp(-1000, 1000);
        value *= 2f64.powi(step);
        left -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sums_integers_exactly_and_in_any_order() {
        proptest!(|(mut terms in prop::collection::vec(0u64..1 << 53, 0..50), shift in -1074i32..900)| {
            let exact: u128 = terms.iter().map(|&t| u128::from(t)).sum();
            let scaled = |t: u64| scale(t as f64, shift);
            // Subnormal terms are themselves rounded, so compare only where scaling is exact.
            prop_assume!(shift >= -1022 || terms.is_empty());
            let forward = sum(terms.iter().map(|&t| scaled(t)));
            terms.reverse();
            prop_assert_eq!(forward, sum(terms.iter().map(|&t| scaled(t))));
            prop_assert_eq!(forward, scale(exact as f64, shift));
        });
    }

    #[test]
    fn keeps_the_small_beside_the_large() {
        assert_eq!(sum([1e300, 1e-300]), 1e300);
        assert_eq!(sum([9007199254740992.0, 1.0, 1.0]), 9007199254740994.0);
        assert_eq!(sum([5e-324; 3]), 1.5e-323);
        assert_eq!(sum([f64::MAX, f64::MAX]), f64::INFINITY);
    }
}
