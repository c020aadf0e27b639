//! `cargo xtask fit`: every constant of the estimates from the rows of synthesis results, and how far off they are.
//!
//! Where the shared data lie beside the repository, the rows are read from them and an extract is written to
//! `fixtures/synthesis`; else the extract is what is fitted.

mod errors;
mod npz;
mod rows;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use handaxe_objective::estimate::{Row, fit};

use crate::ROOT;

const SHARED: &str = "../shared/data/synthesis";
const EXTRACT: &str = "fixtures/synthesis/rows.jsonl.gz";
const ERRORS: &str = "fixtures/synthesis/errors.md";
const TABLE: &str = "crates/objective/src/estimate/table.json";

/// Refits, prints the errors with each source left out, and writes the table and the extract.
pub(crate) fn run() -> Result<(), String> {
    let shared = Path::new(ROOT).join(SHARED);
    let rows = if shared.exists() {
        let rows = rows::read(&shared)?;
        write_extract(&rows)?;
        rows
    } else {
        eprintln!("SKIPPED: shared data absent; fitting the extract in {EXTRACT}");
        read_extract()?
    };
    let table = fit(&rows);
    let text = serde_json::to_string_pretty(&table).map_err(|error| error.to_string())?;
    let path = Path::new(ROOT).join(TABLE);
    std::fs::write(&path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
    let errors = errors::report(&rows, &table);
    let path = Path::new(ROOT).join(ERRORS);
    std::fs::write(&path, &errors).map_err(|error| format!("{}: {error}", path.display()))?;
    print!("{errors}");
    Ok(())
}

fn write_extract(rows: &[Row]) -> Result<(), String> {
    let path = Path::new(ROOT).join(EXTRACT);
    let fail = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::create(&path).map_err(fail)?;
    let mut packed = GzEncoder::new(file, Compression::best());
    for row in rows {
        let line = serde_json::to_string(row).map_err(|error| error.to_string())?;
        writeln!(packed, "{line}").map_err(fail)?;
    }
    packed.finish().map_err(fail)?;
    Ok(())
}

fn read_extract() -> Result<Vec<Row>, String> {
    let path = Path::new(ROOT).join(EXTRACT);
    let fail = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(&path).map_err(|error| fail(&error))?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    lines
        .map(|line| {
            let line = line.map_err(|error| fail(&error))?;
            serde_json::from_str(&line).map_err(|error| fail(&error))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use handaxe_objective::estimate::Table;

    use super::*;

    /// What is committed is what the code makes of the rows. After a change of either: `cargo xtask fit`.
    #[test]
    fn the_committed_table_is_the_fitted_one() {
        let rows = read_extract().unwrap();
        assert!(rows.len() > 800, "only {} rows", rows.len());
        let fitted = fit(&rows);
        let committed = Table::committed();
        assert_eq!(fitted.delays, committed.delays);
        assert_eq!(fitted.groups.len(), committed.groups.len());
        for (fitted, committed) in fitted.groups.iter().zip(&committed.groups) {
            assert_eq!(fitted, committed);
        }
        assert_eq!(fitted.shrink, committed.shrink);
    }

    /// The extract is made from the shared rows by the code as it is.
    #[test]
    fn the_extract_is_true() {
        let shared = Path::new(ROOT).join(SHARED);
        if !shared.exists() {
            println!("SKIPPED: shared data absent");
            return;
        }
        assert!(rows::read(&shared).unwrap() == read_extract().unwrap(), "run cargo xtask fit");
    }
}
