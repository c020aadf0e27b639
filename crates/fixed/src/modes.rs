use std::fmt;

use serde::{Deserialize, Serialize};

/// What happens to the bits below the last one when a value is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Rounding {
    /// `TRN`: toward minus infinity (the bits are cut off).
    #[default]
    Trn,
    /// `TRN_ZERO`: toward zero.
    TrnZero,
    /// `RND`: to nearest, ties toward plus infinity.
    Rnd,
    /// `RND_ZERO`: to nearest, ties toward zero.
    RndZero,
    /// `RND_MIN_INF`: to nearest, ties toward minus infinity.
    RndMinInf,
    /// `RND_INF`: to nearest, ties away from zero.
    RndInf,
    /// `RND_CONV`: to nearest, ties to even.
    RndConv,
}

/// What happens to a rounded value that the width cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Overflow {
    /// `WRAP`: the high bits are cut off.
    #[default]
    Wrap,
    /// `WRAP_SM`: wraps in sign and magnitude.
    WrapSm,
    /// `SAT`: the nearest bound.
    Sat,
    /// `SAT_ZERO`: zero.
    SatZero,
    /// `SAT_SYM`: the nearest bound, the lower one being minus the upper.
    SatSym,
}

impl Rounding {
    /// Every mode, in the vendors' order.
    pub const ALL: [Self; 7] = [
        Self::Trn,
        Self::TrnZero,
        Self::Rnd,
        Self::RndZero,
        Self::RndMinInf,
        Self::RndInf,
        Self::RndConv,
    ];

    /// The vendors' name, without `AP_` or `AC_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Trn => "TRN",
            Self::TrnZero => "TRN_ZERO",
            Self::Rnd => "RND",
            Self::RndZero => "RND_ZERO",
            Self::RndMinInf => "RND_MIN_INF",
            Self::RndInf => "RND_INF",
            Self::RndConv => "RND_CONV",
        }
    }
}

impl Overflow {
    /// Every mode, in the vendors' order.
    pub const ALL: [Self; 5] = [Self::Wrap, Self::WrapSm, Self::Sat, Self::SatZero, Self::SatSym];

    /// The vendors' name, without `AP_` or `AC_`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wrap => "WRAP",
            Self::WrapSm => "WRAP_SM",
            Self::Sat => "SAT",
            Self::SatZero => "SAT_ZERO",
            Self::SatSym => "SAT_SYM",
        }
    }
}

impl fmt::Display for Rounding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
