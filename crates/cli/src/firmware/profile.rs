use std::path::PathBuf;

use clap::Args;
use handaxe::Error;
use handaxe::firmware::{Profile, Variable, findings, profile};
use handaxe::formats::{data, write_atomically};
use handaxe::report::plots::{self, Range};
use handaxe::report::{Align, Table};
use handaxe::run::SCHEMA;
use serde::Serialize;

use super::{load, say, texts};
use crate::failure::Failure;
use crate::options::{Hardware, Speech};
use crate::{files, output};

const EXAMPLES: &str = "\
Numbers in floating point, |x| without zeros, against what their types hold. Without --data only weights are looked at.

Examples:
  handaxe profile --model jets.keras --config hls_config.yml --data jets.npz:x=hlf_ungroomed --out profile.svg
  handaxe profile --model jets.keras --precision 'ap_fixed<8,3>' --json";

/// Show how large weights and activations are, and which of them their types cannot hold
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_override_self = true)]
pub(crate) struct Command {
    /// The network: .safetensors, .keras, .h5 or model.json:weights=FILE.h5
    #[arg(long, value_name = "FILE")]
    model: String,
    /// Samples, as `handaxe optimize --data` takes them; labels may be missing in .npz and .npy
    #[arg(long, value_name = "FILE")]
    data: Option<String>,
    /// How many of the samples are looked at, the first ones
    #[arg(long, value_name = "N", default_value_t = 1000)]
    samples: usize,
    /// Where a box plot goes: .svg
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace --out if it exists
    #[arg(long, requires = "out")]
    force: bool,
    #[command(flatten)]
    hardware: Hardware,
}

#[derive(Serialize)]
struct Record {
    schema: u32,
    profiles: Vec<Profile>,
    warnings: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    if let Some(out) = &command.out {
        if !out.extension().is_some_and(|given| given.eq_ignore_ascii_case("svg")) {
            return Err(Failure::Input(format!(
                "{}: the plot is an SVG: name a file .svg",
                out.display()
            )));
        }
        files::check_free(out, command.force)?;
    }
    let (model, config) = load(&command.model, &command.hardware)?;
    let inputs = match &command.data {
        Some(reference) => Some(data::load_inputs(reference).map_err(Error::from)?.0),
        None => None,
    };
    let profiles = profile(&model, &config, inputs.as_deref(), command.samples)?;
    let found = findings(&model, &config, &profiles, &[])?;
    say(&found, speech);
    if let Some(out) = &command.out {
        let drawn = plots::ranges(&profiles.iter().filter_map(range).collect::<Vec<_>>());
        write_atomically(out, |file| file.write_all(drawn.as_bytes())).map_err(files::unwritten)?;
    }
    if speech.json {
        return output::json(&Record { schema: SCHEMA, profiles, warnings: texts(&found) });
    }
    output::text(&table(&profiles).to_string())?;
    if let Some(out) = &command.out {
        output::text(&format!("Plot: {}\n", out.display()))?;
    }
    Ok(())
}

fn table(profiles: &[Profile]) -> Table {
    let left = ["layer", "variable", "precision"].map(|head| (head, Align::Left));
    let right = ["range", "type holds", "median |x|", "step", "overflows", "underflows"]
        .map(|head| (head, Align::Right));
    let mut table = Table::new(left.into_iter().chain(right));
    for profile in profiles {
        let share = |count: usize| match count {
            0 => "-".to_owned(),
            count => {
                format!("{count} ({:.1} %)", 100.0 * count as f64 / profile.count.max(1) as f64)
            }
        };
        table.row([
            profile.layer.as_str(),
            profile.variable,
            &profile.of.to_string(),
            &format!("{:.4} .. {:.4}", profile.range.0, profile.range.1),
            &format!("{:.4} .. {:.4}", profile.of.min(), profile.of.max()),
            &profile.quartiles.map_or("-".to_owned(), |quartiles| format!("{:.3e}", quartiles[2])),
            &format!("{:.1e}", 2f64.powi(-profile.of.fraction())),
            &share(profile.overflows),
            &share(profile.underflows),
        ]);
    }
    table
}

fn range(profile: &Profile) -> Option<Range> {
    Some(Range {
        name: format!("{} {}", profile.layer, profile.variable),
        weight: profile.what == Variable::Weight,
        quartiles: profile.quartiles?,
        held: (2f64.powi(-profile.of.fraction()), profile.of.max()),
    })
}
