//! Data sets: every form a user may bring, and every way in which it may be broken.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers are outside the test functions that clippy knows

mod arrays;
mod common;
mod hostile;
mod idx;
mod memory;
#[cfg(feature = "parquet")]
mod parquet;
mod real;
mod tables;
