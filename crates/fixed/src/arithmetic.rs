//! The types of exact results, as the vendors' operators give them.

use crate::{Error, FixedType, Integer};

impl FixedType {
    /// The type that holds every product of two numbers: widths and integer bits add.
    ///
    /// # Errors
    /// [`Error::Width`] or [`Error::Integer`] beyond the limits of a type.
    pub fn product(&self, other: &Self) -> Result<Self, Error> {
        let (width, integer) = (self.width + other.width, self.integer + other.integer);
        Self::exact(width, integer, self.signed || other.signed)
    }

    /// The type that holds every sum of two numbers: one bit more before the point, and another if only one is signed.
    ///
    /// # Errors
    /// [`Error::Width`] or [`Error::Integer`] beyond the limits of a type.
    ///
    /// ```
    /// use handaxe_fixed::FixedType;
    /// let (a, b) = (FixedType::exact(8, 4, true)?, FixedType::exact(9, 5, false)?);
    /// assert_eq!(a.sum(&b)?.to_string(), "fixed<11,7,TRN,WRAP,0>");
    /// # Ok::<(), handaxe_fixed::Error>(())
    /// ```
    pub fn sum(&self, other: &Self) -> Result<Self, Error> {
        let signed = self.signed || other.signed;
        let room = |one: &Self| one.integer + i32::from(signed && !one.signed);
        let integer = room(self).max(room(other)) + 1;
        let width = integer + self.fraction().max(other.fraction());
        Self::exact(u32::try_from(width).unwrap_or(0), integer, signed)
    }

    /// What `/= divisor` makes of a code, for a divisor that is an `unsigned int`: the quotient, cut off toward zero.
    ///
    /// An `ap_int` of fewer than 32 bits is divided without its sign, as 33 bits: -3 / 2 is -2, and -1 / 3 is the low bits of 2863311530.
    ///
    /// ```
    /// use handaxe_fixed::FixedType;
    /// let (int, fixed) = (FixedType::int(8, true)?, FixedType::exact(8, 4, true)?);
    /// assert_eq!((int.quotient(-3i64, 2), int.quotient(-1i64, 3), fixed.quotient(-3i64, 2)), (-2, -86, -1));
    /// # Ok::<(), handaxe_fixed::Error>(())
    /// ```
    pub fn quotient<T: Integer>(&self, code: T, divisor: i64) -> T {
        if self.is_int && self.width < 32 && code < T::from(0) {
            return self.cast((code + T::from(1 << 33)).over(divisor), 0);
        }
        code.over(divisor)
    }

    /// A type that truncates and wraps, as operators and hls4ml's inference give them.
    ///
    /// # Errors
    /// As [`FixedType::new`].
    pub fn exact(width: u32, integer: i32, signed: bool) -> Result<Self, Error> {
        Self::new(width, integer, signed, Default::default(), Default::default(), 0)
    }
}
