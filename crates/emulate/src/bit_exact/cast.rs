//! Casts of whole buffers.

use handaxe_fixed::{FixedType, Integer, Overflow, Rounding};

use super::LANES;
use super::lanes::dispatch;

/// From numbers of a fraction to a type, with the common ways made quick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cast {
    fraction: i32,
    to: FixedType,
    way: Way,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    /// Shifted, and brought into range by wrapping.
    Wrap(Shift),
    /// Shifted, and brought into range by clamping.
    Clamp(Shift),
    /// Nothing to do.
    Same,
    Any,
}

/// `(code + add) >> right << left`
#[derive(Debug, Clone, Copy)]
struct Shift {
    add: i64,
    right: u32,
    left: u32,
}

impl Cast {
    /// From codes of `width` bits at most.
    pub(super) fn new(width: u32, fraction: i32, to: FixedType) -> Self {
        let drop = fraction - to.fraction();
        let (right, left) = (drop.max(0) as u32, (-drop).max(0) as u32);
        let half = if right > 0 { 1i64 << (right - 1).min(62) } else { 0 };
        let add = match to.rounding {
            _ if right == 0 => Some(0),
            Rounding::Trn => Some(0),
            Rounding::Rnd => Some(half),
            Rounding::RndMinInf => Some(half - 1),
            _ => None,
        };
        let fits = width + left < 62 && right < 62 && to.width < 62;
        let way = match (add, to.overflow) {
            (Some(add), Overflow::Wrap) if fits && to.saturation_bits == 0 => {
                Way::Wrap(Shift { add, right, left })
            }
            (Some(add), Overflow::Sat | Overflow::SatSym) if fits => {
                Way::Clamp(Shift { add, right, left })
            }
            _ => Way::Any,
        };
        Self { fraction, to, way }
    }

    /// From a type; where that is the same there is nothing to do.
    pub(super) fn between(from: &FixedType, to: FixedType) -> Self {
        let same = (from.width, from.integer, from.signed) == (to.width, to.integer, to.signed);
        if same && to.overflow != Overflow::SatSym {
            return Self { fraction: from.fraction(), to, way: Way::Same };
        }
        Self::new(from.width, from.fraction(), to)
    }

    /// Moves codes that `other` cast to the fraction of what this casts from.
    pub(super) fn aligned<T: Integer>(&self, other: &Self, codes: &mut [T]) {
        let up = (self.fraction - other.to.fraction()).max(0) as u32;
        codes.iter_mut().for_each(|code| *code = *code << up);
    }

    /// Casts one code.
    #[inline(always)]
    pub(super) fn one<T: Integer>(&self, code: T) -> T {
        match self.way {
            Way::Same => code,
            Way::Wrap(shift) if self.to.signed => {
                let unused = T::BITS - self.to.width;
                (shift.of(code) << unused) >> unused
            }
            Way::Wrap(shift) => shift.of(code) & !(-T::from(1) << self.to.width),
            Way::Clamp(shift) => {
                let (low, high) = self.to.codes();
                shift.of(code).clamp(low, high)
            }
            Way::Any => self.to.cast(code, self.fraction),
        }
    }

    /// Casts `codes` in place.
    pub(super) fn all<T: Integer>(&self, codes: &mut [T]) {
        if matches!(self.way, Way::Same) {
            return;
        }
        match T::narrow_mut(codes) {
            Some(codes) => dispatch::cast(self, codes),
            None => self.each(codes),
        }
    }

    /// The loop of [`Cast::all`]; what is the same for all codes is decided outside of it.
    #[inline(always)]
    pub(super) fn each<T: Integer>(&self, codes: &mut [T]) {
        let unused = T::BITS - self.to.width.min(T::BITS);
        match self.way {
            Way::Same => {}
            Way::Wrap(shift) if self.to.signed => {
                codes.iter_mut().for_each(|code| *code = (shift.of(*code) << unused) >> unused);
            }
            Way::Wrap(shift) => {
                let mask = !(-T::from(1) << self.to.width);
                codes.iter_mut().for_each(|code| *code = shift.of(*code) & mask);
            }
            Way::Clamp(shift) => {
                let (low, high) = self.to.codes();
                codes.iter_mut().for_each(|code| *code = shift.of(*code).clamp(low, high));
            }
            Way::Any => {
                codes.iter_mut().for_each(|code| *code = self.to.cast(*code, self.fraction));
            }
        }
    }
}

/// From numbers, as a cast from `double` gives it.
pub(super) struct Reading {
    of: FixedType,
    scale: f64,
    /// Added before digits are cut off, where that is all there is to rounding and every code fits 64 bits with room.
    quick: Option<f64>,
    codes: (i64, i64),
}

impl Reading {
    pub(super) fn new(of: &FixedType) -> Self {
        let add = match of.rounding {
            Rounding::Trn => Some(0.0),
            Rounding::Rnd => Some(0.5),
            _ => None,
        };
        let narrow = of.width < 50 && of.fraction().abs() < 500;
        Self {
            of: *of,
            scale: 2f64.powi(of.fraction().clamp(-900, 900)),
            quick: add.filter(|_| narrow),
            codes: if narrow { of.codes() } else { (0, 0) },
        }
    }

    /// All lanes of one element.
    pub(super) fn all<T: Integer>(&self, values: &[f32; LANES], output: &mut [T]) {
        let done = T::narrow_mut(output).is_some_and(|output| {
            let mut fits = false;
            dispatch::read(self, values, output, &mut fits);
            fits
        });
        if !done {
            output
                .iter_mut()
                .zip(values)
                .for_each(|(code, value)| *code = self.of.cast_f64(f64::from(*value)));
        }
    }

    /// The quick way, which holds if every code is in range. With the 24 bits of an f32, scaling and adding one half are exact as
    /// far as they decide anything.
    #[inline(always)]
    pub(super) fn quick(&self, values: &[f32; LANES], output: &mut [i64], fits: &mut bool) {
        let Some(add) = self.quick else { return };
        let (low, high) = (self.codes.0 as f64, self.codes.1 as f64);
        let mut beyond = false;
        for (code, value) in output.iter_mut().zip(values) {
            let floor = (f64::from(*value) * self.scale + add).floor();
            beyond |= floor < low || floor > high;
            *code = floor as i64;
        }
        *fits = !beyond;
    }
}

impl Shift {
    #[inline(always)]
    fn of<T: Integer>(self, code: T) -> T {
        ((code + T::from(self.add)) >> self.right) << self.left
    }
}
