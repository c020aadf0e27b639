use handaxe_fixed::{FixedType, Overflow, Rounding};

/// The codes of `values` in a type: what the firmware's tables hold.
pub fn codes(values: &[f32], kind: &FixedType) -> Vec<i64> {
    let cast = Cast::to(kind);
    let small = |value: &f32| (f64::from(*value) * cast.scale).abs() < SMALL;
    if values.iter().fold(true, |all, value| all & small(value)) {
        values.iter().map(|value| cast.fit(cast.round(*value, floor_small))).collect()
    } else {
        values.iter().map(|value| cast.fit(cast.round(*value, floor))).collect()
    }
}

/// A type's scale and range.
struct Cast<'a> {
    kind: &'a FixedType,
    scale: f64,
    low: i64,
    high: i64,
}

impl<'a> Cast<'a> {
    fn to(kind: &'a FixedType) -> Self {
        let bits = kind.width.min(62) - u32::from(kind.signed);
        let low = if kind.signed { -(1i64 << bits) } else { 0 };
        Self { kind, scale: 2f64.powi(kind.fraction()), low, high: (1i64 << bits) - 1 }
    }

    #[inline]
    fn round(&self, value: f32, floor: impl Fn(f64) -> i64) -> i64 {
        let scaled = f64::from(value) * self.scale;
        match self.kind.rounding {
            // hls4ml rounds weights that are integers when it writes them.
            _ if self.kind.is_int => scaled.round_ties_even() as i64,
            Rounding::Trn => floor(scaled),
            Rounding::TrnZero => scaled as i64,
            Rounding::RndConv => scaled.round_ties_even() as i64,
            _ => floor(scaled + 0.5),
        }
    }

    #[inline]
    fn fit(&self, whole: i64) -> i64 {
        let (low, high) = (self.low, self.high);
        match self.kind.overflow {
            // The span is a power of two.
            Overflow::Wrap => (whole.wrapping_sub(low) & (high - low)) + low,
            Overflow::SatZero if !(low..=high).contains(&whole) => 0,
            Overflow::SatSym => whole.clamp(if self.kind.signed { -high } else { 0 }, high),
            _ => whole.clamp(low, high),
        }
    }
}

/// Casts of floats saturate, so what wraps afterwards is a number that fits.
fn floor(number: f64) -> i64 {
    let whole = number as i64;
    whole.saturating_sub(i64::from(whole as f64 > number))
}

/// Numbers below this are whole where 2^52 is added to them and half of it more, which leaves the sum's digits as those of its whole
/// part.
const SMALL: f64 = (1u64 << 51) as f64;

/// The same for small numbers, several at a time: processors cast one after the other.
#[inline]
fn floor_small(number: f64) -> i64 {
    const SHIFT: f64 = 3.0 * SMALL;
    let nearest = (number + SHIFT) - SHIFT;
    let whole = nearest - if nearest > number { 1.0 } else { 0.0 };
    (whole + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()).cast_signed()
}
