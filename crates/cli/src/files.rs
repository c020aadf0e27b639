//! Networks and tables in and out, as every command does it.

use std::path::Path;

use handaxe::Error;
use handaxe::formats::model::{self, Format};
use handaxe::graph::Model;
use handaxe::untold;

use crate::failure::Failure;
use crate::options::Speech;
use crate::output;

/// The network that `reference` names.
pub(crate) fn load(reference: &str) -> Result<Model, Failure> {
    Ok(model::load(reference).map_err(Error::from)?)
}

/// The weights of kernels, as the objective `parameter` counts them; [`Model::parameters`] has biases and statistics too.
pub(crate) fn parameters(model: &Model) -> usize {
    let kernels = model.layers().filter_map(|(_, layer)| layer.kernel());
    kernels.map(|kernel| kernel.values().len()).sum()
}

/// Whether something may be written at `out`.
pub(crate) fn check_free(out: &Path, force: bool) -> Result<(), Failure> {
    if !out.exists() || (force && !out.is_dir()) {
        return Ok(());
    }
    let how = if out.is_dir() {
        "it is a folder: name a file"
    } else {
        "choose another name, or --force to replace it"
    };
    Err(Failure::Input(format!("{} already exists: {how}", out.display())))
}

/// Writes a network; says what the form leaves out.
pub(crate) fn save(model: &Model, out: &Path, speech: Speech) -> Result<(), Failure> {
    model::save(model, out).map_err(unwritten)?;
    if let Some(note) = untold(model, Format::of_name(out).map_err(unwritten)?) {
        speech.note(&format!("note: {note}"));
    }
    Ok(())
}

/// A fault of the machine is none of the input.
pub(crate) fn unwritten(error: handaxe::formats::Error) -> Failure {
    if error.is_io() {
        Failure::Other(error.to_string())
    } else {
        Failure::Input(error.to_string())
    }
}

impl Speech {
    /// A line for people, unless they want none.
    pub(crate) fn note(self, line: &str) {
        if !self.quiet {
            output::note(line);
        }
    }
}
