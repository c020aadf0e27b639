//! `handaxe estimate`: what a network costs, and what its synthesis will report.

use std::path::PathBuf;

use clap::Args;
use handaxe::formats::write_atomically;
use handaxe::graph::{HlsConfig, Model};
use handaxe::objective::estimate::{Estimate, Profile, estimate};
use handaxe::objective::parts::Part;
use handaxe::run::{ByResource, Estimated, Footprint, SCHEMA};
use handaxe::{Error, counted, report, total};
use serde::Serialize;

use crate::failure::Failure;
use crate::inspect::Subject;
use crate::options::Speech;
use crate::target::{self, Design};
use crate::{files, output};

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
    design: Design,
    /// Draw a bar for each resource, of the part if one is given
    #[arg(long, value_name = "FILE.svg")]
    picture: Option<PathBuf>,
    /// Replace --picture if it exists
    #[arg(long, requires = "picture")]
    force: bool,
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
    let (subject, part, profile) = command.design.load(command.picture.is_some(), speech)?;
    let layers = counted(&subject.model, subject.config.as_ref())?;
    let built = match &subject.config {
        Some(config) => Some(synthesis(&subject.model, config, &profile, speech)?),
        None => None,
    };
    if let (Some(path), Some(estimate)) = (&command.picture, &built) {
        let svg = report::plots::synthesis(estimate, part.as_ref());
        write_atomically(path, |file| file.write_all(svg.as_bytes())).map_err(Error::from)?;
    }
    if speech.json {
        return output::json(&answer(&subject, &layers, built.as_ref(), part.as_ref()));
    }
    let costs = report::estimate(&layers, &total(&layers)).to_string();
    let Some(estimate) = built else { return output::text(&costs) };
    let table = report::synthesis(&estimate, part.as_ref());
    output::text(&format!("{costs}\nSynthesis with {}\n{table}", target::described(&profile)))
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
        let counts = Estimated::by_name(&estimate.implementation).into_iter();
        let used = counts.filter_map(|(name, figure)| {
            let has = *part?.resources.get(&name).filter(|&&has| has > 0)? as f64;
            let share = Share { value: figure.value as f64 / has, high: figure.high as f64 / has };
            Some((name, share))
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
