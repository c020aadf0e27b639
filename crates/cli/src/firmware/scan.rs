use std::path::{Path, PathBuf};

use clap::Args;
use handaxe::Error;
use handaxe::data::Targets;
use handaxe::firmware::{Scan, ScanPoint, Tune, Tuned, scan, tune};
use handaxe::formats::{data, hls, write_atomically};
use handaxe::graph::{HlsConfig, Model};
use handaxe::report::plots::{self, Width};
use handaxe::report::{Align, Table, scan_page};
use handaxe::run::SCHEMA;
use serde::Serialize;

use super::load;
use crate::failure::Failure;
use crate::options::{Hardware, Speech};
use crate::output;

const EXAMPLES: &str = "\
--out names a new folder: scan.csv, scan.svg and scan.html; with --tune-precision hls_config.json.
Tuned types are measured on the samples given: keep others to judge them by.

Examples:
  handaxe scan --model jets.keras --data jets.npz:x=hlf_ungroomed,y=label --bits 4..18
  handaxe scan --model jets.keras --data jets.csv --bits 8,10,12 --integer 4 --reuse-factor 1,2,4 --strategy Resource --out widths
  handaxe scan --model jets.keras --data jets.csv --tune-precision --rtol 0.99 --out tuned";

/// Try widths: accuracy and resources of each, or the smallest widths that keep the accuracy
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_override_self = true, allow_negative_numbers = true)]
pub(crate) struct Command {
    /// The network: .safetensors, .keras, .h5 or model.json:weights=FILE.h5
    #[arg(long, value_name = "FILE")]
    model: String,
    /// Samples with labels, as `handaxe optimize --data` takes them
    #[arg(long, value_name = "FILE")]
    data: String,
    /// accuracy, auc, mse or mae [default: accuracy for classes, mse for values]
    #[arg(long, value_name = "NAME")]
    metric: Option<String>,
    /// Bits of every type: 4..18, both ends included, or 8,10,12
    #[arg(long, value_name = "LIST", default_value = "4..18", value_parser = list, conflicts_with = "tune_precision")]
    bits: List,
    /// Integer bits of every type, the sign's among them
    #[arg(long, value_name = "N", default_value_t = 6, conflicts_with = "tune_precision")]
    integer: i32,
    /// Look for the smallest widths of each layer instead
    #[arg(long)]
    tune_precision: bool,
    /// --tune-precision: factor of the floating-point metric that must hold
    #[arg(long, value_name = "F", default_value_t = 0.99)]
    rtol: f64,
    /// --tune-precision: how many times as large as seen the numbers may become
    #[arg(long, value_name = "F", default_value_t = 1.0)]
    cover: f64,
    /// --tune-precision: how many of the samples are used, the first ones
    #[arg(long, value_name = "N", default_value_t = 4000)]
    samples: usize,
    /// Where the results go: a folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace the files of --out if they exist
    #[arg(long, requires = "out")]
    force: bool,
    /// Reuse factors to try, such as 1,2,4 [default: the configuration's]
    #[arg(long, value_name = "LIST", value_parser = list)]
    reuse_factor: Option<List>,
    #[command(flatten)]
    hardware: Firmware,
}

/// The hardware but for what is scanned.
#[derive(Debug, Args)]
#[command(next_help_heading = "Hardware")]
struct Firmware {
    /// hls4ml's configuration, YAML or JSON; its precisions give way
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Latency or Resource
    #[arg(long, value_name = "NAME")]
    strategy: Option<String>,
}

/// Whole numbers, as they were listed.
#[derive(Debug, Clone)]
struct List(Vec<usize>);

fn list(text: &str) -> Result<List, String> {
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

#[derive(Serialize)]
struct Record<'a> {
    schema: u32,
    metric: &'static str,
    float: f64,
    points: &'a [ScanPoint],
    out: Option<&'a Path>,
}

#[derive(Serialize)]
struct TunedRecord<'a> {
    schema: u32,
    metric: &'static str,
    float: f64,
    value: f64,
    met: bool,
    tried: usize,
    types: Vec<TunedType<'a>>,
    out: Option<&'a Path>,
}

#[derive(Serialize)]
struct TunedType<'a> {
    layer: &'a str,
    variable: &'static str,
    precision: String,
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
        tuned(command, &model, &config, data, speech)
    } else {
        widths(command, &model, &config, data, speech)
    }
}

type Data<'a> = (&'a [std::sync::Arc<dyn handaxe::data::Source>], &'a Targets);

fn widths(
    command: &Command,
    model: &Model,
    config: &HlsConfig,
    data: Data<'_>,
    speech: Speech,
) -> Result<(), Failure> {
    let wanted = Scan {
        bits: command.bits.0.iter().map(|&bits| u32::try_from(bits).unwrap_or(u32::MAX)).collect(),
        integer: command.integer,
        reuse_factors: command.reuse_factor.as_ref().map_or(Vec::new(), |list| list.0.clone()),
    };
    let ((metric, float), points) = scan(model, config, data, command.metric.as_deref(), &wanted)?;
    let out = command.out.as_deref();
    if let Some(out) = out {
        let drawn: Vec<Width> = points.iter().map(width).collect();
        write(out, "scan.csv", &csv(&points))?;
        write(out, "scan.svg", &plots::widths(metric, float, &drawn))?;
        write(out, "scan.html", &scan_page(model.name(), metric, float, &drawn))?;
    }
    if speech.json {
        return output::json(&Record { schema: SCHEMA, metric, float, points: &points, out });
    }
    output::text(&format!("{metric} in floating point: {float:.4}\n{}", table(metric, &points)))?;
    out.map_or(Ok(()), |out| output::text(&format!("Table, plot and page: {}\n", out.display())))
}

fn width(point: &ScanPoint) -> Width {
    Width {
        bits: point.bits,
        reuse_factor: point.reuse_factor,
        value: point.value,
        resources: point.resources.clone(),
    }
}

fn table(metric: &str, points: &[ScanPoint]) -> Table {
    let resources: Vec<&String> = points
        .iter()
        .flat_map(|point| point.resources.keys())
        .take(points.first().map_or(0, |point| point.resources.len()))
        .collect();
    let heads = ["precision", "reuse factor", metric]
        .into_iter()
        .chain(resources.iter().map(|name| name.as_str()));
    let mut table = Table::new(heads.map(|head| (head, Align::Right)));
    for point in points {
        let factor = point.reuse_factor.map_or("-".to_owned(), |factor| factor.to_string());
        let first = [
            format!("ap_fixed<{},{}>", point.bits, point.integer),
            factor,
            format!("{:.4}", point.value),
        ];
        let rest = resources
            .iter()
            .map(|name| point.resources.get(*name).map_or(String::new(), u64::to_string));
        table.row(first.into_iter().chain(rest));
    }
    table
}

fn csv(points: &[ScanPoint]) -> String {
    let resources: Vec<&String> =
        points.first().map_or(Vec::new(), |point| point.resources.keys().collect());
    let mut text = format!(
        "bits,integer,reuse_factor,value{}\n",
        resources.iter().map(|name| format!(",{name}")).collect::<String>()
    );
    for point in points {
        let factor = point.reuse_factor.map_or(String::new(), |factor| factor.to_string());
        text.push_str(&format!("{},{},{factor},{}", point.bits, point.integer, point.value));
        resources.iter().for_each(|name| {
            text.push_str(&format!(",{}", point.resources.get(*name).copied().unwrap_or(0)))
        });
        text.push('\n');
    }
    text
}

fn tuned(
    command: &Command,
    model: &Model,
    config: &HlsConfig,
    data: Data<'_>,
    speech: Speech,
) -> Result<(), Failure> {
    let settings = Tune { rtol: command.rtol, cover: command.cover, samples: command.samples };
    let tuned = tune(model, config, data, command.metric.as_deref(), &settings)?;
    let Tuned { metric, float, value, met, types, config, tried } = &tuned;
    let out = command.out.as_deref();
    if let Some(out) = out {
        write(out, "hls_config.json", &hls::json(config))?;
    }
    if speech.json {
        let types = types
            .iter()
            .map(|(layer, variable, of)| TunedType { layer, variable, precision: of.to_string() })
            .collect();
        output::json(&TunedRecord {
            schema: SCHEMA,
            metric,
            float: *float,
            value: *value,
            met: *met,
            tried: *tried,
            types,
            out,
        })?;
    } else {
        let mut table =
            Table::new(["layer", "variable", "precision"].map(|head| (head, Align::Left)));
        types.iter().for_each(|(layer, variable, of)| {
            table.row([layer.as_str(), variable, &of.to_string()])
        });
        let summary = format!(
            "{metric} in floating point {float:.4}, at these types {value:.4} ({tried} tried)\n"
        );
        output::text(&format!("{table}{summary}"))?;
        if let Some(out) = out {
            output::text(&format!("Configuration: {}\n", out.join("hls_config.json").display()))?;
        }
    }
    if *met {
        return Ok(());
    }
    Err(Failure::NotMet(format!(
        "no types of up to 18 fractional bits keep {metric} at {} of {float:.4}; a larger --cover may help",
        command.rtol
    )))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::Other(format!("cannot make {}: {error}", folder.display())))?;
    write_atomically(&folder.join(name), |file| file.write_all(text.as_bytes()))
        .map_err(crate::files::unwritten)
}
