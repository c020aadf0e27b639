use serde::{Deserialize, Serialize};

use crate::Error;

/// An activation function, element by element but for softmax.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Activation {
    /// x
    Linear,
    /// max(x, 0)
    Relu,
    /// x for x > 0, else slope * x
    LeakyRelu {
        /// Slope of the negative side.
        slope: f64,
    },
    /// x for x > 0, else alpha * (exp(x) - 1)
    Elu {
        /// Limit of the negative side.
        alpha: f64,
    },
    /// Elu with fixed scale, Klambauer et al. 2017, arXiv:1706.02515
    Selu,
    /// 1 / (1 + exp(-x))
    Sigmoid,
    /// clip(0.2 x + 0.5, 0, 1), as in Keras 2
    HardSigmoid,
    /// tanh(x)
    Tanh,
    /// clip(x, -1, 1)
    HardTanh,
    /// ln(1 + exp(x))
    Softplus,
    /// x / (1 + |x|)
    Softsign,
    /// exp(x_i) / sum_j exp(x_j) over the last axis
    Softmax,
    /// max for x >= max, x for threshold <= x < max, else slope * (x - threshold): Keras' layer ReLU
    ClippedRelu {
        /// Slope below the threshold.
        slope: f64,
        /// Where the line begins.
        threshold: f64,
        /// Largest value, none for no limit.
        max: Option<f64>,
    },
    /// x for x > theta, else 0
    ThresholdedRelu {
        /// Largest x that gives 0.
        theta: f64,
    },
    /// clip(x / 6 + 0.5, 0, 1), as in Keras 3
    HardSigmoid6,
    /// x / (1 + exp(-x)), also called silu; Ramachandran et al. 2017, arXiv:1710.05941
    Swish,
    /// x * clip(x / 6 + 0.5, 0, 1); Howard et al. 2019, arXiv:1905.02244
    HardSwish,
    /// x * Phi(x), Phi the normal distribution; Hendrycks and Gimpel 2016, arXiv:1606.08415
    Gelu,
    /// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
    GeluTanh,
    /// x * tanh(softplus(x)); Misra 2019, arXiv:1908.08681
    Mish,
    /// exp(x)
    Exponential,
    /// max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))
    Celu {
        /// Limit of the negative side.
        alpha: f64,
    },
    /// ln(sigmoid(x))
    LogSigmoid,
    /// x - tanh(x)
    TanhShrink,
    /// x for |x| > threshold, else 0
    HardShrink {
        /// Largest |x| that gives 0.
        threshold: f64,
    },
    /// sign(x) * max(|x| - threshold, 0)
    SoftShrink {
        /// What is taken off.
        threshold: f64,
    },
    /// x for x > threshold, else value
    Threshold {
        /// Largest x that is replaced.
        threshold: f64,
        /// What it is replaced by.
        value: f64,
    },
    /// (x + sqrt(x^2 + b)) / 2
    Squareplus {
        /// Roundness of the corner.
        b: f64,
    },
    /// 0 for x <= -1, (x + 1)^2 / 4 up to 1, then x
    SparsePlus,
    /// ln(softmax(x)) over the last axis
    LogSoftmax,
}

/// Scale and alpha of the self-normalising unit, Klambauer et al. 2017, arXiv:1706.02515.
const SELU: (f64, f64) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);

/// Every activation under its name, parameters at Keras' defaults.
const NAMED: [(&str, Activation); 30] = [
    ("linear", Activation::Linear),
    ("relu", Activation::Relu),
    ("leaky_relu", Activation::LeakyRelu { slope: 0.3 }),
    ("elu", Activation::Elu { alpha: 1.0 }),
    ("selu", Activation::Selu),
    ("sigmoid", Activation::Sigmoid),
    ("hard_sigmoid", Activation::HardSigmoid),
    ("tanh", Activation::Tanh),
    ("hard_tanh", Activation::HardTanh),
    ("softplus", Activation::Softplus),
    ("softsign", Activation::Softsign),
    ("softmax", Activation::Softmax),
    ("relu6", Activation::ClippedRelu { slope: 0.0, threshold: 0.0, max: Some(6.0) }),
    ("thresholded_relu", Activation::ThresholdedRelu { theta: 1.0 }),
    ("hard_sigmoid6", Activation::HardSigmoid6),
    ("swish", Activation::Swish),
    ("hard_swish", Activation::HardSwish),
    ("gelu", Activation::Gelu),
    ("gelu_tanh", Activation::GeluTanh),
    ("mish", Activation::Mish),
    ("exponential", Activation::Exponential),
    ("celu", Activation::Celu { alpha: 1.0 }),
    ("log_sigmoid", Activation::LogSigmoid),
    ("tanh_shrink", Activation::TanhShrink),
    ("hard_shrink", Activation::HardShrink { threshold: 0.5 }),
    ("soft_shrink", Activation::SoftShrink { threshold: 0.5 }),
    ("threshold", Activation::Threshold { threshold: 0.0, value: 0.0 }),
    ("squareplus", Activation::Squareplus { b: 4.0 }),
    ("sparse_plus", Activation::SparsePlus),
    ("log_softmax", Activation::LogSoftmax),
];

impl Activation {
    /// The name used in specs and files.
    pub fn name(self) -> &'static str {
        if matches!(self, Self::ClippedRelu { .. })
            && !NAMED.iter().any(|(_, known)| *known == self)
        {
            return "clipped_relu"; // with another maximum or a slope it is no relu6
        }
        let same =
            |known: &Activation| std::mem::discriminant(known) == std::mem::discriminant(&self);
        NAMED.iter().find(|(_, known)| same(known)).map_or("linear", |(name, _)| name)
    }

    /// The value at `x`; none for softmax and its logarithm, which look at all channels at once.
    pub fn element(self, x: f64) -> Option<f64> {
        let (scale, limit) = SELU;
        Some(match self {
            Self::Linear => x,
            Self::Relu => x.max(0.0),
            Self::LeakyRelu { slope } => {
                if x > 0.0 {
                    x
                } else {
                    slope * x
                }
            }
            Self::ClippedRelu { slope, threshold, max } => match max {
                Some(max) if x >= max => max,
                _ if x >= threshold => x,
                _ => slope * (x - threshold),
            },
            Self::ThresholdedRelu { theta } => {
                if x > theta {
                    x
                } else {
                    0.0
                }
            }
            Self::Elu { alpha } => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x.exp_m1()
                }
            }
            Self::Celu { alpha } => x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0),
            Self::Selu => scale * if x > 0.0 { x } else { limit * x.exp_m1() },
            Self::Sigmoid => sigmoid(x),
            Self::HardSigmoid => (0.2 * x + 0.5).clamp(0.0, 1.0),
            Self::HardSigmoid6 => hard_sigmoid6(x),
            Self::LogSigmoid => -softplus(-x),
            Self::Tanh => x.tanh(),
            Self::HardTanh => x.clamp(-1.0, 1.0),
            Self::TanhShrink => x - x.tanh(),
            Self::Softplus => softplus(x),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Swish => x * sigmoid(x),
            Self::HardSwish => x * hard_sigmoid6(x),
            Self::Gelu => 0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2)),
            Self::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
                0.5 * x * (1.0 + inner.tanh())
            }
            Self::Mish => x * softplus(x).tanh(),
            Self::Exponential => x.exp(),
            Self::HardShrink { threshold } => {
                if x.abs() > threshold {
                    x
                } else {
                    0.0
                }
            }
            Self::SoftShrink { threshold } => x.signum() * (x.abs() - threshold).max(0.0),
            Self::Threshold { threshold, value } => {
                if x > threshold {
                    x
                } else {
                    value
                }
            }
            Self::Squareplus { b } => 0.5 * (x + (x * x + b).sqrt()),
            Self::SparsePlus => match x {
                x if x <= -1.0 => 0.0,
                x if x < 1.0 => (x + 1.0).powi(2) / 4.0,
                x => x,
            },
            Self::Softmax | Self::LogSoftmax => return None,
        })
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

impl std::str::FromStr for Activation {
    type Err = Error;

    /// Reads a name of this crate's; parameters take Keras' defaults (leaky_relu 0.3, elu 1).
    fn from_str(name: &str) -> Result<Self, Error> {
        let found = NAMED.iter().find(|(known, _)| *known == name);
        found.map(|(_, activation)| *activation).ok_or_else(|| Error::UnknownName {
            what: "activation",
            given: name.to_owned(),
            known: NAMED.map(|(known, _)| known).join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for (name, activation) in NAMED {
            assert_eq!(activation.name(), name);
            assert_eq!(name.parse::<Activation>().unwrap(), activation);
        }
        assert!("rleu".parse::<Activation>().unwrap_err().to_string().contains("leaky_relu"));
    }
    /// The formulas of the variants, worked out in Python to ten places, at 2, 0.5 and -1.
    #[test]
    fn elements_follow_their_formulas() {
        let expected = [
            ("linear", [2.0, 0.5, -1.0]),
            ("relu", [2.0, 0.5, 0.0]),
            ("leaky_relu", [2.0, 0.5, -0.3]),
            ("elu", [2.0, 0.5, -0.6321205588]),
            ("selu", [2.1014019747, 0.5253504937, -1.1113307378]),
            ("sigmoid", [0.8807970780, 0.6224593312, 0.2689414214]),
            ("hard_sigmoid", [0.9, 0.6, 0.3]),
            ("tanh", [0.9640275801, 0.4621171573, -0.7615941560]),
            ("hard_tanh", [1.0, 0.5, -1.0]),
            ("softplus", [2.1269280110, 0.9740769842, 0.3132616875]),
            ("softsign", [2.0 / 3.0, 1.0 / 3.0, -0.5]),
        ];
        for (name, values) in expected {
            let activation: Activation = name.parse().unwrap();
            for (x, value) in [2.0, 0.5, -1.0].into_iter().zip(values) {
                let given = activation.element(x).unwrap();
                assert!((given - value).abs() < 1e-9, "{name}({x}) = {given}, not {value}");
            }
        }
        assert_eq!(Activation::Softmax.element(1.0), None);
    }

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
