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
}

impl Activation {
    /// Whether each output needs the whole last axis of the input.
    pub fn spans_last_axis(self) -> bool {
        matches!(self, Self::Softmax | Self::LogSoftmax)
    }
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
}
