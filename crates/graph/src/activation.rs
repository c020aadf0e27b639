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
}
