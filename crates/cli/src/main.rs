//! `handaxe`: prune a trained network until it fits its hardware budget.

mod failure;
#[cfg(feature = "fetch")]
mod fetch;
mod inspect;
mod knapsack;
mod optimize;
mod options;
mod output;
mod progress;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use options::Speech;

/// Prunes neural networks for FPGAs: a trained network and a hardware budget go in, a smaller network that fits comes out.
#[derive(Debug, Parser)]
#[command(name = "handaxe", version, after_help = NOTES, args_conflicts_with_subcommands = true)]
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
    /// Show a network's layers, shapes and parameters, and what each objective says of them
    Inspect(inspect::Command),
    /// Show what each layer of a network costs, zero weights not counted
    Estimate(inspect::Command),
    #[cfg(feature = "fetch")]
    Fetch(fetch::Command),
    /// Solve knapsack problems, or make them
    #[command(subcommand)]
    Knapsack(knapsack::Command),
}

const NOTES: &str = "\
Without a command the embedded example runs: a network for MNIST is trained and half of its DSPs are pruned.

Exit codes: 0 done; 2 bad usage or bad input; 3 it ran, but what was asked was not met; 1 anything else.";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        None => optimize::run_example(cli.speech),
        Some(Command::Optimize(command)) => optimize::run(command),
        Some(Command::Train(command)) => train::run(command),
        Some(Command::Inspect(command)) => inspect::inspect(command),
        Some(Command::Estimate(command)) => inspect::estimate(command),
        #[cfg(feature = "fetch")]
        Some(Command::Fetch(command)) => fetch::run(command),
        Some(Command::Knapsack(command)) => knapsack::run(command),
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}
