//! What formats with one array a file have in common: the reference's file is the first input, others lie beside it.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::Part;
use super::array::Array;
use super::reference::Reference;
use crate::Error;

/// Reads all parts; `array` opens one file.
pub(super) fn read<R: Read>(
    reference: &Reference,
    memory: u64,
    array: impl Fn(&Path) -> Result<Array<R>, Error>,
) -> Result<Vec<Part>, Error> {
    let y = reference.single_y()?.ok_or(Error::LabelsFile)?;
    let beside = |name: &String| reference.path.with_file_name(name);
    let part = |x: Vec<PathBuf>, y: PathBuf| {
        let mut inputs = Vec::with_capacity(x.len());
        for path in x {
            let input = array(&path)?.features(memory)?;
            inputs.push((path.display().to_string(), input));
        }
        Part::new(inputs, (y.display().to_string(), array(&y)?.answers()?))
    };
    let mut x = vec![reference.path.clone()];
    x.extend(reference.x.iter().map(beside));
    let inputs = x.len();
    let mut parts = vec![part(x, reference.path.with_file_name(y))?];
    if let Some(y_test) = &reference.y_test {
        if reference.x_test.len() != inputs {
            return Err(Reference::refuse("x_test="));
        }
        parts.push(part(reference.x_test.iter().map(beside).collect(), beside(y_test))?);
    }
    Ok(parts)
}
