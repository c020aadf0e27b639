//! One step of training: gradients, regularisers, the optimiser, and the weights that are held.

use candle_core::Tensor;
use handaxe_graph::{LayerId, Masks};
use handaxe_prune::Regularisers;

use crate::kernel::run_loops;
use crate::node::values::{Operand, change};
use crate::optimiser::Rule;
use crate::{Error, Network, Settings};

/// The regularisers on kernels: l1 * sum |w| + l2 * sum w^2, as Keras has them.
#[derive(Debug, Clone, Copy)]
struct Penalty {
    l1: f32,
    l2: f32,
}

/// Sums that are taken side by side: each waits for the one before.
const SUMS: usize = 32;

impl Penalty {
    fn is_zero(self) -> bool {
        self.l1 == 0.0 && self.l2 == 0.0
    }

    /// Adds the penalty's slope, which for |w| is 0 at 0; the penalty.
    fn pull(self, weights: &[f32], gradient: &mut [f32]) -> f64 {
        let (mut ones, mut twos) = ([0.0f32; SUMS], [0.0f32; SUMS]);
        run_loops!({
            for (weights, slopes) in weights.chunks(SUMS).zip(gradient.chunks_mut(SUMS)) {
                let sums = ones.iter_mut().zip(&mut twos);
                for (((one, two), slope), &weight) in sums.zip(slopes).zip(weights) {
                    let sign = if weight < 0.0 { -1.0 } else { 1.0 };
                    let sign = if weight == 0.0 { 0.0 } else { sign };
                    *one += weight.abs();
                    *two += weight * weight;
                    *slope += self.l1 * sign + 2.0 * self.l2 * weight;
                }
            }
        });
        let sum = |sums: [f32; SUMS]| sums.into_iter().map(f64::from).sum::<f64>();
        f64::from(self.l1) * sum(ones) + f64::from(self.l2) * sum(twos)
    }
}

/// What is paid for kernels beside the loss.
pub(crate) struct Penalties<'a> {
    norms: Penalty,
    regularisers: Option<&'a Regularisers>,
    scratch: Vec<f32>,
}

impl<'a> Penalties<'a> {
    pub(crate) fn new(settings: &Settings, regularisers: Option<&'a Regularisers>) -> Self {
        let norms = Penalty { l1: settings.l1 as f32, l2: settings.l2 as f32 };
        Self { norms, regularisers, scratch: Vec::new() }
    }

    /// Adds the slopes of a layer's kernel; its penalties.
    fn pull(&mut self, layer: LayerId, weights: &[f32], gradient: &mut [f32]) -> f64 {
        let mut paid = 0.0;
        if !self.norms.is_zero() {
            paid += self.norms.pull(weights, gradient);
        }
        if let Some(regulariser) = self.regularisers.and_then(|all| all.get(&layer)) {
            paid += regulariser.add_slope(weights, gradient, &mut self.scratch);
        }
        paid
    }
}

/// What a stretch of training must not change, array by array.
pub(crate) struct Held {
    arrays: Vec<Option<HeldArray>>,
}

/// What must not change of one array.
struct HeldArray {
    /// All bits where the weight moves, none where it is held.
    free: Vec<u32>,
    /// What held weights are; of the others, what they were.
    values: Vec<f32>,
    /// Weights that move as one.
    tied: Vec<Vec<usize>>,
}

impl Held {
    /// The weights that `masks` do not keep free, as they are now; those that share a value are tied instead where that is
    /// to be trained.
    pub(crate) fn new(
        network: &Network,
        masks: Option<&Masks>,
        train_shared: bool,
    ) -> Result<Self, Error> {
        let mut arrays = Vec::new();
        for parameter in &network.parameters {
            let mask = masks.and_then(|masks| masks.get(parameter.layer));
            let (Some(mask), "kernel") = (mask, parameter.name) else {
                arrays.push(None);
                continue;
            };
            let kernel = Operand::new(&parameter.var)?;
            let (kernel, keep) = (kernel.values()?, mask.keep());
            if kernel.len() != keep.len() {
                return Err(Error::MaskLength {
                    layer: network.name(parameter.layer).to_owned(),
                    given: keep.len(),
                    expected: kernel.len(),
                });
            }
            let tied = if train_shared { mask.shared().to_vec() } else { Vec::new() };
            let mut free: Vec<u32> =
                keep.iter().map(|&keep| if keep { u32::MAX } else { 0 }).collect();
            tied.iter().flatten().for_each(|&index| free[index] = u32::MAX);
            arrays.push(Some(HeldArray { free, values: kernel.to_vec(), tied }));
        }
        Ok(Self { arrays })
    }
}

impl HeldArray {
    /// Before the optimiser's step. Without a slope no momentum gathers behind a held weight; tied weights have the slope of
    /// the one weight that they are: the sum of theirs.
    fn bind(&self, gradient: &mut [f32]) {
        run_loops!({
            for (slope, free) in gradient.iter_mut().zip(&self.free) {
                *slope = f32::from_bits(slope.to_bits() & free);
            }
        });
        for group in &self.tied {
            let sum = group.iter().map(|&index| gradient[index]).sum();
            group.iter().for_each(|&index| gradient[index] = sum);
        }
    }

    /// After it: whatever else a rule does, held weights keep their bits, and tied ones have the same.
    fn restore(&self, weights: &mut [f32]) {
        run_loops!({
            for ((weight, value), free) in weights.iter_mut().zip(&self.values).zip(&self.free) {
                *weight = f32::from_bits((weight.to_bits() & free) | (value.to_bits() & !free));
            }
        });
        for group in &self.tied {
            let first = group.first().map_or(0.0, |&index| weights[index]);
            group.iter().for_each(|&index| weights[index] = first);
        }
    }
}

/// Moves the weights of `network` against `gradients` and the penalties; held weights keep their bits. Returns the
/// penalties before the step.
pub(crate) fn step(
    network: &Network,
    gradients: Vec<Option<Tensor>>,
    penalties: &mut Penalties<'_>,
    held: &Held,
    rule: &mut dyn Rule,
) -> Result<f64, Error> {
    let mut paid = 0.0;
    let arrays = network.parameters.iter().zip(gradients).zip(&held.arrays);
    for (array, ((parameter, gradient), held)) in arrays.enumerate() {
        let is_kernel = parameter.name == "kernel";
        let mut gradient = match gradient {
            Some(gradient) => network.memory.reclaim(gradient)?,
            None => network.memory.zeros(parameter.var.elem_count()),
        };
        change(&parameter.var, |weights| {
            if is_kernel {
                paid += penalties.pull(parameter.layer, weights, &mut gradient);
            }
            if let Some(held) = held {
                held.bind(&mut gradient);
            }
            rule.update(array, weights, &gradient);
            if let Some(held) = held {
                held.restore(weights);
            }
        })?;
        network.memory.give(gradient);
    }
    Ok(paid)
}
