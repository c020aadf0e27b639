//! The training samples of a step.

use candle_core::Tensor;
use handaxe_data::{Dataset, Targets};

use crate::Error;
use crate::node::into_tensor;
use crate::node::values::change;

/// Some samples and what is right for them.
pub(crate) struct Batch {
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) targets: Targets,
}

impl Batch {
    /// The samples of `data` at the places `samples`.
    pub(crate) fn new(data: &Dataset, samples: &[usize]) -> Result<Self, Error> {
        let (arrays, targets) = data.gather(samples)?;
        let inputs = arrays.into_iter().map(into_tensor).collect::<candle_core::Result<_>>()?;
        Ok(Self { inputs, targets })
    }

    /// Reads other samples of the same data, into the same memory where there are as many.
    pub(crate) fn read(&mut self, data: &Dataset, samples: &[usize]) -> Result<(), Error> {
        if self.targets.len() != samples.len() {
            *self = Self::new(data, samples)?;
            return Ok(());
        }
        for (input, source) in self.inputs.iter().zip(data.inputs()) {
            change(input, |values| source.gather_into(samples, values))??;
        }
        Ok(data.targets().gather_into(samples, &mut self.targets)?)
    }
}
