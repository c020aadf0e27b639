//! Sums of products in lanes of 16, 32 or 64 bits, where bounds prove that they give the bits of the steps in the accumulator's type.
//!
//! What may differ from the exact path, and why it does not:
//! - a product is rounded by adding a constant and shifting right: the product and that constant fit the lane;
//! - sums wrap only at the end: wrapping is arithmetic modulo `2^width`, which does not care when it is reduced;
//! - sums that saturate are clamped at each step, in the firmware's order, unless the bound of the whole sum says that none can.

pub(super) mod dispatch;
mod high;

use handaxe_fixed::{FixedType, Integer, Overflow, Rounding};

use super::LANES;
use super::kernel::{Gather, PADDING, Row};
use high::HighSums;

/// The narrowed inputs of a layer, kept between blocks.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    short: Vec<[i16; LANES]>,
    narrow: Vec<[i32; LANES]>,
    wide: Vec<[i64; LANES]>,
}

/// The sums of one layer.
#[derive(Debug)]
pub(super) enum Lanes {
    High(HighSums),
    Short(Sums<i16>),
    Narrow(Sums<i32>),
    Wide(Sums<i64>),
}

/// How a product is brought to the accumulator's fraction, and what keeps the sum in range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<L> {
    /// Bits that are dropped.
    drop: u32,
    /// Added before: always, for negative products, and for an odd result.
    add: [L; 3],
    /// Bounds of the product and the sum after each step, if they are needed.
    clamp: Option<(L, L)>,
    /// No product goes beyond these bounds.
    fits: bool,
}

#[derive(Debug)]
pub(super) struct Sums<L> {
    rows: Vec<Row<L>>,
    step: Step<L>,
    unused: Option<(u32, bool)>,
}

/// Everything that the choice of lanes depends on, in exact integers.
struct Proof {
    drop: u32,
    raise: u32,
    /// Largest |product| before bits are dropped, the rounding's constant included.
    product: i128,
    /// Largest |sum| in any order.
    sum: i128,
    /// Least and largest input.
    bounds: (i128, i128),
    accum: FixedType,
}

/// Sums of a layer's outputs, and what is to be known to compute them.
trait Summed {
    type Lane: Lane;
    type Row;

    fn rows(&self) -> &[Self::Row];

    /// How many high bits of the lane are not the accumulator's, if it wraps; it is unsigned if told so.
    fn unused(&self) -> Option<(u32, bool)>;

    /// Bits by which inputs are raised.
    fn raise(&self) -> u32 {
        0
    }

    /// One output channel at one position, for all lanes.
    fn sum(
        &self,
        input: &[[Self::Lane; LANES]],
        elements: &[u32],
        row: &Self::Row,
    ) -> [Self::Lane; LANES];
}

impl Lanes {
    /// Lanes for these rows, if inputs within `bounds` are proven to be summed exactly.
    pub(super) fn new<T: Integer>(
        rows: &[Row<T>],
        bounds: (T, T),
        fraction: i32,
        accum: &FixedType,
    ) -> Option<Self> {
        let proof = Proof::new(rows, bounds, fraction, accum)?;
        if let Some(sums) = HighSums::new(&proof, rows) {
            return Some(Self::High(sums));
        }
        if let Some(sums) = proof.sums::<i16, T>(rows, 15) {
            return Some(Self::Short(sums));
        }
        if let Some(sums) = proof.sums::<i32, T>(rows, 31) {
            return Some(Self::Narrow(sums));
        }
        proof.sums::<i64, T>(rows, 63).map(Self::Wide)
    }

    /// The sums of a block.
    pub(super) fn run(
        &self,
        gather: &Gather,
        input: &[i64],
        output: &mut [i64],
        scratch: &mut Scratch,
    ) {
        match self {
            Self::High(sums) => dispatch::high(sums, gather, input, output, &mut scratch.short),
            Self::Short(sums) => dispatch::short(sums, gather, input, output, &mut scratch.short),
            Self::Narrow(sums) => {
                dispatch::narrow(sums, gather, input, output, &mut scratch.narrow)
            }
            Self::Wide(sums) => dispatch::wide(sums, gather, input, output, &mut scratch.wide),
        }
    }
}

impl Proof {
    fn new<T: Integer>(
        rows: &[Row<T>],
        bounds: (T, T),
        fraction: i32,
        accum: &FixedType,
    ) -> Option<Self> {
        let wide = |code: T| code.to_i64().map(i128::from);
        let bounds = (wide(bounds.0)?, wide(bounds.1)?);
        let most = bounds.0.abs().max(bounds.1.abs());
        let shift = fraction - accum.fraction();
        let (drop, raise) = (shift.max(0) as u32, (-shift).max(0) as u32);
        if drop > 62 || raise > 62 {
            return None;
        }
        let (mut product, mut sum) = (0, 0);
        for row in rows {
            let mut whole = wide(row.bias)?.abs();
            for (_, weight) in &row.terms {
                let term = (wide(*weight)?.abs() << raise) * most;
                product = product.max(term);
                whole += (term >> drop) + 1;
            }
            sum = sum.max(whole);
        }
        let half = if drop > 0 { 1 << drop } else { 0 };
        Some(Self { drop, raise, product: product + half, sum, bounds, accum: *accum })
    }

    /// The sums in lanes of `bits` bits and a sign, if they are exact there.
    fn sums<L: Lane, T: Integer>(&self, rows: &[Row<T>], bits: u32) -> Option<Sums<L>> {
        let (low, high) = self.accum.codes::<i128>();
        let most = 1i128 << bits;
        if self.product >= most {
            return None;
        }
        let (clamp, unused) = match (self.unclamped(bits), self.accum.overflow) {
            (Some(unused), _) => (None, unused),
            (None, Overflow::Sat | Overflow::SatSym) if self.product + high < most => {
                (Some((L::from_wide(low), L::from_wide(high))), None)
            }
            _ => return None,
        };
        let rows = rows
            .iter()
            .map(|row| {
                let wide = |code: T| L::from_wide(code.to_i64().map_or(0, i128::from));
                let raised =
                    |code: T| L::from_wide(code.to_i64().map_or(0, i128::from) << self.raise);
                let terms =
                    row.terms.iter().map(|&(place, weight)| (place, raised(weight))).collect();
                Row { bias: wide(row.bias), terms }
            })
            .collect();
        let fits = (self.product >> self.drop) < high.min(-low);
        let step = Step { drop: self.drop, add: self.rounding().map(L::from_wide), clamp, fits };
        Some(Sums { rows, step, unused })
    }

    /// What [`Summed::unused`] says in a lane of `bits` bits and a sign, if sums need not be clamped there at each step.
    fn unclamped(&self, bits: u32) -> Option<Option<(u32, bool)>> {
        let accum = &self.accum;
        let (low, high) = accum.codes::<i128>();
        // A lane has a sign: codes without one have to leave it alone.
        let codes = bits + u32::from(accum.signed);
        let never_leaves = self.sum <= high && (accum.signed && self.sum <= -low);
        match accum.overflow {
            _ if never_leaves && self.sum < 1 << bits => Some(None),
            Overflow::Wrap if accum.saturation_bits == 0 && accum.width <= codes => {
                Some(Some((bits + 1 - accum.width, !accum.signed)))
            }
            _ => None,
        }
    }

    /// What is added before bits are dropped: always, for negative products, and where the result would be odd.
    fn rounding(&self) -> [i128; 3] {
        if self.drop == 0 {
            return [0; 3];
        }
        let half = 1 << (self.drop - 1);
        match self.accum.rounding {
            Rounding::Trn => [0, 0, 0],
            Rounding::TrnZero => [0, 2 * half - 1, 0],
            Rounding::Rnd => [half, 0, 0],
            Rounding::RndMinInf => [half - 1, 0, 0],
            Rounding::RndInf => [half, -1, 0],
            Rounding::RndZero => [half - 1, 1, 0],
            Rounding::RndConv => [half - 1, 0, 1],
        }
    }
}

/// The integer of a lane. Its arithmetic wraps.
pub(super) trait Lane: Copy + Ord + Default + Send + Sync + std::fmt::Debug {
    fn from_wide(value: i128) -> Self;
    fn to_i64(self) -> i64;
    fn from_code(code: i64) -> Self;
    fn plus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;
    fn shifted(self, right: u32) -> Self;
    fn and(self, other: Self) -> Self;
    /// All bits set if negative, else none.
    fn sign(self) -> Self;
    /// The low `BITS - unused` bits, with or without a sign.
    fn reduced(self, unused: u32, unsigned: bool) -> Self;
}

macro_rules! lane {
    ($type:ty, $unsigned:ty, $bits:literal) => {
        impl Lane for $type {
            #[inline(always)]
            fn from_wide(value: i128) -> Self {
                value as $type
            }
            #[inline(always)]
            fn to_i64(self) -> i64 {
                i64::from(self)
            }
            #[inline(always)]
            fn from_code(code: i64) -> Self {
                code as $type
            }
            #[inline(always)]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn times(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn shifted(self, right: u32) -> Self {
                self >> right
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn sign(self) -> Self {
                self >> ($bits - 1)
            }
            #[inline(always)]
            fn reduced(self, unused: u32, unsigned: bool) -> Self {
                if unsigned {
                    (((self as $unsigned) << unused) >> unused) as $type
                } else {
                    (self << unused) >> unused
                }
            }
        }
    };
}

lane!(i16, u16, 16);
lane!(i32, u32, 32);
lane!(i64, u64, 64);

/// All sums of a layer.
#[inline(always)]
fn layer<S: Summed>(
    sums: &S,
    gather: &Gather,
    input: &[i64],
    output: &mut [i64],
    narrowed: &mut Vec<[S::Lane; LANES]>,
) {
    let (stretches, _) = input.as_chunks::<LANES>();
    let raise = sums.raise();
    narrowed.clear();
    narrowed.extend(stretches.iter().map(|stretch| {
        let mut codes = [S::Lane::default(); LANES];
        let narrow = |code: i64| S::Lane::from_code(code << raise);
        codes.iter_mut().zip(stretch).for_each(|(lane, code)| *lane = narrow(*code));
        codes
    }));
    let (outputs, _) = output.as_chunks_mut::<LANES>();
    let mut outputs = outputs.iter_mut();
    for elements in gather.elements.chunks_exact(gather.fan_in) {
        for (row, output) in sums.rows().iter().zip(&mut outputs) {
            let found = sums.sum(narrowed, elements, row);
            match sums.unused() {
                Some((unused, unsigned)) => {
                    let reduced = found.iter().map(|sum| sum.reduced(unused, unsigned));
                    output.iter_mut().zip(reduced).for_each(|(output, sum)| *output = sum.to_i64());
                }
                None => {
                    output.iter_mut().zip(found).for_each(|(output, sum)| *output = sum.to_i64())
                }
            }
        }
    }
}

/// Numbers that are negative become 0.
#[inline(always)]
fn relu(input: &[i64], output: &mut [i64]) {
    output.iter_mut().zip(input).for_each(|(output, code)| *output = (*code).max(0));
}

impl<L: Lane> Summed for Sums<L> {
    type Lane = L;
    type Row = Row<L>;

    fn rows(&self) -> &[Row<L>] {
        &self.rows
    }

    fn unused(&self) -> Option<(u32, bool)> {
        self.unused
    }

    #[inline(always)]
    fn sum(&self, input: &[[L; LANES]], elements: &[u32], row: &Row<L>) -> [L; LANES] {
        let step = &self.step;
        let drop = step.drop;
        let [always, negative, odd] = step.add;
        let none = L::default();
        let (window, terms) = ((input, elements), row.terms.as_slice());
        let mut sums = [row.bias; LANES];
        match step.clamp {
            None if drop == 0 => {
                add(&mut sums, window, terms, |sum, code, weight| sum.plus(code.times(weight)));
            }
            None if negative == none && odd == none => {
                add(&mut sums, window, terms, |sum, code, weight| {
                    sum.plus(code.times(weight).plus(always).shifted(drop))
                })
            }
            None => add(&mut sums, window, terms, |sum, code, weight| {
                sum.plus(rounded(code.times(weight), step))
            }),
            Some((low, high)) if step.fits && negative == none && odd == none => {
                add(&mut sums, window, terms, |sum, code, weight| {
                    sum.plus(code.times(weight).plus(always).shifted(drop)).clamp(low, high)
                });
            }
            Some((low, high)) => add(&mut sums, window, terms, |sum, code, weight| {
                let product = rounded(code.times(weight), step).clamp(low, high);
                sum.plus(product).clamp(low, high)
            }),
        }
        sums
    }
}

#[inline(always)]
fn rounded<L: Lane>(product: L, step: &Step<L>) -> L {
    let [always, negative, odd] = step.add;
    let add = always.plus(product.sign().and(negative)).plus(product.shifted(step.drop).and(odd));
    product.plus(add).shifted(step.drop)
}

/// A layer's input, and where in it those of a window lie.
type Window<'a, L> = (&'a [[L; LANES]], &'a [u32]);

/// Adds terms, which are an input of the window and its weight each, to the sums of all lanes.
#[inline(always)]
fn add<L: Lane, W: Copy>(
    sums: &mut [L; LANES],
    (input, elements): Window<'_, L>,
    terms: &[(u32, W)],
    add: impl Fn(L, L, W) -> L,
) {
    for &(place, weight) in terms {
        let element = elements[place as usize];
        if element == PADDING {
            continue;
        }
        let codes = &input[element as usize];
        for lane in 0..LANES {
            sums[lane] = add(sums[lane], codes[lane], weight);
        }
    }
}
