use std::ops::{Add, BitAnd, BitOr, Neg, Not, Shl, Shr, Sub};

use ethnum::I256;

/// The machine integers that codes are kept in: `i64` where it is wide enough, else `i128`, else [`I256`].
///
/// Arithmetic is the integer's own: whoever computes chooses one that holds every code, result and intermediate sum.
pub trait Integer:
    Copy
    + Ord
    + Send
    + Sync
    + std::fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Neg<Output = Self>
    + Not<Output = Self>
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + Shl<u32, Output = Self>
    + Shr<u32, Output = Self>
    + From<i64>
    + private::Sealed
{
    /// Its width; it holds every code of fewer bits.
    const BITS: u32;

    /// The product, which must fit.
    fn times(self, other: Self) -> Self;

    /// The quotient toward zero. Division by zero gives zero.
    fn over(self, divisor: i64) -> Self;

    /// The nearest `f64`.
    fn to_f64(self) -> f64;

    /// The low 64 bits.
    fn low_bits(self) -> i64;

    /// The same slice where codes are kept in 64 bits: for loops that are made for them.
    fn narrow(codes: &[Self]) -> Option<&[i64]>;

    /// As [`Integer::narrow`], to be changed.
    fn narrow_mut(codes: &mut [Self]) -> Option<&mut [i64]>;

    /// The same number in 64 bits, if it fits.
    fn to_i64(self) -> Option<i64>;
}

mod private {
    pub trait Sealed {}
    impl Sealed for i64 {}
    impl Sealed for i128 {}
    impl Sealed for ethnum::I256 {}
}

macro_rules! integer {
    ($type:ty, $bits:literal, |$value:ident| $to_f64:expr, $low:expr, $narrow:expr, $narrow_mut:expr) => {
        impl Integer for $type {
            const BITS: u32 = $bits;

            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            fn over(self, divisor: i64) -> Self {
                self.checked_div(Self::from(divisor)).unwrap_or(Self::from(0i64))
            }

            fn to_f64(self) -> f64 {
                let $value = self;
                $to_f64
            }

            fn low_bits(self) -> i64 {
                let $value = self;
                $low
            }

            fn narrow(codes: &[Self]) -> Option<&[i64]> {
                $narrow(codes)
            }

            fn narrow_mut(codes: &mut [Self]) -> Option<&mut [i64]> {
                $narrow_mut(codes)
            }

            fn to_i64(self) -> Option<i64> {
                i64::try_from(self).ok()
            }
        }
    };
}

integer!(i64, 64, |value| value as f64, value as i64, Some, Some);
integer!(i128, 128, |value| value as f64, value as i64, |_| None, |_| None);
integer!(I256, 256, |value| value.as_f64(), value.as_i64(), |_| None, |_| None);
