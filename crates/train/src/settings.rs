use crate::{Error, Optimiser, Rate};

/// How to train.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Samples a step, at least 1; the last batch of an epoch may be smaller.
    pub batch_size: usize,
    /// Size of a step, above 0.
    pub learning_rate: f64,
    /// How that goes over a stretch of training.
    pub rate: Rate,
    /// The rule by which gradients change weights.
    pub optimiser: Optimiser,
    /// Adds `l1 * sum |w|` over all kernels to the loss; 0 or more.
    pub l1: f64,
    /// Adds `l2 * sum w^2` over all kernels to the loss; 0 or more.
    pub l2: f64,
    /// The name of the loss, one of [`LOSSES`](crate::LOSSES); by default what the targets ask for.
    pub loss: Option<String>,
    /// Random directions a batch by which curvatures are estimated that are not known exactly, at least 2.
    pub probes: usize,
    /// Source of all randomness.
    pub seed: u64,
}

impl Default for Settings {
    /// Keras' defaults: batches of 32, Adam with a learning rate of 0.001, no regulariser. The seed is 0.
    fn default() -> Self {
        Self {
            batch_size: 32,
            learning_rate: 0.001,
            rate: Rate::Constant,
            optimiser: Optimiser::Adam,
            l1: 0.0,
            l2: 0.0,
            loss: None,
            probes: 4,
            seed: 0,
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let momentum = match self.optimiser {
            Optimiser::Sgd { momentum } => momentum,
            _ => 0.0,
        };
        let weight_decay = match self.optimiser {
            Optimiser::AdamW { decay } => decay,
            _ => 0.0,
        };
        let decay = match self.rate {
            Rate::Exponential { decay } => decay,
            _ => 1.0,
        };
        let not_negative = |value: f64| value.is_finite() && value >= 0.0;
        let checks = [
            ("the batch size", "1 or more", self.batch_size as f64, self.batch_size >= 1),
            ("the number of probes", "2 or more", self.probes as f64, self.probes >= 2),
            (
                "the learning rate",
                "a number above 0",
                self.learning_rate,
                not_negative(self.learning_rate) && self.learning_rate > 0.0,
            ),
            (
                "the decay of the learning rate",
                "in 0..=1, above 0",
                decay,
                decay > 0.0 && decay <= 1.0,
            ),
            ("the momentum", "in 0..1", momentum, (0.0..1.0).contains(&momentum)),
            ("the weight decay", "0 or more", weight_decay, not_negative(weight_decay)),
            ("the L1 coefficient", "0 or more", self.l1, not_negative(self.l1)),
            ("the L2 coefficient", "0 or more", self.l2, not_negative(self.l2)),
        ];
        match checks.into_iter().find(|(.., fine)| !fine) {
            Some((what, right, given, _)) => Err(Error::Setting { what, right, given }),
            None => Ok(()),
        }
    }
}
