//! A small trained network for the examples: four classes by the quadrant of the mean of noisy points.

use handaxe::prelude::*;

/// Data drawn from a fixed seed, and a network trained on them.
pub(crate) fn trained_network() -> Result<(Model, Parts, TrainSettings), Error> {
    let mut state = 1u64;
    let mut draw = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..1200 {
        let (x, y) = (draw(), draw());
        values.extend((0..8).map(|place| if place % 2 == 0 { x } else { y } + 0.5 * draw()));
        labels.push(2 * u32::from(x > 0.0) + u32::from(y > 0.0));
    }
    let inputs = vec![Tensor::new(vec![1200, 8], values)?];
    let data = Dataset::new(inputs, Targets::classes(labels, 4)?)?;
    let parts = Parts::split(&data, 0.2, 0.2, 1)?;
    let training = TrainSettings { seed: 1, ..TrainSettings::default() };
    let model = train("dense:32,relu,dense:16,relu,dense:4,softmax", &parts, &training, 10)?;
    Ok((model, parts, training))
}
