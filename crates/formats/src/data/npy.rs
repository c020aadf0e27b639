//! NumPy's `.npy` arrays: header, element types, byte and memory order.

pub(super) mod header;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use handaxe_data::Source;

use super::array::{Array, Form};
use super::reference::Reference;
use super::{Part, files, open};
use crate::Error;

/// What the format is called.
pub(super) const NAME: &str = "NumPy array";

/// Reads one array a file: the reference's own is the first input.
pub(super) fn read(reference: &Reference, memory: u64) -> Result<Vec<Part>, Error> {
    files::read(reference, memory, array)
}

/// The array as the only input, where the reference names no labels.
pub(super) fn unlabelled(
    reference: &Reference,
    memory: u64,
) -> Result<Option<Vec<Arc<dyn Source>>>, Error> {
    match reference.y.as_slice() {
        [] => Ok(Some(vec![array(&reference.path)?.features(memory)?])),
        _ => Ok(None),
    }
}

fn array(path: &Path) -> Result<Array<BufReader<File>>, Error> {
    let mut source = BufReader::new(open(path)?);
    let (head, start) = header::read(&path.display().to_string(), &mut source)?;
    let there = source.get_ref().metadata()?.len().saturating_sub(start);
    Ok(Array { head, source, there, form: Form::Plain { path: path.to_owned(), start } })
}
