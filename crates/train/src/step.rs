//! One step of training: gradients, regularisers, the optimiser, and the weights that are held.

use candle_core::Tensor;
use handaxe_graph::Masks;
use handaxe_prune::Regularisers;

use crate::node::values::{Operand, change};
use crate::optimiser::Rule;
use crate::{Error, Network};

/// The regularisers on kernels: l1 * sum |w| + l2 * sum w^2, as Keras has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Penalty {
    pub(crate) l1: f32,
    pub(crate) l2: f32,
}

impl Penalty {
    fn is_zero(self) -> bool {
        self.l1 == 0.0 && self.l2 == 0.0
    }

    fn value(self, weights: &[f32]) -> f64 {
        let one: f32 = weights.iter().map(|weight| weight.abs()).sum();
        let two: f32 = weights.iter().map(|weight| weight * weight).sum();
        f64::from(self.l1) * f64::from(one) + f64::from(self.l2) * f64::from(two)
    }

    /// The derivative of |w| at 0 is 0.
    fn add_slope(self, weights: &[f32], gradient: &mut [f32]) {
        for (slope, &weight) in gradient.iter_mut().zip(weights) {
            let sign = f32::from(weight > 0.0) - f32::from(weight < 0.0);
            *slope += self.l1 * sign + 2.0 * self.l2 * weight;
        }
    }
}

/// What a stretch of training must not change, array by array.
pub(crate) struct Held {
    arrays: Vec<HeldArray>,
}

/// What must not change of one array.
#[derive(Default)]
struct HeldArray {
    /// Weights that stay, with the values they have.
    fixed: Vec<(usize, f32)>,
    /// Weights that move as one.
    tied: Vec<Vec<usize>>,
}

impl HeldArray {
    /// Before the optimiser's step. Without a slope no momentum gathers behind a held weight; tied weights have the slope of
    /// the one weight that they are: the sum of theirs.
    fn bind(&self, gradient: &mut [f32]) {
        self.fixed.iter().for_each(|&(index, _)| gradient[index] = 0.0);
        for group in &self.tied {
            let sum = group.iter().map(|&index| gradient[index]).sum();
            group.iter().for_each(|&index| gradient[index] = sum);
        }
    }

    /// After it: whatever else a rule does, held weights keep their bits, and tied ones have the same.
    fn restore(&self, weights: &mut [f32]) {
        self.fixed.iter().for_each(|&(index, value)| weights[index] = value);
        for group in &self.tied {
            let first = group.first().map_or(0.0, |&index| weights[index]);
            group.iter().for_each(|&index| weights[index] = first);
        }
    }
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
        for parameter in network.parameters() {
            let mask = masks.and_then(|masks| masks.get(parameter.layer));
            let (Some(mask), "kernel") = (mask, parameter.name) else {
                arrays.push(HeldArray::default());
                continue;
            };
            let kernel = Operand::new(parameter.var)?;
            let (kernel, keep) = (kernel.values()?, mask.keep());
            if kernel.len() != keep.len() {
                return Err(Error::MaskLength {
                    layer: network.name(parameter.layer).to_owned(),
                    given: keep.len(),
                    expected: kernel.len(),
                });
            }
            let tied = if train_shared { mask.shared().to_vec() } else { Vec::new() };
            let mut free = keep.to_vec();
            tied.iter().flatten().for_each(|&index| free[index] = true);
            let weights = kernel.iter().copied().enumerate().zip(free);
            let fixed = weights.filter(|(_, free)| !free).map(|(held, _)| held).collect();
            arrays.push(HeldArray { fixed, tied });
        }
        Ok(Self { arrays })
    }
}

/// Moves the weights of `network` against `gradients` and the penalties; held weights keep their bits. Returns the
/// penalties before the step.
pub(crate) fn step(
    network: &Network,
    gradients: &[Option<Tensor>],
    (penalty, regularisers): (Penalty, Option<&Regularisers>),
    held: &Held,
    rule: &mut dyn Rule,
) -> Result<f64, Error> {
    let mut paid = 0.0;
    let parameters = network.parameters();
    let arrays = parameters.iter().zip(gradients).zip(&held.arrays);
    for (array, ((parameter, gradient), held)) in arrays.enumerate() {
        let penalised = parameter.name == "kernel" && !penalty.is_zero();
        let mut gradient = match gradient {
            Some(gradient) => gradient.flatten_all()?.to_vec1::<f32>()?,
            None => vec![0.0; parameter.var.elem_count()],
        };
        change(parameter.var, |weights| {
            if penalised {
                paid += penalty.value(weights);
                penalty.add_slope(weights, &mut gradient);
            }
            let regulariser = regularisers.and_then(|all| all.get(&parameter.layer));
            if let Some(regulariser) = regulariser.filter(|_| parameter.name == "kernel") {
                paid += regulariser.add_slope(weights, &mut gradient);
            }
            held.bind(&mut gradient);
            rule.update(array, weights, &gradient);
            held.restore(weights);
        })?;
    }
    Ok(paid)
}
