//! The same networks as candle's own layers, losses and optimiser have them.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::{
    AdamW, BatchNorm, BatchNormConfig, Conv2d, Linear, Module, ModuleT, Optimizer, VarBuilder,
    VarMap, batch_norm, conv2d, linear, loss::cross_entropy,
};
use handaxe_data::seeded;
use rand::seq::SliceRandom;

use super::Noise;

/// Data and an optimiser over all variables.
struct Training {
    inputs: Tensor,
    labels: Tensor,
    optimiser: AdamW,
}

impl Training {
    fn new(noise: &Noise, vars: Vec<Var>) -> Self {
        let shape = [&[noise.labels.len()], &noise.shape[..]].concat();
        let inputs = Tensor::from_slice(&noise.inputs, shape, &Device::Cpu).unwrap();
        let labels = Tensor::from_slice(&noise.labels, noise.labels.len(), &Device::Cpu).unwrap();
        Self { inputs, labels, optimiser: AdamW::new_lr(vars, 1e-3).unwrap() }
    }

    fn epoch(&mut self, batch: usize, forward: impl Fn(&Tensor) -> Tensor) {
        let mut order: Vec<u32> = (0..self.labels.elem_count() as u32).collect();
        order.shuffle(&mut seeded(2, 0));
        for samples in order.chunks(batch) {
            let samples = Tensor::from_slice(samples, samples.len(), &Device::Cpu).unwrap();
            let inputs = self.inputs.index_select(&samples, 0).unwrap();
            let labels = self.labels.index_select(&samples, 0).unwrap();
            let loss = cross_entropy(&forward(&inputs), &labels).unwrap();
            self.optimiser.backward_step(&loss).unwrap();
        }
    }
}

pub(crate) struct Mlp {
    layers: Vec<Linear>,
    training: Training,
}

impl Mlp {
    pub(crate) fn new(widths: &[usize], noise: &Noise) -> Self {
        let vars = VarMap::new();
        let builder = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
        let layer = |(place, pair): (usize, &[usize])| {
            linear(pair[0], pair[1], builder.pp(format!("fc{place}"))).unwrap()
        };
        let layers = widths.windows(2).enumerate().map(layer).collect();
        Self { layers, training: Training::new(noise, vars.all_vars()) }
    }

    pub(crate) fn epoch(&mut self, batch: usize) {
        let layers = &self.layers;
        self.training.epoch(batch, |inputs| through(layers, inputs));
    }
}

/// Dense layers with rectifiers between them.
fn through(layers: &[Linear], inputs: &Tensor) -> Tensor {
    let [hidden @ .., last] = layers else { return inputs.clone() };
    let hidden =
        hidden.iter().fold(inputs.clone(), |x, layer| layer.forward(&x).unwrap().relu().unwrap());
    last.forward(&hidden).unwrap()
}

pub(crate) struct Cnn {
    convolutions: Vec<(Conv2d, BatchNorm)>,
    layers: Vec<Linear>,
    training: Training,
}

impl Cnn {
    pub(crate) fn new(noise: &Noise) -> Self {
        let vars = VarMap::new();
        let builder = VarBuilder::from_varmap(&vars, DType::F32, &Device::Cpu);
        let block = |(place, &(channels, filters)): (usize, &(usize, usize))| {
            let builder = builder.pp(format!("conv{place}"));
            let config = BatchNormConfig { eps: 1e-3, ..BatchNormConfig::default() };
            let convolution =
                conv2d(channels, filters, 3, Default::default(), builder.pp("conv")).unwrap();
            (convolution, batch_norm(filters, config, builder.pp("norm")).unwrap())
        };
        let convolutions = [(3, 16), (16, 16), (16, 24)].iter().enumerate().map(block).collect();
        let layer = |(place, &(inputs, units)): (usize, &(usize, usize))| {
            linear(inputs, units, builder.pp(format!("fc{place}"))).unwrap()
        };
        let layers = [(96, 42), (42, 64), (64, 10)].iter().enumerate().map(layer).collect();
        Self { convolutions, layers, training: Training::new(noise, vars.all_vars()) }
    }

    /// candle wants channels first.
    pub(crate) fn epoch(&mut self, batch: usize) {
        let Self { convolutions, layers, training } = self;
        training.epoch(batch, |inputs| {
            let inputs = inputs.permute((0, 3, 1, 2)).unwrap().contiguous().unwrap();
            let features = convolutions.iter().fold(inputs, |x, (convolution, norm)| {
                let x = norm.forward_t(&convolution.forward(&x).unwrap(), true).unwrap();
                x.relu().unwrap().max_pool2d(2).unwrap()
            });
            through(layers, &features.flatten_from(1).unwrap())
        });
    }
}
