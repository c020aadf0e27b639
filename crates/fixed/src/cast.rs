//! From any fixed-point number to a type: what the vendors' `ap_fixed` and `ac_fixed` do on assignment.

use crate::{FixedType, Integer, Overflow, Rounding};

impl FixedType {
    /// The code that `code * 2^-fraction` gets in this type: rounded, then brought into range.
    ///
    /// Exact for every `code` but the least of `T`, and for every fraction, if `T` has more bits than this type's width.
    ///
    /// ```
    /// use handaxe_fixed::Precision;
    /// let Precision::Fixed(narrow) = "ap_fixed<8,4,AP_RND,AP_SAT>".parse()? else { unreachable!() };
    /// assert_eq!(narrow.cast(27i64, 3), 54); // 27/8 = 54/16
    /// assert_eq!(narrow.cast(27i64, 5), 14); // 27/32 = 13.5/16, a tie
    /// assert_eq!(narrow.cast(1000i64, 5), 127); // beyond 7.9375
    /// # Ok::<(), handaxe_fixed::Error>(())
    /// ```
    pub fn cast<T: Integer>(&self, code: T, fraction: i32) -> T {
        let exact = Shifted::new(code, fraction - self.fraction());
        let rounded =
            if exact.rounds_up(self.rounding) { exact.floor + T::from(1) } else { exact.floor };
        let negative = exact.negative && (exact.beyond || rounded < T::from(0));
        if !exact.beyond && self.holds(rounded) {
            return rounded;
        }
        self.overflowed(rounded, negative, exact.floor)
    }

    /// The code of the nearest number, as a cast from `double` gives it. What is not finite becomes 0.
    pub fn cast_f64<T: Integer>(&self, value: f64) -> T {
        if !value.is_finite() {
            return T::from(0);
        }
        // The vendors' constructor negates what it takes for -1.
        if self.is_int && value < 0.0 && value > -0.5 {
            return self.cast(T::from(1), 0);
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i32;
        let fraction = (bits & ((1 << 52) - 1)) as i64;
        let (mantissa, exponent) =
            if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        self.cast(T::from(if value < 0.0 { -mantissa } else { mantissa }), -exponent)
    }

    /// The number that a code stands for; rounded to nearest where it has more than 53 bits.
    pub fn value<T: Integer>(&self, code: T) -> f64 {
        code.to_f64() * 2f64.powi(-self.fraction())
    }

    /// The smallest and the largest code that a cast can give.
    pub fn codes<T: Integer>(&self) -> (T, T) {
        let one = T::from(1);
        if !self.signed {
            return (T::from(0), self.ones::<T>(self.width));
        }
        let high = self.ones::<T>(self.width - 1);
        let low = if self.overflow == Overflow::SatSym { -high } else { -high - one };
        (low, high)
    }

    fn holds<T: Integer>(&self, code: T) -> bool {
        let (low, high) = self.codes::<T>();
        low <= code && code <= high
    }

    /// What becomes of a rounded value that the type does not hold; of `rounded` only the low bits count.
    fn overflowed<T: Integer>(&self, rounded: T, negative: bool, floor: T) -> T {
        let (low, high) = self.codes::<T>();
        let bound = if negative { low } else { high };
        match (self.overflow, self.signed) {
            (Overflow::SatZero, _) => T::from(0),
            (Overflow::Sat | Overflow::SatSym, _) | (Overflow::WrapSm, false) => bound,
            (Overflow::Wrap, false) => {
                let kept = rounded & self.ones::<T>(self.width);
                kept | (self.ones::<T>(self.width)
                    & !self.ones::<T>(self.width - self.saturation_bits))
            }
            (Overflow::Wrap, true) => self.wrapped(rounded, negative),
            (Overflow::WrapSm, true) => self.wrapped_sign_magnitude(rounded, negative, floor),
        }
    }

    /// Two's complement, or with saturation bits below a sign that stays.
    fn wrapped<T: Integer>(&self, rounded: T, negative: bool) -> T {
        if self.saturation_bits == 0 {
            return self.signed_code(rounded);
        }
        let kept = rounded & self.ones::<T>(self.width - self.saturation_bits);
        self.with_sign(kept | self.saturation(negative), negative)
    }

    /// Wraps in sign and magnitude: the bits are inverted where the sign that is kept asks for it.
    fn wrapped_sign_magnitude<T: Integer>(&self, rounded: T, negative: bool, floor: T) -> T {
        let bit = |value: T, place: u32| value >> place & T::from(1) == T::from(1);
        let inverted = |invert: bool| if invert { !rounded } else { rounded };
        match self.saturation_bits {
            0 => {
                let lost = bit(floor, self.width);
                self.with_sign(inverted(lost != bit(rounded, self.width - 1)), lost)
            }
            1 => self.with_sign(inverted(negative != bit(rounded, self.width - 1)), negative),
            bits => {
                let kept = inverted(bit(rounded, self.width - bits) == negative);
                let kept = kept & self.ones::<T>(self.width - bits);
                self.with_sign(kept | self.saturation(negative), negative)
            }
        }
    }

    /// The saturation bits but for the sign: all unlike the sign.
    fn saturation<T: Integer>(&self, negative: bool) -> T {
        if negative {
            return T::from(0);
        }
        self.ones::<T>(self.width - 1) & !self.ones::<T>(self.width - self.saturation_bits)
    }

    /// The low `count` bits set.
    fn ones<T: Integer>(&self, count: u32) -> T {
        !(-T::from(1) << count)
    }

    /// The code of the low bits with the sign bit replaced.
    fn with_sign<T: Integer>(&self, bits: T, negative: bool) -> T {
        let low = bits & self.ones::<T>(self.width - 1);
        if negative { low - (T::from(1) << (self.width - 1)) } else { low }
    }

    /// The low bits as two's complement.
    fn signed_code<T: Integer>(&self, bits: T) -> T {
        let sign = bits >> (self.width - 1) & T::from(1);
        self.with_sign(bits, sign == T::from(1))
    }
}

/// A code moved to another fraction, exactly: a whole part and what is told of the rest.
struct Shifted<T> {
    floor: T,
    /// The rest compared with one half; nothing where there is no rest.
    rest: Option<std::cmp::Ordering>,
    negative: bool,
    /// The value does not fit `T`, of which `floor` holds the low bits.
    beyond: bool,
}

impl<T: Integer> Shifted<T> {
    /// `code * 2^-drop`.
    fn new(code: T, drop: i32) -> Self {
        let zero = T::from(0);
        let negative = code < zero;
        if drop <= 0 {
            let shift = drop.unsigned_abs();
            let floor = if shift < T::BITS { code << shift } else { zero };
            let beyond = code != zero && (shift >= T::BITS - 1 || floor >> shift != code);
            return Self { floor, rest: None, negative, beyond };
        }
        let drop = drop.unsigned_abs();
        if drop >= T::BITS {
            let floor = if negative { -T::from(1) } else { zero };
            let less = (code != zero).then_some(std::cmp::Ordering::Less);
            let rest = if negative { less.map(std::cmp::Ordering::reverse) } else { less };
            return Self { floor, rest, negative, beyond: false };
        }
        let floor = code >> drop;
        let rest = code - (floor << drop);
        // Doubling could overflow: the halves are compared from the other side.
        let half = T::from(1) << (drop - 1);
        let rest = (rest != zero).then(|| rest.cmp(&half));
        Self { floor, rest, negative, beyond: false }
    }

    /// Whether rounding adds one to the whole part.
    fn rounds_up(&self, rounding: Rounding) -> bool {
        let Some(rest) = self.rest else { return false };
        let tie_up = match rounding {
            Rounding::Trn => return false,
            Rounding::TrnZero => return self.negative,
            Rounding::Rnd => true,
            Rounding::RndMinInf => false,
            Rounding::RndInf => !self.negative,
            Rounding::RndZero => self.negative,
            Rounding::RndConv => self.floor & T::from(1) == T::from(1),
        };
        rest.is_gt() || rest.is_eq() && tie_up
    }
}
