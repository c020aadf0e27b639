//! `handaxe config`.

use std::path::{Path, PathBuf};

use clap::Args;
use handaxe::Error;
use handaxe::firmware::{Finding, findings};
use handaxe::fixed::Precision;
use handaxe::formats::hls::{self, Backend, Granularity, Project, Template};
use handaxe::formats::model::Format;
use handaxe::formats::write_atomically;
use handaxe::graph::{HlsConfig, IoType, Strategy};
use handaxe::run::SCHEMA;
use serde::Serialize;

use crate::failure::Failure;
use crate::options::Speech;
use crate::{files, output};

const EXAMPLES: &str = "\
The file is what hls4ml's convert_from_keras_model takes as hls_config. How arrays pass between layers is a matter of the whole
project: with --io-type, the file is the project's, for convert_from_config. handaxe takes both as --config.

Examples:
  handaxe config jets.keras > hls_config.yml
  handaxe config jets.h5 --granularity model --precision 'ap_fixed<12,4>' --reuse-factor 8 --strategy Resource --out hls_config.yml
  handaxe config cnn.keras --backend Vitis --io-type io_stream --out hls4ml_config.yml";

/// Write a configuration for hls4ml, to begin with
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Command {
    /// The network: .safetensors, .keras, .h5, .onnx or model.json:weights=FILE.h5
    #[arg(value_name = "MODEL")]
    model: String,
    /// model, type or name: how much is spelt out
    #[arg(long, value_name = "LEVEL", default_value = "name")]
    granularity: String,
    /// Vivado, VivadoAccelerator, Vitis, Catapult, oneAPI or Quartus
    #[arg(long, value_name = "NAME", default_value = "Vitis")]
    backend: String,
    /// Precision of the whole model
    #[arg(long, value_name = "TYPE", default_value = "ap_fixed<16,6>")]
    precision: String,
    /// Reuse factor of the model and of every layer
    #[arg(long, value_name = "N", default_value_t = 1)]
    reuse_factor: usize,
    /// Latency, Resource, Unrolled or distributed_arithmetic
    #[arg(long, value_name = "NAME", default_value = "Latency")]
    strategy: String,
    /// io_parallel or io_stream; makes it a whole project's configuration
    #[arg(long, value_name = "NAME")]
    io_type: Option<String>,
    /// Where it goes [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace --out if it exists
    #[arg(long, requires = "out")]
    force: bool,
}

#[derive(Serialize)]
struct Record<'a> {
    schema: u32,
    config: serde_json::Value,
    diagnostics: Vec<String>,
    out: Option<&'a Path>,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let mut template = command.template()?;
    if let Some(out) = &command.out {
        files::check_free(out, command.force)?;
    }
    let model = files::load(&command.model)?;
    let mut notes = Vec::new();
    if let Some(project) = &mut template.project {
        let own = Format::of(&command.model).map_err(Error::from)? == Format::Native;
        if own || command.model.contains(".json") {
            notes.push(
                "hls4ml reads whole .keras and .h5 files only: write the network as one (`handaxe convert`) and add it as KerasModel"
                    .to_owned(),
            );
        } else {
            project.model = Some(command.model.clone());
        }
    }
    let text = template.yaml(&model);
    // Read as `--config` reads it: what the estimates will do differently is said here already.
    let config = hls::parse(&text).map_err(Error::from)?;
    let (_, diagnostics) = model.attributes(Some(&config)).map_err(Error::from)?;
    notes.extend(diagnostics.iter().map(ToString::to_string));
    // What cannot be computed to the bit can be configured all the same; whether sums do wrap is told by data.
    let found = findings(&model, &config, &[], &[]).unwrap_or_default();
    let sure = found.iter().filter(|finding| !matches!(finding, Finding::MayWrap { .. }));
    notes.extend(sure.map(ToString::to_string));
    if let Some(out) = &command.out {
        write_atomically(out, |file| file.write_all(text.as_bytes())).map_err(files::unwritten)?;
    }
    if speech.json {
        let (config, out) = (template.json(&model), command.out.as_deref());
        return output::json(&Record { schema: SCHEMA, config, diagnostics: notes, out });
    }
    notes.iter().for_each(|note| speech.note(&format!("note: {note}")));
    match &command.out {
        Some(out) => output::text(&format!("Configuration: {}\n", out.display())),
        None => output::text(&text),
    }
}

impl Command {
    fn template(&self) -> Result<Template, Error> {
        let precision: Precision = self.precision.parse()?;
        if precision == Precision::Auto {
            let right = "a type such as ap_fixed<16,6>: it is what `auto` falls back on";
            return Err(Error::Value { what: "the precision", given: "auto".to_owned(), right });
        }
        let strategy: Strategy = self.strategy.parse()?;
        // The checks of every configuration, before anything is read.
        HlsConfig::uniform(precision, self.reuse_factor, strategy)?;
        let io_type = self.io_type.as_ref().map(|name| name.parse::<IoType>()).transpose()?;
        Ok(Template {
            granularity: self.granularity.parse::<Granularity>()?,
            backend: self.backend.parse::<Backend>()?,
            precision,
            reuse_factor: self.reuse_factor,
            strategy,
            project: io_type.map(|io_type| Project { io_type, model: None }),
        })
    }
}
