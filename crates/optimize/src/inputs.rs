//! The files that a run was made from, and whether they are still the same.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;

/// A file that a run reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputRecord {
    /// What it is to the run: `model`, `data`, `config`.
    what: String,
    path: PathBuf,
    /// Of its content, in hexadecimal.
    sha256: String,
}

impl InputRecord {
    /// The file as it is now.
    pub(crate) fn new(what: &str, path: &Path) -> Result<Self, Error> {
        let sha256 = checksum(path).map_err(|source| Error::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Ok(Self { what: what.to_owned(), path: path.to_owned(), sha256 })
    }

    /// Whether the file has the same content, if it is still there. Whoever needs it says so if it is not: a run holds the
    /// network that it began with.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let found = match checksum(&self.path) {
            Ok(sha256) if sha256 == self.sha256 => return Ok(()),
            Ok(_) => "has changed",
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) => "cannot be read any more",
        };
        Err(Error::InputChanged { what: self.what.clone(), path: self.path.clone(), found })
    }
}

/// SHA-256, read in blocks.
fn checksum(path: &Path) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut block = vec![0; 1 << 16];
    loop {
        match file.read(&mut block)? {
            0 => break,
            length => hash.update(&block[..length]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
