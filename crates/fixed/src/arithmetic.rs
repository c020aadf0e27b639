//! The types of exact results, as the vendors' operators give them.

use crate::{Error, FixedType};

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

    /// A type that truncates and wraps, as operators and hls4ml's inference give them.
    ///
    /// # Errors
    /// As [`FixedType::new`].
    pub fn exact(width: u32, integer: i32, signed: bool) -> Result<Self, Error> {
        Self::new(width, integer, signed, Default::default(), Default::default(), 0)
    }
}
