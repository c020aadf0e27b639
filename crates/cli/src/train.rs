//! `handaxe train`.

use std::path::PathBuf;

use clap::Args;
use handaxe::formats::model::Format;
use handaxe::run::{SCHEMA, Scores};
use handaxe::{RunConfig, Samples};
use serde::Serialize;

use crate::failure::Failure;
use crate::options::{Source, Speech, Training};
use crate::progress::Progress;
use crate::{files, output};

const EXAMPLES: &str = "\
Examples:
  The jet-tagging network of the field:
  handaxe train --network dense:64,relu,dense:32,relu,dense:32,relu,dense:5,softmax --l1 1e-4 \\
      --data jets.npz:x=hlf_ungroomed,y=label --out jets.safetensors
  A small CNN:
  handaxe train --network conv:8x3,relu,maxpool:2,flatten,dense:10,softmax --data images.npz --baseline-epochs 5 --out cnn.safetensors
  More training for a given network:
  handaxe train --model jets.keras --data jets.npz:x=hlf_ungroomed,y=label --out better.keras";

/// Train a network that can then be pruned
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub(crate) struct Command {
    /// Settings as TOML with the names of these flags as keys; flags override it
    #[arg(value_name = "RUN.TOML")]
    file: Option<PathBuf>,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    training: Training,
    /// Where the network goes: .safetensors, .keras, .h5 or .onnx
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: PathBuf,
    /// Replace --out if it exists
    #[arg(long, help_heading = "Output")]
    force: bool,
}

#[derive(Serialize)]
struct Trained<'a> {
    schema: u32,
    parameters: usize,
    weights: usize,
    metric: &'a str,
    validation: f64,
    test: f64,
    out: &'a PathBuf,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let out = &command.out;
    let form = Format::of_name(out).map_err(files::unwritten)?;
    files::check_free(out, command.force)?;
    let config = match &command.file {
        Some(path) => RunConfig::load(path)?,
        None => RunConfig::default(),
    };
    let config = config.overridden(&command.source)?.overridden(&command.training)?;
    let config = RunConfig { format: Some(form.to_string()), ..config };
    let samples = Samples::load(&config)?;
    let mut progress = Progress::new(config.baseline_epochs, 0, speech.quiet);
    let trained = handaxe::train_baseline(&config, &samples, &mut progress)?;
    drop(progress);
    files::save(&trained.model, out, speech)?;

    let (parameters, weights) = (files::parameters(&trained.model), trained.model.parameters());
    let metric = &trained.metric;
    let Scores { validation, test } = trained.scores;
    if speech.json {
        let schema = SCHEMA;
        return output::json(&Trained {
            schema,
            parameters,
            weights,
            metric,
            validation,
            test,
            out,
        });
    }
    output::text(&format!(
        "{weights} weights; {metric} {validation:.4} on validation, {test:.4} on test samples\nModel: {}\n",
        out.display()
    ))
}
