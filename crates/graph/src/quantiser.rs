use std::collections::BTreeMap;

use handaxe_fixed::{Overflow, Precision, Rounding};
use serde::{Deserialize, Serialize};

use crate::{CodeRounding, Integer};

/// The factor between a quantiser's codes and its values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// One number for all channels. QKeras' `alpha=None` of an activation is 1.
    Value(f64),
    /// Fitted to each channel by least squares.
    Auto,
    /// The same, rounded to a power of two. QKeras' `alpha=None` of a weight.
    AutoPo2,
}

/// A prescription of HGQ for the firmware of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Override {
    /// The type of a variable, under keys such as `accum_t`.
    Precision(Precision),
    /// A factor, under keys such as `parallelization_factor`.
    Number(f64),
    /// Anything else, kept as it was written.
    Text(String),
}

/// What a weight or an activation is rounded to: the quantisers of QKeras (Coelho et al. 2021, arXiv:2006.10159), of the
/// binary and ternary layers that came before it, and of HGQ's proxy models (Sun et al. 2024, arXiv:2405.00645).
/// Formulas: spec/quantization.md. Those of ONNX are [`Integer`] and its truncation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Quantiser {
    /// QKeras `quantized_bits`: fixed point of `bits` bits, `integer` of them before the point, the sign not counted there.
    Bits {
        /// All bits, the sign's among them.
        bits: u32,
        /// Bits before the point, without the sign's.
        integer: i32,
        /// Whether there are negative values.
        keep_negative: bool,
        /// Whether the lowest value is left out, so that the range is symmetric.
        symmetric: bool,
        /// What codes are multiplied by.
        alpha: Scale,
    },
    /// QKeras `quantized_relu`: the same without a sign, for activations.
    Relu {
        /// All bits.
        bits: u32,
        /// Bits before the point.
        integer: i32,
        /// Slope of the negative side: 0 or a power of two.
        negative_slope: f64,
        /// Rounds 2 hard_sigmoid(x) - 1 in place of x.
        use_sigmoid: bool,
    },
    /// QKeras `quantized_po2`: sign and power of two; `quantized_relu_po2` where `relu` is given.
    Po2 {
        /// Bits of sign and exponent.
        bits: u32,
        /// Largest absolute value.
        max_value: Option<f64>,
        /// Powers of four only.
        quadratic: bool,
        /// Exponents are rounded down instead of to the nearest.
        floor: bool,
        /// The negative side's slope if this is an activation without a sign.
        relu: Option<f64>,
    },
    /// QKeras `binary`: the sign, that of 0 being positive.
    Binary {
        /// 0 in place of -1.
        zero_one: bool,
        /// What codes are multiplied by.
        alpha: Scale,
    },
    /// QKeras `ternary`: the sign, or 0 for |x| below a threshold.
    Ternary {
        /// Smallest |x| that is not 0; 0.33 if not given. With a fitted scale it is half of that.
        threshold: Option<f64>,
        /// Steps in which a fitted scale is found.
        unrolls: u32,
        /// What codes are multiplied by.
        alpha: Scale,
    },
    /// QKeras `quantized_tanh`.
    Tanh {
        /// All bits.
        bits: u32,
        /// Whether the lowest value is left out.
        symmetric: bool,
        /// tanh in place of clip(x, -1, 1).
        real: bool,
    },
    /// QKeras `quantized_sigmoid`.
    Sigmoid {
        /// All bits.
        bits: u32,
        /// Whether 0 is left out.
        symmetric: bool,
        /// The sigmoid in place of clip(0.5 x + 0.5, 0, 1).
        real: bool,
    },
    /// `BinaryDense` and `binary_tanh`: scale for x > 0, else -scale.
    Sign {
        /// The absolute value of every code.
        scale: f64,
    },
    /// `TernaryDense` and `ternary_tanh`: the sign times scale for x > scale / 2 or x <= -scale / 2, else 0.
    Ternarise {
        /// The absolute value of the codes that are not 0.
        scale: f64,
    },
    /// HGQ `FixedPointQuantizer`: a fixed-point type for each element. The layer's weights `keep_negative`, `bits`
    /// (all of them) and `integers` (the sign's among them) say which.
    PerElement {
        /// How digits are dropped.
        rounding: Rounding,
        /// What becomes of values beyond the range.
        overflow: Overflow,
        /// Shape of the weights, without the sample axis; an axis of 1 is shared.
        shape: Vec<usize>,
        /// What HGQ prescribes to hls4ml, by layer and key.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        overrides: BTreeMap<String, BTreeMap<String, Override>>,
    },
    /// QONNX' `Quant` and `BipolarQuant`, ONNX' `QuantizeLinear` with `DequantizeLinear`.
    Integer(Integer),
    /// QONNX' `Trunc`: codes of `codes` lose their lowest bits but for `kept`; values keep their scale.
    Truncate {
        /// The codes before, and how what is dropped is rounded.
        codes: Integer,
        /// Bits that are left.
        kept: u32,
    },
}

/// A parameter that cannot be: what, what was given, what would be right.
pub(crate) type Fault = (&'static str, String, &'static str);

impl Quantiser {
    /// The same in terms of codes, if they are evenly spaced and their scale is known.
    pub fn integer(&self) -> Option<Integer> {
        let codes = |bits: u32, signed: bool, narrow: bool, scale: f32| Integer {
            bits,
            signed,
            narrow,
            rounding: CodeRounding::HalfEven,
            zero_after: false,
            scale: vec![scale],
            zero_point: vec![0.0],
            shape: Vec::new(),
        };
        Some(match *self {
            Self::Integer(ref codes) => codes.clone(),
            // One signed bit is the sign, whatever stands before the point.
            Self::Bits { bits: 1, keep_negative: true, alpha: Scale::Value(alpha), .. } => {
                codes(1, true, false, alpha as f32)
            }
            Self::Bits { bits, integer, keep_negative, symmetric, alpha: Scale::Value(1.0) } => {
                let fraction = bits as i32 - i32::from(keep_negative) - integer;
                codes(bits, keep_negative, keep_negative && symmetric, 2f32.powi(-fraction))
            }
            Self::Relu { bits, integer, negative_slope: 0.0, use_sigmoid: false } => {
                codes(bits, false, false, 2f32.powi(integer - bits as i32))
            }
            Self::Binary { zero_one: false, alpha: Scale::Value(alpha) } => {
                codes(1, true, false, alpha as f32)
            }
            _ => return None,
        })
    }

    /// Looks for a parameter that cannot be.
    pub(crate) fn fault(&self) -> Option<Fault> {
        match self {
            Self::Integer(codes) => return codes.fault(),
            Self::Truncate { codes, kept } if (1..=codes.bits).contains(kept) => {
                return codes.fault();
            }
            Self::Truncate { kept, .. } => {
                return Some(("the bits that are left", kept.to_string(), "1 to those before"));
            }
            _ => {}
        }
        let bits = match self {
            Self::Bits { bits, .. } | Self::Tanh { bits, .. } | Self::Sigmoid { bits, .. } => {
                (*bits, 0)
            }
            Self::Relu { bits, integer, .. } => (*bits, *integer),
            Self::Po2 { bits, .. } => (*bits, 0),
            _ => (1, 0),
        };
        let integer = if let Self::Bits { integer, .. } = self { *integer } else { bits.1 };
        if !(1..=32).contains(&bits.0) {
            return Some(("the number of bits", bits.0.to_string(), "in 1..=32"));
        }
        if !(-64..=64).contains(&integer) {
            return Some(("the number of integer bits", integer.to_string(), "in -64..=64"));
        }
        let numbers = self.numbers();
        let wrong = numbers.into_iter().find(|number| !(number.is_finite() && *number >= 0.0));
        wrong.map(|wrong| ("its scale, slope or threshold", wrong.to_string(), "finite, 0 or more"))
    }

    /// Why its scales cannot be repeated over an array of `shape`, if they cannot.
    pub(crate) fn misfit(&self, shape: &[usize]) -> Option<Fault> {
        let Self::Integer(codes) = self else { return None };
        let fits = codes.shape.len() <= shape.len()
            && codes.shape_of_rank(shape.len()).iter().zip(shape).all(|(s, n)| *s == 1 || s == n);
        let given = format!("{:?} for {shape:?}", codes.shape);
        (!fits).then_some(("the shape of its scales", given, "1 or the weight's on each axis"))
    }

    /// Whether the values depend on others of the same array, so that it suits weights only.
    pub(crate) fn is_fitted(&self) -> bool {
        match self {
            Self::Bits { alpha, .. } | Self::Binary { alpha, .. } | Self::Ternary { alpha, .. } => {
                !matches!(alpha, Scale::Value(_))
            }
            _ => false,
        }
    }

    /// Whether codes are multiplied by something else than 1.
    pub(crate) fn has_scale(&self) -> bool {
        match self {
            Self::Bits { alpha, .. } | Self::Binary { alpha, .. } | Self::Ternary { alpha, .. } => {
                *alpha != Scale::Value(1.0)
            }
            Self::Sign { scale } | Self::Ternarise { scale } => *scale != 1.0,
            _ => false,
        }
    }

    fn numbers(&self) -> Vec<f64> {
        let value = |alpha: &Scale| if let Scale::Value(value) = alpha { *value } else { 1.0 };
        match self {
            Self::Bits { alpha, .. } | Self::Binary { alpha, .. } => vec![value(alpha)],
            Self::Relu { negative_slope, .. } => vec![*negative_slope],
            Self::Po2 { max_value, relu, .. } => max_value.iter().chain(relu).copied().collect(),
            Self::Ternary { threshold, alpha, .. } => {
                threshold.iter().copied().chain([value(alpha)]).collect()
            }
            Self::Sign { scale } | Self::Ternarise { scale } => vec![*scale],
            Self::Tanh { .. }
            | Self::Sigmoid { .. }
            | Self::PerElement { .. }
            | Self::Integer(_)
            | Self::Truncate { .. } => Vec::new(),
        }
    }
}
