//! Files that mean ill: whatever is in them, a reader gives a model or an error that says what is wrong, and never panics.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers are outside the test functions that clippy knows

mod harm;
mod keras;
mod onnx;

use std::path::{Path, PathBuf};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn fixture(path: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(path)).expect(path)
}

fn assert_says(complaint: &str, lesson: &str) {
    assert!(complaint.contains(lesson), "expected `{lesson}`: {complaint}");
    assert!(complaint.len() < 2000, "a message of {} bytes", complaint.len());
}
