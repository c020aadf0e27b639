//! The command line as a user calls it, on small files of the tests' own.
#![allow(clippy::unwrap_used, clippy::panic)]

mod bad_input;
mod common;
#[cfg(unix)]
mod docs;
#[cfg(feature = "fetch")]
mod fetch;
mod firmware;
mod inspect;
mod knapsack;
mod models;
mod optimize;
mod passes;
mod synthesis;
