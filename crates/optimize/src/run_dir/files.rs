//! How a run's files are read and written.

use std::fs;
use std::path::Path;

use handaxe_formats::native;
use handaxe_graph::Model;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RunDir;
use crate::Error;

impl RunDir {
    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        let path = self.path.join(name);
        let text = fs::read_to_string(&path).map_err(io("read", &path))?;
        serde_json::from_str(&text).map_err(|error| Error::Record {
            path,
            line: error.line(),
            reason: error.to_string(),
        })
    }

    pub(super) fn write_json<T: Serialize>(&self, name: &str, record: &T) -> Result<(), Error> {
        let mut json =
            serde_json::to_vec_pretty(record).map_err(|error| self.record_error(name, error))?;
        json.push(b'\n');
        self.write(name, &json)
    }

    pub(super) fn write_lines<T: Serialize>(
        &self,
        name: &'static str,
        records: &[T],
    ) -> Result<(), Error> {
        let mut text = Vec::new();
        for record in records {
            serde_json::to_writer(&mut text, record)
                .map_err(|error| self.record_error(name, error))?;
            text.push(b'\n');
        }
        self.write(name, &text)
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.write_to(&self.path.join(name), content)
    }

    pub(super) fn write_model(&self, path: &Path, model: &Model) -> Result<(), Error> {
        self.write_to(path, &native::to_bytes(model)?)
    }

    /// Under a temporary name first, which the next writer of the same file takes again: whoever reads `path` finds the old
    /// content or the new.
    fn write_to(&self, path: &Path, content: &[u8]) -> Result<(), Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".handaxe-{name}"));
        let written = self.disk.write(&temporary, content);
        written.and_then(|()| self.disk.rename(&temporary, path)).map_err(|source| {
            // A part of a file would only take up room on a disk that may be full.
            let _ = self.disk.remove(&temporary);
            io("write", path)(source)
        })
    }

    fn record_error(&self, name: &str, error: serde_json::Error) -> Error {
        Error::Record { path: self.path.join(name), line: 0, reason: error.to_string() }
    }
}

/// The records of a `.jsonl` file; none when it is not there yet.
pub(super) fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io("read", path)(error)),
    };
    let parse = |(line, text): (usize, &str)| {
        serde_json::from_str(text).map_err(|error| Error::Record {
            path: path.to_owned(),
            line: line + 1,
            reason: error.to_string(),
        })
    };
    text.lines().enumerate().map(parse).collect()
}

pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}
