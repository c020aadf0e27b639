//! Whole runs of the facade on small data.
#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

mod aborts;
mod advice;
mod budget;
mod layers;
mod precision;
mod rankings;
mod reduction;
mod search;
mod stops;

use handaxe::prelude::*;
use handaxe::run::Settings;

/// Four classes by quadrant of the plane, told by eight noisy readings.
fn parts() -> Parts {
    let mut state = 1u64;
    let mut draw = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..400 {
        let (x, y) = (draw(), draw());
        values.extend((0..8).map(|place| if place % 2 == 0 { x } else { y } + 0.3 * draw()));
        labels.push(2 * u32::from(x > 0.0) + u32::from(y > 0.0));
    }
    let inputs = Tensor::new(vec![400, 8], values).unwrap();
    let data = Dataset::new(vec![inputs], Targets::classes(labels, 4).unwrap()).unwrap();
    Parts::split(&data, 0.2, 0.2, 1).unwrap()
}

fn training() -> TrainSettings {
    TrainSettings { seed: 5, learning_rate: 5e-3, ..TrainSettings::default() }
}

/// A trained network of two hidden layers.
fn network() -> Model {
    train("dense:12,relu,dense:8,relu,dense:4,softmax", &parts(), &training(), 8).unwrap()
}

fn settings() -> Settings {
    Settings { epochs: 3, rtol: Some(0.3), ..Settings::default() }
}

fn optimize(model: &Model) -> Optimize {
    Optimize::new(model.clone(), parts()).training(training()).settings(settings()).steps(2)
}
