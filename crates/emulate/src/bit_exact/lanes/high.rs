//! Sums in lanes of 16 bits that wrap, of products whose low bits are dropped: one instruction multiplies and keeps the high 16
//! of 32 bits. Inputs and weights are raised beforehand so that what the accumulator keeps of a product begins there.

use handaxe_fixed::{Integer, Rounding};

use super::super::LANES;
use super::super::kernel::Row;
use super::{Proof, Summed, add};

#[derive(Debug)]
pub(in super::super) struct HighSums {
    rows: Vec<HighRow>,
    /// Bits by which inputs are raised; weights are by the rest.
    raise: u32,
    /// Bits of a product of a raised input and a weight that are dropped, to the nearest or downwards.
    drop: u32,
    nearest: bool,
    unused: Option<(u32, bool)>,
}

/// One output channel. The order of terms is free, for sums wrap.
#[derive(Debug)]
pub(super) struct HighRow {
    bias: i16,
    /// Raised weights.
    small: Vec<(u32, i16)>,
    /// Weights that cannot be raised.
    large: Vec<(u32, i16)>,
}

impl HighSums {
    pub(super) fn new<T: Integer>(proof: &Proof, rows: &[Row<T>]) -> Option<Self> {
        let unused = proof.unclamped(15)?;
        let nearest = match proof.accum.rounding {
            Rounding::Trn => false,
            Rounding::Rnd => true,
            _ => return None,
        };
        // To the nearest is computed one bit lower.
        let room = (16 - u32::from(nearest)).checked_sub(proof.drop)?;
        let (low, high) = proof.bounds;
        if proof.drop == 0 || low < -(1 << 15) || high >= 1 << 15 {
            return None;
        }
        let raise =
            (0..=room).rev().find(|raise| low << raise >= -(1 << 15) && high << raise < 1 << 15)?;
        let narrow =
            |code: T, raise: u32| i16::try_from(code.to_i64()?.checked_mul(1i64 << raise)?).ok();
        let split = |row: &Row<T>| {
            let (mut small, mut large) = (Vec::new(), Vec::new());
            for &(place, weight) in &row.terms {
                match narrow(weight, room - raise) {
                    Some(weight) => small.push((place, weight)),
                    None => large.push((place, narrow(weight, 0)?)),
                }
            }
            Some(HighRow { bias: narrow(row.bias, 0)?, small, large })
        };
        let rows = rows.iter().map(split).collect::<Option<Vec<_>>>()?;
        if nearest && rows.iter().any(|row| !row.large.is_empty()) {
            return None;
        }
        Some(Self { rows, raise, drop: proof.drop + raise, nearest, unused })
    }
}

impl Summed for HighSums {
    type Lane = i16;
    type Row = HighRow;

    fn rows(&self) -> &[HighRow] {
        &self.rows
    }

    fn unused(&self) -> Option<(u32, bool)> {
        self.unused
    }

    fn raise(&self) -> u32 {
        self.raise
    }

    #[inline(always)]
    fn sum(&self, input: &[[i16; LANES]], elements: &[u32], row: &HighRow) -> [i16; LANES] {
        let mut sums = [row.bias; LANES];
        let window = (input, elements);
        if self.nearest {
            add(&mut sums, window, &row.small, |sum, code, weight| {
                sum.wrapping_add((((product(code, weight) >> 14) + 1) >> 1) as i16)
            });
            return sums;
        }
        add(&mut sums, window, &row.small, |sum, code, weight| {
            sum.wrapping_add(high(code, weight))
        });
        let (left, right) = (16 - self.drop, self.drop);
        add(&mut sums, window, &row.large, |sum, code, weight| {
            let low = (code.wrapping_mul(weight) as u16).wrapping_shr(right) as i16;
            sum.wrapping_add(high(code, weight).wrapping_shl(left) | low)
        });
        sums
    }
}

#[inline(always)]
fn product(code: i16, weight: i16) -> i32 {
    i32::from(code) * i32::from(weight)
}

#[inline(always)]
fn high(code: i16, weight: i16) -> i16 {
    (product(code, weight) >> 16) as i16
}
