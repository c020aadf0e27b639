use std::path::{Path, PathBuf};

use clap::Args;
use handaxe::Error;
use handaxe::data::Targets;
use handaxe::firmware::{ScanSettings, scan};
use handaxe::formats::{data, write_atomically};
use handaxe::graph::{HlsConfig, Model};
use handaxe::report::{Scan, plots, scan_page};
use handaxe::run::SCHEMA;
use serde::Serialize;

use super::load;
use super::points::{counted, csv, table};
use super::tuned::tuned;
use crate::failure::Failure;
use crate::options::{Hardware, Speech};
use crate::output;
use crate::target::Target;

const EXAMPLES: &str = "\
Each point is answered by the firmware, to the bit, and estimated as `handaxe estimate` does, after implementation; a second table has what
the objectives count. A star marks points of the Pareto front: no other is as good in the metric, every estimate and the latency, and
better in one of them. Pruned networks are not trained again: `handaxe optimize` does, and loses less. --out names a new folder: scan.csv,
scan.svg and scan.html; with --tune-precision hls_config.json. Tuned types are measured on the samples given: keep others to judge them by.

Examples:
  handaxe scan --model jets.keras --data jets.npz:x=hlf_ungroomed,y=label --bits 4..18
  handaxe scan --model jets.keras --data jets.csv --bits 8,10,12 --integer 4 --reuse-factor 1,2,4 --strategy Resource --out widths
  handaxe scan --model jets.keras --data jets.csv --bits 8..14 --sparsity 0,0.5,0.75 --part pynq-z2 --out sparse
  handaxe scan --model jets.keras --data jets.csv --tune-precision --rtol 0.99 --out tuned";

/// Try widths, reuse factors and sparsities: accuracy and resources of each, or the smallest widths that keep the accuracy
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_override_self = true, allow_negative_numbers = true)]
pub(crate) struct Command {
    /// The network: .safetensors, .keras, .h5, .onnx or model.json:weights=FILE.h5
    #[arg(long, value_name = "FILE")]
    model: String,
    /// Samples with labels, as `handaxe optimize --data` takes them
    #[arg(long, value_name = "FILE")]
    data: String,
    /// accuracy, auc, mse or mae [default: accuracy for classes, mse for values]
    #[arg(long, value_name = "NAME")]
    pub(super) metric: Option<String>,
    /// Bits of every type: 4..18, both ends included, or 8,10,12
    #[arg(long, value_name = "LIST", default_value = "4..18", value_parser = list, conflicts_with = "tune_precision")]
    bits: List<usize>,
    /// Integer bits of every type, the sign's among them
    #[arg(long, value_name = "N", default_value_t = 6, conflicts_with = "tune_precision")]
    integer: i32,
    /// Reuse factors to try, such as 1,2,4 [default: the configuration's]
    #[arg(long, value_name = "LIST", value_parser = list, conflicts_with = "tune_precision")]
    reuse_factor: Option<List<usize>>,
    /// Shares of the weights to cut, such as 0,0.5,0.75: the least weights, or multipliers where weights lie in memory
    #[arg(long, value_name = "LIST", value_parser = shares, conflicts_with = "tune_precision")]
    sparsity: Option<List<f64>>,
    /// Look for the smallest widths of each layer instead
    #[arg(long)]
    tune_precision: bool,
    /// --tune-precision: factor of the floating-point metric that must hold
    #[arg(long, value_name = "F", default_value_t = 0.99)]
    pub(super) rtol: f64,
    /// --tune-precision: how many times as large as seen the numbers may become
    #[arg(long, value_name = "F", default_value_t = 1.0)]
    pub(super) cover: f64,
    /// --tune-precision: how many of the samples are used, the first ones
    #[arg(long, value_name = "N", default_value_t = 4000)]
    pub(super) samples: usize,
    /// Where the results go: a folder
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Replace the files of --out if they exist
    #[arg(long, requires = "out")]
    force: bool,
    #[command(flatten)]
    hardware: Firmware,
    #[command(flatten)]
    target: Target,
}

/// The hardware but for what is scanned.
#[derive(Debug, Args)]
#[command(next_help_heading = "Hardware")]
struct Firmware {
    /// hls4ml's configuration, YAML or JSON; its precisions give way
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Latency, Resource or Unrolled
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
}

/// Numbers, as they were listed.
#[derive(Debug, Clone)]
struct List<T>(Vec<T>);

fn list(text: &str) -> Result<List<usize>, String> {
    let wrong = || format!("`{text}` is no list: write 4..18 or 8,10,12");
    let number = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong());
    let numbers = match text.split_once("..") {
        Some((first, last)) => (number(first)?..=number(last)?).take(1000).collect(),
        None => text.split(',').map(number).collect::<Result<Vec<_>, _>>()?,
    };
    if numbers.is_empty() || numbers.contains(&0) {
        return Err(format!(
            "`{text}` must hold numbers of 1 or more, from the lower to the higher"
        ));
    }
    Ok(List(numbers))
}

fn shares(text: &str) -> Result<List<f64>, String> {
    let share = |part: &str| part.trim().parse().ok().filter(|share| (0.0..=1.0).contains(share));
    let shares: Option<Vec<f64>> = text.split(',').map(share).collect();
    shares
        .map(List)
        .ok_or_else(|| format!("`{text}` is no list of shares in 0..=1: write 0,0.5,0.75"))
}

#[derive(Serialize)]
struct Record<'a> {
    schema: u32,
    #[serde(flatten)]
    scan: &'a Scan,
    out: Option<&'a Path>,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let names = if command.tune_precision {
        &["hls_config.json"][..]
    } else {
        &["scan.csv", "scan.svg", "scan.html"]
    };
    if let Some(out) = &command.out {
        for name in names {
            crate::files::check_free(&out.join(name), command.force)?;
        }
    }
    let positive = [("--rtol", command.rtol), ("--cover", command.cover)];
    if let Some((flag, given)) =
        positive.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0))
    {
        return Err(Failure::Input(format!("{flag} must be a positive number, not {given}")));
    }
    let (part, profile) = command.target.read()?;
    let hardware = Hardware {
        config: command.hardware.config.clone(),
        precision: None,
        reuse_factor: None,
        strategy: command.hardware.strategy.clone(),
        io_type: None,
    };
    let (model, config) = load(&command.model, &hardware)?;
    let (inputs, targets) = data::load_inputs(&command.data).map_err(Error::from)?;
    let Some(targets) = targets else {
        return Err(Failure::Input(
            "scan needs labels: name them, as in FILE.npz:x=NAME,y=NAME".to_owned(),
        ));
    };
    let data = (&inputs[..], &targets);
    if command.tune_precision {
        return tuned(command, &model, &config, data, speech);
    }
    let settings = ScanSettings {
        bits: command.bits.0.iter().map(|&bits| u32::try_from(bits).unwrap_or(u32::MAX)).collect(),
        integer: command.integer,
        reuse_factors: command.reuse_factor.as_ref().map_or(Vec::new(), |list| list.0.clone()),
        sparsities: command.sparsity.as_ref().map_or(Vec::new(), |list| list.0.clone()),
        profile,
        part,
    };
    points(command, &model, &config, data, &settings, speech)
}

pub(super) type Data<'a> = (&'a [std::sync::Arc<dyn handaxe::data::Source>], &'a Targets);

fn points(
    command: &Command,
    model: &Model,
    config: &HlsConfig,
    data: Data<'_>,
    settings: &ScanSettings,
    speech: Speech,
) -> Result<(), Failure> {
    let scan = scan(model, config, data, command.metric.as_deref(), settings)?;
    let out = command.out.as_deref();
    if let Some(out) = out {
        write(out, "scan.csv", &csv(&scan))?;
        write(out, "scan.svg", &plots::scan(&scan))?;
        write(out, "scan.html", &scan_page(model.name(), &scan))?;
    }
    scan.notes.iter().for_each(|note| speech.note(&format!("note: {note}")));
    if speech.json {
        return output::json(&Record { schema: SCHEMA, scan: &scan, out });
    }
    let Scan { metric, float, .. } = &scan;
    let tables = format!("{}\nCounted by the objectives\n{}", table(&scan), counted(&scan));
    output::text(&format!("{metric} in floating point: {float:.4}\n{tables}"))?;
    out.map_or(Ok(()), |out| output::text(&format!("Table, plot and page: {}\n", out.display())))
}

/// Writes a file of the results.
pub(super) fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::Other(format!("cannot make {}: {error}", folder.display())))?;
    write_atomically(&folder.join(name), |file| file.write_all(text.as_bytes()))
        .map_err(crate::files::unwritten)
}
