//! A network at hardware precision: what its firmware answers, layer by layer, and which types it needs.
//!
//! [`predict_firmware`] and [`firmware_codes`] answer as hls4ml's firmware does, to the bit; [`trace`] sets every layer beside floating
//! point; [`profile`] counts what types cannot hold; [`findings`] says what is wrong with a configuration, and what would do;
//! [`scan`] tries widths, reuse factors and sparsities for the whole network, [`tune`] finds the smallest for each layer.

mod finding;
mod profile;
mod scan;
mod trace;
mod tune;

use std::sync::Arc;

use handaxe_data::{Source, Tensor, blocks};
use handaxe_emulate::{BitExact, Codes};
use handaxe_graph::pass::FIRMWARE;
use handaxe_graph::{HlsConfig, Model};

use crate::Error;
use crate::predict::{answers, check_inputs, standardised};

pub use finding::{Finding, findings};
pub use profile::{Profile, Variable, profile};
pub use scan::{ScanSettings, scan};
pub use trace::{LayerTrace, trace};
pub use tune::{Tune, Tuned, tune};

/// The network whose firmware computes what `model`'s own quantisers say, and the configuration of that firmware: the pipeline
/// [`FIRMWARE`] and [`Model::own_config`]. It answers as `model` does.
///
/// # Errors
/// Quantisers that are no fixed point: scales by channel of activations, zero points other than 0.
pub fn own_firmware(model: &Model) -> Result<(Model, HlsConfig), Error> {
    let model = FIRMWARE.run(model.clone())?;
    let config = model.own_config()?;
    Ok((model, config))
}

/// The answers of `model`'s firmware under `config`, as numbers: one array an output, samples first.
///
/// # Errors
/// As [`predict`](crate::predict()), and a network or types that cannot be computed in fixed point.
pub fn predict_firmware(
    model: &Model,
    config: &HlsConfig,
    inputs: &[Arc<dyn Source>],
) -> Result<Vec<Tensor>, Error> {
    let firmware = BitExact::new(model, config)?;
    answers(model, inputs, |block| Ok(firmware.predict(block)?))
}

/// The raw integers that `model`'s firmware answers under `config`: one array an output, samples first.
///
/// # Errors
/// As [`predict_firmware`], and outputs of more than 64 bits.
pub fn firmware_codes(
    model: &Model,
    config: &HlsConfig,
    inputs: &[Arc<dyn Source>],
) -> Result<Vec<Codes>, Error> {
    check_inputs(model, inputs)?;
    let firmware = BitExact::new(model, config)?;
    let mut all: Vec<Codes> = Vec::new();
    for block in blocks(inputs) {
        let outputs = firmware.codes(&standardised(model, block?)?)?;
        if all.is_empty() {
            all = outputs;
            continue;
        }
        for (all, output) in all.iter_mut().zip(outputs) {
            all.codes.extend(output.codes);
            all.shape[0] += output.shape[0];
        }
    }
    Ok(all)
}

/// The first `most` samples as the network takes them.
fn first_samples(
    model: &Model,
    inputs: &[Arc<dyn Source>],
    most: usize,
) -> Result<Vec<Tensor>, Error> {
    check_inputs(model, inputs)?;
    let samples = inputs.first().map_or(0, |input| input.rows()).min(most);
    let taken =
        inputs.iter().map(|input| input.block(0..samples)).collect::<Result<Vec<_>, _>>()?;
    standardised(model, taken)
}

/// Every layer's output in floating point.
fn float_layers(model: &Model, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
    let mut all = model.clone();
    let ids: Vec<_> = model.layers().map(|(id, _)| id).collect();
    all.set_outputs(&ids)?;
    Ok(handaxe_emulate::predict(&all, inputs)?)
}
