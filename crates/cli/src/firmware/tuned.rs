//! `handaxe scan --tune-precision`.

use std::path::Path;

use handaxe::firmware::{Tune, Tuned, tune};
use handaxe::formats::hls;
use handaxe::graph::{HlsConfig, Model};
use handaxe::report::{Align, Table};
use handaxe::run::SCHEMA;
use serde::Serialize;

use super::scan::{Command, Data, write};
use crate::failure::Failure;
use crate::options::Speech;
use crate::output;

#[derive(Serialize)]
struct Record<'a> {
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

/// Finds the smallest widths and tells them.
pub(super) fn tuned(
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
        output::json(&Record {
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
