use std::io::{BufReader, Read, Seek};

use handaxe_data::Tensor;
use handaxe_graph::nearest;
use zip::ZipArchive;

use super::npy::Array;
use super::reference::Reference;
use super::{Part, open};
use crate::Error;

/// Reads the arrays that the reference names, or those of the usual names.
pub(super) fn read(reference: &Reference) -> Result<Vec<Part>, Error> {
    read_from(BufReader::new(open(&reference.path)?), reference)
}

/// The same from an archive that is open already.
pub(super) fn read_from(
    source: impl Read + Seek,
    reference: &Reference,
) -> Result<Vec<Part>, Error> {
    let mut archive = ZipArchive::new(source).map_err(|error| Error::Zip { error })?;
    let known = arrays(&archive);
    let names = names(reference, &known)?;
    names.into_iter().map(|(x, y)| part(&mut archive, &known, &x, &y)).collect()
}

/// The inputs, where the reference names no target and there is no array of the usual name for one.
pub(super) fn unlabelled(reference: &Reference) -> Result<Option<Vec<Tensor>>, Error> {
    let mut archive = ZipArchive::new(BufReader::new(open(&reference.path)?))
        .map_err(|error| Error::Zip { error })?;
    let known = arrays(&archive);
    let has = |name: &str| known.iter().any(|known| known == name);
    let x = match reference.x.as_slice() {
        [] if has("x") => vec!["x".to_owned()],
        chosen => chosen.to_vec(),
    };
    if reference.y.is_some() || has("y") || x.is_empty() {
        return Ok(None);
    }
    x.iter()
        .map(|name| array(&mut archive, &known, name)?.features())
        .collect::<Result<_, _>>()
        .map(Some)
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
    let chosen = !reference.x.is_empty() || reference.y.is_some();
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
    let (mut x, y) = (reference.x.clone(), reference.y.clone());
    if x.is_empty() {
        x.push("x".to_owned());
    }
    let mut parts = vec![(x, y.unwrap_or_else(|| "y".to_owned()))];
    if let Some(y_test) = &reference.y_test {
        parts.push((reference.x_test.clone(), y_test.clone()));
    }
    Ok(parts)
}

fn part<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    known: &[String],
    x: &[String],
    y: &str,
) -> Result<Part, Error> {
    let mut inputs = Vec::with_capacity(x.len());
    for name in x {
        inputs.push((name.clone(), array(archive, known, name)?.features()?));
    }
    let answers = array(archive, known, y)?.answers()?;
    Part::new(inputs, (y.to_owned(), answers))
}

fn array<R: Read + Seek>(
    archive: &mut ZipArchive<R>,
    known: &[String],
    name: &str,
) -> Result<Array, Error> {
    if !known.iter().any(|known| known == name) {
        return Err(Error::UnknownArray {
            name: name.to_owned(),
            nearest: nearest(name, known.iter().map(String::as_str)),
            known: known.join(", "),
        });
    }
    let entry = archive.by_name(&format!("{name}.npy")).map_err(|error| Error::Zip { error })?;
    let size = entry.size();
    Array::read(name, size, entry)
}
