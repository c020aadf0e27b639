use std::collections::BTreeMap;

use crate::{Error, LayerId, Model};

/// Which weights of one kernel are free, and what the others are held at.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    keep: Vec<bool>,
    offset: BTreeMap<usize, f32>,
    shared: Vec<Vec<usize>>,
}

impl Mask {
    /// A mask over a kernel, row-major: `true` keeps a weight free, `false` holds it at 0.
    pub fn new(keep: Vec<bool>) -> Self {
        Self { keep, offset: BTreeMap::new(), shared: Vec::new() }
    }

    /// Holds the weight at `index` at `value`.
    pub fn hold(&mut self, index: usize, value: f32) {
        self.keep[index] = false;
        self.offset.insert(index, value);
    }

    /// Holds the weights at `members` at one value that they share.
    pub fn share(&mut self, members: Vec<usize>, value: f32) {
        members.iter().for_each(|&index| self.hold(index, value));
        self.shared.push(members);
    }

    /// The groups of weights that share a value, by their indices.
    pub fn shared(&self) -> &[Vec<usize>] {
        &self.shared
    }

    /// For each weight, row-major, whether it is free.
    pub fn keep(&self) -> &[bool] {
        &self.keep
    }

    /// The share of weights held at 0, in `0.0..=1.0`.
    pub fn sparsity(&self) -> f64 {
        let zeros = self.keep.iter().filter(|&&keep| !keep).count() - self.offset.len();
        zeros as f64 / self.keep.len().max(1) as f64
    }

    /// The value that the weight at `index` is held at, if it is held.
    pub fn held(&self, index: usize) -> Option<f32> {
        (!self.keep[index]).then(|| self.offset.get(&index).copied().unwrap_or(0.0))
    }

    /// W := W * mask + offset. Free weights keep their bits.
    pub fn apply(&self, kernel: &mut [f32]) {
        for (weight, keep) in kernel.iter_mut().zip(&self.keep) {
            if !keep {
                *weight = 0.0;
            }
        }
        for (&index, &value) in &self.offset {
            kernel[index] = value;
        }
    }
}

/// Masks of the layers that are masked at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Masks {
    layers: BTreeMap<LayerId, Mask>,
}

impl Masks {
    /// Adds or replaces a layer's mask.
    pub fn insert(&mut self, layer: LayerId, mask: Mask) {
        self.layers.insert(layer, mask);
    }

    /// The mask of a layer, if it has one.
    pub fn get(&self, layer: LayerId) -> Option<&Mask> {
        self.layers.get(&layer)
    }

    /// All masked layers.
    pub fn iter(&self) -> impl Iterator<Item = (LayerId, &Mask)> {
        self.layers.iter().map(|(&layer, mask)| (layer, mask))
    }

    /// Applies every mask to the kernel of its layer.
    ///
    /// # Errors
    /// [`Error::MaskLength`] for a mask of another length than the kernel.
    pub fn apply(&self, model: &mut Model) -> Result<(), Error> {
        for (id, mask) in self.iter() {
            let layer = model.layer(id);
            let kernel = layer.kernel().filter(|kernel| kernel.values().len() == mask.keep.len());
            let Some(mut kernel) = kernel.cloned() else {
                let expected = layer.kernel().map_or(0, |kernel| kernel.values().len());
                return Err(Error::MaskLength {
                    layer: layer.name().to_owned(),
                    given: mask.keep.len(),
                    expected,
                });
            };
            mask.apply(kernel.values_mut());
            model.set_weight(id, "kernel", kernel)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_weights_take_their_value_and_free_ones_keep_their_bits() {
        let mut mask = Mask::new(vec![true, false, false, true]);
        mask.hold(2, 0.5);
        let mut kernel = [-0.0, 3.0, 4.0, f32::MIN_POSITIVE];
        mask.apply(&mut kernel);
        assert_eq!(kernel.map(f32::to_bits), [-0.0, 0.0, 0.5, f32::MIN_POSITIVE].map(f32::to_bits));
        assert_eq!(mask.sparsity(), 0.25);
        assert_eq!((mask.held(0), mask.held(1), mask.held(2)), (None, Some(0.0), Some(0.5)));
    }
}
