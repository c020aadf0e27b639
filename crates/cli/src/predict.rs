//! `handaxe predict`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use handaxe::data::{Source, Targets, Tensor};
use handaxe::formats::{answers, data};
use handaxe::graph::{HlsConfig, Model};
use handaxe::run::SCHEMA;
use handaxe::{Error, judge};
use serde::Serialize;

use crate::failure::Failure;
use crate::options::{Hardware, Questions, Speech};
use crate::{files, firmware, output};

const EXAMPLES: &str = "\
The network is computed in floating point as its own framework does it, or with --bit-exact as the firmware that hls4ml makes
of it; features are standardised as the network says. Without hardware flags the firmware of a network whose kernels are all
quantised is that of its own quantisers, scales included: it computes the codes that qonnx computes.

Examples:
  handaxe predict --model jets.keras --data jets.npz:x=hlf_ungroomed,y=label
  handaxe predict --model jets.h5 --data jets.csv --metric auc --out scores.npy
  handaxe predict --model jets.safetensors --data jets.csv --out scores.csv --json
  handaxe predict --model jets.keras --data jets.csv --bit-exact --config hls_config.yml
  handaxe predict --model kws.onnx --data sounds.npz --bit-exact --out scores.npy
  handaxe predict --model jets.keras --data jets.csv --bit-exact --raw --precision 'ap_fixed<16,6>' --out codes.csv";

/// Compute a network's answers, and how good they are
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Command {
    #[command(flatten)]
    questions: Questions,
    /// accuracy, auc, mse or mae [default: accuracy for classes, mse for values]
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// Where the answers go: .npy (one output) or .csv
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace --out if it exists
    #[arg(long, requires = "out")]
    force: bool,
    /// Answer as the firmware does, in fixed point, to the bit
    #[arg(long)]
    bit_exact: bool,
    /// Write raw integers instead of numbers, as .csv
    #[arg(long, requires = "out", requires = "bit_exact")]
    raw: bool,
    #[command(flatten)]
    hardware: Hardware,
}

#[derive(Serialize)]
struct Record<'a> {
    schema: u32,
    samples: usize,
    outputs: Vec<Output<'a>>,
    metric: Option<&'static str>,
    value: Option<f64>,
    /// Of the computation alone, files not counted.
    seconds: f64,
    out: Option<&'a Path>,
}

#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
    shape: Vec<usize>,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let model = files::load(&command.questions.model)?;
    if let Some(out) = &command.out {
        answers::check(model.outputs().len(), out).map_err(files::unwritten)?;
        files::check_free(out, command.force)?;
    }
    let (inputs, targets) = data::load_inputs(&command.questions.data).map_err(Error::from)?;
    let start = Instant::now();
    let predicted = command.predict(&model, &inputs, speech)?;
    let seconds = start.elapsed().as_secs_f64();
    let judged = match &targets {
        Some(targets) => command.judge(&predicted, targets, speech)?,
        None if command.metric.is_some() => {
            let message = "--metric needs labels: name them, as in FILE.npz:x=NAME,y=NAME";
            return Err(Failure::Input(message.to_owned()));
        }
        None => None,
    };
    let samples = inputs.first().map_or(0, |input| input.rows());
    let names = model.outputs().iter().map(|&id| model.layer(id).name());
    let named: Vec<_> = names.zip(&predicted).collect();
    match &command.out {
        Some(out) if command.raw => {
            let (model, config) = command.firmware(&model)?;
            let codes = handaxe::firmware::firmware_codes(&model, &config, &inputs)?;
            let codes: Vec<_> = named
                .iter()
                .map(|(name, _)| *name)
                .zip(codes.iter().map(|one| one.codes.as_slice()))
                .collect();
            answers::save_codes(&codes, samples, out).map_err(files::unwritten)?;
        }
        Some(out) => answers::save(&named, out).map_err(files::unwritten)?,
        None => {}
    }
    if speech.json {
        let outputs = named.iter();
        let outputs =
            outputs.map(|(name, tensor)| Output { name, shape: tensor.shape()[1..].to_vec() });
        return output::json(&Record {
            schema: SCHEMA,
            samples,
            outputs: outputs.collect(),
            metric: judged.map(|(name, _)| name),
            value: judged.map(|(_, value)| value),
            seconds,
            out: command.out.as_deref(),
        });
    }
    let mut text = format!("{samples} samples\n");
    for (name, tensor) in &named {
        text.push_str(&format!("Output {name}: shape {:?}\n", &tensor.shape()[1..]));
    }
    if let Some((name, value)) = judged {
        text.push_str(&format!("{name} {value:.4}\n"));
    }
    match &command.out {
        Some(out) => text.push_str(&format!("Answers: {}\n", out.display())),
        None => speech.note("note: --out FILE.npy or FILE.csv keeps the answers"),
    }
    output::text(&text)
}

impl Command {
    fn predict(
        &self,
        model: &Model,
        inputs: &[Arc<dyn Source>],
        speech: Speech,
    ) -> Result<Vec<Tensor>, Failure> {
        if !self.bit_exact {
            if self.names_hardware() {
                let message = "the hardware only matters to the firmware: add --bit-exact, or leave its flags out";
                return Err(Failure::Input(message.to_owned()));
            }
            return Ok(handaxe::predict(model, inputs)?);
        }
        let (model, config) = self.firmware(model)?;
        firmware::say_findings(&model, &config, speech)?;
        Ok(handaxe::firmware::predict_firmware(&model, &config, inputs)?)
    }

    fn names_hardware(&self) -> bool {
        let Hardware { config, precision, reuse_factor, strategy, io_type } = &self.hardware;
        let texts = [precision, strategy, io_type];
        config.is_some() || reuse_factor.is_some() || texts.iter().any(|text| text.is_some())
    }

    /// The network as firmware has it, and its configuration: as the flags say, or its own quantisers.
    fn firmware(&self, model: &Model) -> Result<(Model, HlsConfig), Failure> {
        if model.is_quantised() && !self.names_hardware() {
            return Ok(handaxe::firmware::own_firmware(model)?);
        }
        Ok((model.clone(), firmware::configuration(&self.hardware)?))
    }

    /// The metric's name and value. What cannot be judged is an error where a metric was asked for, and else only said.
    fn judge(
        &self,
        outputs: &[Tensor],
        targets: &Targets,
        speech: Speech,
    ) -> Result<Option<(&'static str, f64)>, Failure> {
        match judge(outputs, targets, self.metric.as_deref()) {
            Ok(judged) => Ok(Some(judged)),
            Err(error) if self.metric.is_some() => Err(error.into()),
            Err(error) => {
                speech.note(&format!("note: not judged: {error}"));
                Ok(None)
            }
        }
    }
}
