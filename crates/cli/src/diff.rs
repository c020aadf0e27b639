//! `handaxe diff`.

use clap::Args;
use handaxe::report::{Align, Table};
use handaxe::run::SCHEMA;
use handaxe::{Comparison, Distance, Error};
use serde::Serialize;

use crate::failure::Failure;
use crate::options::Speech;
use crate::{files, output};

const EXAMPLES: &str = "\
Layers are matched by their names. Compared are structure (layers, settings, shapes, quantisers), every weight, and with --data what
both networks answer. Two numbers are equal when their difference, absolute or relative to the larger, is at most --tolerance.

Exit codes: 0 equal within the tolerance; 3 they differ; 2 bad usage or bad input; 1 anything else.

Examples:
  handaxe diff jets.h5 jets.keras
  handaxe diff jets.keras runs/vivado-dsp-001/model.keras --data jets.npz:x=hlf_ungroomed,y=label
  handaxe diff a.safetensors b.safetensors --tolerance 0 --json";

/// Show how two networks differ: structure, weights, answers
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub(crate) struct Command {
    /// A network: .safetensors, .keras, .h5, .onnx or model.json:weights=FILE.h5
    #[arg(value_name = "A")]
    first: String,
    /// Another one
    #[arg(value_name = "B")]
    second: String,
    /// Samples that both are to answer
    #[arg(long, value_name = "FILE")]
    data: Option<String>,
    /// Largest difference, absolute or relative, between numbers that count as equal
    #[arg(long, value_name = "T", default_value_t = 1e-6)]
    tolerance: f64,
}

#[derive(Serialize)]
struct Record<'a> {
    schema: u32,
    equal: bool,
    tolerance: f64,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let tolerance = command.tolerance;
    if tolerance.is_nan() || tolerance < 0.0 {
        let message = format!("--tolerance must be 0 or more, not {tolerance}");
        return Err(Failure::Input(message));
    }
    let (first, second) = (files::load(&command.first)?, files::load(&command.second)?);
    let data = command.data.as_deref().map(handaxe::formats::data::load_inputs).transpose();
    let data = data.map_err(Error::from)?;
    let inputs = data.as_ref().map(|(inputs, _)| inputs.as_slice());
    let comparison = Comparison::new(&first, &second, inputs)?;
    let equal = comparison.is_equal(tolerance);
    if speech.json {
        let comparison = &comparison;
        output::json(&Record { schema: SCHEMA, equal, tolerance, comparison })?;
    } else {
        tell(&comparison, inputs.is_some(), speech)?;
        if equal {
            output::text(&format!("Equal within {tolerance:e}.\n"))?;
        }
    }
    match equal {
        true => Ok(()),
        false => Err(Failure::NotMet(format!("the networks differ by more than {tolerance:e}"))),
    }
}

fn tell(comparison: &Comparison, data: bool, speech: Speech) -> Result<(), Failure> {
    if comparison.structure.is_empty() {
        output::text("The structure is the same.\n\n")?;
    } else {
        output::text(&format!("{}\n", structure(comparison)))?;
    }
    if !comparison.weights.is_empty() {
        output::text(&format!("{}\n", weights(comparison)))?;
    }
    if !comparison.outputs.is_empty() {
        output::text(&format!("{}\n", outputs(comparison)))?;
    } else if data {
        speech.note(
            "note: the networks take or give other shapes, so their answers are not compared",
        );
    }
    Ok(())
}

fn structure(comparison: &Comparison) -> Table {
    let heads = ["layer", "what", "A", "B"];
    let mut table = Table::new(heads.map(|head| (head, Align::Left)));
    let cell = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    for difference in &comparison.structure {
        let layer = difference.layer.clone().unwrap_or_else(|| "(network)".to_owned());
        table.row([
            layer,
            difference.what.clone(),
            cell(&difference.first),
            cell(&difference.second),
        ]);
    }
    table
}

fn weights(comparison: &Comparison) -> Table {
    let left = ["layer", "weight", "shape"].map(|head| (head, Align::Left));
    let right = ["largest difference", "relative", "zeros in A", "in B"];
    let right = right.map(|head| (head, Align::Right));
    let mut table = Table::new(left.into_iter().chain(right));
    for weight in &comparison.weights {
        let names = [weight.layer.clone(), weight.weight.clone(), format!("{:?}", weight.shape)];
        let zeros = weight.zeros.map(|zeros| zeros.to_string());
        table.row(names.into_iter().chain(distance(&weight.distance)).chain(zeros));
    }
    table
}

fn outputs(comparison: &Comparison) -> Table {
    let right = ["samples", "largest difference", "relative", "same largest entry"];
    let right = right.map(|head| (head, Align::Right));
    let mut table = Table::new([("output", Align::Left)].into_iter().chain(right));
    for output in &comparison.outputs {
        let same = output.same_largest.map(|share| format!("{:.2} %", 100.0 * share));
        let first = [output.output.clone(), output.samples.to_string()];
        let last = [same.unwrap_or_else(|| "-".to_owned())];
        table.row(first.into_iter().chain(distance(&output.distance)).chain(last));
    }
    table
}

fn distance(distance: &Distance) -> [String; 2] {
    let number = |value: f64| if value == 0.0 { "0".to_owned() } else { format!("{value:.2e}") };
    [number(distance.absolute), number(distance.relative)]
}
