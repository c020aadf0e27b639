use handaxe_graph::Activation;

use super::Sample;

/// Klambauer et al. 2017.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

pub(super) fn apply(function: Activation, input: Sample<'_>, output: &mut [f32]) {
    let channels = input.channels();
    let rows = input.values.chunks_exact(channels).zip(output.chunks_exact_mut(channels));
    match function {
        Activation::Softmax => rows.for_each(|(values, output)| softmax(values, output)),
        Activation::LogSoftmax => rows.for_each(|(values, output)| log_softmax(values, output)),
        _ => output
            .iter_mut()
            .zip(input.values)
            .for_each(|(output, &value)| *output = element(function, f64::from(value)) as f32),
    }
}

fn element(function: Activation, x: f64) -> f64 {
    match function {
        Activation::Linear => x,
        Activation::Relu => x.max(0.0),
        Activation::LeakyRelu { slope } => {
            if x > 0.0 {
                x
            } else {
                slope * x
            }
        }
        Activation::ClippedRelu { slope, threshold, max } => match max {
            Some(max) if x >= max => max,
            _ if x >= threshold => x,
            _ => slope * (x - threshold),
        },
        Activation::ThresholdedRelu { theta } => {
            if x > theta {
                x
            } else {
                0.0
            }
        }
        Activation::Elu { alpha } => {
            if x > 0.0 {
                x
            } else {
                alpha * x.exp_m1()
            }
        }
        Activation::Celu { alpha } => x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0),
        Activation::Selu => SELU_SCALE * if x > 0.0 { x } else { SELU_ALPHA * x.exp_m1() },
        Activation::Sigmoid => sigmoid(x),
        Activation::HardSigmoid => (0.2 * x + 0.5).clamp(0.0, 1.0),
        Activation::HardSigmoid6 => hard_sigmoid6(x),
        Activation::LogSigmoid => -softplus(-x),
        Activation::Tanh => x.tanh(),
        Activation::HardTanh => x.clamp(-1.0, 1.0),
        Activation::TanhShrink => x - x.tanh(),
        Activation::Softplus => softplus(x),
        Activation::Softsign => x / (1.0 + x.abs()),
        Activation::Swish => x * sigmoid(x),
        Activation::HardSwish => x * hard_sigmoid6(x),
        Activation::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::Mish => x * softplus(x).tanh(),
        Activation::Exponential => x.exp(),
        Activation::HardShrink { threshold } => {
            if x.abs() > threshold {
                x
            } else {
                0.0
            }
        }
        Activation::SoftShrink { threshold } => x.signum() * (x.abs() - threshold).max(0.0),
        Activation::Threshold { threshold, value } => {
            if x > threshold {
                x
            } else {
                value
            }
        }
        Activation::Squareplus { b } => 0.5 * (x + (x * x + b).sqrt()),
        Activation::SparsePlus => match x {
            x if x <= -1.0 => 0.0,
            x if x < 1.0 => (x + 1.0).powi(2) / 4.0,
            x => x,
        },
        // Those that need the whole row are dealt with before.
        Activation::Softmax | Activation::LogSoftmax => x,
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn hard_sigmoid6(x: f64) -> f64 {
    (x / 6.0 + 0.5).clamp(0.0, 1.0)
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The error function by its Taylor series, and by its continued fraction where that would cancel; to about 1e-15.
fn erf(x: f64) -> f64 {
    let square = x * x;
    if x.abs() > 6.0 {
        return x.signum();
    }
    if x.abs() < 2.5 {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            term *= -square / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return sum * 2.0 / std::f64::consts::PI.sqrt();
    }
    // erfc(x) sqrt(pi) exp(x^2) = 1 / (x + (1/2) / (x + (2/2) / (x + (3/2) / ...)))
    let tail = (1..80).rev().fold(x.abs(), |tail, n| x.abs() + f64::from(n) / 2.0 / tail);
    x.signum() * (1.0 - (-square).exp() / (tail * std::f64::consts::PI.sqrt()))
}

fn largest(values: &[f32]) -> f64 {
    f64::from(values.iter().copied().fold(f32::NEG_INFINITY, f32::max))
}

fn softmax(values: &[f32], output: &mut [f32]) {
    let most = largest(values);
    let powers: Vec<f64> = values.iter().map(|&value| (f64::from(value) - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    output.iter_mut().zip(powers).for_each(|(output, power)| *output = (power / sum) as f32);
}

fn log_softmax(values: &[f32], output: &mut [f32]) {
    let most = largest(values);
    let sum: f64 = values.iter().map(|&value| (f64::from(value) - most).exp()).sum();
    let shift = most + sum.ln();
    output.iter_mut().zip(values).for_each(|(output, &x)| *output = (f64::from(x) - shift) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Abramowitz and Stegun, table 7.1, and either side of the change of method.
    #[test]
    fn the_error_function_is_right() {
        for (x, expected) in [
            (0.5, 0.520_499_877_813_046_5),
            (1.0, 0.842_700_792_949_714_9),
            (2.0, 0.995_322_265_018_952_7),
            (2.499_999, 0.999_593_045_804_211_6),
            (3.0, 0.999_977_909_503_001_4),
        ] {
            assert!((erf(x) - expected).abs() < 1e-12, "{x}: {}", erf(x));
            assert_eq!(erf(-x), -erf(x));
        }
    }
}
