//! `handaxe advise`: what would make a network smaller, or fit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use handaxe::Available;
use handaxe::advise::{Advice, Change, Finding, Plan, advise};
use handaxe::formats::{hls, write_atomically};
use handaxe::objective::estimate::{Figure, Profile};
use handaxe::objective::parts::Part;
use handaxe::report::{Align, Table};
use handaxe::run::{ByResource, Estimated, SCHEMA};
use serde::Serialize;

use crate::failure::Failure;
use crate::options::Speech;
use crate::target::{self, Design};
use crate::{files, output};

const EXAMPLES: &str = "\
Each line is a change to one layer; what it saves is the difference of two estimates of the whole network after implementation. A mark ~
stands where answers change: measure them with `handaxe scan`, or retrain with `handaxe optimize`. For a part that the network does not
fit, changes that leave every answer as it is are joined until it does; --out writes them as a configuration.

Examples:
  handaxe advise jets.keras --config hls_config.yml
  handaxe advise jets.keras --config hls_config.yml --part pynq-z2 --out fitting.json
  handaxe advise jets.safetensors --precision 'ap_fixed<16,6>' --reuse-factor 4 --strategy Resource --part xc7z020 --tool vivado --json";

/// Say what would make a network smaller, or fit a part, and what each change saves
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true, args_override_self = true)]
pub(crate) struct Command {
    #[command(flatten)]
    design: Design,
    /// Where the configuration goes that makes it fit the part: hls4ml's, as JSON
    #[arg(long, value_name = "FILE", requires = "part", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Replace --out if it exists
    #[arg(long, requires = "out", help_heading = "Output")]
    force: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    schema: u32,
    profile: &'a Profile,
    part: Option<&'a Part>,
    fits: Option<bool>,
    /// What implementation leaves of the network as it is.
    estimated: ByResource<Figure>,
    findings: &'a [Finding],
    plan: Option<Planned<'a>>,
    warnings: Vec<String>,
    out: Option<&'a Path>,
}

#[derive(Serialize)]
struct Planned<'a> {
    fits: bool,
    changes: &'a BTreeMap<String, Change>,
    estimated: ByResource<Figure>,
    latency: u64,
    interval: u64,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    if let Some(out) = &command.out {
        files::check_free(out, command.force)?;
    }
    let (subject, part, profile) = command.design.load(true, speech)?;
    let Some(config) = &subject.config else {
        return Err(Failure::not_built());
    };
    let advice = advise(&subject.model, config, &profile, part.as_ref())?;
    if let Some(out) = &command.out {
        let config = advice.plan.as_ref().map_or(config, |plan| &plan.config);
        let text = hls::json(config);
        write_atomically(out, |file| file.write_all(text.as_bytes())).map_err(files::unwritten)?;
    }
    let warnings: Vec<String> = advice.estimate.warnings.iter().map(ToString::to_string).collect();
    warnings.iter().for_each(|warning| speech.note(&format!("warning: {warning}")));
    if speech.json {
        let plan = advice.plan.as_ref().map(|plan| Planned {
            fits: plan.fits,
            changes: &plan.changes,
            estimated: Estimated::by_name(&plan.implementation),
            latency: plan.latency,
            interval: plan.interval,
        });
        return output::json(&Answer {
            schema: SCHEMA,
            profile: &profile,
            part: part.as_ref(),
            fits: advice.fits,
            estimated: Estimated::by_name(&advice.estimate.implementation),
            findings: &advice.findings,
            plan,
            warnings,
            out: command.out.as_deref(),
        });
    }
    output::text(&told(&advice, part.as_ref(), &profile))?;
    match &command.out {
        Some(out) => output::text(&format!("Configuration: {}\n", out.display())),
        None => Ok(()),
    }
}

/// Findings that a table has room for; --json has all.
const SHOWN: usize = 24;

fn told(advice: &Advice, part: Option<&Part>, profile: &Profile) -> String {
    let mut text = format!("With {}\n", target::described(profile));
    text += &format!("As it is: {}\n", taken(advice));
    if let Some(part) = part {
        text += &format!("{}\n", verdict(advice, part));
    }
    if advice.findings.is_empty() {
        return text + "\nNothing was found that would make it smaller.\n";
    }
    text += &format!("\n{}", findings(&advice.findings));
    let more = advice.findings.len().saturating_sub(SHOWN);
    if more > 0 {
        text += &format!("and {more} that save less (--json has all)\n");
    }
    if advice.findings.iter().take(SHOWN).any(|finding| !finding.exact) {
        text += "~ answers change: measure them with `handaxe scan`, or retrain with `handaxe optimize`\n";
    }
    if let (Some(plan), Some(part)) = (&advice.plan, part) {
        text += &format!("\n{}", planned(plan, part));
    }
    text
}

/// What the network takes before anything is changed.
fn taken(advice: &Advice) -> String {
    let figures = Estimated::by_name(&advice.estimate.implementation);
    let known =
        Available::RESOURCES.iter().filter_map(|name| Some((name, figures.get(*name)?.value)));
    let taken =
        known.filter(|(_, count)| *count > 0).map(|(name, count)| format!("{name} {count}"));
    let cycles = &advice.estimate.synthesis;
    let cycles = [("latency", cycles.latency.value), ("interval", cycles.interval.value)];
    taken
        .chain(cycles.map(|(name, count)| format!("{name} {count}")))
        .collect::<Vec<_>>()
        .join(", ")
}

fn verdict(advice: &Advice, part: &Part) -> String {
    let figures = Estimated::by_name(&advice.estimate.implementation);
    let needs = used(&figures, part);
    match advice.fits {
        Some(true) => format!("It fits on {}, at most {needs}.", part.name),
        Some(false) if certain(advice, part) => {
            format!("It does not fit on {}: at most {needs}.", part.name)
        }
        Some(false) => format!("It may not fit on {}: at most {needs}.", part.name),
        None => format!(
            "Whether it fits on {} is not known: not all that it takes can be judged. At most {needs}.",
            part.name
        ),
    }
}

/// Layers of a line; --json has all.
const NAMED: usize = 6;

/// A line for each change, with the layers that it is made to.
fn listed(changes: &BTreeMap<String, Change>) -> String {
    let mut alike: Vec<(String, Vec<&str>)> = Vec::new();
    for (layer, change) in changes {
        let change = change.to_string();
        match alike.iter_mut().find(|(known, _)| *known == change) {
            Some((_, layers)) => layers.push(layer),
            None => alike.push((change, vec![layer])),
        }
    }
    let line = |(change, layers): &(String, Vec<&str>)| {
        let named = layers.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        match layers.len().saturating_sub(NAMED) {
            0 => format!("  {named}: {change}\n"),
            more => format!("  {named} and {more} more: {change}\n"),
        }
    };
    alike.iter().map(line).collect()
}

/// Whether even the lower ends are too much.
fn certain(advice: &Advice, part: &Part) -> bool {
    let least = Estimated::by_name(&advice.estimate.implementation);
    let lacks =
        |(name, has): (&String, &u64)| least.get(name).is_some_and(|figure| figure.low > *has);
    part.resources.iter().any(lacks)
}

/// `dsp 12 of 220, lut 4000 of 53200`.
fn used(figures: &ByResource<Figure>, part: &Part) -> String {
    let pairs = Available::RESOURCES.iter().filter_map(|name| {
        let (figure, has) = (figures.get(*name)?, part.resources.get(*name)?);
        (*has > 0 || figure.high > 0).then(|| format!("{name} {} of {has}", figure.high))
    });
    pairs.collect::<Vec<_>>().join(", ")
}

fn findings(findings: &[Finding]) -> Table {
    let saved = |name: &&str| {
        findings.iter().any(|finding| finding.saves.get(*name).is_some_and(|&saved| saved != 0))
    };
    let resources: Vec<&str> = Available::RESOURCES.into_iter().filter(saved).collect();
    let judged = findings.iter().any(|finding| finding.fits.is_some());
    let left = ["layer", "why", "change"].map(|head| (head, Align::Left));
    let heads: Vec<String> = resources.iter().map(|name| format!("{name} saved")).collect();
    let right = heads.iter().map(|head| (head.as_str(), Align::Right));
    let cycles = [("latency", Align::Right), ("interval", Align::Right)];
    let fits = judged.then_some(("fits", Align::Left));
    let mut table = Table::new(left.into_iter().chain(right).chain(cycles).chain(fits));
    for finding in findings.iter().take(SHOWN) {
        let mark = if finding.exact { "" } else { " ~" };
        let first = [
            finding.layer.clone(),
            finding.reason.to_string(),
            format!("{}{mark}", finding.change),
        ];
        let count = |name: &&str| finding.saves.get(*name).map_or("-".to_owned(), i64::to_string);
        let cycles = [finding.latency, finding.interval].map(|cycles| cycles.to_string());
        let fits = finding.fits.map(|fits| if fits { "yes" } else { "no" }.to_owned());
        table.row(first.into_iter().chain(resources.iter().map(count)).chain(cycles).chain(fits));
    }
    table
}

fn planned(plan: &Plan, part: &Part) -> String {
    let needs = used(&Estimated::by_name(&plan.implementation), part);
    let Plan { latency, interval, .. } = plan;
    let cycles = format!("latency {latency}, interval {interval}");
    let changes = listed(&plan.changes);
    if plan.fits {
        return format!(
            "With all of these, and every answer as it is, it fits: at most {needs}; {cycles}.\n{changes}"
        );
    }
    let how = format!("prune it: `handaxe optimize --fit {}`", part.name);
    match plan.changes.is_empty() {
        true => format!("No strategy and no reuse factor brings it closer; {how}.\n"),
        false => format!(
            "No strategies and reuse factors make it fit; the closest, at most {needs}; {cycles}; then {how}.\n{changes}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_changes_are_told_once() {
        let change = |reuse| Change { reuse_factor: Some(reuse), ..Change::default() };
        let mut changes: BTreeMap<String, Change> =
            (0..9).map(|place| (format!("fc{place}"), change(128))).collect();
        changes.insert("fc3".to_owned(), change(64));
        assert_eq!(
            listed(&changes),
            "  fc0, fc1, fc2, fc4, fc5, fc6 and 2 more: reuse factor 128\n  fc3: reuse factor 64\n"
        );
    }
}
