use serde::{Deserialize, Serialize};

use crate::{Quantiser, Scale};

/// How a real number becomes a code: the modes of QONNX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeRounding {
    /// To the nearest, ties to even.
    HalfEven,
    /// To the nearest, ties away from 0.
    HalfUp,
    /// To the nearest, ties towards 0.
    HalfDown,
    /// Towards plus infinity.
    Ceil,
    /// Towards minus infinity.
    Floor,
    /// Away from 0.
    Up,
    /// Towards 0.
    Down,
}

impl CodeRounding {
    /// The whole number that stands for `x`.
    pub fn round(self, x: f32) -> f32 {
        let towards = |magnitude: f32| if x == 0.0 { 0.0 } else { x.signum() * magnitude };
        match self {
            Self::HalfEven => x.round_ties_even(),
            Self::HalfUp => towards((x.abs() + 0.5).floor()),
            Self::HalfDown => towards((x.abs() - 0.5).ceil()),
            Self::Ceil => x.ceil(),
            Self::Floor => x.floor(),
            Self::Up => towards(x.abs().ceil()),
            Self::Down => x.trunc(),
        }
    }
}

/// Whole-number codes with a scale and a zero point: QONNX' `Quant` and `BipolarQuant` (Pappalardo et al. 2022,
/// arXiv:2206.07527) and ONNX' pair of `QuantizeLinear` and `DequantizeLinear`.
///
/// y = scale * (round(clip(x / scale + zero_point)) - zero_point), clipped to what the bits hold; a signed code of one bit
/// is 1 for 0 and more, else -1. All in `f32`, step for step, so that results agree with qonnx to the bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Integer {
    /// All bits, the sign's among them.
    pub bits: u32,
    /// Whether there are negative codes.
    pub signed: bool,
    /// Whether the range is a code shorter: the lowest if signed, else the highest.
    pub narrow: bool,
    /// How a number becomes a code.
    pub rounding: CodeRounding,
    /// Whether the zero point is added after rounding, as QuantizeLinear does, and not before.
    #[serde(default)]
    pub zero_after: bool,
    /// What codes are multiplied by: one number, or one for each entry of `shape`.
    pub scale: Vec<f32>,
    /// The code of 0: one number, or one for each entry of `shape`.
    pub zero_point: Vec<f32>,
    /// How scales are repeated over an array: an axis of 1 is shared, fewer axes stand for the last ones.
    #[serde(default)]
    pub shape: Vec<usize>,
}

impl Integer {
    /// The quantiser in QKeras' words where these mean the same to the bit: what is trained and built in firmware knows those.
    pub fn simplest(self) -> Quantiser {
        let (&[scale], &[0.0]) = (self.scale.as_slice(), self.zero_point.as_slice()) else {
            return Quantiser::Integer(self);
        };
        if self.signed && self.bits == 1 {
            let alpha = Scale::Value(f64::from(scale));
            return Quantiser::Binary { zero_one: false, alpha };
        }
        let exponent = scale.log2();
        let power = exponent.fract() == 0.0 && exponent.exp2() == scale && exponent.abs() <= 32.0;
        let mirrored = self.signed || !self.narrow;
        if !power || !mirrored || self.rounding != CodeRounding::HalfEven {
            return Quantiser::Integer(self);
        }
        let (bits, keep_negative, symmetric) = (self.bits, self.signed, self.narrow);
        let integer = exponent as i32 + bits as i32 - i32::from(keep_negative);
        Quantiser::Bits { bits, integer, keep_negative, symmetric, alpha: Scale::Value(1.0) }
    }

    /// The lowest and the highest code.
    pub fn codes(&self) -> (f32, f32) {
        let narrow = f32::from(u8::from(self.narrow));
        match (self.signed, self.bits) {
            (true, 1) => (-1.0, 1.0),
            (true, bits) => {
                let half = 2f32.powi(bits as i32 - 1);
                (narrow - half, half - 1.0)
            }
            (false, bits) => (0.0, 2f32.powi(bits as i32) - 1.0 - narrow),
        }
    }

    /// The least and the largest value under the first scale and zero point.
    pub fn range(&self) -> (f32, f32) {
        (self.element(f32::NEG_INFINITY, 0), self.element(f32::INFINITY, 0))
    }

    /// The value that stands for `x` under the scale and zero point of entry `place`.
    pub fn element(&self, x: f32, place: usize) -> f32 {
        let of = |values: &[f32], neutral| match values {
            [one] => *one,
            values => values.get(place).copied().unwrap_or(neutral),
        };
        let (scale, zero) = (of(&self.scale, 1.0), of(&self.zero_point, 0.0));
        let (low, high) = self.codes();
        let code = if self.signed && self.bits == 1 {
            if x / scale + zero >= 0.0 { 1.0 } else { -1.0 }
        } else if self.zero_after {
            (self.rounding.round(x / scale) + zero).clamp(low, high)
        } else {
            self.rounding.round((x / scale + zero).clamp(low, high))
        };
        (code - zero) * scale
    }

    /// What is left of `x` when only the upper `kept` bits of its code are.
    pub fn truncated(&self, x: f32, kept: u32) -> f32 {
        let of = |values: &[f32], neutral| values.first().copied().unwrap_or(neutral);
        let (scale, zero) = (of(&self.scale, 1.0), of(&self.zero_point, 0.0));
        let dropped = 2f32.powi(self.bits.saturating_sub(kept) as i32);
        let code = (x / scale + zero).round_ties_even() / dropped;
        (self.rounding.round(code) - zero) * scale
    }

    /// Rounds an array of `shape`.
    pub fn round(&self, values: &mut [f32], shape: &[usize]) {
        if self.scale.len() <= 1 && self.zero_point.len() <= 1 {
            return values.iter_mut().for_each(|value| *value = self.element(*value, 0));
        }
        let scales = self.shape_of_rank(shape.len());
        let mut index = vec![0; shape.len()];
        for value in values {
            let place = index.iter().zip(&scales).fold(0, |place, (&index, &extent)| {
                place * extent + if extent > 1 { index } else { 0 }
            });
            *value = self.element(*value, place);
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
    }

    /// The shape of the scales, with axes of 1 before it so that there are `rank`.
    pub fn shape_of_rank(&self, rank: usize) -> Vec<usize> {
        let missing = rank.saturating_sub(self.shape.len());
        [vec![1; missing], self.shape[self.shape.len().saturating_sub(rank)..].to_vec()].concat()
    }

    /// Looks for a parameter that cannot be.
    pub(crate) fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        if !(1..=32).contains(&self.bits) {
            return Some(("the number of bits", self.bits.to_string(), "in 1..=32"));
        }
        let wrong = self.scale.iter().find(|scale| !(scale.is_finite() && **scale > 0.0));
        if let Some(wrong) = wrong {
            return Some(("its scale", wrong.to_string(), "a positive number"));
        }
        if let Some(wrong) = self.zero_point.iter().find(|zero| !zero.is_finite()) {
            return Some(("its zero point", wrong.to_string(), "a number"));
        }
        let entries = self.shape.iter().try_fold(1usize, |count, &axis| count.checked_mul(axis));
        let fits = |values: &[f32]| values.len() == 1 || Some(values.len()) == entries;
        if fits(&self.scale) && fits(&self.zero_point) {
            return None;
        }
        let given = format!("{} for the shape {:?}", self.scale.len(), self.shape);
        Some(("the number of its scales and zero points", given, "1 or one for each entry"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eight(zero_point: f32) -> Integer {
        let rounding = CodeRounding::HalfEven;
        let (scale, zero_point) = (vec![0.5], vec![zero_point]);
        Integer {
            bits: 8,
            signed: true,
            narrow: false,
            rounding,
            zero_after: false,
            scale,
            zero_point,
            shape: Vec::new(),
        }
    }

    /// The examples of qonnx' own documentation of `min_int` and `max_int`.
    #[test]
    fn codes_are_those_of_qonnx() {
        for (signed, narrow, codes) in [
            (true, true, (-127.0, 127.0)),
            (false, true, (0.0, 254.0)),
            (true, false, (-128.0, 127.0)),
            (false, false, (0.0, 255.0)),
        ] {
            assert_eq!(Integer { signed, narrow, ..eight(0.0) }.codes(), codes);
        }
    }

    #[test]
    fn ties_go_where_the_mode_says() {
        use CodeRounding::{Ceil, Down, Floor, HalfDown, HalfEven, HalfUp, Up};
        for (rounding, expected) in [
            (HalfEven, [2.0, -2.0, 2.0, -0.0]),
            (HalfUp, [2.0, -2.0, 3.0, -0.0]),
            (HalfDown, [1.0, -1.0, 2.0, -0.0]),
            (Ceil, [2.0, -1.0, 3.0, -0.0]),
            (Floor, [1.0, -2.0, 2.0, -1.0]),
            (Up, [2.0, -2.0, 3.0, -1.0]),
            (Down, [1.0, -1.0, 2.0, -0.0]),
        ] {
            assert_eq!(
                [1.5, -1.5, 2.5, -0.25].map(|x| rounding.round(x)),
                expected,
                "{rounding:?}"
            );
        }
    }

    /// QuantizeLinear rounds before it adds the zero point, so ties of odd zero points differ.
    #[test]
    fn the_zero_point_is_added_before_or_after() {
        let before = eight(1.0);
        let after = Integer { zero_after: true, ..before.clone() };
        assert_eq!((before.element(0.25, 0), after.element(0.25, 0)), (0.5, 0.0));
        assert_eq!((before.element(100.0, 0), after.element(100.0, 0)), (63.0, 63.0));
    }

    #[test]
    fn scales_are_repeated_over_the_array() {
        let (scale, shape) = (vec![1.0, 0.25], vec![2, 1]);
        let rows = Integer { scale, shape, ..eight(0.0) };
        let mut values = [0.3, 0.6, 0.3, 0.6];
        rows.round(&mut values, &[2, 2]);
        assert_eq!(values, [0.0, 1.0, 0.25, 0.5]);
        assert!(rows.fault().is_none());
        assert!(Integer { shape: vec![3], ..rows }.fault().is_some());
    }
}
