//! `handaxe train`.

use std::path::PathBuf;

use clap::Args;
use handaxe::run::SCHEMA;
use handaxe::{RunConfig, Samples};
use serde::Serialize;

use crate::failure::Failure;
use crate::options::{Source, Speech, Training};
use crate::output;
use crate::progress::Progress;

const EXAMPLES: &str = "\
Examples:
  The jet-tagging network of the field:
  handaxe train --network dense:64,relu,dense:32,relu,dense:32,relu,dense:5,softmax --l1 1e-4 \\
      --data jets.npz:x=hlf_ungroomed,y=label --out jets.safetensors
  A small CNN:
  handaxe train --network conv:8x3,relu,maxpool:2,flatten,dense:10,softmax --data images.npz --baseline-epochs 5 --out cnn.safetensors
  More training for a given network:
  handaxe train --model jets.safetensors --data jets.npz:x=hlf_ungroomed,y=label --out better.safetensors";

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
    /// Where the network goes (.safetensors)
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    out: PathBuf,
    /// Replace --out if it exists
    #[arg(long, help_heading = "Output")]
    force: bool,
    #[command(flatten)]
    speech: Speech,
}

#[derive(Serialize)]
struct Trained<'a> {
    schema: u32,
    parameters: usize,
    metric: &'a str,
    validation: f64,
    test: f64,
    out: &'a PathBuf,
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    let out = &command.out;
    if out.exists() && !command.force {
        let message = format!(
            "{} already exists: choose another --out, or --force to replace it",
            out.display()
        );
        return Err(Failure::Input(message));
    }
    let config = match &command.file {
        Some(path) => RunConfig::load(path)?,
        None => RunConfig::default(),
    };
    let config = config.overridden(&command.source)?.overridden(&command.training)?;
    let samples = Samples::load(&config)?;
    let mut progress = Progress::new(config.baseline_epochs, 0, command.speech.quiet);
    let trained = handaxe::train_baseline(&config, &samples, &mut progress)?;
    drop(progress);
    handaxe::formats::native::save(&trained.model, out)
        .map_err(|error| Failure::Other(error.to_string()))?;

    let (parameters, scores) = (trained.model.parameters(), trained.scores);
    if command.speech.json {
        let metric = &trained.metric;
        let (validation, test) = (scores.validation, scores.test);
        return output::json(&Trained {
            schema: SCHEMA,
            parameters,
            metric,
            validation,
            test,
            out,
        });
    }
    output::text(&format!(
        "{parameters} parameters; {} {:.4} on validation, {:.4} on test samples\nModel: {}\n",
        trained.metric,
        scores.validation,
        scores.test,
        out.display()
    ))?;
    Ok(())
}
