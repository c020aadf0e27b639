use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::OnceLock;

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
    /// Most leaves of one column's tree of additions, in which a product waits as long as it takes itself: a sum of terms that
    /// are ready after d levels each is as deep as one of 2^d more (Huffman's rule; Golumbic 1976). A power of two counts 1, its
    /// negative and what has two digits 2, all others 4.
    pub leaves: u64,
    /// Multipliers of which any weight is not zero, where each works through so many weights, column by column, as the reuse
    /// factor says.
    pub busy: u64,
    /// Bits of the widest among the last codes that one multiplier works through.
    pub last_bits: u32,
}

/// Largest type whose codes are told apart by a table.
const TABLE_BITS: u32 = 16;
/// Tables that neighbouring weights are counted in by turns.
const LINES: usize = 4;
/// Kinds of codes: of many digits by their bits, of which there are up to 65, then these, and positive powers and zeros.
const NEGATIVE_POWER: usize = i64::BITS as usize + 2;
const TWO_DIGITS: usize = NEGATIVE_POWER + 1;
const KINDS: usize = TWO_DIGITS + 2;

impl Codes {
    /// Statistics of `codes`, row by row, in rows of `columns`, of which each multiplier works through `reuse`, column by
    /// column.
    pub fn of(codes: &[i64], columns: usize, reuse: usize) -> Self {
        let columns = columns.max(1);
        let rows = codes.len() / columns;
        let mut found = Self::default();
        let mut column_sums = vec![(0u32, 0u32); columns];
        let mut seen = Seen::new(codes);
        // Neighbours count in different lines, so that none waits for the one before.
        let mut counts = [[0u64; KINDS]; LINES];
        for row in codes.chunks_exact(columns) {
            for (&code, (depth, leaves)) in row.iter().zip(&mut column_sums) {
                let digits = Digits::of(code);
                *depth += u32::from(digits.some);
                *leaves += digits.leaves();
            }
            for (place, &code) in row.iter().enumerate() {
                let magnitude = magnitude(code);
                found.magnitude_bits += u64::from(magnitude);
                let kind = Digits::of(code).kind(magnitude);
                counts[place % LINES][kind] += u64::from(seen.first(code));
            }
            seen.forget(row);
        }
        let count = |kind: usize| counts.iter().map(|line| line[kind]).sum::<u64>();
        let many_digits = (0..NEGATIVE_POWER).map(|bits| (bits as u32, count(bits)));
        found.many_digits = many_digits.filter(|(_, count)| *count > 0).collect();
        found.negative_powers = count(NEGATIVE_POWER);
        found.two_digits = count(TWO_DIGITS);
        found.nonzeros = column_sums.iter().map(|(depth, _)| u64::from(*depth)).sum();
        found.zeros = codes.len() as u64 - found.nonzeros;
        found.deepest = column_sums.iter().map(|(depth, _)| u64::from(*depth)).max().unwrap_or(0);
        found.leaves = column_sums.iter().map(|(_, leaves)| u64::from(*leaves)).max().unwrap_or(0);
        let by_column = |place: usize| codes[place % rows.max(1) * columns + place / rows.max(1)];
        let at = |places: Range<usize>| places.map(by_column);
        let last = at(codes.len().saturating_sub(reuse)..codes.len());
        found.last_bits = last.map(|code| digits(code ^ (code >> 63)) + 1).max().unwrap_or(1);
        let starts = (0..codes.len()).step_by(reuse.max(1));
        let works = |start: &usize| {
            at(*start..start.saturating_add(reuse.max(1)).min(codes.len())).any(|code| code != 0)
        };
        found.busy = starts.filter(works).count() as u64;
        found
    }

    /// Statistics to expect of a matrix in which every code of `bits` bits but zero is as likely as any other.
    pub fn expected(bits: u32, rows: usize, columns: usize, reuse: usize) -> Self {
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
            leaves: (each.leaves as f64 / kinds * rows as f64).round() as u64,
            busy: weights.div_ceil(reuse.max(1) as u64),
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
            // One below the other: one column's leaves are those of all.
            let mut each = Self::of(&codes, codes.len(), 0);
            each.leaves = Self::of(&codes, 1, 0).leaves;
            each
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
    let negative = code >> 63;
    digits(code ^ negative) + (negative & 1) as u32
}

/// Bits of a number that is not negative, without leading zeros.
fn digits(number: i64) -> u32 {
    i64::BITS - number.leading_zeros()
}

/// What a code's canonical signed form says of it; processors count all of its digits slowly.
struct Digits {
    /// Not zero.
    some: bool,
    /// The negative of a power of two.
    negative_power: bool,
    /// Two or more.
    two: bool,
    /// Three or more.
    many: bool,
}

impl Digits {
    fn of(code: i64) -> Self {
        let size = code.unsigned_abs();
        let ones = size.wrapping_mul(3) ^ size;
        let but_one = ones & ones.wrapping_sub(1);
        let but_two = but_one & but_one.wrapping_sub(1);
        let (two, many) = (but_one != 0, but_two != 0);
        Self { some: code != 0, negative_power: (code < 0) & !two, two, many }
    }

    /// The kind that a code of so many bits is counted as.
    fn kind(&self, magnitude: u32) -> usize {
        match self {
            Self { many: true, .. } => magnitude as usize,
            Self { two: true, .. } => TWO_DIGITS,
            Self { negative_power: true, .. } => NEGATIVE_POWER,
            _ => KINDS - 1,
        }
    }

    /// See [`Codes::leaves`].
    fn leaves(&self) -> u32 {
        let more = u32::from(self.negative_power) + u32::from(self.two) + 2 * u32::from(self.many);
        u32::from(self.some) + more
    }
}

/// Which codes a row has had: a bit for each, or a set where that would be too many bits.
struct Seen {
    bits: Vec<u64>,
    middle: i64,
    set: HashSet<i64>,
}

impl Seen {
    fn new(codes: &[i64]) -> Self {
        let bits = codes.iter().fold(0, |bits, code| bits | (code ^ (code >> 63)));
        let middle = 1 << digits(bits).min(TABLE_BITS);
        let words = if digits(bits) < TABLE_BITS { 2 * middle as usize / 64 + 1 } else { 0 };
        Self { bits: vec![0; words], middle, set: HashSet::new() }
    }

    /// Where a code's bit is, if it has one.
    fn place(&self, code: i64) -> (usize, u64) {
        let place = code.wrapping_add(self.middle).cast_unsigned();
        ((place / 64) as usize, 1 << (place % 64))
    }

    /// Whether the row has the code for the first time.
    fn first(&mut self, code: i64) -> bool {
        let (word, bit) = self.place(code);
        let Some(word) = self.bits.get_mut(word) else { return self.set.insert(code) };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Starts anew behind `row`.
    fn forget(&mut self, row: &[i64]) {
        self.set.clear();
        for &code in row {
            let (word, _) = self.place(code);
            if let Some(word) = self.bits.get_mut(word) {
                *word = 0;
            }
        }
    }
}
