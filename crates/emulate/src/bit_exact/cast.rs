//! Casts of whole buffers.

use handaxe_fixed::{FixedType, Integer, Overflow, Rounding};

/// From numbers of a fraction to a type, with the common ways made quick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cast {
    fraction: i32,
    to: FixedType,
    way: Way,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    /// `(code + add) >> right << left`, brought into range by wrapping.
    Wrap {
        add: i64,
        right: u32,
        left: u32,
    },
    /// The same, brought into range by clamping.
    Clamp {
        add: i64,
        right: u32,
        left: u32,
    },
    /// Nothing to do.
    Same,
    Any,
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
                Way::Wrap { add, right, left }
            }
            (Some(add), Overflow::Sat | Overflow::SatSym) if fits => {
                Way::Clamp { add, right, left }
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

    pub(super) fn one<T: Integer>(&self, code: T) -> T {
        self.to.cast(code, self.fraction)
    }

    /// Casts `codes` in place.
    pub(super) fn all<T: Integer>(&self, codes: &mut [T]) {
        match self.way {
            Way::Same => {}
            Way::Wrap { add, right, left } if self.to.signed => {
                let (add, unused) = (T::from(add), T::BITS - self.to.width);
                codes.iter_mut().for_each(|code| {
                    *code = ((((*code + add) >> right) << left) << unused) >> unused;
                });
            }
            Way::Wrap { add, right, left } => {
                let (add, mask) = (T::from(add), !(-T::from(1) << self.to.width));
                codes.iter_mut().for_each(|code| *code = (((*code + add) >> right) << left) & mask);
            }
            Way::Clamp { add, right, left } => {
                let (add, (low, high)) = (T::from(add), self.to.codes());
                codes
                    .iter_mut()
                    .for_each(|code| *code = (((*code + add) >> right) << left).clamp(low, high));
            }
            Way::Any => codes.iter_mut().for_each(|code| *code = self.one(*code)),
        }
    }
}
