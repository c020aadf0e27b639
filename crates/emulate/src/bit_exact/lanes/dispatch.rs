//! The same loop compiled for several instruction sets, chosen when the program runs.
//!
//! `unsafe` is needed here only: calling a function that was compiled for instructions which the processor may not have. Each call
//! stands behind the test for these instructions. The functions themselves are the safe [`row`](super::row), inlined.
#![allow(
    unsafe_code,
    reason = "calls of functions compiled for instructions that were just detected"
)]

use super::super::LANES;
use super::super::kernel::Row;
use super::{Step, row};

macro_rules! dispatched {
    ($name:ident, $lane:ty) => {
        /// One output channel at one position.
        pub(super) fn $name(
            input: &[[$lane; LANES]],
            elements: &[u32],
            kernel: &Row<$lane>,
            step: &Step<$lane>,
        ) -> [$lane; LANES] {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512(
                    input: &[[$lane; LANES]],
                    elements: &[u32],
                    kernel: &Row<$lane>,
                    step: &Step<$lane>,
                ) -> [$lane; LANES] {
                    row(input, elements, kernel, step)
                }
                #[target_feature(enable = "avx2")]
                fn avx2(
                    input: &[[$lane; LANES]],
                    elements: &[u32],
                    kernel: &Row<$lane>,
                    step: &Step<$lane>,
                ) -> [$lane; LANES] {
                    row(input, elements, kernel, step)
                }
                if is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the processor has the instructions that the function was compiled for.
                    return unsafe { avx512(input, elements, kernel, step) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: as above.
                    return unsafe { avx2(input, elements, kernel, step) };
                }
            }
            row(input, elements, kernel, step)
        }
    };
}

dispatched!(narrow, i32);
dispatched!(wide, i64);
