use candle_core::{Result, Tensor};
use handaxe_graph::{Padding, PoolKind, Window};

use crate::node::sliding::Sliding;

/// What lies under a window at each position, `(samples, positions, taps, channels)`, for any stride and padding: `fill`
/// where that is nothing.
pub(super) fn under(window: &Window, x: &Tensor, fill: f32) -> Result<Tensor> {
    let sliding = Sliding::new(window, &x.dims()[1..]);
    let (taps, outputs) = (sliding.taps(), sliding.outputs());
    // The pixel after the last stands for all that are not there.
    let mut pixels = vec![sliding.inputs() as u32; outputs * taps];
    for (position, tap, pixel) in sliding.runs().iter().flat_map(|run| run.taps()) {
        pixels[position * taps + tap] = pixel as u32;
    }
    let (samples, channels) = (x.dim(0)?, x.dim(x.rank() - 1)?);
    let nothing = Tensor::full(fill, (samples, 1, channels), x.device())?;
    let x = Tensor::cat(&[&x.reshape((samples, (), channels))?, &nothing], 1)?;
    let pixels = Tensor::from_vec(pixels, outputs * taps, x.device())?;
    x.index_select(&pixels, 1)?.reshape((samples, outputs, taps, channels))
}

/// Pooling; padding counts neither as a value nor in the mean.
pub(super) fn pool(kind: PoolKind, window: &Window, x: &Tensor) -> Result<Tensor> {
    match kind {
        PoolKind::Max => under(window, x, f32::NEG_INFINITY)?.max(2),
        PoolKind::Average => {
            let counts = under(window, &x.ones_like()?, 0.0)?.sum(2)?.detach();
            under(window, x, 0.0)?.sum(2)?.div(&counts)
        }
    }
}

/// One window over everything.
pub(super) fn pool_all(kind: PoolKind, x: &Tensor) -> Result<Tensor> {
    let spatial = &x.dims()[1..x.rank() - 1];
    pool(kind, &Window::dense(spatial, Padding::Valid), x)
}

/// The elements of each sample at these places, zeros where there is none: `(samples, places)`.
pub(super) fn arrange(places: &[Option<usize>], x: &Tensor) -> Result<Tensor> {
    let x = x.flatten_from(1)?;
    let (samples, elements) = x.dims2()?;
    // The element after the last stands for all zeros.
    let x = Tensor::cat(&[&x, &Tensor::zeros((samples, 1), x.dtype(), x.device())?], 1)?;
    let indices: Vec<u32> = places.iter().map(|place| place.unwrap_or(elements) as u32).collect();
    x.index_select(&Tensor::from_vec(indices, places.len(), x.device())?, 1)
}
