use super::{Rule, state};
use crate::kernel::run_loops;

/// velocity = momentum * velocity - rate * gradient; w += velocity, as Keras has it.
#[derive(Debug)]
pub(super) struct Sgd {
    momentum: f32,
    rate: f32,
    velocities: Vec<Vec<f32>>,
}

impl Sgd {
    pub(super) fn new(momentum: f32) -> Self {
        Self { momentum, rate: 0.0, velocities: Vec::new() }
    }
}

impl Rule for Sgd {
    fn begin(&mut self, learning_rate: f64) {
        self.rate = learning_rate as f32;
    }

    fn update(&mut self, array: usize, weights: &mut [f32], gradient: &[f32]) {
        let velocities = state(&mut self.velocities, array, weights.len());
        let (momentum, rate) = (self.momentum, self.rate);
        run_loops!({
            let slopes = weights.iter_mut().zip(gradient);
            for ((weight, slope), velocity) in slopes.zip(velocities.iter_mut()) {
                *velocity = momentum * *velocity - rate * slope;
                *weight += *velocity;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_share_of_the_last_step() {
        let mut sgd = Sgd::new(0.5);
        sgd.begin(0.25);
        let mut weights = [1.0];
        sgd.update(0, &mut weights, &[1.0]);
        assert_eq!(weights, [0.75]);
        sgd.update(0, &mut weights, &[0.0]);
        assert_eq!(weights, [0.625]);
    }
}
