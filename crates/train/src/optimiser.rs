mod adam;
mod sgd;

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// How gradients change the weights.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Optimiser {
    /// `adam`: steps scaled by running moments of the gradient (Kingma and Ba 2015, arXiv:1412.6980), with Keras'
    /// constants: 0.9, 0.999, 1e-7.
    #[default]
    Adam,
    /// `adamw`: the same, and each step takes a share off every weight by itself (Loshchilov and Hutter 2019,
    /// arXiv:1711.05101).
    AdamW {
        /// That share for a learning rate of 1, 0 or more.
        decay: f64,
    },
    /// `sgd`: stochastic gradient descent.
    Sgd {
        /// Share of the last step that is kept in the next, in `0.0..1.0`.
        momentum: f64,
    },
}

impl Optimiser {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adam => "adam",
            Self::AdamW { .. } => "adamw",
            Self::Sgd { .. } => "sgd",
        }
    }

    /// The rule with no step taken yet.
    pub(crate) fn rule(self) -> Box<dyn Rule> {
        match self {
            Self::Adam => Box::new(adam::Adam::new(0.0)),
            Self::AdamW { decay } => Box::new(adam::Adam::new(decay)),
            Self::Sgd { momentum } => Box::new(sgd::Sgd::new(momentum as f32)),
        }
    }
}

impl fmt::Display for Optimiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Optimiser {
    type Err = Error;

    /// Reads a name; `adamw` decays by 0.004, as Keras' does, and `sgd` has momentum 0.9.
    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "adam" => Ok(Self::Adam),
            "adamw" => Ok(Self::AdamW { decay: 0.004 }),
            "sgd" => Ok(Self::Sgd { momentum: 0.9 }),
            _ => Err(Error::UnknownName {
                what: "optimiser",
                given: name.to_owned(),
                known: "adam, adamw, sgd".to_owned(),
            }),
        }
    }
}

/// An optimiser at work, with its state.
pub(crate) trait Rule: Send {
    /// Begins a step over all arrays of weights.
    fn begin(&mut self, learning_rate: f64);

    /// Changes the weights of array number `array`; a gradient of 0 on a weight that never had another moves nothing.
    fn update(&mut self, array: usize, weights: &mut [f32], gradient: &[f32]);
}

/// The running values of array number `array`, zeros at first.
fn state(states: &mut Vec<Vec<f32>>, array: usize, length: usize) -> &mut [f32] {
    if states.len() <= array {
        states.resize(array + 1, Vec::new());
    }
    states[array].resize(length, 0.0);
    &mut states[array]
}
