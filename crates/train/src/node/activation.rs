use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use handaxe_graph::Activation;

use super::values::{Operand, tensor, values, zip};
use super::{Computed, Node, Pass, Pushed, apply, identity};

/// Scale and alpha of the self-normalising unit, Klambauer et al. 2017, arXiv:1706.02515.
const SELU: (f32, f32) = (1.050_701, 1.673_263_2);

/// An activation that looks at one element at a time.
pub(super) struct ElementWise {
    function: Activation,
}

impl ElementWise {
    pub(super) fn new(function: Activation) -> Self {
        Self { function }
    }
}

impl Node for ElementWise {
    fn forward(&self, inputs: &[&Tensor], _: &mut Pass<'_>) -> Result<Computed> {
        match self.function {
            Activation::Linear => Ok(identity(inputs[0])),
            function => apply(Function(function), inputs[0]),
        }
    }

    /// y' = f'(x) x', and for the gradient g by the output: (f'(x) g)' = f'(x) g' + f''(x) x' g.
    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let function = self.function;
        let input = Operand::new(inputs[0])?;
        let x = input.values()?;
        let y = map(function, x);
        let slopes = tensor(back(function, x, &y, &vec![1.0; x.len()]), inputs[0].dims())?;
        let bends = tensor(bends(function, x, &y), inputs[0].dims())?;
        let times = |a: &Tensor, b: &Tensor| zip(a, b, |a, b| a * b);
        let output = times(&slopes, moves[0])?;
        let bends = times(&bends, moves[0])?;
        let back = move |gradient: &Tensor, moved: &Tensor| {
            let sum = zip(&times(&slopes, moved)?, &times(&bends, gradient)?, |a, b| a + b)?;
            Ok(vec![Some(sum)])
        };
        Ok(Pushed { output, back: Box::new(back) })
    }
}

/// An element-wise function with its derivative: 0 where a function has a flat side at a kink (relu at 0), and NaN
/// for NaN everywhere, so that a broken network is seen.
struct Function(Activation);

impl CustomOp1 for Function {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let output = map(self.0, values(input, layout)?);
        Ok((CpuStorage::F32(output), layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (x, y, g) = (Operand::new(input)?, Operand::new(output)?, Operand::new(gradient)?);
        let by_input = back(self.0, x.values()?, y.values()?, g.values()?);
        Ok(Some(tensor(by_input, input.dims())?))
    }
}

/// Whether a function can be computed and differentiated here.
pub(super) fn is_known(function: Activation) -> bool {
    !map(function, &[0.0])[0].is_nan()
}

/// Every match arm maps with its own closure, so that each becomes a tight loop.
fn map(function: Activation, x: &[f32]) -> Vec<f32> {
    fn each(x: &[f32], f: impl Fn(f32) -> f32) -> Vec<f32> {
        x.iter().map(|&x| f(x)).collect()
    }
    let (scale, alpha) = SELU;
    match function {
        Activation::Linear | Activation::Softmax => x.to_vec(),
        Activation::Relu => each(x, |x| if x <= 0.0 { 0.0 } else { x }),
        Activation::LeakyRelu { slope } => each(x, |x| if x > 0.0 { x } else { slope as f32 * x }),
        Activation::Elu { alpha } => {
            each(x, |x| if x > 0.0 { x } else { alpha as f32 * x.exp_m1() })
        }
        Activation::Selu => each(x, |x| scale * if x > 0.0 { x } else { alpha * x.exp_m1() }),
        Activation::Sigmoid => each(x, sigmoid),
        Activation::HardSigmoid => each(x, |x| (0.2 * x + 0.5).clamp(0.0, 1.0)),
        Activation::Tanh => each(x, f32::tanh),
        Activation::HardTanh => each(x, |x| x.clamp(-1.0, 1.0)),
        Activation::Softplus => each(x, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        Activation::Softsign => each(x, |x| x / (1.0 + x.abs())),
        // Refused before ([`is_known`]).
        _ => vec![f32::NAN; x.len()],
    }
}

/// The gradient `g` of the outputs `y`, taken back to the inputs `x`.
fn back(function: Activation, x: &[f32], y: &[f32], g: &[f32]) -> Vec<f32> {
    fn each(x: &[f32], y: &[f32], g: &[f32], slope: impl Fn(f32, f32) -> f32) -> Vec<f32> {
        x.iter().zip(y).zip(g).map(|((&x, &y), &g)| g * slope(x, y)).collect()
    }
    let (scale, alpha) = SELU;
    match function {
        Activation::Linear | Activation::Softmax => g.to_vec(),
        Activation::Relu => each(x, y, g, |x, _| if x > 0.0 { 1.0 } else { 0.0 }),
        Activation::LeakyRelu { slope } => {
            each(x, y, g, |x, _| if x > 0.0 { 1.0 } else { slope as f32 })
        }
        Activation::Elu { alpha } => {
            each(x, y, g, |x, y| if x > 0.0 { 1.0 } else { y + alpha as f32 })
        }
        Activation::Selu => each(x, y, g, |x, y| if x > 0.0 { scale } else { y + scale * alpha }),
        Activation::Sigmoid => each(x, y, g, |_, y| y * (1.0 - y)),
        Activation::HardSigmoid => each(x, y, g, |x, _| if x.abs() < 2.5 { 0.2 } else { 0.0 }),
        Activation::Tanh => each(x, y, g, |_, y| 1.0 - y * y),
        Activation::HardTanh => each(x, y, g, |x, _| if x.abs() < 1.0 { 1.0 } else { 0.0 }),
        Activation::Softplus => each(x, y, g, |x, _| sigmoid(x)),
        Activation::Softsign => each(x, y, g, |x, _| (1.0 + x.abs()).powi(-2)),
        _ => vec![f32::NAN; g.len()],
    }
}

/// The second derivatives at the inputs `x` with outputs `y`; 0 at kinks.
fn bends(function: Activation, x: &[f32], y: &[f32]) -> Vec<f32> {
    let (scale, alpha) = SELU;
    let bend = |x: f32, y: f32| match function {
        Activation::Elu { alpha } if x <= 0.0 => y + alpha as f32,
        Activation::Selu if x <= 0.0 => y + scale * alpha,
        Activation::Sigmoid => y * (1.0 - y) * (1.0 - 2.0 * y),
        Activation::Tanh => -2.0 * y * (1.0 - y * y),
        Activation::Softplus => sigmoid(x) * sigmoid(-x),
        Activation::Softsign => -2.0 * x.signum() * (1.0 + x.abs()).powi(-3),
        _ => 0.0,
    };
    x.iter().zip(y).map(|(&x, &y)| bend(x, y)).collect()
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Activation; 11] = [
        Activation::Linear,
        Activation::Relu,
        Activation::LeakyRelu { slope: 0.3 },
        Activation::Elu { alpha: 1.5 },
        Activation::Selu,
        Activation::Sigmoid,
        Activation::HardSigmoid,
        Activation::Tanh,
        Activation::HardTanh,
        Activation::Softplus,
        Activation::Softsign,
    ];

    /// Central differences of the function itself, away from the kinks.
    #[test]
    fn slopes_are_those_of_the_function() {
        let x: Vec<f32> = (-40..40).map(|step| 0.1 * step as f32 + 0.033).collect();
        let h = 1e-2;
        for function in ALL {
            let slopes = back(function, &x, &map(function, &x), &vec![1.0; x.len()]);
            let shifted = |by: f32| map(function, &x.iter().map(|x| x + by).collect::<Vec<_>>());
            for (((x, slope), up), down) in x.iter().zip(slopes).zip(shifted(h)).zip(shifted(-h)) {
                let expected = (up - down) / (2.0 * h);
                let near = (slope - expected).abs() < 2e-4;
                assert!(near, "{} at {x}: {slope}, not {expected}", function.name());
            }
        }
    }

    /// Central differences of the slopes, away from the kinks.
    #[test]
    fn bends_are_those_of_the_slopes() {
        let x: Vec<f32> = (-40..40).map(|step| 0.1 * step as f32 + 0.033).collect();
        let h = 1e-2;
        for function in ALL {
            let slopes = |by: f32| {
                let x: Vec<f32> = x.iter().map(|x| x + by).collect();
                back(function, &x, &map(function, &x), &vec![1.0; x.len()])
            };
            let bends = bends(function, &x, &map(function, &x));
            for (((x, bend), up), down) in x.iter().zip(bends).zip(slopes(h)).zip(slopes(-h)) {
                let expected = (up - down) / (2.0 * h);
                let near = (bend - expected).abs() < 2e-3;
                assert!(near, "{} at {x}: {bend}, not {expected}", function.name());
            }
        }
    }

    #[test]
    fn kinks_are_flat_and_nan_is_seen() {
        let kinks = [
            (Activation::Relu, 0.0),
            (Activation::Relu, -0.0),
            (Activation::HardTanh, 1.0),
            (Activation::HardTanh, -1.0),
            (Activation::HardSigmoid, 2.5),
        ];
        for (function, x) in kinks {
            assert_eq!(back(function, &[x], &map(function, &[x]), &[1.0]), [0.0]);
        }
        for function in ALL {
            assert!(map(function, &[f32::NAN])[0].is_nan(), "{}", function.name());
        }
    }

    #[test]
    fn large_arguments_do_not_overflow() {
        for function in ALL {
            let y = map(function, &[1e4, -1e4]);
            let slopes = back(function, &[1e4, -1e4], &y, &[1.0, 1.0]);
            assert!(y.iter().chain(&slopes).all(|value| value.is_finite()), "{}", function.name());
        }
    }
}
