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
}

/// Scale and alpha of the self-normalising unit, Klambauer et al. 2017, arXiv:1706.02515.
const SELU: (f64, f64) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);

/// Every activation under its name, parameters at Keras' defaults.
const NAMED: [(&str, Activation); 12] = [
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
];

impl Activation {
    /// The name used in specs and files.
    pub fn name(self) -> &'static str {
        let same =
            |known: &Activation| std::mem::discriminant(known) == std::mem::discriminant(&self);
        NAMED.iter().find(|(_, known)| same(known)).map_or("linear", |(name, _)| name)
    }

    /// The value at `x`; none for softmax, which looks at all channels at once.
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
            Self::Elu { alpha } => {
                if x > 0.0 {
                    x
                } else {
                    alpha * x.exp_m1()
                }
            }
            Self::Selu => scale * if x > 0.0 { x } else { limit * x.exp_m1() },
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::HardSigmoid => (0.2 * x + 0.5).clamp(0.0, 1.0),
            Self::Tanh => x.tanh(),
            Self::HardTanh => x.clamp(-1.0, 1.0),
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Softmax => return None,
        })
    }
}

impl std::str::FromStr for Activation {
    type Err = Error;

    /// Reads a name; parameters take Keras' defaults (leaky_relu 0.3, elu 1).
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
}
