use std::io;
use std::path::PathBuf;

/// Why a data set could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("`{url}` is no address: it should begin with https:// or http://")]
    Url { url: String },

    #[error("{url} cannot be reached: {error}; is this computer online?")]
    Offline { url: String, error: ureq::Error },

    #[error("{url} answers with {status}{}", advice(*status))]
    Status { url: String, status: u16 },

    #[error("the answer of {url} is not understood: {error}")]
    Answer { url: String, error: ureq::Error },

    #[error("the description at {url} does not say where the file lies: {error}; give --url")]
    Description { url: String, error: serde_json::Error },

    #[error(
        "{url} broke off after {done} bytes{}: {error}; the same command goes on from there",
        of(*total)
    )]
    BrokenOff { url: String, done: u64, total: Option<u64>, error: io::Error },

    #[error(
        "{url} is not what it should be: its sha256 is {given}, published is {expected}; nothing is kept of it, try again or give another --url"
    )]
    Checksum { url: String, given: String, expected: String },

    #[error("the disk of {} is full: the same command goes on where it stopped", path.display())]
    DiskFull { path: PathBuf },

    #[error("{} cannot be written: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },

    #[error("{} cannot be read: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },

    #[error("{} is there already and is not the published file: choose another --out, or --force to replace it", path.display())]
    Occupied { path: PathBuf },
}

impl Error {
    /// Whether the fault lies in what was asked for.
    pub(super) fn is_input(&self) -> bool {
        matches!(self, Self::Url { .. } | Self::Occupied { .. })
    }

    /// Why `path` could not be written.
    pub(super) fn writing(path: &std::path::Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull { path },
            _ => Self::Write { path, error },
        }
    }

    /// Why `url` gave no answer.
    pub(super) fn calling(url: &str, error: ureq::Error) -> Self {
        let url = url.to_owned();
        use ureq::Error as Call;
        match error {
            Call::BadUri(_) | Call::Http(_) => Self::Url { url },
            Call::Io(_) | Call::HostNotFound | Call::ConnectionFailed | Call::Timeout(_) => {
                Self::Offline { url, error }
            }
            _ => Self::Answer { url, error },
        }
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        404 | 410 => ": the file is not there (any more); give another --url",
        401 | 403 => ": it does not give the file out; give another --url",
        500.. => ": the server has trouble; try again later or give another --url",
        _ => "; give another --url",
    }
}

fn of(total: Option<u64>) -> String {
    total.map_or_else(String::new, |total| format!(" of {total}"))
}
