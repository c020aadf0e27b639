//! `handaxe parts`: FPGAs and boards, and what they have.

use std::path::PathBuf;

use clap::Args;
use handaxe::objective::parts::Part;
use handaxe::report::{Align, Table};
use handaxe::run::SCHEMA;
use serde::Serialize;

use crate::failure::Failure;
use crate::options::Speech;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  handaxe parts
  handaxe parts ultrascale+
  handaxe parts pynq --json
  handaxe parts mine --parts my_parts.json";

/// List FPGAs and boards, and what they have
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Command {
    /// Part of a name, a family or a board, in any case
    #[arg(value_name = "PATTERN", default_value = "", hide_default_value = true)]
    pattern: String,
    /// More parts, as a JSON list like the one of --json
    #[arg(long, value_name = "FILE")]
    parts: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    parts: Vec<&'a Part>,
}

/// Runs `handaxe parts`.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let catalogue = handaxe::catalogue(command.parts.as_deref())?;
    let parts = catalogue.matching(&command.pattern);
    if parts.is_empty() {
        let pattern = &command.pattern;
        return Err(Failure::Input(format!(
            "no part, family or board contains `{pattern}`: `handaxe parts` lists all"
        )));
    }
    if speech.json {
        return output::json(&Answer { schema: SCHEMA, parts });
    }
    output::text(&table(&parts).to_string())
}

/// Resources that any of the parts has, in the order of a report.
const COLUMNS: [(&str, &str); 9] = [
    ("dsp", "DSP"),
    ("lut", "LUT"),
    ("ff", "FF"),
    ("bram36", "BRAM36"),
    ("uram", "URAM"),
    ("alm", "ALM"),
    ("m20k", "M20K"),
    ("m10k", "M10K"),
    ("mlab", "MLAB"),
];

fn table(parts: &[&Part]) -> Table {
    let shown = COLUMNS.iter().filter(|(resource, _)| {
        parts.iter().any(|part| part.resources.get(*resource).is_some_and(|&count| count > 0))
    });
    let shown: Vec<_> = shown.collect();
    let first = [("part", Align::Left), ("family", Align::Left)];
    let heads = shown.iter().map(|(_, head)| (*head, Align::Right));
    let last = [("boards", Align::Left)];
    let mut table = Table::new(first.into_iter().chain(heads).chain(last));
    for part in parts {
        let count =
            |resource: &str| part.resources.get(resource).map_or("-".to_owned(), u64::to_string);
        let cells = shown.iter().map(|(resource, _)| count(resource));
        let first = [part.name.clone(), part.family.clone()];
        table.row(first.into_iter().chain(cells).chain([part.boards.join(", ")]));
    }
    table
}
