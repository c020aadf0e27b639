//! `handaxe estimate`: what a network costs, and what its synthesis will report.

use std::path::PathBuf;

use clap::Args;
use handaxe::formats::write_atomically;
use handaxe::graph::{HlsConfig, Model};
use handaxe::objective::Objective;
use handaxe::objective::estimate::{Estimate, Multipliers, Profile, Tool, estimate};
use handaxe::objective::parts::Part;
use handaxe::run::{ByResource, Footprint, SCHEMA, footprint};
use handaxe::{Error, report, total};
use serde::Serialize;

use crate::failure::Failure;
use crate::inspect::{Network, Subject};
use crate::options::Speech;
use crate::{files, output, parts};

const EXAMPLES: &str = "\
Two tables: what the objectives count, zero weights left out; and, where a configuration says how the network is built, what C synthesis
and implementation will report, from the actual weights, each with the interval that about nine in ten results lie in. A mark * stands
at layers of whose kind no results of this tool and these parts are known. DSP blocks, memories and cycles are those of hls4ml's firmware.

Examples:
  handaxe estimate jets.keras --config hls_config.yml
  handaxe estimate jets.keras --config hls_config.yml --part xc7z020 --tool vivado --picture jets.svg
  handaxe estimate jets.safetensors --precision 'ap_fixed<16,6>' --reuse-factor 4 --strategy Resource --part pynq-z2 --json
  handaxe parts zynq";

/// Show what each layer of a network costs, and what synthesis will report, before any synthesis
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub(crate) struct Command {
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    target: Target,
    /// Draw a bar for each resource, of the part if one is given
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
    /// Replace --picture if it exists
    #[arg(long, requires = "picture")]
    force: bool,
}

/// What it is built with and for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Synthesis")]
struct Target {
    /// The part or board, such as xc7z020clg400-1 or pynq-z2
    #[arg(long, value_name = "NAME")]
    part: Option<String>,
    /// More parts, as a JSON list in the form of `handaxe parts --json`
    #[arg(long, value_name = "FILE")]
    parts: Option<PathBuf>,
    /// vivado (HLS up to 2020.1), vitis (HLS from 2020.2 on) or quartus [default: the part's today, vivado without a part]
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
    /// The clock's period in nanoseconds
    #[arg(long, value_name = "NS", default_value_t = 5.0)]
    clock: f64,
    /// auto, dsp or fabric: what multiplications are bound to
    #[arg(long, value_name = "NAME", default_value = "auto")]
    multipliers: String,
}

impl Target {
    /// The part that is asked for, and the profile that follows.
    fn read(&self) -> Result<(Option<Part>, Profile), Failure> {
        let catalogue = parts::catalogue(self.parts.as_deref())?;
        let part = self.part.as_ref().map(|name| catalogue.find(name)).transpose();
        let part = part.map_err(|error| Failure::Input(error.to_string()))?.cloned();
        if !(self.clock > 0.0 && self.clock.is_finite()) {
            return Err(unusable("--clock", self.clock, "nanoseconds above 0"));
        }
        let default = Profile::default();
        let usual = part.as_ref().map_or(default.tool, Part::usual_tool);
        let tool = match self.tool.as_deref() {
            None => usual,
            Some("vivado") => Tool::Vivado,
            Some("vitis") => Tool::Vitis,
            Some("quartus") => Tool::Quartus,
            Some(other) => return Err(unusable("--tool", other, "vivado, vitis or quartus")),
        };
        let multipliers = match self.multipliers.as_str() {
            "auto" => Multipliers::Auto,
            "dsp" => Multipliers::Dsp,
            "fabric" => Multipliers::Fabric,
            other => return Err(unusable("--multipliers", other, "auto, dsp or fabric")),
        };
        let family = part.as_ref().map_or(default.family, Part::fabric);
        Ok((part, Profile { tool, family, clock_ns: self.clock, multipliers }))
    }
}

fn unusable(flag: &str, given: impl std::fmt::Display, right: &str) -> Failure {
    Failure::Input(format!("{flag} must be {right}, not {given}"))
}

#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    layers: Vec<LayerCost<'a>>,
    total: ByResource<u64>,
    /// None without a configuration.
    synthesis: Option<Synthesis<'a>>,
    diagnostics: &'a [String],
}

#[derive(Serialize)]
struct LayerCost<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    layer_type: &'static str,
    sparsity: f64,
    resources: &'a ByResource<u64>,
}

#[derive(Serialize)]
struct Synthesis<'a> {
    #[serde(flatten)]
    estimate: &'a Estimate,
    part: Option<&'a Part>,
    /// Share of the part that implementation uses: the estimate, and the interval's upper end.
    used: ByResource<Share>,
}

#[derive(Serialize)]
struct Share {
    value: f64,
    high: f64,
}

/// Runs `handaxe estimate`.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    if let Some(picture) = &command.picture {
        files::check_free(picture, command.force)?;
    }
    let (part, profile) = command.target.read()?;
    let subject = command.network.load()?;
    subject.notes(speech);
    let layers = costs(&subject)?;
    let built = match &subject.config {
        Some(config) => Some(synthesis(&subject.model, config, &profile, speech)?),
        None if part.is_some() || command.picture.is_some() => {
            let how = "give --config, --precision, --reuse-factor or --strategy";
            return Err(Failure::Input(format!("how the network is built is not known: {how}")));
        }
        None => None,
    };
    if let (Some(path), Some(estimate)) = (&command.picture, &built) {
        let svg = report::plots::synthesis(estimate, part.as_ref());
        write_atomically(path, |file| file.write_all(svg.as_bytes())).map_err(Error::from)?;
    }
    if speech.json {
        return output::json(&answer(&subject, &layers, built.as_ref(), part.as_ref()));
    }
    let counted = report::estimate(&layers, &total(&layers)).to_string();
    let Some(estimate) = built else { return output::text(&counted) };
    let table = report::synthesis(&estimate, part.as_ref());
    output::text(&format!("{counted}\nSynthesis with {}\n{table}", described(&profile)))
}

fn costs(subject: &Subject) -> Result<Vec<Footprint>, Failure> {
    let objectives: Vec<&dyn Objective> =
        subject.objectives.iter().map(|objective| &**objective).collect();
    Ok(footprint(&subject.model, subject.config.as_ref(), &objectives).map_err(Error::from)?)
}

fn synthesis(
    model: &Model,
    config: &HlsConfig,
    profile: &Profile,
    speech: Speech,
) -> Result<Estimate, Failure> {
    let (estimate, _) = estimate(model, config, profile).map_err(Error::from)?;
    estimate.warnings.iter().for_each(|warning| speech.note(&format!("warning: {warning}")));
    Ok(estimate)
}

fn answer<'a>(
    subject: &'a Subject,
    layers: &'a [Footprint],
    estimate: Option<&'a Estimate>,
    part: Option<&'a Part>,
) -> Answer<'a> {
    let costs = layers.iter().map(|footprint| LayerCost {
        name: &footprint.layer.name,
        layer_type: footprint.layer.layer_type.name(),
        sparsity: footprint.sparsity,
        resources: &footprint.resources,
    });
    let synthesis = estimate.map(|estimate| {
        let figures = &estimate.implementation;
        let counts = [
            ("dsp", figures.dsp),
            ("lut", figures.lut),
            ("ff", figures.ff),
            ("bram36", figures.bram36()),
            ("uram", figures.uram),
        ];
        let used = counts.into_iter().filter_map(|(name, figure)| {
            let has = *part?.resources.get(name).filter(|&&has| has > 0)? as f64;
            let share = Share { value: figure.value as f64 / has, high: figure.high as f64 / has };
            Some((name.to_owned(), share))
        });
        Synthesis { estimate, part, used: used.collect() }
    });
    Answer {
        schema: SCHEMA,
        layers: costs.collect(),
        total: total(layers),
        synthesis,
        diagnostics: &subject.diagnostics,
    }
}

/// `Vivado, UltraScale+, 5 ns`.
fn described(profile: &Profile) -> String {
    let multipliers = match profile.multipliers {
        Multipliers::Auto => "",
        Multipliers::Dsp => ", multiplications in DSP blocks",
        Multipliers::Fabric => ", multiplications in look-up tables",
    };
    format!("{}, {}, a clock of {} ns{multipliers}", profile.tool, profile.family, profile.clock_ns)
}
