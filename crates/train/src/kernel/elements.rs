//! Loops that look at each element once.

use super::run_loops;

/// to += from
pub(crate) fn add(to: &mut [f32], from: &[f32]) {
    run_loops!(to.iter_mut().zip(from).for_each(|(to, from)| *to += from));
}

/// e^x to 2 units in the last place for x from -87 to 88; 0 below, NaN for NaN. Unlike the library's it can be computed on
/// vectors: e^x = 2^n e^r with |r| <= ln(2) / 2, and e^r by a polynomial (Cephes' expf).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then lies in the last bits.
    const ROUND: f32 = 12_582_912.0;
    let within = if x > 88.0 { 88.0 } else { x };
    let within = if within < -87.0 { -87.0 } else { within };
    let shifted = within * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (within - n * 0.693_359_4) - n * -2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        sum = sum * r + coefficient;
    }
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0f32.to_bits()));
    let value = (sum * r * r + r + 1.0) * power;
    if x < -87.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn exp_is_that_of_the_library(x in -87.0f32..88.0) {
            let expected = f64::from(x).exp();
            prop_assert!((f64::from(exp(x)) / expected - 1.0).abs() < 3e-7, "{x}: {} {expected}", exp(x));
        }
    }

    #[test]
    fn exp_at_the_ends() {
        assert_eq!((exp(0.0), exp(-1e30), exp(f32::NEG_INFINITY)), (1.0, 0.0, 0.0));
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(1e30) > 1e38);
    }
}
