use candle_core::{Result, Tensor, Var};
use handaxe_emulate::repeated;
use handaxe_graph::Layer;

use super::values::{Operand, tensor};
use super::{Computed, Gradients, Node, Pass, Pushed, Weight, variable};
use crate::Error;
use crate::kernel::workspace::Workspace;

/// x for x > 0, else alpha * x with alpha learned; axes along which it is shared have length 1 (He et al. 2015,
/// arXiv:1502.01852).
pub(super) struct PRelu {
    alpha: Var,
    /// For each element of a sample, which alpha is its own.
    places: std::sync::Arc<[usize]>,
    memory: Workspace,
}

impl PRelu {
    pub(super) fn new(
        layer: &Layer,
        slopes: &[usize],
        memory: &Workspace,
    ) -> std::result::Result<Self, Error> {
        let places = repeated(slopes, layer.output_shape()).collect();
        Ok(Self { alpha: variable(layer, "alpha")?, places, memory: memory.clone() })
    }

    /// What each element is multiplied by.
    fn factors(&self, input: &Tensor) -> Result<Tensor> {
        let (mut factors, alpha) = (self.memory.copy(input)?, Operand::new(&self.alpha)?);
        let alpha = alpha.values()?;
        for (factor, &place) in factors.iter_mut().zip(self.places.iter().cycle()) {
            *factor = if *factor > 0.0 { 1.0 } else { alpha[place] };
        }
        tensor(factors, input.dims())
    }
}

impl Node for PRelu {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        let (input, factors) = (inputs[0].clone(), self.factors(inputs[0])?);
        let output = self.memory.zip(&input, &factors, |x, factor| x * factor)?;
        let (places, memory) = (self.places.clone(), self.memory.clone());
        let shape = self.alpha.dims().to_vec();
        let back = move |gradient: &Tensor| {
            let by_input = memory.zip(gradient, &factors, |slope, factor| slope * factor)?;
            memory.recycle(factors);
            let mut by_alpha = memory.zeros(shape.iter().product());
            let (x, g) = (Operand::new(&input)?, Operand::new(gradient)?);
            let pairs = x.values()?.iter().zip(g.values()?);
            for ((x, slope), &place) in pairs.zip(places.iter().cycle()) {
                by_alpha[place] += if *x > 0.0 { 0.0 } else { slope * x };
            }
            let weights = vec![tensor(by_alpha, &shape)?];
            Ok(Gradients { inputs: vec![Some(by_input)], weights })
        };
        Ok(Computed { output, back: Box::new(back) })
    }

    fn weights(&self) -> Vec<Weight<'_>> {
        vec![Weight { name: "alpha", var: &self.alpha, trainable: true }]
    }

    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let (factors, memory) = (self.factors(inputs[0])?, self.memory.clone());
        let output = memory.zip(moves[0], &factors, |moved, factor| moved * factor)?;
        let back = move |_: &Tensor, moved: &Tensor| {
            Ok(vec![Some(memory.zip(moved, &factors, |moved, factor| moved * factor)?)])
        };
        Ok(Pushed { output, back: Box::new(back) })
    }
}
