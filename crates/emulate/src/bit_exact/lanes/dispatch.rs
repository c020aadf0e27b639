//! The same loops compiled for several instruction sets, chosen when the program runs.
//!
//! `unsafe` is needed here only: calling a function that was compiled for instructions which the processor may not have. Each call
//! stands behind the test for these instructions. What is called are safe functions, inlined.
#![allow(
    unsafe_code,
    reason = "calls of functions compiled for instructions that were just detected"
)]

use super::super::LANES;
use super::super::cast::{Cast, Reading};
use super::super::kernel::Gather;
use super::high::HighSums;
use super::{Sums, layer};

macro_rules! dispatched {
    ($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) = $body:expr) => {
        $(#[$doc])*
        pub(in super::super) fn $name($($argument: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($argument: $type),*) {
                    $body($($argument),*);
                }
                #[target_feature(enable = "avx2")]
                fn avx2($($argument: $type),*) {
                    $body($($argument),*);
                }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the processor has the instructions that the function was compiled for.
                    return unsafe { avx512($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: as above.
                    return unsafe { avx2($($argument),*) };
                }
            }
            $body($($argument),*);
        }
    };
}

dispatched!(
    /// The sums of a layer in 16 bits, of high halves of products.
    high(sums: &HighSums, gather: &Gather, input: &[i64], output: &mut [i64], narrowed: &mut Vec<[i16; LANES]>) = layer
);
dispatched!(
    /// The sums of a layer in 16 bits.
    short(sums: &Sums<i16>, gather: &Gather, input: &[i64], output: &mut [i64], narrowed: &mut Vec<[i16; LANES]>) = layer
);
dispatched!(
    /// The sums of a layer in 32 bits.
    narrow(sums: &Sums<i32>, gather: &Gather, input: &[i64], output: &mut [i64], narrowed: &mut Vec<[i32; LANES]>) = layer
);
dispatched!(
    /// The sums of a layer in 64 bits.
    wide(sums: &Sums<i64>, gather: &Gather, input: &[i64], output: &mut [i64], narrowed: &mut Vec<[i64; LANES]>) = layer
);
dispatched!(
    /// A cast of all codes.
    cast(cast: &Cast, codes: &mut [i64]) = Cast::each
);
dispatched!(
    /// Codes of numbers, if they are in range.
    read(reading: &Reading, values: &[f32; LANES], output: &mut [i64], fits: &mut bool) = Reading::quick
);
dispatched!(
    /// Negative numbers become 0.
    relu(input: &[i64], output: &mut [i64]) = super::relu
);

#[cfg(test)]
mod tests {
    use handaxe_fixed::{FixedType, Precision};

    use super::super::super::kernel::{PADDING, Row};
    use super::super::{Lanes, Scratch};
    use super::*;

    const FRACTION: i32 = 20;

    fn rows(most: i64) -> [Row<i64>; 2] {
        let terms = |first: i64| {
            let weight = |place| (first + 7919 * i64::from(place)) % (2 * most) - most;
            (0..9).map(|place| (place, weight(place))).collect()
        };
        [Row { bias: -77, terms: terms(0) }, Row { bias: 5, terms: terms(1000) }]
    }

    /// As it is written in C++.
    fn steps(rows: &[Row<i64>], gather: &Gather, input: &[i64], accum: &FixedType) -> Vec<i64> {
        let mut sums = Vec::new();
        for elements in gather.elements.chunks(9) {
            for row in rows {
                sums.extend((0..LANES).map(|lane| {
                    let seen = row.terms.iter().filter(|term| elements[term.0 as usize] != PADDING);
                    seen.fold(row.bias, |sum, &(place, weight)| {
                        let code = input[elements[place as usize] as usize * LANES + lane];
                        accum.cast(sum + accum.cast(code * weight, FRACTION), accum.fraction())
                    })
                }));
            }
        }
        sums
    }

    /// What the processor's instructions give is what the plain loops and the steps in the accumulator's type give.
    #[test]
    fn dispatched_loops_give_the_same_bits() {
        let elements = (0..27).map(|place| if place == 4 { PADDING } else { place }).collect();
        let gather = Gather { fan_in: 9, elements };
        let mut kinds = [false; 4];
        for (accum, most, inputs) in [
            ("ap_fixed<16,6,AP_RND_CONV,AP_SAT>", 600, 1 << 15),
            ("ap_fixed<16,6>", 2_000, 1 << 15),
            ("ap_fixed<16,6,AP_RND>", 200, 1 << 15),
            ("ap_fixed<16,6>", 30, 1 << 9),
            ("ap_fixed<11,3>", 600, 1 << 12),
            ("ap_ufixed<9,2,AP_RND>", 60, 1 << 12),
            ("ap_fixed<12,8>", 30_000, 1 << 15),
            ("ap_fixed<13,-7>", 10, 1 << 10),
            ("ap_fixed<40,20>", 30_000, 1 << 15),
        ] {
            let Ok(Precision::Fixed(accum)) = accum.parse() else { panic!("{accum}") };
            let rows = rows(most);
            let input: Vec<i64> = (0..27 * LANES as i64)
                .map(|place| place * 104_729 % (2 * inputs) - inputs)
                .collect();
            let Some(lanes) = Lanes::new(&rows, (-inputs, inputs - 1), FRACTION, &accum) else {
                panic!("no lanes for {accum}")
            };
            let (mut fast, mut plain) = (vec![0; 6 * LANES], vec![0; 6 * LANES]);
            lanes.run(&gather, &input, &mut fast, &mut Scratch::default());
            kinds[match &lanes {
                Lanes::High(sums) => {
                    layer(sums, &gather, &input, &mut plain, &mut Vec::new());
                    0
                }
                Lanes::Short(sums) => {
                    layer(sums, &gather, &input, &mut plain, &mut Vec::new());
                    1
                }
                Lanes::Narrow(sums) => {
                    layer(sums, &gather, &input, &mut plain, &mut Vec::new());
                    2
                }
                Lanes::Wide(sums) => {
                    layer(sums, &gather, &input, &mut plain, &mut Vec::new());
                    3
                }
            }] = true;
            assert_eq!(fast, plain, "{accum}");
            assert_eq!(fast, steps(&rows, &gather, &input, &accum), "{accum}");
            let cast = Cast::new(accum.width, accum.fraction(), FixedType { width: 9, ..accum });
            cast.all(&mut fast);
            cast.each(&mut plain);
            assert_eq!(fast, plain, "{accum}");
            let mut rectified = vec![0; plain.len()];
            relu(&plain, &mut rectified);
            assert!(rectified.iter().zip(&plain).all(|(y, x)| *y == (*x).max(0)));
        }
        assert_eq!(kinds, [true; 4]);
    }
}
