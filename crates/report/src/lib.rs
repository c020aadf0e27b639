//! What people look at after a run: a table for the terminal, plots, and one page that shows everything.
//!
//! All of it is drawn from the records of a run ([`handaxe_optimize::ResultRecord`] and its siblings) and the two networks:
//! equal records give equal bytes, and nothing is fetched from anywhere.
//!
//! - [`table()`]: before and after, for a terminal; [`estimate`]: one network; [`synthesis()`]: what its synthesis will
//!   report; [`Table`] lays out others alike;
//! - [`html`]: a self-contained page; it prints, and follows the reader's light or dark scheme;
//! - [`scan_page`]: the page of a scan of widths, reuse factors and sparsities;
//! - [`plots`]: the pictures of the page, each as an SVG of its own;
//! - [`write()`]: the page and the pictures into a directory.
//!
//! ```
//! use handaxe_optimize::ResultRecord;
//!
//! let json = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/result.json"));
//! let result: ResultRecord = serde_json::from_str(json)?;
//! let table = handaxe_report::table(&result);
//! assert!(table.contains("256 -> 128")); // DSPs of the first layer
//! # Ok::<(), serde_json::Error>(())
//! ```

mod error;
mod estimate;
mod finding;
mod name;
mod number;
mod page;
mod picture;
pub mod plots;
mod run;
mod scan;
mod summary;
mod synthesis;
mod table;

use std::path::Path;

pub use error::Error;
pub use estimate::estimate;
pub use name::in_fixed_point;
pub use page::{html, scan_page};
pub use run::Run;
pub use scan::{Scan, ScanPoint};
pub use summary::table;
pub use synthesis::synthesis;
pub use table::{Align, Table};

/// Writes `report.html`, `metric.svg`, `resources.svg`, `masks.svg`, `training.svg` and, where it is known how the network is built,
/// `estimated.svg` into `dir`, which exists.
/// Each file appears whole or not at all.
///
/// # Errors
/// A picture that cannot be encoded, a directory that does not exist, or a file that cannot be written.
pub fn write(dir: &Path, run: &Run<'_>) -> Result<(), Error> {
    let mut files = vec![
        ("report.html", html(run)?),
        ("metric.svg", plots::metric(run)),
        ("resources.svg", plots::resources(run)),
        ("masks.svg", plots::masks(run)?),
        ("training.svg", plots::training(run)),
    ];
    if run.result.estimated.is_some() {
        files.push(("estimated.svg", plots::estimated(run)));
    }
    for (name, text) in files {
        let write = |file: &mut dyn std::io::Write| file.write_all(text.as_bytes());
        handaxe_formats::write_atomically(&dir.join(name), write)?;
    }
    Ok(())
}
