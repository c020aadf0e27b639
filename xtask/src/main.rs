//! Chores of the workspace: `cargo xtask ci`, `cargo xtask highs`.

use std::process::{Command, ExitCode};

/// What must hold before anything lands, in the order of what fails fastest.
const CI: [&[&str]; 4] = [
    &["fmt", "--all", "--check"],
    &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    &["test", "--workspace"],
    &["doc", "--workspace", "--no-deps"],
];

/// The knapsack crate with HiGHS behind `mip`; needs cmake, a C++ compiler and libclang, so it is no part of `ci`.
const HIGHS: [&[&str]; 2] = [
    &[
        "clippy",
        "--release",
        "-p",
        "handaxe-knapsack",
        "--features",
        "highs",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ],
    &["test", "--release", "-p", "handaxe-knapsack", "--features", "highs"],
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["ci"] => CI.iter().try_for_each(|step| cargo(step)),
        ["highs"] => HIGHS.iter().try_for_each(|step| cargo(step)),
        _ => Err("usage: cargo xtask ci     format, lints, tests and documentation\n       \
                  cargo xtask highs  the knapsack crate with HiGHS, which needs cmake, C++ and libclang"
            .to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one cargo command; warnings of the documentation are errors too.
fn cargo(arguments: &[&str]) -> Result<(), String> {
    let shown = format!("cargo {}", arguments.join(" "));
    eprintln!("==> {shown}");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut command = Command::new(cargo);
    command.args(arguments).env("RUSTDOCFLAGS", "-D warnings");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}` failed: {status}")),
        Err(error) => Err(format!("`{shown}` could not be started: {error}")),
    }
}
