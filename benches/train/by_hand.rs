//! An MLP with rectifiers, softmax cross-entropy and Adam as one would write it out without autograd: arrays made once,
//! products by ndarray, everything else loops.

use handaxe_data::seeded;
use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, Axis, Zip};
use rand::Rng;
use rand::seq::SliceRandom;

struct Layer {
    kernel: Array2<f32>,
    bias: Array1<f32>,
    by_kernel: Array2<f32>,
    by_bias: Array1<f32>,
    kernel_moments: [Array2<f32>; 2],
    bias_moments: [Array1<f32>; 2],
    output: Array2<f32>,
    slope: Array2<f32>,
}

pub(crate) struct Mlp {
    layers: Vec<Layer>,
    input: Array2<f32>,
    labels: Vec<u32>,
    steps: i32,
}

impl Mlp {
    pub(crate) fn new(widths: &[usize], batch: usize) -> Self {
        let mut random = seeded(1, 1);
        let layers = widths.windows(2).map(|pair| {
            let shape = (pair[0], pair[1]);
            let bound = (6.0 / (pair[0] + pair[1]) as f32).sqrt();
            Layer {
                kernel: Array2::from_shape_simple_fn(shape, || random.random_range(-bound..bound)),
                bias: Array1::zeros(pair[1]),
                by_kernel: Array2::zeros(shape),
                by_bias: Array1::zeros(pair[1]),
                kernel_moments: [Array2::zeros(shape), Array2::zeros(shape)],
                bias_moments: [Array1::zeros(pair[1]), Array1::zeros(pair[1])],
                output: Array2::zeros((batch, pair[1])),
                slope: Array2::zeros((batch, pair[1])),
            }
        });
        let input = Array2::zeros((batch, widths[0]));
        Self { layers: layers.collect(), input, labels: vec![0; batch], steps: 0 }
    }

    /// All whole batches, in a new order; the mean loss.
    pub(crate) fn epoch(&mut self, inputs: &[f32], labels: &[u32]) -> f32 {
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.shuffle(&mut seeded(2, self.steps as u64));
        let (batch, width) = self.input.dim();
        let mut total = 0.0;
        for samples in order.chunks_exact(batch) {
            for (place, &sample) in samples.iter().enumerate() {
                let row = &inputs[sample * width..][..width];
                self.input.row_mut(place).as_slice_mut().unwrap().copy_from_slice(row);
                self.labels[place] = labels[sample];
            }
            total += self.step();
        }
        total / (order.len() / batch) as f32
    }

    fn step(&mut self) -> f32 {
        for place in 0..self.layers.len() {
            let (before, rest) = self.layers.split_at_mut(place);
            let input = before.last().map_or(&self.input, |layer| &layer.output);
            let layer = &mut rest[0];
            layer.output.assign(&layer.bias);
            general_mat_mul(1.0, input, &layer.kernel, 1.0, &mut layer.output);
            if place + 1 < before.len() + rest.len() {
                rest[0].output.mapv_inplace(|value| value.max(0.0));
            }
        }
        let loss = self.slope_of_loss();
        for place in (0..self.layers.len()).rev() {
            let (before, rest) = self.layers.split_at_mut(place);
            let layer = &mut rest[0];
            let input = before.last().map_or(&self.input, |layer| &layer.output);
            general_mat_mul(1.0, &input.t(), &layer.slope, 0.0, &mut layer.by_kernel);
            layer.by_bias.fill(0.0);
            for row in layer.slope.axis_iter(Axis(0)) {
                layer.by_bias += &row;
            }
            if let Some(before) = before.last_mut() {
                general_mat_mul(1.0, &layer.slope, &layer.kernel.t(), 0.0, &mut before.slope);
                Zip::from(&mut before.slope).and(&before.output).for_each(|slope, &output| {
                    *slope = if output > 0.0 { *slope } else { 0.0 };
                });
            }
        }
        self.steps += 1;
        let (first, second) = (1.0 - 0.9f32.powi(self.steps), 1.0 - 0.999f32.powi(self.steps));
        let rate = 1e-3 * second.sqrt() / first;
        for layer in &mut self.layers {
            let [mean, square] = &mut layer.kernel_moments;
            Zip::from(&mut layer.kernel)
                .and(&layer.by_kernel)
                .and(mean)
                .and(square)
                .for_each(|weight, &slope, mean, square| adam(weight, slope, mean, square, rate));
            let [mean, square] = &mut layer.bias_moments;
            Zip::from(&mut layer.bias)
                .and(&layer.by_bias)
                .and(mean)
                .and(square)
                .for_each(|weight, &slope, mean, square| adam(weight, slope, mean, square, rate));
        }
        loss
    }

    /// Softmax cross-entropy: the mean, and (softmax - one-hot) / batch.
    fn slope_of_loss(&mut self) -> f32 {
        let last = self.layers.last_mut().unwrap();
        let share = 1.0 / self.labels.len() as f32;
        let mut loss = 0.0;
        let rows = last.output.outer_iter().zip(last.slope.outer_iter_mut());
        for ((scores, mut slope), &label) in rows.zip(&self.labels) {
            let largest = scores.fold(f32::MIN, |most, &score| most.max(score));
            slope.zip_mut_with(&scores, |slope, score| *slope = (score - largest).exp());
            let sum = slope.sum();
            loss -= (slope[label as usize] / sum).ln() * share;
            slope.mapv_inplace(|value| value / sum * share);
            slope[label as usize] -= share;
        }
        loss
    }
}

fn adam(weight: &mut f32, slope: f32, mean: &mut f32, square: &mut f32, rate: f32) {
    *mean += (slope - *mean) * 0.1;
    *square += (slope * slope - *square) * 0.001;
    *weight -= rate * *mean / (square.sqrt() + 1e-7);
}
