//! `handaxe convert`.

use std::path::{Path, PathBuf};

use clap::Args;
use handaxe::formats::model::Format;
use handaxe::run::SCHEMA;
use serde::Serialize;

use crate::failure::Failure;
use crate::options::Speech;
use crate::{files, output};

const EXAMPLES: &str = "\
What is read is told from its content; what is written, from the extension: .safetensors (handaxe), .keras (Keras 3), .h5 (Keras 2),
.onnx (ONNX; QONNX if it is quantised).
Dropout is left out, and activations become layers of their own; quantisers of QKeras and HGQ are kept.

Examples:
  handaxe convert jets.h5 jets.keras
  handaxe convert model.json:weights=model_weights.h5 model.safetensors
  handaxe convert runs/vivado-dsp-001/model.safetensors slim.keras";

/// Rewrite a network in another form
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Command {
    /// The network: .safetensors, .keras, .h5, .onnx or model.json:weights=FILE.h5
    #[arg(value_name = "IN")]
    from: String,
    /// Where it goes: .safetensors, .keras, .h5 or .onnx
    #[arg(value_name = "OUT")]
    to: PathBuf,
    /// Replace OUT if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct Converted<'a> {
    schema: u32,
    model: &'a str,
    layers: usize,
    parameters: usize,
    weights: usize,
    format: String,
    out: &'a Path,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let form = Format::of_name(&command.to).map_err(files::unwritten)?;
    files::check_free(&command.to, command.force)?;
    let model = files::load(&command.from)?;
    files::save(&model, &command.to, speech)?;
    let (layers, weights, out) = (model.layers().count(), model.parameters(), &command.to);
    if speech.json {
        return output::json(&Converted {
            schema: SCHEMA,
            model: model.name(),
            layers,
            parameters: files::parameters(&model),
            weights,
            format: form.to_string(),
            out,
        });
    }
    output::text(&format!("{layers} layers, {weights} weights\nModel: {}\n", out.display()))
}
