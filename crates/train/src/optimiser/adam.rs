use super::{Rule, state};
use crate::kernel::run_loops;

const FIRST: f32 = 0.9;
const SECOND: f32 = 0.999;
const EPSILON: f32 = 1e-7;

/// w -= rate * (sqrt(1 - second^t) / (1 - first^t) * m / (sqrt(v) + epsilon) + decay * w), as Keras has it.
#[derive(Debug, Default)]
pub(super) struct Adam {
    /// Share of each weight that a learning rate of 1 takes off.
    weight_decay: f64,
    steps: i32,
    rate: f32,
    /// The present step's.
    decay: f32,
    means: Vec<Vec<f32>>,
    squares: Vec<Vec<f32>>,
}

impl Adam {
    pub(super) fn new(weight_decay: f64) -> Self {
        Self { weight_decay, ..Self::default() }
    }
}

impl Rule for Adam {
    fn begin(&mut self, learning_rate: f64) {
        self.steps = self.steps.saturating_add(1);
        let second = 1.0 - f64::from(SECOND).powi(self.steps);
        let first = 1.0 - f64::from(FIRST).powi(self.steps);
        self.rate = (learning_rate * second.sqrt() / first) as f32;
        self.decay = (learning_rate * self.weight_decay) as f32;
    }

    fn update(&mut self, array: usize, weights: &mut [f32], gradient: &[f32]) {
        let means = state(&mut self.means, array, weights.len());
        let squares = state(&mut self.squares, array, weights.len());
        let (rate, decay) = (self.rate, self.decay);
        run_loops!({
            let slopes = weights.iter_mut().zip(gradient);
            let moments = means.iter_mut().zip(squares.iter_mut());
            for ((weight, &slope), (mean, square)) in slopes.zip(moments) {
                *mean += (slope - *mean) * (1.0 - FIRST);
                *square += (slope * slope - *square) * (1.0 - SECOND);
                *weight -= rate * *mean / (square.sqrt() + EPSILON) + decay * *weight;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keras' recurrence, written out in double precision, for a gradient that changes sign.
    #[test]
    fn follows_the_recurrence() {
        [0.0, 0.1].into_iter().for_each(follows);
    }

    fn follows(decay: f64) {
        let mut adam = Adam::new(decay);
        let mut weights = [1.0f32];
        let (mut w, mut m, mut v) = (1.0f64, 0.0, 0.0);
        for t in 1..=20 {
            let g = (f64::from(t) * 0.7).sin();
            adam.begin(0.01);
            adam.update(0, &mut weights, &[g as f32]);
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let rate = 0.01 * (1.0 - 0.999f64.powi(t)).sqrt() / (1.0 - 0.9f64.powi(t));
            w -= rate * m / (v.sqrt() + 1e-7) + 0.01 * decay * w;
            assert!((f64::from(weights[0]) - w).abs() < 2e-6, "step {t}: {} {w}", weights[0]);
        }
    }
}
