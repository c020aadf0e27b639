mod rarer;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use handaxe_graph::Activation;

use super::values::{Operand, tensor, values};
use super::{Computed, Node, Pass, Pushed, apply, identity};
use crate::kernel::elements::exp;
use crate::kernel::run_loops;
use crate::kernel::workspace::Workspace;

/// Scale and alpha of the self-normalising unit, Klambauer et al. 2017, arXiv:1706.02515.
pub(crate) const SELU: (f32, f32) = (1.050_701, 1.673_263_2);

/// An activation that looks at one element at a time.
pub(super) struct ElementWise {
    function: Activation,
    /// Whether the layer before computes it along, but where every layer's own output is asked for.
    fused: bool,
    memory: Workspace,
}

impl ElementWise {
    pub(super) fn new(function: Activation, fused: bool, memory: &Workspace) -> Self {
        Self { function, fused, memory: memory.clone() }
    }
}

impl Node for ElementWise {
    fn forward(&self, inputs: &[&Tensor], pass: &mut Pass<'_>) -> Result<Computed> {
        let done = self.fused && !matches!(pass, Pass::Inspection);
        match self.function {
            _ if done => Ok(identity(inputs[0])),
            Activation::Linear => Ok(identity(inputs[0])),
            function => apply(Function(function, self.memory.clone()), inputs[0]),
        }
    }

    /// y' = f'(x) x', and for the gradient g by the output: (f'(x) g)' = f'(x) g' + f''(x) x' g.
    fn push(&self, inputs: &[&Tensor], moves: &[&Tensor]) -> Result<Pushed> {
        let function = self.function;
        let input = Operand::new(inputs[0])?;
        let x = input.values()?;
        let (mut y, mut slopes) = (x.to_vec(), vec![0.0; x.len()]);
        map(function, &mut y);
        back(function, x, &y, &vec![1.0; x.len()], &mut slopes);
        let slopes = tensor(slopes, inputs[0].dims())?;
        let bends = tensor(bends(function, x, &y), inputs[0].dims())?;
        let memory = self.memory.clone();
        let times = move |a: &Tensor, b: &Tensor| memory.zip(a, b, |a, b| a * b);
        let output = times(&slopes, moves[0])?;
        let bends = times(&bends, moves[0])?;
        let sums = self.memory.clone();
        let back = move |gradient: &Tensor, moved: &Tensor| {
            let terms = (times(&slopes, moved)?, times(&bends, gradient)?);
            let sum = sums.zip(&terms.0, &terms.1, |a, b| a + b)?;
            Ok(vec![Some(sum)])
        };
        Ok(Pushed { output, back: Box::new(back) })
    }
}

/// An element-wise function with its derivative: 0 where a function has a flat side at a kink (relu at 0), and NaN
/// for NaN everywhere, so that a broken network is seen.
struct Function(Activation, Workspace);

impl CustomOp1 for Function {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(&self, input: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = values(input, layout)?;
        let mut output = self.1.take(input.len());
        output.copy_from_slice(input);
        map(self.0, &mut output);
        Ok((CpuStorage::F32(output), layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, output: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let (x, y, g) = (Operand::new(input)?, Operand::new(output)?, Operand::new(gradient)?);
        let mut by_input = self.1.take(input.elem_count());
        back(self.0, x.values()?, y.values()?, g.values()?, &mut by_input);
        Ok(Some(tensor(by_input, input.dims())?))
    }
}

/// Whether the slope can be told from the output alone, so that the input need not be kept.
pub(super) fn is_told_by_output(function: Activation) -> bool {
    match function {
        Activation::Relu | Activation::Selu | Activation::Sigmoid | Activation::Tanh => true,
        Activation::LeakyRelu { slope } => slope >= 0.0,
        Activation::Elu { alpha } => alpha >= 0.0,
        _ => false,
    }
}

/// y = f(x). Every match arm has a closure of its own, so that each becomes a tight loop.
pub(super) fn map(function: Activation, values: &mut [f32]) {
    fn each(values: &mut [f32], f: impl Fn(f32) -> f32) {
        run_loops!(values.iter_mut().for_each(|value| *value = f(*value)));
    }
    let (scale, alpha) = SELU;
    match function {
        Activation::Linear | Activation::Softmax => (),
        Activation::Relu => each(values, |x| if x <= 0.0 { 0.0 } else { x }),
        Activation::LeakyRelu { slope } => {
            each(values, |x| if x > 0.0 { x } else { slope as f32 * x })
        }
        Activation::Elu { alpha } => {
            each(values, |x| if x > 0.0 { x } else { alpha as f32 * x.exp_m1() })
        }
        Activation::Selu => each(values, |x| scale * if x > 0.0 { x } else { alpha * x.exp_m1() }),
        Activation::Sigmoid => each(values, sigmoid),
        Activation::HardSigmoid => each(values, |x| (0.2 * x + 0.5).clamp(0.0, 1.0)),
        Activation::Tanh => each(values, f32::tanh),
        Activation::HardTanh => each(values, |x| x.clamp(-1.0, 1.0)),
        Activation::Softplus => each(values, |x| x.max(0.0) + (-x.abs()).exp().ln_1p()),
        Activation::Softsign => each(values, |x| x / (1.0 + x.abs())),
        // NaN for those that look at several elements: they have nodes of their own.
        _ => values.iter_mut().for_each(|value| {
            let answer = function.element(f64::from(*value)).filter(|_| !value.is_nan());
            *value = answer.map_or(f32::NAN, |answer| answer as f32);
        }),
    }
}

/// The gradient `g` of the outputs `y`, taken back to the inputs `x`. Where [`is_told_by_output`] says so, `x` may be `y`.
pub(super) fn back(function: Activation, x: &[f32], y: &[f32], g: &[f32], by_x: &mut [f32]) {
    fn each(x: &[f32], y: &[f32], g: &[f32], by: &mut [f32], slope: impl Fn(f32, f32) -> f32) {
        run_loops!({
            for (by, ((x, y), g)) in by.iter_mut().zip(x.iter().zip(y).zip(g)) {
                *by = g * slope(*x, *y);
            }
        });
    }
    let (scale, alpha) = SELU;
    let zero_or = |slope: f32, there: bool| if there { slope } else { 0.0 };
    match function {
        Activation::Linear | Activation::Softmax => by_x.copy_from_slice(g),
        Activation::Relu => each(x, y, g, by_x, |x, _| zero_or(1.0, x > 0.0)),
        Activation::LeakyRelu { slope } => {
            each(x, y, g, by_x, |x, _| if x > 0.0 { 1.0 } else { slope as f32 })
        }
        Activation::Elu { alpha } => {
            each(x, y, g, by_x, |x, y| if x > 0.0 { 1.0 } else { y + alpha as f32 })
        }
        Activation::Selu => {
            each(x, y, g, by_x, |x, y| if x > 0.0 { scale } else { y + scale * alpha })
        }
        Activation::Sigmoid => each(x, y, g, by_x, |_, y| y * (1.0 - y)),
        Activation::HardSigmoid => each(x, y, g, by_x, |x, _| zero_or(0.2, x.abs() < 2.5)),
        Activation::Tanh => each(x, y, g, by_x, |_, y| 1.0 - y * y),
        Activation::HardTanh => each(x, y, g, by_x, |x, _| zero_or(1.0, x.abs() < 1.0)),
        Activation::Softplus => each(x, y, g, by_x, |x, _| sigmoid(x)),
        Activation::Softsign => each(x, y, g, by_x, |x, _| (1.0 + x.abs()).powi(-2)),
        _ => {
            for ((by, x), g) in by_x.iter_mut().zip(x).zip(g) {
                let slope = rarer::derivatives(function, f64::from(*x));
                *by = g * slope.map_or(f32::NAN, |(slope, _)| slope as f32);
            }
        }
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
        _ => rarer::derivatives(function, f64::from(x)).map_or(0.0, |(_, bend)| bend as f32),
    };
    x.iter().zip(y).map(|(&x, &y)| bend(x, y)).collect()
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(function: Activation, x: &[f32]) -> Vec<f32> {
        let mut y = x.to_vec();
        super::map(function, &mut y);
        y
    }

    fn back(function: Activation, x: &[f32], y: &[f32], g: &[f32]) -> Vec<f32> {
        let mut by_x = vec![0.0; x.len()];
        super::back(function, x, y, g, &mut by_x);
        by_x
    }

    const ALL: [Activation; 27] = [
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
        Activation::ClippedRelu { slope: 0.1, threshold: 0.5, max: Some(3.0) },
        Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max: None },
        Activation::ThresholdedRelu { theta: 1.0 },
        Activation::HardSigmoid6,
        Activation::Swish,
        Activation::HardSwish,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::Mish,
        Activation::Celu { alpha: 0.8 },
        Activation::LogSigmoid,
        Activation::TanhShrink,
        Activation::HardShrink { threshold: 0.5 },
        Activation::SoftShrink { threshold: 0.5 },
        Activation::Squareplus { b: 4.0 },
        Activation::SparsePlus,
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
    fn outputs_tell_the_slope_where_they_are_said_to() {
        let x: Vec<f32> = (-40..40).map(|step| 0.1 * step as f32).collect();
        let g = vec![1.0; x.len()];
        for function in ALL.into_iter().filter(|function| is_told_by_output(*function)) {
            let y = map(function, &x);
            assert_eq!(back(function, &x, &y, &g), back(function, &y, &y, &g));
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
