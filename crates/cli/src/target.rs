//! What a network is built with and for.

use std::path::PathBuf;

use clap::Args;
use handaxe::catalogue;
use handaxe::objective::estimate::{Multipliers, Profile, Tool};
use handaxe::objective::parts::Part;

use crate::failure::Failure;
use crate::inspect::{Network, Subject};
use crate::options::Speech;

/// What it is built with and for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Synthesis")]
pub(crate) struct Target {
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
    pub(crate) fn read(&self) -> Result<(Option<Part>, Profile), Failure> {
        let catalogue = catalogue(self.parts.as_deref())?;
        let part = self.part.as_ref().map(|name| catalogue.find(name)).transpose();
        let part = part.map_err(handaxe::Error::from)?.cloned();
        if !(self.clock > 0.0 && self.clock.is_finite()) {
            return Err(unusable("--clock", self.clock, "nanoseconds above 0"));
        }
        let usual = part.as_ref().map_or(Profile::default(), Part::profile);
        let tool = match self.tool.as_ref().map(|tool| (tool, tool.to_lowercase())) {
            None => usual.tool,
            Some((given, tool)) => match tool.as_str() {
                "vivado" => Tool::Vivado,
                "vitis" => Tool::Vitis,
                "quartus" => Tool::Quartus,
                _ => return Err(unusable("--tool", given, "vivado, vitis or quartus")),
            },
        };
        let multipliers = match self.multipliers.to_lowercase().as_str() {
            "auto" => Multipliers::Auto,
            "dsp" => Multipliers::Dsp,
            "fabric" => Multipliers::Fabric,
            _ => {
                return Err(unusable("--multipliers", &self.multipliers, "auto, dsp or fabric"));
            }
        };
        Ok((part, Profile { tool, clock_ns: self.clock, multipliers, ..usual }))
    }
}

/// A network, and what it is built with and for.
#[derive(Debug, Args)]
pub(crate) struct Design {
    #[command(flatten)]
    network: Network,
    #[command(flatten)]
    target: Target,
}

impl Design {
    /// All of it loaded; what is done differently from what was written is said on standard error. With a part, or where it is
    /// `needed`, how the network is built must be known.
    pub(crate) fn load(
        &self,
        needed: bool,
        speech: Speech,
    ) -> Result<(Subject, Option<Part>, Profile), Failure> {
        let (part, profile) = self.target.read()?;
        let subject = self.network.load()?;
        if subject.config.is_none() && (needed || part.is_some()) {
            return Err(Failure::not_built());
        }
        subject.notes(speech);
        Ok((subject, part, profile))
    }
}

fn unusable(flag: &str, given: impl std::fmt::Display, right: &str) -> Failure {
    Failure::Input(format!("{flag} must be {right}, not {given}"))
}

/// `Vivado, UltraScale+, 5 ns`.
pub(crate) fn described(profile: &Profile) -> String {
    let multipliers = match profile.multipliers {
        Multipliers::Auto => "",
        Multipliers::Dsp => ", multiplications in DSP blocks",
        Multipliers::Fabric => ", multiplications in look-up tables",
    };
    format!("{}, {}, a clock of {} ns{multipliers}", profile.tool, profile.family, profile.clock_ns)
}
