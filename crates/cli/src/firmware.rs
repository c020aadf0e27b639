//! `handaxe precision`, `trace`, `profile` and `scan`: a network at hardware precision.

mod points;
pub(crate) mod precision;
pub(crate) mod profile;
pub(crate) mod scan;
pub(crate) mod trace;
mod tuned;

use handaxe::RunConfig;
use handaxe::firmware::Finding;
use handaxe::graph::{HlsConfig, Model};

use crate::failure::Failure;
use crate::files;
use crate::options::{Hardware, Speech};

/// The network and the configuration of its firmware; hls4ml's defaults where nothing is said.
fn load(model: &str, hardware: &Hardware) -> Result<(Model, HlsConfig), Failure> {
    Ok((files::load(model)?, configuration(hardware)?))
}

/// The configuration that the flags name.
pub(crate) fn configuration(hardware: &Hardware) -> Result<HlsConfig, Failure> {
    let config = RunConfig::default().overridden(hardware)?.hls()?;
    Ok(config.unwrap_or_default())
}

/// Says what is wrong with the types.
fn say(found: &[Finding], speech: Speech) {
    found.iter().for_each(|finding| speech.note(&format!("warning: {finding}")));
}

fn texts(found: &[Finding]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

/// Findings that need no data, for commands that compute answers.
pub(crate) fn say_findings(
    model: &Model,
    config: &HlsConfig,
    speech: Speech,
) -> Result<(), Failure> {
    say(&handaxe::firmware::findings(model, config, &[], &[])?, speech);
    Ok(())
}
