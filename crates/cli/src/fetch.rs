//! `handaxe fetch`: public data sets from where they are published.

mod catalogue;
mod download;
mod error;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use handaxe::run::SCHEMA;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::failure::Failure;
use crate::options::Speech;
use crate::output;
use catalogue::{File, Set};
use download::Client;
use error::Error;

const EXAMPLES: &str = "\
Examples:
  handaxe fetch mnist --out data
  handaxe fetch jets --out data      # about 300 MB; go on with the same command if it is interrupted
  handaxe fetch mnist --url https://ossci-datasets.s3.amazonaws.com/mnist

What is fetched is the publishers' own; see their pages for the terms: https://www.openml.org/d/42468 (jets),
http://yann.lecun.com/exdb/mnist (mnist).";

/// Download a public data set, with its checksum, resumably
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Command {
    /// Which: jets (OpenML 42468, LHC jets, 16 features, 5 classes) or mnist (handwritten digits)
    #[arg(value_name = "NAME")]
    set: Name,
    /// The folder it goes to, made if need be [default: the working folder]
    #[arg(long, value_name = "DIR", default_value = ".", hide_default_value = true)]
    out: PathBuf,
    /// Another source: the file itself for jets, the folder of the four files for mnist
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Download again what is there already
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Name {
    Jets,
    Mnist,
}

#[derive(Serialize)]
struct Fetched<'a> {
    schema: u32,
    reference: &'a str,
    files: &'a [FetchedFile],
}

/// A file that is there now.
#[derive(Serialize)]
struct FetchedFile {
    path: PathBuf,
    bytes: u64,
    sha256: String,
    /// Whether the checksum is the published one; no one is known for some files.
    verified: bool,
}

/// Runs the command.
pub(crate) fn run(command: &Command, speech: Speech) -> Result<(), Failure> {
    let client = Client::new();
    let set = match command.set {
        Name::Jets => catalogue::jets(command.url.as_deref(), &client)?,
        Name::Mnist => catalogue::mnist(command.url.as_deref()),
    };
    std::fs::create_dir_all(&command.out)
        .map_err(|error| Error::Write { path: command.out.clone(), error })?;
    let mut files = Vec::new();
    for file in &set.files {
        files.push(fetch(command, &client, file, speech.quiet)?);
    }
    let reference = set.reference(&command.out);
    if speech.json {
        return output::json(&Fetched { schema: SCHEMA, reference: &reference, files: &files });
    }
    if !speech.quiet {
        files.iter().for_each(FetchedFile::note);
    }
    output::text(&format!("{reference}\n"))
}

fn fetch(
    command: &Command,
    client: &Client,
    file: &File,
    quiet: bool,
) -> Result<FetchedFile, Error> {
    let path = command.out.join(&file.name);
    if path.exists() && !command.force {
        let (bytes, sha256) = download::checksum(&path)?;
        let verified = file.is_known(&sha256);
        if file.sha256.is_some() && !verified {
            return Err(Error::Occupied { path });
        }
        return Ok(FetchedFile { path, bytes, sha256, verified });
    }
    let bar = bar(&file.name, quiet);
    let mut progress = |done, total: Option<u64>| {
        bar.set_length(total.unwrap_or(done));
        bar.set_position(done);
    };
    let done = client.download(&file.url, &path, file.sha256, &mut progress);
    bar.finish_and_clear();
    let (bytes, sha256) = done?;
    let verified = file.is_known(&sha256);
    Ok(FetchedFile { path, bytes, sha256, verified })
}

impl FetchedFile {
    fn note(&self) {
        let Self { path, bytes, sha256, verified } = self;
        let trust = match verified {
            true => "sha256 as published".to_owned(),
            false => format!("no checksum of it is known to handaxe; its sha256 is {sha256}"),
        };
        output::note(&format!("{}: {bytes} bytes, {trust}", path.display()));
    }
}

/// A bar on a terminal, nothing elsewhere.
fn bar(name: &str, quiet: bool) -> ProgressBar {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
    let template = "{msg:30} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    bar
}

impl Set {
    /// How the other commands' `--data` names it in the folder `out`.
    fn reference(&self, out: &Path) -> String {
        let first = self.files.first().map_or("", |file| &file.name);
        // Plain names read better than `./names`.
        let path = if out == Path::new(".") { PathBuf::from(first) } else { out.join(first) };
        format!("{}:{}", path.display(), self.selection)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        if error.is_input() { Self::Input(message) } else { Self::Other(message) }
    }
}
