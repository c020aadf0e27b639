//! What goes to standard output and standard error. A reader that goes away early (`handaxe ... | head`) is no error.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Text as it is.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// A line for people on standard error; a run goes on where nobody can read it.
pub(crate) fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// One JSON object on a line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut line =
        serde_json::to_string(value).map_err(|error| Failure::Other(error.to_string()))?;
    line.push('\n');
    text(&line)
}
