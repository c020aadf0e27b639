//! Fixed-point number types, as firmware tools write them.
//!
//! A [`FixedType`] is a width, an integer part, a sign and what happens to bits that do not fit; a
//! [`Precision`] is that, one of the floating-point types, or `auto`, for which the type is inferred.
//! One parser reads the notations of all vendors: `ap_fixed<W,I,Q,O,N>` (AMD), `ac_fixed<W,I,S,Q,O>`
//! (Intel, Siemens), `fixed<...>` and the integers `ap_int<W>`, `ac_int<W,S>`, `int<W>`.
//!
//! [`FixedType::cast`] rounds and wraps to the bit as the vendors' headers do, [`FixedType::product`] and [`FixedType::sum`] are
//! the types of exact results, and [`table`] has the tables by which firmware computes activations.
//!
//! ```
//! use handaxe_fixed::{Precision, Rounding};
//!
//! let Precision::Fixed(weight) = "ap_fixed<18,8,AP_RND,AP_SAT>".parse()? else { unreachable!() };
//! assert_eq!((weight.width, weight.integer, weight.fraction()), (18, 8, 10));
//! assert_eq!(weight.rounding, Rounding::Rnd);
//! assert_eq!(weight.max(), 127.9990234375);
//! assert_eq!(weight.to_string(), "fixed<18,8,RND,SAT,0>");
//!
//! let missing = "ap_fixed<16>".parse::<Precision>().unwrap_err();
//! assert!(missing.to_string().contains("integer bits"));
//! # Ok::<(), handaxe_fixed::Error>(())
//! ```

mod arithmetic;
mod cast;
mod error;
mod fixed_type;
mod integer;
mod modes;
mod parse;
mod precision;
pub mod table;

pub use error::Error;
pub use ethnum::I256;
pub use fixed_type::{FixedType, MAX_WIDTH};
pub use integer::Integer;
pub use modes::{Overflow, Rounding};
pub use precision::{FloatType, Precision};
