//! Rounding in training: forwards to the bit as in inference, backwards as if there were none (the straight-through
//! estimator of Bengio et al. 2013, arXiv:1308.3432), but for the flat sides of a range, as QKeras has it.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use handaxe_data::Tensor as Array;
use handaxe_emulate::quantise_in_place;
use handaxe_graph::Quantiser;

use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Pushed, apply};
use crate::kernel::workspace::Workspace;

/// An activation that rounds.
#[derive(Clone)]
pub(super) struct Rounding {
    quantiser: Arc<Quantiser>,
    memory: Workspace,
}

impl Rounding {
    pub(super) fn new(quantiser: &Quantiser, memory: &Workspace) -> Self {
        Self { quantiser: Arc::new(quantiser.clone()), memory: memory.clone() }
    }
}

impl Node for Rounding {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        apply(self.clone(), inputs[0])
    }

    /// To first order only: what rounding bends is not seen through.
    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let (slopes, memory) =
            (slopes(&self.quantiser, inputs[0], &self.memory)?, self.memory.clone());
        let output = memory.zip(&slopes, moves[0], |slope, moved| slope * moved)?;
        let back = move |_: &Tensor, moved: &Tensor| {
            Ok(vec![Some(memory.zip(&slopes, moved, |slope, moved| slope * moved)?)])
        };
        Ok(Pushed { output, back: Box::new(back) })
    }
}

impl CustomOp1 for Rounding {
    fn name(&self) -> &'static str {
        "quantise"
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(input, layout)?;
        let rounded = round(&self.quantiser, input, layout.dims(), &self.memory)?;
        Ok((CpuStorage::F32(rounded), layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let by_input =
            self.memory.zip(input, gradient, |x, gradient| slope(&self.quantiser, x) * gradient);
        by_input.map(Some)
    }
}

/// What stands for the weights of an array in the forward pass. Their gradient goes straight through.
pub(crate) fn rounded(
    quantiser: &Quantiser,
    weights: &Tensor,
    memory: &Workspace,
) -> Result<Tensor> {
    let given = Operand::new(weights)?;
    tensor(round(quantiser, given.values()?, weights.dims(), memory)?, weights.dims())
}

fn round(
    quantiser: &Quantiser,
    x: &[f32],
    shape: &[usize],
    memory: &Workspace,
) -> Result<Vec<f32>> {
    let mut values = memory.take(x.len());
    // A broken network is to be seen, not rounded to something finite.
    if x.iter().any(|x| !x.is_finite()) {
        values.fill(f32::NAN);
        return Ok(values);
    }
    values.copy_from_slice(x);
    let mut array = Array::new(shape.to_vec(), values).map_err(candle_core::Error::wrap)?;
    quantise_in_place(quantiser, &mut array);
    Ok(array.into_values())
}

/// The slopes that training takes an activation's rounding to have.
pub(crate) fn slopes(quantiser: &Quantiser, input: &Tensor, memory: &Workspace) -> Result<Tensor> {
    let mut slopes = memory.copy(input)?;
    slopes.iter_mut().for_each(|x| *x = slope(quantiser, *x));
    tensor(slopes, input.dims())
}

/// The slope that training takes an activation's rounding to have.
fn slope(quantiser: &Quantiser, x: f32) -> f32 {
    let inside = |slope: f32| if x.abs() < 1.0 { slope } else { 0.0 };
    match *quantiser {
        Quantiser::Relu { bits, integer, negative_slope, .. } => {
            let codes = 2f32.powi(bits as i32 - i32::from(negative_slope != 0.0));
            let range = 2f32.powi(integer);
            match x {
                _ if x > range - range / codes => 0.0,
                _ if x > 0.0 => 1.0,
                _ => negative_slope as f32,
            }
        }
        Quantiser::Tanh { real: true, .. } => 1.0 - x.tanh().powi(2),
        Quantiser::Tanh { .. } => inside(1.0),
        Quantiser::Sigmoid { real: true, .. } => {
            let sigmoid = 1.0 / (1.0 + (-x).exp());
            sigmoid * (1.0 - sigmoid)
        }
        Quantiser::Sigmoid { .. } => inside(0.5),
        Quantiser::Integer(ref codes) => {
            let (low, high) = codes.range();
            if (low..=high).contains(&x) { 1.0 } else { 0.0 }
        }
        _ => 1.0,
    }
}

/// Why an activation with this quantiser cannot be trained, if it cannot.
pub(super) fn refusal(quantiser: &Quantiser) -> Option<&'static str> {
    let known = matches!(
        quantiser,
        Quantiser::Bits { .. }
            | Quantiser::Relu { use_sigmoid: false, .. }
            | Quantiser::Tanh { .. }
            | Quantiser::Sigmoid { .. }
    ) || matches!(quantiser, Quantiser::Integer(codes) if codes.scale.len() == 1 && codes.bits > 1);
    (!known).then_some("activations with this quantiser cannot be trained yet")
}

/// Why weights with this quantiser cannot be trained, if they cannot: what is cut must stay 0 when it is rounded.
pub(super) fn refusal_of_weights(quantiser: &Quantiser) -> Option<&'static str> {
    if let Quantiser::PerElement { .. } = quantiser {
        return Some("a proxy of HGQ holds what its firmware computes and cannot be trained");
    }
    let rounded = round(quantiser, &[1.0, 0.0], &[2, 1], &Workspace::default());
    let rounds = rounded.is_ok_and(|rounded| rounded[1] == 0.0);
    (!rounds).then_some("its weights are rounded to values without 0, so none can be cut")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// QKeras' own gradients (fixtures/quantisers).
    #[test]
    fn slopes_are_those_of_qkeras() {
        let text = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../fixtures/quantisers/relu.csv"
        ));
        let text = text.unwrap();
        let mut count = 0;
        for line in text.lines().skip(1) {
            let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
            let [bits, integer, negative_slope, x, _, expected] = cells[..] else {
                panic!("{line}")
            };
            let quantiser = Quantiser::Relu {
                bits: bits as u32,
                integer: integer as i32,
                negative_slope,
                use_sigmoid: false,
            };
            assert_eq!(slope(&quantiser, x as f32), expected as f32, "{line}");
            count += 1;
        }
        assert!(count > 300, "{count} cases");
    }

    #[test]
    fn weights_without_zero_are_refused() {
        let alpha = handaxe_graph::Scale::Value(1.0);
        let bits = |bits| Quantiser::Bits {
            bits,
            integer: 0,
            keep_negative: true,
            symmetric: true,
            alpha,
        };
        assert_eq!(refusal_of_weights(&bits(4)), None);
        assert!(refusal_of_weights(&bits(1)).is_some());
        assert!(refusal_of_weights(&Quantiser::Binary { zero_one: false, alpha }).is_some());
        let fitted = handaxe_graph::Scale::AutoPo2;
        let ternary = Quantiser::Ternary { threshold: None, unrolls: 5, alpha: fitted };
        assert_eq!(refusal_of_weights(&ternary), None);
    }
}
