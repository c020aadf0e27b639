//! What goes to standard output. A reader that goes away early (`handaxe ... | head`) is no error.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Text as it is.
pub(crate) fn text(text: &str) {
    let done = std::io::stdout().lock().write_all(text.as_bytes());
    if let Err(error) = done.as_ref()
        && error.kind() != ErrorKind::BrokenPipe
    {
        eprintln!("standard output: {error}");
    }
}

/// One JSON object on a line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut line =
        serde_json::to_string(value).map_err(|error| Failure::Other(error.to_string()))?;
    line.push('\n');
    text(&line);
    Ok(())
}
