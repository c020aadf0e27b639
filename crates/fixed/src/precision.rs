use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, FixedType, Rounding, parse};

/// The type of a weight, a bias, an accumulator or a result.
///
/// Read from and written as text, by [`FromStr`], [`fmt::Display`] and serde alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Precision {
    /// A fixed-point or integer type.
    Fixed(FixedType),
    /// IEEE binary32.
    Float,
    /// IEEE binary64.
    Double,
    /// IEEE binary16.
    Half,
    /// The upper half of a binary32.
    BFloat16,
    /// `ac_float<W,I,E,Q>`.
    Custom(FloatType),
    /// To be inferred from the network.
    Auto,
}

/// `ac_float<W,I,E,Q>`: a fixed-point mantissa times two to the power of an integer exponent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FloatType {
    /// Bits of the mantissa, its sign included.
    pub mantissa: u32,
    /// Bits of the mantissa left of the point.
    pub integer: i32,
    /// Bits of the exponent, its sign included.
    pub exponent: u32,
    /// How a value between two codes is rounded.
    pub rounding: Rounding,
}

impl Precision {
    /// Bits that a number takes; `None` while `auto` is not yet inferred.
    pub fn width(&self) -> Option<u32> {
        match self {
            Self::Fixed(fixed) => Some(fixed.width),
            Self::Float => Some(32),
            Self::Double => Some(64),
            Self::Half | Self::BFloat16 => Some(16),
            Self::Custom(float) => Some(float.mantissa + float.exponent),
            Self::Auto => None,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(fixed) => fixed.fmt(f),
            Self::Float => f.write_str("float"),
            Self::Double => f.write_str("double"),
            Self::Half => f.write_str("half"),
            Self::BFloat16 => f.write_str("bfloat16"),
            Self::Custom(FloatType { mantissa, integer, exponent, rounding }) => {
                write!(f, "float<{mantissa},{integer},{exponent},{rounding}>")
            }
            Self::Auto => f.write_str("auto"),
        }
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse::precision(text)
    }
}

impl Serialize for Precision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Precision {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
