//! The network as firmware computes it: the raw integers of hls4ml's generated C++ (spec/fixed-point.md), `io_parallel`.
//!
//! Samples are computed in blocks: element `e` of a layer's output is the stretch `e * lanes .. (e + 1) * lanes` of one buffer,
//! an entry a sample. Every layer has one implementation, exact in any integer; kernels have a second one in narrow lanes, which is taken where the
//! bounds of weights and inputs prove that it gives the same bits.

mod affine;
mod cast;
mod elements;
mod function;
mod hard;
mod kernel;
mod lanes;
mod layer_norm;
mod network;
mod node;
mod places;
mod pool;
mod softmax;
mod weights;

use handaxe_data::Tensor;
use handaxe_fixed::{FixedType, I256, Integer};
use handaxe_graph::{FirmwareLayer, HlsConfig, LayerId, Model};
use rayon::prelude::*;

use crate::{Error, float};
use network::Network;
pub use places::{Place, moved};
pub use weights::firmware_weights;

/// Samples of a block.
const LANES: usize = 64;

/// A model and its configuration, made ready for bit-exact inference.
///
/// ```
/// use handaxe_data::Tensor;
/// use handaxe_emulate::BitExact;
/// use handaxe_graph::{HlsConfig, Model, Op, Strategy};
///
/// let mut model = Model::new("small");
/// let input = model.add("in", Op::Input { shape: vec![2] }, &[])?;
/// let dense = model.add("fc", Op::Dense { units: 1, bias: false }, &[input])?;
/// model.set_weight(dense, "kernel", Tensor::new(vec![2, 1], vec![0.3, -2.0])?)?;
///
/// let config = HlsConfig::uniform("ap_fixed<8,4>".parse()?, 1, Strategy::Latency)?;
/// let firmware = BitExact::new(&model, &config)?;
/// let samples = Tensor::new(vec![1, 2], vec![1.0, 0.5])?;
/// assert_eq!(firmware.codes(&[samples])?[0].codes, [-12]); // 0.25 - 1, in sixteenths
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BitExact<'a> {
    model: &'a Model,
    layers: Vec<FirmwareLayer>,
    program: Program,
}

/// In 64 bits where every number and intermediate result fits, else in 128 or 256.
enum Program {
    Narrow(Network<i64>),
    Middle(Network<i128>),
    Wide(Network<I256>),
}

/// The raw integers of one layer's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codes {
    /// What the integers mean.
    pub of: FixedType,
    /// Shape, samples first.
    pub shape: Vec<usize>,
    /// The integers, row-major.
    pub codes: Vec<i64>,
}

/// Whether kernels may be computed in narrow lanes. Both give the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// In lanes where it is proven to be exact.
    Fast,
    /// Step by step, as it is written in C++.
    Exact,
}

impl<'a> BitExact<'a> {
    /// Infers the types, and makes weights and tables ready.
    ///
    /// # Errors
    /// A model without inputs or outputs, or one that cannot be computed in fixed point under this configuration.
    pub fn new(model: &'a Model, config: &HlsConfig) -> Result<Self, Error> {
        Self::on(model, config, Path::Fast)
    }

    /// As [`BitExact::new`], on a path of choice.
    ///
    /// # Errors
    /// As [`BitExact::new`].
    pub fn on(model: &'a Model, config: &HlsConfig, path: Path) -> Result<Self, Error> {
        model.verify()?;
        let layers = model.firmware(config)?;
        let needed = network::bits(model, &layers);
        let program = if needed < i64::BITS {
            Program::Narrow(Network::new(model, &layers, path)?)
        } else if needed < i128::BITS {
            Program::Middle(Network::new(model, &layers, Path::Exact)?)
        } else if needed < <I256 as Integer>::BITS {
            Program::Wide(Network::new(model, &layers, Path::Exact)?)
        } else {
            return Err(Error::TooWide { needed, most: <I256 as Integer>::BITS - 1 });
        };
        Ok(Self { model, layers, program })
    }

    /// Every layer as it is built, in the model's order.
    pub fn layers(&self) -> &[FirmwareLayer] {
        &self.layers
    }

    /// The answers to `inputs` as numbers, one array an output, samples first; rounded where they have more than 24 bits.
    ///
    /// # Errors
    /// Arrays that do not fit the inputs.
    pub fn predict(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        self.numbers(inputs, self.model.outputs())
    }

    /// The output of every layer as numbers, samples first.
    ///
    /// # Errors
    /// As [`BitExact::predict`].
    pub fn trace(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
        let every: Vec<LayerId> = self.model.layers().map(|(id, _)| id).collect();
        self.numbers(inputs, &every)
    }

    /// The answers to `inputs` as raw integers, one array an output, samples first.
    ///
    /// # Errors
    /// As [`BitExact::predict`], and outputs of more than 64 bits.
    pub fn codes(&self, inputs: &[Tensor]) -> Result<Vec<Codes>, Error> {
        let wanted = self.model.outputs();
        let values: Vec<Vec<Option<i64>>> = match &self.program {
            Program::Narrow(network) => self.run(network, inputs, wanted, Some)?,
            Program::Middle(network) => self.run(network, inputs, wanted, Integer::to_i64)?,
            Program::Wide(network) => self.run(network, inputs, wanted, Integer::to_i64)?,
        };
        let outputs = wanted.iter().zip(values).map(|(id, values)| {
            let of = self.layers[id.index()].result();
            let codes: Option<Vec<i64>> = values.into_iter().collect();
            let codes = codes.ok_or(Error::TooWide { needed: of.width, most: i64::BITS })?;
            Ok(Codes { of, shape: self.shape(*id, inputs), codes })
        });
        outputs.collect()
    }

    fn numbers(&self, inputs: &[Tensor], wanted: &[LayerId]) -> Result<Vec<Tensor>, Error> {
        let values: Vec<Vec<f64>> = match &self.program {
            Program::Narrow(network) => self.run(network, inputs, wanted, Integer::to_f64)?,
            Program::Middle(network) => self.run(network, inputs, wanted, Integer::to_f64)?,
            Program::Wide(network) => self.run(network, inputs, wanted, Integer::to_f64)?,
        };
        let outputs = wanted.iter().zip(values).map(|(id, values)| {
            let step = 2f64.powi(-self.layers[id.index()].result().fraction());
            let values = values.into_iter().map(|code| (code * step) as f32).collect();
            Ok(Tensor::new(self.shape(*id, inputs), values)?)
        });
        outputs.collect()
    }

    fn shape(&self, id: LayerId, inputs: &[Tensor]) -> Vec<usize> {
        let samples = inputs.first().map_or(0, Tensor::rows);
        [&[samples], self.model.layer(id).output_shape()].concat()
    }

    /// The outputs of the wanted layers, samples first, each integer as `as_one` makes it.
    fn run<T: Integer, V: Send + Copy>(
        &self,
        network: &Network<T>,
        inputs: &[Tensor],
        wanted: &[LayerId],
        as_one: impl Fn(T) -> V + Sync,
    ) -> Result<Vec<Vec<V>>, Error> {
        let samples = float::check(self.model, inputs)?;
        if let Some(index) = inputs.iter().find_map(Tensor::first_not_finite) {
            return Err(Error::NotFinite { index });
        }
        let blocks: Vec<std::ops::Range<usize>> =
            (0..samples).step_by(LANES).map(|start| start..(start + LANES).min(samples)).collect();
        let answers: Vec<Vec<Vec<V>>> = blocks
            .into_par_iter()
            .map_init(network::Buffers::default, |buffers, block| {
                let taken = block.len();
                network.run(inputs, block, wanted, buffers);
                wanted
                    .iter()
                    .map(|id| {
                        let codes = buffers.output(*id);
                        let width = codes.len() / LANES;
                        let places = (0..taken)
                            .flat_map(|lane| (0..width).map(move |element| element * LANES + lane));
                        places.map(|place| as_one(codes[place])).collect()
                    })
                    .collect()
            })
            .collect();
        Ok((0..wanted.len())
            .map(|place| answers.iter().flat_map(|block| &block[place]).copied().collect())
            .collect())
    }
}
