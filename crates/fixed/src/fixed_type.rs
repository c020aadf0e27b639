use std::fmt;

use crate::{Error, Overflow, Rounding};

/// The widest number, in bits: up to here every bound and step is an `f64` that is neither infinite nor zero.
pub const MAX_WIDTH: u32 = 512;

/// A fixed-point type: the values `code * 2^-fraction` for every code of `width` bits.
///
/// The integer part may be negative or exceed the width, as in `ap_fixed<8,-2>` and `ap_fixed<4,8>`.
/// Printed as hls4ml prints it: `fixed<16,6,TRN,WRAP,0>`, `ufixed<...>`, and `int<8>` or `uint<8>` for the
/// vendors' `ap_int` and `ap_uint`, see [`FixedType::int`].
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
    /// The vendors' `ap_int` or `ap_uint` and no `ap_fixed`; see [`FixedType::int`].
    pub is_int: bool,
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
        Ok(Self { width, integer, signed, rounding, overflow, saturation_bits, is_int: false })
    }

    /// The vendors' `ap_int<width>`, or `ap_uint<width>`.
    ///
    /// It differs from `ap_fixed<width,width>` in how numbers enter it (fixtures/fixed/ints.csv.gz):
    /// - fixed-point numbers are cut off toward zero, and wrap, as into `ap_fixed<width,width,AP_TRN_ZERO>`. Out of a type that has no bit
    ///   before the point, any negative number becomes -1: `ap_int<8>` of an `ap_fixed<8,0>` of -0.25;
    /// - a `double` or `float` likewise, but what lies between -0.5 and 0 becomes 1: `ap_int<8>(-0.3)`. Inputs and tables meet that;
    ///   weights do not, they are read from whole decimal numbers, to which hls4ml has rounded them;
    /// - a negative number wraps into an `ap_uint`: -1 becomes its largest.
    ///
    /// Products, sums and differences with integers and fixed-point numbers are exact, and of the same widths as those of
    /// `ap_fixed<width,width>`; as those, integers enter fixed-point types. Quotients are not, see [`FixedType::quotient`].
    ///
    /// # Errors
    /// [`Error::Width`].
    ///
    /// ```
    /// use handaxe_fixed::FixedType;
    /// let (int, fixed) = (FixedType::int(4, true)?, FixedType::exact(4, 4, true)?);
    /// assert_eq!((int.to_string(), fixed.to_string()), ("int<4>".into(), "fixed<4,4,TRN,WRAP,0>".into()));
    /// assert_eq!((int.cast(-5i64, 1), fixed.cast(-5i64, 1)), (-2, -3)); // of -2.5
    /// assert_eq!((int.cast_f64::<i64>(-0.3), fixed.cast_f64::<i64>(-0.3)), (1, -1));
    /// # Ok::<(), handaxe_fixed::Error>(())
    /// ```
    pub fn int(width: u32, signed: bool) -> Result<Self, Error> {
        let integer = i32::try_from(width).map_err(|_| Error::Width { given: width })?;
        let of = Self::new(width, integer, signed, Rounding::TrnZero, Overflow::Wrap, 0)?;
        Ok(Self { is_int: true, ..of })
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
}

/// Exact down to the smallest subnormal, where `2f64.powi` takes the reciprocal of an infinity.
fn power_of_two(exponent: i32) -> f64 {
    if exponent < 0 { 0.5f64.powi(-exponent) } else { 2f64.powi(exponent) }
}

impl fmt::Display for FixedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, integer, rounding, overflow, saturation_bits, .. } = self;
        let sign = if self.signed { "" } else { "u" };
        if self.is_int {
            return write!(f, "{sign}int<{width}>");
        }
        write!(f, "{sign}fixed<{width},{integer},{rounding},{overflow},{saturation_bits}>")
    }
}
