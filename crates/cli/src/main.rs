//! `handaxe`: prune a trained network until it fits its hardware budget.

mod failure;
mod knapsack;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Prunes neural networks for FPGAs: a trained network and a hardware budget go in, a smaller network that fits comes out.
#[derive(Debug, Parser)]
#[command(name = "handaxe", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Solve knapsack problems, or make them
    #[command(subcommand)]
    Knapsack(knapsack::Command),
}

const EXAMPLES: &str = "\
Without a command the embedded example runs: a network for MNIST is trained and half of its DSPs are pruned.

Exit codes: 0 done; 2 bad usage or bad input; 3 it ran, but what was asked was not met; 1 anything else.";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => Ok(()),
        Some(Command::Knapsack(command)) => knapsack::run(command),
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}
