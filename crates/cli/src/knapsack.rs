//! `handaxe knapsack`.

use clap::Subcommand;

use crate::failure::Failure;

/// What to do with knapsack problems.
#[derive(Debug, Subcommand)]
pub enum Command {}

/// Runs the command.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {}
}
