use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use handaxe_data::Source;
use handaxe_graph::nearest;
use zip::read::ZipFile;
use zip::{CompressionMethod, ZipArchive};

use super::array::{Array, Form};
use super::npy::header;
use super::reference::Reference;
use super::{Part, open};
use crate::Error;

/// What the format is called.
pub(super) const NAME: &str = "NumPy archive";

/// Reads the arrays that the reference names, or those of the usual names.
pub(super) fn read(reference: &Reference, memory: u64) -> Result<Vec<Part>, Error> {
    let file = BufReader::with_capacity(1 << 16, open(&reference.path)?);
    read_from(file, reference, memory, Some(&reference.path))
}

/// The same from an archive that is open already; `path` is where it lies, if in a file.
pub(super) fn read_from(
    source: impl Read + Seek,
    reference: &Reference,
    memory: u64,
    path: Option<&Path>,
) -> Result<Vec<Part>, Error> {
    let mut archive = ZipArchive::new(source).map_err(|error| Error::Zip { error })?;
    let known = arrays(&archive);
    let names = names(reference, &known)?;
    let mut parts = Vec::new();
    for (x, y) in names {
        let mut inputs = Vec::with_capacity(x.len());
        for name in x {
            let input = array(&mut archive, &known, &name, path)?.features(memory)?;
            inputs.push((name, input));
        }
        let answers = array(&mut archive, &known, &y, path)?.answers()?;
        parts.push(Part::new(inputs, (y, answers))?);
    }
    Ok(parts)
}

/// The inputs, where the reference names no target and there is no array of the usual name for one.
pub(super) fn unlabelled(
    reference: &Reference,
    memory: u64,
) -> Result<Option<Vec<Arc<dyn Source>>>, Error> {
    let mut archive = ZipArchive::new(BufReader::new(open(&reference.path)?))
        .map_err(|error| Error::Zip { error })?;
    let known = arrays(&archive);
    let has = |name: &str| known.iter().any(|known| known == name);
    let x = match reference.x.as_slice() {
        [] if has("x") => vec!["x".to_owned()],
        chosen => chosen.to_vec(),
    };
    if !reference.y.is_empty() || has("y") || x.is_empty() {
        return Ok(None);
    }
    let path = Some(reference.path.as_path());
    let inputs = x.iter().map(|name| array(&mut archive, &known, name, path)?.features(memory));
    inputs.collect::<Result<_, _>>().map(Some)
}

/// Names of all arrays, sorted.
fn arrays<R: Read + Seek>(archive: &ZipArchive<R>) -> Vec<String> {
    let files = archive.file_names().filter_map(Result::ok);
    let mut names: Vec<String> =
        files.filter_map(|file| file.strip_suffix(".npy").map(str::to_owned)).collect();
    names.sort_unstable();
    names
}

/// Inputs and target of each part.
fn names(reference: &Reference, known: &[String]) -> Result<Vec<(Vec<String>, String)>, Error> {
    let has = |name: &str| known.iter().any(|known| known == name);
    let usual = |x: &str, y: &str| (vec![x.to_owned()], y.to_owned());
    let y = reference.single_y()?;
    let chosen = !reference.x.is_empty() || y.is_some();
    if !chosen && has("x_train") && has("y_train") {
        let mut parts = vec![usual("x_train", "y_train")];
        if has("x_test") && has("y_test") {
            parts.push(usual("x_test", "y_test"));
        }
        return Ok(parts);
    }
    let usable = chosen || (has("x") && has("y"));
    if !usable {
        let first = known.first().map_or("NAME", String::as_str).to_owned();
        return Err(Error::NoDefaultArrays { first, known: known.join(", ") });
    }
    let mut x = reference.x.clone();
    if x.is_empty() {
        x.push("x".to_owned());
    }
    let inputs = x.len();
    let mut parts = vec![(x, y.unwrap_or("y").to_owned())];
    if let Some(y_test) = &reference.y_test {
        if reference.x_test.len() != inputs {
            return Err(Reference::refuse("x_test="));
        }
        parts.push((reference.x_test.clone(), y_test.clone()));
    }
    Ok(parts)
}

fn array<'a, R: Read + Seek>(
    archive: &'a mut ZipArchive<R>,
    known: &[String],
    name: &str,
    path: Option<&Path>,
) -> Result<Array<ZipFile<'a, R>>, Error> {
    if !known.iter().any(|known| known == name) {
        return Err(Error::UnknownArray {
            name: name.to_owned(),
            nearest: nearest(name, known.iter().map(String::as_str)),
            known: known.join(", "),
        });
    }
    let mut entry =
        archive.by_name(&format!("{name}.npy")).map_err(|error| Error::Zip { error })?;
    let (head, length) = header::read(name, &mut entry)?;
    let there = entry.size().saturating_sub(length);
    let form = match (entry.compression(), path, entry.data_start()) {
        (CompressionMethod::Stored, Some(path), Some(start)) => {
            Form::Plain { path: path.to_owned(), start: start + length }
        }
        (CompressionMethod::Stored, ..) => Form::Memory,
        _ => Form::Packed { bytes: entry.compressed_size() },
    };
    Ok(Array { head, source: entry, there, form })
}
