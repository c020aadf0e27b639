use std::fmt;

use crate::{Error, Overflow, Rounding};

/// The widest number, in bits: up to here every bound and step is an `f64` that is neither infinite nor zero.
pub const MAX_WIDTH: u32 = 512;

/// A fixed-point type: the values `code * 2^-fraction` for every code of `width` bits.
///
/// The integer part may be negative or exceed the width, as in `ap_fixed<8,-2>` and `ap_fixed<4,8>`.
/// Printed as hls4ml prints it: `fixed<16,6,TRN,WRAP,0>`, `ufixed<...>`, and `int<8>` or `uint<8>` where
/// nothing but the width is left to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FixedType {
    /// Bits in all, the sign included; `1..=MAX_WIDTH`.
    pub width: u32,
    /// Bits left of the point, the sign included.
    pub integer: i32,
    /// Two's complement if set, else non-negative.
    pub signed: bool,
    /// How a value between two codes is rounded.
    pub rounding: Rounding,
    /// How a value beyond the bounds is brought back.
    pub overflow: Overflow,
    /// The vendors' `N`: high bits that saturate when the rest wraps; at most `width`.
    pub saturation_bits: u32,
}

impl FixedType {
    /// A checked type.
    ///
    /// # Errors
    /// A width outside `1..=`[`MAX_WIDTH`], integer bits further than that from 0, or more saturation bits than bits.
    pub fn new(
        width: u32,
        integer: i32,
        signed: bool,
        rounding: Rounding,
        overflow: Overflow,
        saturation_bits: u32,
    ) -> Result<Self, Error> {
        if !(1..=MAX_WIDTH).contains(&width) {
            return Err(Error::Width { given: width });
        }
        if integer.unsigned_abs() > MAX_WIDTH {
            return Err(Error::Integer { given: integer });
        }
        if saturation_bits > width {
            return Err(Error::SaturationBits { given: saturation_bits, width });
        }
        Ok(Self { width, integer, signed, rounding, overflow, saturation_bits })
    }

    /// Bits right of the point: the step between neighbouring values is `2^-fraction`.
    pub fn fraction(&self) -> i32 {
        self.width as i32 - self.integer
    }

    /// The smallest value that a cast can give (`SAT_SYM` never gives the most negative code).
    pub fn min(&self) -> f64 {
        match (self.signed, self.overflow) {
            (false, _) => 0.0,
            (true, Overflow::SatSym) => -self.max(),
            (true, _) => -power_of_two(self.integer - 1),
        }
    }

    /// The largest value; rounded to nearest where it has more than 53 bits.
    pub fn max(&self) -> f64 {
        let magnitude = self.integer - i32::from(self.signed);
        power_of_two(magnitude) - power_of_two(-self.fraction())
    }

    fn is_plain_integer(&self) -> bool {
        self.fraction() == 0
            && self.rounding == Rounding::Trn
            && self.overflow == Overflow::Wrap
            && self.saturation_bits == 0
    }
}

/// Exact down to the smallest subnormal, where `2f64.powi` takes the reciprocal of an infinity.
fn power_of_two(exponent: i32) -> f64 {
    if exponent < 0 { 0.5f64.powi(-exponent) } else { 2f64.powi(exponent) }
}

impl fmt::Display for FixedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, integer, rounding, overflow, saturation_bits, .. } = self;
        let sign = if self.signed { "" } else { "u" };
        if self.is_plain_integer() {
            return write!(f, "{sign}int<{width}>");
        }
        write!(f, "{sign}fixed<{width},{integer},{rounding},{overflow},{saturation_bits}>")
    }
}
