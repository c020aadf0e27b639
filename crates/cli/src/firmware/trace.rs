use clap::Args;
use handaxe::Error;
use handaxe::firmware::{LayerTrace, findings, trace};
use handaxe::formats::data;
use handaxe::report::{Align, Table};
use handaxe::run::SCHEMA;
use serde::Serialize;

use super::{load, say, texts};
use crate::failure::Failure;
use crate::options::{Hardware, Questions, Speech};
use crate::output;

const EXAMPLES: &str = "\
The worst relative error is the largest difference as a share of the layer's largest floating-point value.

Examples:
  handaxe trace --model jets.keras --config hls_config.yml --data jets.npz:x=hlf_ungroomed
  handaxe trace --model jets.keras --precision 'ap_fixed<12,4>' --data jets.csv --samples 100 --json";

/// Set every layer's output in fixed point beside floating point
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Command {
    #[command(flatten)]
    questions: Questions,
    /// How many of the samples are looked at, the first ones
    #[arg(long, value_name = "N", default_value_t = 1000)]
    samples: usize,
    #[command(flatten)]
    hardware: Hardware,
}

#[derive(Serialize)]
struct Record {
    schema: u32,
    layers: Vec<LayerTrace>,
    warnings: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let (model, config) = load(&command.questions.model, &command.hardware)?;
    let (inputs, _) = data::load_inputs(&command.questions.data).map_err(Error::from)?;
    let traces = trace(&model, &config, &inputs, command.samples)?;
    let found = findings(&model, &config, &[], &traces)?;
    say(&found, speech);
    if speech.json {
        return output::json(&Record { schema: SCHEMA, layers: traces, warnings: texts(&found) });
    }
    let left = ["layer", "type", "precision"].map(|head| (head, Align::Left));
    let right = ["float", "fixed", "worst error", "relative"].map(|head| (head, Align::Right));
    let mut table = Table::new(left.into_iter().chain(right));
    for trace in &traces {
        let range = |(low, high): (f32, f32)| format!("{low:.4} .. {high:.4}");
        table.row([
            trace.layer.as_str(),
            trace.kind,
            &trace.result,
            &range(trace.float),
            &range(trace.fixed),
            &format!("{:.3e}", trace.worst),
            &format!("{:.3} %", 100.0 * trace.worst_relative),
        ]);
    }
    output::text(&table.to_string())
}
