//! `handaxe`: prune a trained network until it fits its hardware budget.

mod advise;
mod config;
mod convert;
mod diff;
mod estimate;
mod failure;
#[cfg(feature = "fetch")]
mod fetch;
mod files;
mod firmware;
mod folds;
mod inspect;
mod knapsack;
mod optimize;
mod options;
mod output;
mod parts;
mod predict;
mod progress;
mod target;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use options::Speech;

/// Prunes neural networks for FPGAs: a trained network and a hardware budget go in, a smaller network that fits comes out.
#[derive(Debug, Parser)]
#[command(name = "handaxe", version, after_help = NOTES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    speech: Speech,
}

#[derive(Debug, Subcommand)]
enum Command {
    Optimize(Box<optimize::Command>),
    Train(Box<train::Command>),
    Inspect(inspect::Command),
    Estimate(estimate::Command),
    Advise(advise::Command),
    Parts(parts::Command),
    #[cfg(feature = "fetch")]
    Fetch(fetch::Command),
    Predict(predict::Command),
    Precision(firmware::precision::Command),
    Trace(firmware::trace::Command),
    Profile(firmware::profile::Command),
    Scan(Box<firmware::scan::Command>),
    Convert(convert::Command),
    Diff(diff::Command),
    Config(config::Command),
    /// Solve knapsack problems, or make them
    #[command(subcommand)]
    Knapsack(knapsack::Command),
}

const NOTES: &str = "\
Without a command the embedded example runs: a network for MNIST is trained and half of its DSPs are pruned.

Examples:
  handaxe inspect jets.keras
  handaxe config jets.keras --reuse-factor 4 --strategy Resource --out hls_config.yml
  handaxe estimate jets.keras --config hls_config.yml --part pynq-z2
  handaxe advise jets.keras --config hls_config.yml --part pynq-z2
  handaxe optimize --model jets.keras --data jets.npz:x=hlf_ungroomed,y=label --config hls_config.yml --final-sparsity 0.5 --out slim
  handaxe diff jets.keras slim/model.keras
  handaxe COMMAND --help has more of each.

Exit codes: 0 done; 2 bad usage or bad input; 3 it ran, but what was asked was not met; 1 anything else.";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let speech = cli.speech;
    let done = match &cli.command {
        None => optimize::run_example(speech),
        Some(Command::Optimize(command)) => optimize::run(command, speech),
        Some(Command::Train(command)) => train::run(command, speech),
        Some(Command::Inspect(command)) => inspect::inspect(command, speech),
        Some(Command::Estimate(command)) => estimate::run(command, speech),
        Some(Command::Advise(command)) => advise::run(command, speech),
        Some(Command::Parts(command)) => parts::run(command, speech),
        #[cfg(feature = "fetch")]
        Some(Command::Fetch(command)) => fetch::run(command, speech),
        Some(Command::Predict(command)) => predict::run(command, speech),
        Some(Command::Precision(command)) => firmware::precision::run(command, speech),
        Some(Command::Trace(command)) => firmware::trace::run(command, speech),
        Some(Command::Profile(command)) => firmware::profile::run(command, speech),
        Some(Command::Scan(command)) => firmware::scan::run(command, speech),
        Some(Command::Convert(command)) => convert::run(command, speech),
        Some(Command::Diff(command)) => diff::run(command, speech),
        Some(Command::Config(command)) => config::run(command, speech),
        Some(Command::Knapsack(command)) => knapsack::run(command, speech),
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}
