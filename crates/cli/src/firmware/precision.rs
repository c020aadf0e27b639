use std::collections::BTreeMap;

use clap::Args;
use handaxe::Error;
use handaxe::firmware::{findings, profile};
use handaxe::graph::{FirmwareLayer, Model, Op, Softmax};
use handaxe::report::{Align, Table};
use handaxe::run::SCHEMA;
use serde::Serialize;

use super::{load, say, texts};
use crate::failure::Failure;
use crate::options::{Hardware, Speech};
use crate::output;

const EXAMPLES: &str = "\
`auto` is inferred as hls4ml 1.3 does it.

Examples:
  handaxe precision --model jets.keras --config hls_config.yml
  handaxe precision --model jets.safetensors --precision 'ap_fixed<16,6>' --json";

/// Show the type of every variable of every layer, `auto` inferred
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Command {
    /// The network: .safetensors, .keras, .h5 or model.json:weights=FILE.h5
    #[arg(long, value_name = "FILE")]
    model: String,
    #[command(flatten)]
    hardware: Hardware,
}

#[derive(Serialize)]
struct Record<'a> {
    schema: u32,
    layers: Vec<Layer<'a>>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Layer<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    types: BTreeMap<&'static str, String>,
    note: Option<String>,
}

impl<'a> Layer<'a> {
    fn new(model: &'a Model, built: &FirmwareLayer) -> Self {
        let layer = model.layer(built.id);
        let types = built.types.iter().map(|(variable, of)| (*variable, of.to_string()));
        Self {
            name: layer.name(),
            kind: layer.op().layer_type().name(),
            types: types.collect(),
            note: note(model, built),
        }
    }
}

/// What else is to be known of a layer.
fn note(model: &Model, built: &FirmwareLayer) -> Option<String> {
    let softmax = matches!(
        model.layer(built.id).op(),
        Op::Activation { function: handaxe::graph::Activation::Softmax }
    );
    match built {
        FirmwareLayer { passes: true, .. } => Some("passes its input through".to_owned()),
        FirmwareLayer { folds: Some(id), .. } => {
            Some(format!("{} is folded in", model.layer(*id).name()))
        }
        FirmwareLayer { stride: 2.., .. } => Some(format!("sums in strides of {}", built.stride)),
        _ if softmax && built.softmax != Softmax::Argmax => {
            Some(format!("{:?}, {} entries", built.softmax, built.table_size).to_lowercase())
        }
        _ => None,
    }
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let (model, config) = load(&command.model, &command.hardware)?;
    let layers = model.firmware(&config).map_err(Error::from)?;
    let found = findings(&model, &config, &profile(&model, &config, None, 0)?, &[])?;
    let layers: Vec<Layer<'_>> = layers.iter().map(|built| Layer::new(&model, built)).collect();
    say(&found, speech);
    if speech.json {
        return output::json(&Record { schema: SCHEMA, layers, warnings: texts(&found) });
    }
    let heads = ["layer", "type", "variable", "precision", "note"];
    let mut table = Table::new(heads.map(|head| (head, Align::Left)));
    for layer in &layers {
        for (place, (variable, of)) in layer.types.iter().enumerate() {
            let (name, kind, note) = if place == 0 {
                (layer.name, layer.kind, layer.note.as_deref().unwrap_or(""))
            } else {
                ("", "", "")
            };
            table.row([name, kind, variable, of, note]);
        }
    }
    output::text(&table.to_string())
}
