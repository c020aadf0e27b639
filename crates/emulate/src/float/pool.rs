use handaxe_graph::{PoolKind, Window};

use super::Sample;
use super::window::Taps;

pub(super) fn pool(
    kind: PoolKind,
    window: &Window,
    input: Sample<'_>,
    shape: &[usize],
    output: &mut [f32],
) {
    let channels = input.channels();
    let mut pools = vec![Pool::new(kind); output.len()];
    Taps::new(window, input.shape, shape).visit(|position, _, element| {
        let values = &input.values[element * channels..(element + 1) * channels];
        let pools = &mut pools[position * channels..(position + 1) * channels];
        pools.iter_mut().zip(values).for_each(|(pool, &value)| pool.take(value));
    });
    output.iter_mut().zip(&pools).for_each(|(output, pool)| *output = pool.value());
}

pub(super) fn global(kind: PoolKind, input: Sample<'_>, output: &mut [f32]) {
    let mut pools = vec![Pool::new(kind); input.channels()];
    for values in input.values.chunks_exact(input.channels()) {
        pools.iter_mut().zip(values).for_each(|(pool, &value)| pool.take(value));
    }
    output.iter_mut().zip(&pools).for_each(|(output, pool)| *output = pool.value());
}

/// The values seen so far; padding is not among them.
#[derive(Clone)]
enum Pool {
    Max(f32),
    Average(f64, u32),
}

impl Pool {
    fn new(kind: PoolKind) -> Self {
        match kind {
            PoolKind::Max => Self::Max(f32::NEG_INFINITY),
            PoolKind::Average => Self::Average(0.0, 0),
        }
    }

    fn take(&mut self, value: f32) {
        match self {
            Self::Max(most) => *most = most.max(value),
            Self::Average(sum, count) => {
                *sum += f64::from(value);
                *count += 1;
            }
        }
    }

    fn value(&self) -> f32 {
        match self {
            Self::Max(most) => *most,
            Self::Average(sum, count) => (sum / f64::from((*count).max(1))) as f32,
        }
    }
}
