//! The command line as a user calls it, on small files of the tests' own.
#![allow(clippy::unwrap_used, clippy::panic)]

mod advise;
mod bad_input;
mod common;
#[cfg(unix)]
mod docs;
#[cfg(feature = "fetch")]
mod fetch;
mod firmware;
mod fit;
mod inspect;
mod knapsack;
mod models;
mod optimize;
mod passes;
mod synthesis;
