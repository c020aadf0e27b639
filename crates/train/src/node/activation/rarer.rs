//! Functions that are met less often, in double precision: slope and bend of each at one element.

use handaxe_graph::Activation;

/// 1 / sqrt(2 pi)
const NORMAL: f64 = 0.398_942_280_401_432_7;

/// sqrt(2 / pi)
const ROOT: f64 = 0.797_884_560_802_865_4;

/// Derivative and second derivative at `x`, the latter 0 at kinks; none for functions that are computed elsewhere, or look at
/// several elements.
pub(super) fn derivatives(function: Activation, x: f64) -> Option<(f64, f64)> {
    let line = |there: bool| (f64::from(u8::from(there)), 0.0);
    let s = 1.0 / (1.0 + (-x).exp());
    Some(match function {
        Activation::ClippedRelu { slope, threshold, max } => match max {
            Some(max) if x >= max => (0.0, 0.0),
            _ if x > threshold => (1.0, 0.0),
            _ => (slope, 0.0),
        },
        Activation::ThresholdedRelu { theta } => line(x > theta),
        Activation::Threshold { threshold, .. } => line(x > threshold),
        Activation::HardShrink { threshold } | Activation::SoftShrink { threshold } => {
            line(x.abs() > threshold)
        }
        Activation::HardSigmoid6 => (if x.abs() < 3.0 { 1.0 / 6.0 } else { 0.0 }, 0.0),
        Activation::HardSwish if x.abs() < 3.0 => ((2.0 * x + 3.0) / 6.0, 1.0 / 3.0),
        Activation::HardSwish => line(x >= 3.0),
        Activation::SparsePlus if x.abs() < 1.0 => ((x + 1.0) / 2.0, 0.5),
        Activation::SparsePlus => line(x >= 1.0),
        Activation::Swish => {
            let slope = s * (1.0 - s);
            (s + x * slope, slope * (2.0 + x * (1.0 - 2.0 * s)))
        }
        Activation::Gelu => {
            let density = NORMAL * (-0.5 * x * x).exp();
            let share = if x == 0.0 { 0.5 } else { Activation::Gelu.element(x)? / x };
            (share + x * density, density * (2.0 - x * x))
        }
        Activation::GeluTanh => {
            let t = (ROOT * (x + 0.044715 * x.powi(3))).tanh();
            let (inner, inner_bend) = (ROOT * (1.0 + 0.134145 * x * x), ROOT * 0.26829 * x);
            let rest = 1.0 - t * t;
            let bend =
                rest * inner + 0.5 * x * (rest * inner_bend - 2.0 * t * rest * inner * inner);
            (0.5 * (1.0 + t) + 0.5 * x * rest * inner, bend)
        }
        Activation::Mish => {
            let t = Activation::Softplus.element(x)?.tanh();
            let (rest, slope) = (1.0 - t * t, s * (1.0 - s));
            let bend = 2.0 * rest * s + x * (rest * slope - 2.0 * t * rest * s * s);
            (t + x * rest * s, bend)
        }
        Activation::Exponential => (x.exp(), x.exp()),
        Activation::Celu { alpha } if x <= 0.0 => ((x / alpha).exp(), (x / alpha).exp() / alpha),
        Activation::Celu { .. } => (1.0, 0.0),
        Activation::LogSigmoid => (1.0 - s, -s * (1.0 - s)),
        Activation::TanhShrink => {
            let t = x.tanh();
            (t * t, 2.0 * t * (1.0 - t * t))
        }
        Activation::Squareplus { b } => {
            let root = (x * x + b).sqrt();
            let bend = if root > 0.0 { 0.5 * b / root.powi(3) } else { 0.0 };
            (if root > 0.0 { 0.5 * (1.0 + x / root) } else { 0.5 }, bend)
        }
        _ => return None,
    })
}
