//! The loops in which training spends its time, over slices, on the widest vectors that the processor has.
//!
//! [`pulp`] compiles each loop for several instruction sets and picks one when the program runs; its vectors are safe
//! to use, so that nothing here is `unsafe`. Sums are taken in an order that depends on shapes and on the processor only,
//! never on the number of threads: what threads share out is cut into pieces of a fixed size.

pub(crate) mod beside;
pub(crate) mod chunks;
pub(crate) mod columns;
pub(crate) mod depthwise;
pub(crate) mod elements;
pub(crate) mod outer;
pub(crate) mod pooling;
pub(crate) mod product;
pub(crate) mod workspace;

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

static ARCH: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Runs a loop on the widest vectors there are.
pub(crate) fn run<T: WithSimd>(operation: T) -> T::Output {
    ARCH.dispatch(operation)
}

/// Plain loops, of which the compiler makes vectors.
pub(crate) struct Loops<F>(pub(crate) F);

impl<F: FnMut()> WithSimd for Loops<F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) {
        (self.0)();
    }
}

/// Runs loops on the widest vectors there are. A closure is compiled for these only where it is inlined for certain: one
/// that is marked so, and not called through `FnOnce`, whose shim is not.
macro_rules! run_loops {
    ($loops:expr) => {
        $crate::kernel::run($crate::kernel::Loops(
            #[inline(always)]
            || $loops,
        ))
    };
}

pub(crate) use run_loops;

/// Where the rows of a matrix start in a slice.
pub(crate) trait Rows: Copy {
    fn start(self, row: usize) -> usize;
}

/// Rows one after the other, so many elements each.
#[derive(Clone, Copy)]
pub(crate) struct Every(pub(crate) usize);

impl Rows for Every {
    #[inline(always)]
    fn start(self, row: usize) -> usize {
        row * self.0
    }
}

impl Rows for &[usize] {
    #[inline(always)]
    fn start(self, row: usize) -> usize {
        self[row]
    }
}

/// Reads a whole vector.
#[inline(always)]
fn load<S: Simd>(simd: S, from: &[f32]) -> S::f32s {
    match S::as_simd_f32s(from).0 {
        [first, ..] => *first,
        [] => simd.partial_load_f32s(from),
    }
}

/// Writes as much of a vector as fits.
#[inline(always)]
fn store<S: Simd>(simd: S, to: &mut [f32], vector: S::f32s) {
    if let Some(to) = to.get_mut(..S::F32_LANES) {
        if let [first, ..] = S::as_mut_simd_f32s(to).0 {
            *first = vector;
        }
    } else {
        simd.partial_store_f32s(to, vector);
    }
}

#[cfg(test)]
mod tests {
    use pulp::Arch;

    /// What loops are compiled for, as far as this processor has it.
    pub(super) fn every_processor() -> Vec<Arch> {
        #[cfg(target_arch = "x86_64")]
        let narrower = pulp::x86::V3::try_new().map(Arch::V3);
        #[cfg(not(target_arch = "x86_64"))]
        let narrower = None;
        [Arch::Scalar, Arch::new()].into_iter().chain(narrower).collect()
    }

    /// Numbers in -1..1.
    pub(super) fn noise(count: usize) -> Vec<f32> {
        (0..count).map(|index| (index * 7919 % 211) as f32 / 105.5 - 1.0).collect()
    }
}
