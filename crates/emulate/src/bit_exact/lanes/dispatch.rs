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
    use super::super::super::kernel::{PADDING, Row};
    use super::super::{Lanes, Scratch};
    use super::*;

    /// What the processor's instructions give is what the plain loops give.
    #[test]
    fn dispatched_loops_give_the_same_bits() {
        let Ok(handaxe_fixed::Precision::Fixed(accum)) =
            "ap_fixed<16,6,AP_RND_CONV,AP_SAT>".parse()
        else {
            panic!()
        };
        let terms: Vec<(u32, i64)> =
            (0..9).map(|place| (place, 7919 * i64::from(place) % 1201 - 600)).collect();
        let rows = [Row { bias: -77, terms: terms.clone() }, Row { bias: 5, terms }];
        let elements = (0..27).map(|place| if place == 4 { PADDING } else { place }).collect();
        let gather = Gather { fan_in: 9, elements };
        let input: Vec<i64> =
            (0..27 * LANES as i64).map(|place| place * 104_729 % 65_536 - 32_768).collect();
        let Some(lanes) = Lanes::new(&rows, (-32_768, 32_767), 20, &accum) else {
            panic!("no lanes")
        };
        let (mut fast, mut plain) = (vec![0; 6 * LANES], vec![0; 6 * LANES]);
        lanes.run(&gather, &input, &mut fast, &mut Scratch::default());
        match &lanes {
            Lanes::Short(sums) => layer(sums, &gather, &input, &mut plain, &mut Vec::new()),
            Lanes::Narrow(sums) => layer(sums, &gather, &input, &mut plain, &mut Vec::new()),
            Lanes::Wide(sums) => layer(sums, &gather, &input, &mut plain, &mut Vec::new()),
        }
        assert_eq!(fast, plain);
        let cast = Cast::new(16, 12, accum);
        cast.all(&mut fast);
        cast.each(&mut plain);
        assert_eq!(fast, plain);
        let mut rectified = vec![0; plain.len()];
        relu(&plain, &mut rectified);
        assert!(rectified.iter().zip(&plain).all(|(y, x)| *y == (*x).max(0)));
    }
}
