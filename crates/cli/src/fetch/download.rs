//! One file over HTTP: into a `.part` file that a later call goes on with, checked, then renamed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::Response;
use ureq::{Agent, Body};

use super::error::Error;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 16;
/// Longest text that is taken as an answer.
const LONGEST: u64 = 1 << 20;

/// Hears how many bytes are there, and of how many.
type Progress<'a> = dyn FnMut(u64, Option<u64>) + 'a;

/// Makes calls.
pub(super) struct Client {
    agent: Agent,
}

impl Client {
    pub(super) fn new() -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_recv_response(Some(Duration::from_secs(60)))
            // What takes longer breaks off, and goes on with the next call.
            .timeout_recv_body(Some(Duration::from_secs(3600)))
            .user_agent(concat!("handaxe/", env!("CARGO_PKG_VERSION")));
        Self { agent: config.build().new_agent() }
    }

    /// The text at `url`.
    pub(super) fn text(&self, url: &str) -> Result<String, Error> {
        let mut response = self.get(url, 0)?;
        let text = response.body_mut().with_config().limit(LONGEST).read_to_string();
        text.map_err(|error| Error::calling(url, error))
    }

    /// Gets `url` into `path`, and gives its bytes and sha256. What a broken call left in `path`.part is gone on with; a
    /// file of the wrong checksum is deleted.
    pub(super) fn download(
        &self,
        url: &str,
        path: &Path,
        expected: Option<&str>,
        progress: &mut Progress<'_>,
    ) -> Result<(u64, String), Error> {
        let part = part(path);
        self.fill(url, &part, progress)?;
        let (bytes, sha256) = checksum(&part)?;
        if let Some(expected) = expected.filter(|expected| *expected != sha256) {
            std::fs::remove_file(&part).map_err(|error| Error::writing(&part, error))?;
            let (url, expected) = (url.to_owned(), expected.to_owned());
            return Err(Error::Checksum { url, given: sha256, expected });
        }
        std::fs::rename(&part, path).map_err(|error| Error::writing(path, error))?;
        Ok((bytes, sha256))
    }

    /// Completes the file `part`.
    fn fill(&self, url: &str, part: &Path, progress: &mut Progress<'_>) -> Result<(), Error> {
        let there = std::fs::metadata(part).map_or(0, |metadata| metadata.len());
        let mut response = self.get(url, there)?;
        let mut answer = Answer::new(&response);
        if there > 0 && answer.is_rest_of_all(there) {
            return Ok(());
        }
        if there > 0 && !answer.goes_on_from(there) && answer.status != 200 {
            // What is there belongs to no file at this address.
            response = self.get(url, 0)?;
            answer = Answer::new(&response);
        }
        if !matches!(answer.status, 200 | 206) {
            return Err(Error::Status { url: url.to_owned(), status: answer.status });
        }
        let done = if answer.goes_on_from(there) { there } else { 0 };
        let mut options = OpenOptions::new();
        // A server that knows no ranges begins at the beginning.
        let options = options.create(true).write(true).append(done > 0).truncate(done == 0);
        let mut file = options.open(part).map_err(|error| Error::writing(part, error))?;
        let total = answer.length.map(|length| done + length);
        let mut copy = Copy { url, part, done, total, progress };
        copy.run(&mut response.body_mut().as_reader(), &mut file)?;
        file.sync_all().map_err(|error| Error::writing(part, error))
    }

    /// Asks for `url` from the byte `from` on.
    fn get(&self, url: &str, from: u64) -> Result<Response<Body>, Error> {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(Error::Url { url: url.to_owned() });
        }
        let mut request = self.agent.get(url);
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let response = request.call().map_err(|error| Error::calling(url, error))?;
        let status = response.status().as_u16();
        if !matches!(status, 200 | 206 | 416) {
            return Err(Error::Status { url: url.to_owned(), status });
        }
        Ok(response)
    }
}

/// What a server says of the bytes that follow.
struct Answer {
    status: u16,
    /// Bytes that follow.
    length: Option<u64>,
    /// `bytes FIRST-LAST/TOTAL` or `bytes */TOTAL`.
    range: String,
}

impl Answer {
    fn new(response: &Response<Body>) -> Self {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        Self {
            status: response.status().as_u16(),
            length: header("content-length").and_then(|length| length.parse().ok()),
            range: header("content-range").unwrap_or("").to_owned(),
        }
    }

    fn goes_on_from(&self, there: u64) -> bool {
        self.status == 206 && self.range.starts_with(&format!("bytes {there}-"))
    }

    /// There is nothing beyond what is there.
    fn is_rest_of_all(&self, there: u64) -> bool {
        self.status == 416 && self.range == format!("bytes */{there}")
    }
}

/// Bytes on their way to the disk.
struct Copy<'a, 'b> {
    url: &'a str,
    part: &'a Path,
    done: u64,
    total: Option<u64>,
    progress: &'a mut Progress<'b>,
}

impl Copy<'_, '_> {
    fn run(&mut self, source: &mut impl Read, file: &mut File) -> Result<(), Error> {
        let mut bytes = vec![0; BLOCK];
        loop {
            (self.progress)(self.done, self.total);
            let read = match source.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Err(self.broken_off(error)),
            };
            file.write_all(&bytes[..read]).map_err(|error| Error::writing(self.part, error))?;
            self.done += read as u64;
        }
        match self.total {
            Some(total) if self.done < total => {
                Err(self.broken_off(std::io::ErrorKind::UnexpectedEof.into()))
            }
            _ => Ok(()),
        }
    }

    fn broken_off(&self, error: std::io::Error) -> Error {
        let Self { url, done, total, .. } = *self;
        Error::BrokenOff { url: url.to_owned(), done, total, error }
    }
}

/// Bytes and sha256, in hexadecimal digits, of the file at `path`.
pub(super) fn checksum(path: &Path) -> Result<(u64, String), Error> {
    let reading = |error| Error::Read { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(reading)?;
    let (mut digest, mut bytes, mut block) = (Sha256::new(), 0, vec![0; BLOCK]);
    loop {
        let read = file.read(&mut block).map_err(reading)?;
        if read == 0 {
            let hex = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok((bytes, hex));
        }
        digest.update(&block[..read]);
        bytes += read as u64;
    }
}

/// Where a file is gathered.
fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
