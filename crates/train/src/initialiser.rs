use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

use handaxe_data::{Tensor, seeded};
use handaxe_graph::{Error as GraphError, Model};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::Error;

/// The first of the streams of a seed from which weights are drawn, one a layer.
const STREAM: u64 = 0x1417_0000_0000;

/// Standard deviation of a normal distribution cut off at two of its standard deviations.
const CUT_DEVIATION: f64 = 0.879_625_661_034_239_8;

/// How kernels start: random numbers of mean 0 and a variance that keeps signals alive from layer to layer.
///
/// With `in` and `out` the numbers of weights that lead into and out of a neuron (for convolutions times the window's
/// elements), the variance is 2 / (in + out) for Glorot (Glorot and Bengio 2010), 2 / in for He (He et al. 2015,
/// arXiv:1502.01852) and 1 / in for LeCun (LeCun et al. 1998). Normal distributions are cut off at two standard
/// deviations and widened to keep the variance. All as in Keras.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Initialiser {
    #[default]
    GlorotUniform,
    GlorotNormal,
    HeUniform,
    HeNormal,
    LecunUniform,
    LecunNormal,
}

impl Initialiser {
    /// Every initialiser.
    pub const ALL: [Self; 6] = [
        Self::GlorotUniform,
        Self::GlorotNormal,
        Self::HeUniform,
        Self::HeNormal,
        Self::LecunUniform,
        Self::LecunNormal,
    ];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::GlorotUniform => "glorot_uniform",
            Self::GlorotNormal => "glorot_normal",
            Self::HeUniform => "he_uniform",
            Self::HeNormal => "he_normal",
            Self::LecunUniform => "lecun_uniform",
            Self::LecunNormal => "lecun_normal",
        }
    }

    fn variance(self, fan_in: f64, fan_out: f64) -> f64 {
        match self {
            Self::GlorotUniform | Self::GlorotNormal => 2.0 / (fan_in + fan_out),
            Self::HeUniform | Self::HeNormal => 2.0 / fan_in,
            Self::LecunUniform | Self::LecunNormal => 1.0 / fan_in,
        }
    }

    fn draw(self, shape: &[usize], random: &mut ChaCha8Rng) -> Tensor {
        let mut kernel = Tensor::full(shape, 0.0);
        let [window @ .., inputs, outputs] = shape else { return kernel };
        let window: usize = window.iter().product();
        let deviation = self.variance((window * inputs) as f64, (window * outputs) as f64).sqrt();
        for weight in kernel.values_mut() {
            *weight = match self {
                Self::GlorotUniform | Self::HeUniform | Self::LecunUniform => {
                    deviation * 3f64.sqrt() * random.random_range(-1.0..1.0)
                }
                Self::GlorotNormal | Self::HeNormal | Self::LecunNormal => {
                    deviation / CUT_DEVIATION * cut_normal(random)
                }
            } as f32;
        }
        kernel
    }
}

/// A standard normal number within two standard deviations (Box and Muller 1958).
fn cut_normal(random: &mut ChaCha8Rng) -> f64 {
    loop {
        let (radius, angle): (f64, f64) = (random.random(), random.random());
        let value = (-2.0 * (1.0 - radius).ln()).sqrt() * (TAU * angle).cos();
        if value.abs() <= 2.0 {
            return value;
        }
    }
}

impl fmt::Display for Initialiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Initialiser {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| Error::UnknownName {
            what: "initialiser",
            given: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// Draws all kernels of `model` anew from `seed`, and sets everything else to where training starts: biases, shifts and
/// running means 0, scales and running variances 1. A layer's numbers depend on the seed and its place only.
///
/// # Errors
/// None for a sound model.
pub fn initialise(model: &mut Model, initialiser: Initialiser, seed: u64) -> Result<(), Error> {
    let weights = model.layers().flat_map(|(id, layer)| {
        let shapes = layer.weights().map(|(name, weight)| (name, weight.shape().to_vec()));
        shapes.map(move |(name, shape)| (id, name, shape)).collect::<Vec<_>>()
    });
    for (id, name, shape) in weights.collect::<Vec<_>>() {
        let weight = match name {
            "kernel" => initialiser.draw(&shape, &mut seeded(seed, STREAM + id.index() as u64)),
            "gamma" | "moving_variance" => Tensor::full(&shape, 1.0),
            _ => Tensor::full(&shape, 0.0),
        };
        model.set_weight(id, name, weight).map_err(|error: GraphError| Error::from(error))?;
    }
    Ok(())
}
