use std::collections::BTreeMap;
use std::sync::OnceLock;

use handaxe_fixed::{FixedType, Overflow, Rounding};
use serde::{Deserialize, Serialize};

/// What synthesis sees of a matrix of constants.
///
/// Multiplications of one input by the same constant are made once, so the counts below, but for `zeros` and `nonzeros`, are
/// of the different codes of each row. Digits are canonical signed digits: 7 = 8 - 1 has two.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Codes {
    /// Weights that are zero.
    pub zeros: u64,
    /// Weights that are not.
    pub nonzeros: u64,
    /// Powers of two, negated.
    pub negative_powers: u64,
    /// Sums or differences of two powers of two: one addition.
    pub two_digits: u64,
    /// All others, by their bits: real multiplications.
    pub many_digits: BTreeMap<u32, u64>,
    /// Bits of all weights that are not zero, signs left out.
    pub magnitude_bits: u64,
    /// Most weights of one column that are not zero: how many terms the deepest sum has.
    pub deepest: u64,
    /// Bits of the widest among the last codes that one multiplier works through.
    pub last_bits: u32,
}

/// Largest type whose codes are told apart by a table.
const TABLE_BITS: u32 = 16;

impl Codes {
    /// Statistics of `codes`, row by row, in rows of `columns`, of which each multiplier works through `reuse`, column by
    /// column.
    pub fn of(codes: &[i64], columns: usize, reuse: usize) -> Self {
        let columns = columns.max(1);
        let rows = codes.len() / columns;
        let mut found = Self::default();
        let mut depths = vec![0u64; columns];
        let mut seen = Seen::new(codes);
        let mut many_digits = [0u64; i64::BITS as usize + 2];
        for row in codes.chunks_exact(columns) {
            seen.next_row();
            for (&code, depth) in row.iter().zip(&mut depths) {
                if code == 0 {
                    continue;
                }
                found.nonzeros += 1;
                found.magnitude_bits += u64::from(magnitude(code));
                *depth += 1;
                if seen.first(code) {
                    match signed_digits(code) {
                        1 => found.negative_powers += u64::from(code < 0),
                        2 => found.two_digits += 1,
                        _ => many_digits[magnitude(code) as usize] += 1,
                    }
                }
            }
        }
        let counts = (0..).zip(many_digits).filter(|(_, count)| *count > 0);
        found.many_digits = counts.collect();
        found.zeros = codes.len() as u64 - found.nonzeros;
        found.deepest = depths.into_iter().max().unwrap_or(0);
        let last = codes.len().saturating_sub(reuse)..codes.len();
        let by_column =
            last.map(|place| codes[place % rows.max(1) * columns + place / rows.max(1)]);
        found.last_bits = by_column.map(|code| digits(code ^ (code >> 63)) + 1).max().unwrap_or(1);
        found
    }

    /// Statistics to expect of a matrix in which every code of `bits` bits but zero is as likely as any other.
    pub fn expected(bits: u32, rows: usize, columns: usize) -> Self {
        let bits = bits.clamp(2, TABLE_BITS);
        let each = Self::each(bits);
        let kinds = each.nonzeros as f64;
        // Different ones of so many draws.
        let different = kinds * (1.0 - (1.0 - 1.0 / kinds).powf(columns as f64));
        let weights = (rows * columns) as u64;
        let part = |count: u64| (rows as f64 * different * count as f64 / kinds).round() as u64;
        let many = each.many_digits.iter().map(|(bits, count)| (*bits, part(*count)));
        Self {
            zeros: 0,
            nonzeros: weights,
            negative_powers: part(each.negative_powers),
            two_digits: part(each.two_digits),
            many_digits: many.collect(),
            magnitude_bits: (weights as f64 * each.mean_bits()).round() as u64,
            deepest: rows as u64,
            last_bits: bits,
        }
    }

    /// Statistics of every code of `bits` bits but zero, once each.
    fn each(bits: u32) -> &'static Self {
        static EACH: [OnceLock<Codes>; TABLE_BITS as usize + 1] =
            [const { OnceLock::new() }; TABLE_BITS as usize + 1];
        EACH[bits.min(TABLE_BITS) as usize].get_or_init(|| {
            let most = 1i64 << (bits - 1);
            let codes: Vec<i64> = (-most..most).filter(|code| *code != 0).collect();
            Self::of(&codes, codes.len(), 0)
        })
    }

    /// Bits of a weight that is not zero, on average.
    pub fn mean_bits(&self) -> f64 {
        self.magnitude_bits as f64 / self.nonzeros.max(1) as f64
    }

    /// Different codes per row of three and more digits.
    pub fn multiplications(&self) -> u64 {
        self.many_digits.values().sum()
    }
}

/// Bits of a code's digits: of a negative one with its sign.
fn magnitude(code: i64) -> u32 {
    if code > 0 { digits(code) } else { digits(!code) + 1 }
}

/// Bits of a number that is not negative, without leading zeros.
fn digits(number: i64) -> u32 {
    i64::BITS - number.leading_zeros()
}

/// Digits of the canonical signed form that are not zero, of which more than two are 3: processors count them slowly.
fn signed_digits(code: i64) -> u32 {
    let size = code.unsigned_abs();
    let ones = (3 * size) ^ size;
    let but_one = ones & ones.wrapping_sub(1);
    match (but_one, but_one & but_one.wrapping_sub(1)) {
        (0, _) => 1,
        (_, 0) => 2,
        _ => 3,
    }
}

/// Which codes a row has had: a table of the row that last had each, or a list where the table would be too long.
struct Seen {
    last_row: Vec<u32>,
    row: u32,
    list: Vec<i64>,
}

impl Seen {
    fn new(codes: &[i64]) -> Self {
        let largest = codes.iter().map(|code| code.unsigned_abs()).max().unwrap_or(0);
        let short = largest < 1 << (TABLE_BITS - 1);
        let entries = if short { 2 * largest as usize + 1 } else { 0 };
        Self { last_row: vec![0; entries], row: 0, list: Vec::new() }
    }

    fn next_row(&mut self) {
        self.row += 1;
        self.list.clear();
    }

    /// Whether the row has the code for the first time.
    fn first(&mut self, code: i64) -> bool {
        let middle = (self.last_row.len() / 2) as i64;
        if let Some(row) = self.last_row.get_mut((code + middle) as usize) {
            return std::mem::replace(row, self.row) != self.row;
        }
        let place = self.list.binary_search(&code);
        if let Err(place) = place {
            self.list.insert(place, code);
        }
        place.is_err()
    }
}

/// The code of `value` in a type: what the firmware's tables hold.
pub fn code(value: f32, kind: &FixedType) -> i64 {
    let scaled = f64::from(value) * 2f64.powi(kind.fraction());
    let whole = match kind.rounding {
        Rounding::Trn => floor(scaled),
        Rounding::TrnZero => scaled as i64,
        Rounding::RndConv => scaled.round_ties_even() as i64,
        _ => floor(scaled + 0.5),
    };
    let bits = kind.width.min(62) - u32::from(kind.signed);
    let (low, high) = (if kind.signed { -(1i64 << bits) } else { 0 }, (1i64 << bits) - 1);
    match kind.overflow {
        // The span is a power of two.
        Overflow::Wrap => (whole.wrapping_sub(low) & (high - low)) + low,
        Overflow::SatZero if !(low..=high).contains(&whole) => 0,
        Overflow::SatSym => whole.clamp(if kind.signed { -high } else { 0 }, high),
        _ => whole.clamp(low, high),
    }
}

/// Casts of floats saturate, so what wraps afterwards is a number that fits.
fn floor(number: f64) -> i64 {
    let whole = number as i64;
    whole.saturating_sub(i64::from(whole as f64 > number))
}
