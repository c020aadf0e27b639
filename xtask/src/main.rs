//! Chores of the workspace: `cargo xtask ci`, `docs`, `features`, `fit`, `fuzz`, `highs`, `kill`.

mod docs;
mod fit;
mod fuzz;
mod kill;

use std::process::{Command, ExitCode};

/// The workspace's folder.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What must hold before anything lands, in the order of what fails fastest.
const CI: [&str; 4] = [
    "fmt --all --check",
    "clippy --workspace --all-targets -- -D warnings",
    "test --workspace",
    "doc --workspace --no-deps",
];

/// What the optional features add, but for HiGHS; `fetch` builds C code for TLS and `mimalloc` is C, so they are no part of `ci`.
const FEATURES: [&str; 3] = [
    "test -p handaxe-formats --features parquet",
    "test --workspace --features handaxe-cli/fetch,handaxe-cli/parquet --test cli",
    "build --workspace --features handaxe-cli/mimalloc",
];

/// The knapsack crate with HiGHS behind `mip`; needs cmake, a C++ compiler and libclang, so it is no part of `ci`.
const HIGHS: [&str; 2] = [
    "clippy --release -p handaxe-knapsack --features highs --all-targets -- -D warnings",
    "test --release -p handaxe-knapsack --features highs",
];

const USAGE: &str = "usage: cargo xtask ci               format, lints, tests and documentation
       cargo xtask docs             write docs/formats.md from the code
       cargo xtask fit              fit the estimates' constants on synthesis results, and show their errors
       cargo xtask fuzz [SECONDS]   fuzz every parser, 300 seconds each (see tests/fuzz/README.md)
       cargo xtask features         tests of the features `parquet`, `fetch` and `mimalloc`
       cargo xtask highs            the knapsack crate with HiGHS, which needs cmake, C++ and libclang
       cargo xtask kill [RUNS] [SEED]   kill runs at random moments and compare what they end with, 10 runs, seed 1";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["ci"] => CI.iter().try_for_each(|step| cargo(step)),
        ["features"] => FEATURES.iter().try_for_each(|step| cargo(step)),
        ["highs"] => HIGHS.iter().try_for_each(|step| cargo(step)),
        ["docs"] => docs::write(),
        ["fit"] => fit::run(),
        ["fuzz"] => fuzz::every_target(300),
        ["fuzz", seconds] => match seconds.parse() {
            Ok(seconds) => fuzz::every_target(seconds),
            Err(_) => Err(format!("`{seconds}` is no number of seconds\n{USAGE}")),
        },
        ["kill", numbers @ ..] if numbers.len() <= 2 => {
            let number = |place: usize, default| match numbers.get(place) {
                None => Ok(default),
                Some(text) => text.parse().map_err(|_| format!("`{text}` is no number\n{USAGE}")),
            };
            number(0, 10).and_then(|runs| kill::random_moments(runs as usize, number(1, 1)?))
        }
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one cargo command, its words apart by spaces; warnings of the documentation are errors too.
fn cargo(words: &str) -> Result<(), String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    run(Command::new(cargo).args(words.split(' ')).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Runs a command, showing it first.
fn run(command: &mut Command) -> Result<(), String> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let shown: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let shown = shown.join(" ");
    eprintln!("==> {shown}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed: {status}")),
        Err(error) => Err(format!("`{shown}` could not be started: {error}")),
    }
}
