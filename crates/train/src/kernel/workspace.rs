//! Memory that steps of training hand on to each other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{Result, Tensor};

use crate::node::values::{Operand, reclaim, same_shape, tensor};

/// Arrays of one length that are kept; a network of many equal layers uses more at once, a step's loss gives one more
/// back than it takes.
const KEPT: usize = 64;

/// Arrays of steps gone by, by length. A step has the shapes of the one before, so that it finds what it needs: the
/// system is asked for memory in the first one only.
#[derive(Debug, Clone, Default)]
pub(crate) struct Workspace(Arc<Mutex<HashMap<usize, Vec<Vec<f32>>>>>);

impl Workspace {
    /// So many numbers, of any value.
    pub(crate) fn take(&self, length: usize) -> Vec<f32> {
        let kept = self.arrays().get_mut(&length).and_then(Vec::pop);
        let mut values = kept.unwrap_or_else(|| vec![0.0; length]);
        if cfg!(test) {
            // Whoever relies on what lies there is found out.
            values.fill(f32::NAN);
        }
        values
    }

    /// So many zeros.
    pub(crate) fn zeros(&self, length: usize) -> Vec<f32> {
        let mut values = self.take(length);
        values.fill(0.0);
        values
    }

    /// The elements of a contiguous tensor.
    pub(crate) fn copy(&self, of: &Tensor) -> Result<Vec<f32>> {
        let mut values = self.take(of.elem_count());
        values.copy_from_slice(Operand::new(of)?.values()?);
        Ok(values)
    }

    /// Element by element `f(a, b)` of two contiguous tensors of one shape.
    pub(crate) fn zip(
        &self,
        a: &Tensor,
        b: &Tensor,
        f: impl Fn(f32, f32) -> f32,
    ) -> Result<Tensor> {
        same_shape(a, b)?;
        let (left, right) = (Operand::new(a)?, Operand::new(b)?);
        let mut values = self.take(a.elem_count());
        let pairs = left.values()?.iter().zip(right.values()?);
        values.iter_mut().zip(pairs).for_each(|(value, (&a, &b))| *value = f(a, b));
        tensor(values, a.dims())
    }

    /// Keeps an array for who asks next.
    pub(crate) fn give(&self, values: Vec<f32>) {
        let mut arrays = self.arrays();
        let kept = arrays.entry(values.len()).or_default();
        if kept.len() < KEPT && !values.is_empty() {
            kept.push(values);
        }
    }

    /// The elements of a contiguous tensor that nothing reads any more: its own memory, or a copy of a part of another.
    pub(crate) fn reclaim(&self, tensor: Tensor) -> Result<Vec<f32>> {
        reclaim(&tensor).map_or_else(|| self.copy(&tensor), Ok)
    }

    /// Keeps the memory of a tensor that nothing reads any more: no other tensor may share it, since candle would read
    /// through it beyond its end. One that is part of another is left alone.
    pub(crate) fn recycle(&self, tensor: Tensor) {
        if let Some(values) = reclaim(&tensor) {
            self.give(values);
        }
    }

    fn arrays(&self) -> MutexGuard<'_, HashMap<usize, Vec<Vec<f32>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
