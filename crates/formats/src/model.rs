//! Models in any of the forms that are known: told by content on reading, by the file's extension on writing.
//!
//! | form | read from | written to |
//! |---|---|---|
//! | handaxe's own | `.safetensors` | `.safetensors` |
//! | Keras 3 | `.keras`, an archive | `.keras` |
//! | ONNX, QONNX | `.onnx`, with tensors in files beside it | `.onnx` |
//! | PyTorch | a state dict over any of these: `model.onnx:weights=state.safetensors` | |
//! | Keras 2 | whole `.h5`, also under the name `.keras`; `model.json`, with weights beside it or as `model.json:weights=FILE.h5` | `.h5` |

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use handaxe_graph::Model;

use crate::{Error, keras, native, onnx, pytorch, write_atomically};

/// A form of model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// handaxe's own, [`native`].
    Native,
    /// The archive of Keras 3.
    Keras,
    /// HDF5 as Keras 2 writes it; an architecture with its weights is of the same generation.
    H5,
    /// ONNX, with QONNX' quantisers.
    Onnx,
}

/// Every form with its extension, which is also its name.
const NAMED: [(&str, Format); 4] = [
    ("safetensors", Format::Native),
    ("keras", Format::Keras),
    ("h5", Format::H5),
    ("onnx", Format::Onnx),
];

impl Format {
    /// The form of an existing file, from its first bytes.
    ///
    /// # Errors
    /// A file that cannot be opened, or that is no model in any known form.
    pub fn of(reference: &str) -> Result<Self, Error> {
        let (path, _) = keras::split(reference);
        let mut start = Vec::new();
        let read = File::open(path).and_then(|file| file.take(16).read_to_end(&mut start));
        read.map_err(|error| Error::opening(path, error))?;
        let form = Self::of_start(&start).ok_or(match start.as_slice() {
            // Newer pickles of PyTorch are archives.
            [0x80, 2..=5, ..] => Error::Pickle,
            _ => Error::UnknownModel,
        });
        form.map_err(|error| error.in_file(path))
    }

    /// The form that a file of this name is written in.
    ///
    /// # Errors
    /// [`Error::ModelExtension`] for a name without a known extension.
    pub fn of_name(path: &Path) -> Result<Self, Error> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
        extension.parse().map_err(|_| Error::ModelExtension.in_file(path))
    }

    /// A safetensors file begins with the length of its JSON; every other form with fixed bytes.
    fn of_start(start: &[u8]) -> Option<Self> {
        match start {
            [_, _, _, _, _, 0, 0, 0, b'{', ..] => Some(Self::Native),
            [b'P', b'K', ..] => Some(Self::Keras),
            [0x89, b'H', b'D', b'F', ..] => Some(Self::H5),
            [b'{', ..] => Some(Self::H5),
            // The version of the form, then the maker, the graph or the operators' versions.
            [0x08, 1..=32, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42, ..] => Some(Self::Onnx),
            _ => None,
        }
    }

    /// The content of a file of this form.
    ///
    /// # Errors
    /// A layer, activation or quantiser that the form has no word for.
    pub fn bytes(self, model: &Model) -> Result<Vec<u8>, Error> {
        match self {
            Self::Native => native::to_bytes(model),
            Self::Keras => keras::keras_bytes(model),
            Self::H5 => keras::h5_bytes(model),
            Self::Onnx => onnx::to_bytes(model),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMED.iter().find(|(_, format)| format == self).map_or("", |(name, _)| name);
        f.pad(name)
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wanted = text.to_ascii_lowercase();
        let wanted = if wanted == "hdf5" { "h5" } else { wanted.as_str() };
        let found = NAMED.iter().find(|(name, _)| *name == wanted);
        found
            .map(|(_, format)| *format)
            .ok_or_else(|| Error::UnknownForm { given: text.to_owned() })
    }
}

/// Reads a model with its weights, whatever its form.
///
/// ```
/// use handaxe_formats::model;
/// use handaxe_graph::{Model, Op};
///
/// let mut small = Model::new("small");
/// let input = small.add("in", Op::Input { shape: vec![4] }, &[])?;
/// small.add("fc", Op::Dense { units: 2, bias: true }, &[input])?;
/// let folder = tempfile::tempdir()?;
/// for name in ["small.safetensors", "small.keras", "small.h5", "small.onnx"] {
///     let path = folder.path().join(name);
///     model::save(&small, &path)?;
///     assert_eq!(model::load(&path.display().to_string())?, small);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A file that is missing, broken or of no known form; as [`native::load`], [`keras::load`] and
/// [`onnx::load`].
pub fn load(reference: &str) -> Result<Model, Error> {
    if let (path, Some(state)) = keras::split(reference)
        && state.extension().is_some_and(|extension| extension == "safetensors")
    {
        let mut model = load(&path.display().to_string())?;
        pytorch::load_state(&mut model, state)?;
        return Ok(model);
    }
    match Format::of(reference)? {
        Format::Native => native::load(reference),
        Format::Keras | Format::H5 => keras::load(reference),
        Format::Onnx => onnx::load(reference.as_ref()),
    }
}

/// Writes a model in the form that the file's extension says, as a whole or not at all.
///
/// # Errors
/// An extension that says none, what the form has no word for, or a file that cannot be written.
pub fn save(model: &Model, path: &Path) -> Result<(), Error> {
    let bytes = Format::of_name(path)?.bytes(model).map_err(|error| error.in_file(path))?;
    write_atomically(path, |file| file.write_all(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> String {
        format!("{}/../../fixtures/keras/small/{name}", env!("CARGO_MANIFEST_DIR"))
    }

    /// A header of 640 bytes is as good as any, though its length begins as a pickle does.
    #[test]
    fn a_length_is_no_pickle() {
        let folder = tempfile::tempdir().unwrap();
        let of = |content: &[u8]| {
            let path = folder.path().join("model");
            std::fs::write(&path, content).unwrap();
            Format::of(path.to_str().unwrap())
        };
        assert_eq!(of(&[0x80, 2, 0, 0, 0, 0, 0, 0, b'{']).unwrap(), Format::Native);
        assert!(of(&[0x80, 2, b'}', b'q']).unwrap_err().to_string().contains("pickle"));
    }

    #[test]
    fn content_tells_the_form() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("plain.model");
        let plain = load(&fixture("plain_3.keras")).unwrap();
        native::save(&plain, &own).unwrap();
        for (reference, form) in [
            (fixture("plain_3.keras"), Format::Keras),
            (fixture("plain_2.h5"), Format::H5),
            (fixture("really_hdf5.keras"), Format::H5),
            (fixture("parts_2.json"), Format::H5),
            (fixture("parts_2.json:weights=elsewhere.h5"), Format::H5),
            (own.display().to_string(), Format::Native),
        ] {
            assert_eq!(Format::of(&reference).unwrap(), form, "{reference}");
        }
        assert_eq!(load(&own.display().to_string()).unwrap(), plain);
    }

    #[test]
    fn what_is_no_model_is_told_what_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.tflite");
        for content in [&b""[..], b"\x1c\0\0\0TFL3", b"PNG"] {
            std::fs::write(&path, content).unwrap();
            let error = load(&path.display().to_string()).unwrap_err().to_string();
            assert!(error.contains("net.tflite") && error.contains(".safetensors"), "{error}");
        }
        let error = save(&load(&fixture("plain_2.h5")).unwrap(), &path).unwrap_err().to_string();
        assert!(error.contains("net.tflite") && error.contains(".keras"), "{error}");
        let error = load(&fixture("plian_2.h5")).unwrap_err().to_string();
        assert!(error.contains("did you mean `plain_2.h5`?"), "{error}");
    }
}
