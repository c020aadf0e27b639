//! Data sets from `.npz`, `.npy` and `.csv` files.
//!
//! A *reference* names a file and, where the file leaves a choice, what in it to take:
//!
//! | reference | inputs | targets |
//! |---|---|---|
//! | `jets.npz:x=hlf_ungroomed,y=label` | array `hlf_ungroomed` | array `label` |
//! | `jets.npz:x=tracks,x=towers,y=label` | two inputs of the network | array `label` |
//! | `mnist.npz` | `x_train` and `x_test`, or else `x` | `y_train` and `y_test`, or else `y` |
//! | `a.npz:x=a,y=b,x_test=c,y_test=d` | `a`, test part `c` | `b`, test part `d` |
//! | `points.npy:y=labels.npy` | the file itself | a file beside it |
//! | `table.csv` | every column but the last | the last column |
//! | `table.csv:y=kind,x=pt,x=eta` | columns `pt`, `eta` | column `kind` |
//!
//! Integers, booleans and text are class labels (text numbered in alphabetical order), rows of one 1 among 0 are one-hot
//! labels, and everything else real values. The columns of a table without a header are called `0`, `1`, ...

mod csv;
mod npy;
mod npz;
mod reference;
mod targets;

use std::path::Path;

use handaxe_data::{Dataset, Targets, Tensor};

use crate::Error;
use reference::Reference;
use targets::Answers;

/// A data set, and the part of it that is set aside for the last test if the file makes the division.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// All samples, or those to train on.
    pub train: Dataset,
    /// The samples that only the final figures may come from.
    pub test: Option<Dataset>,
}

/// One part as read, before both parts agree on their classes.
struct Part {
    inputs: Vec<Tensor>,
    answers: Answers,
}

/// Reads all samples that `reference` names; a test part is appended to the train part.
///
/// ```no_run
/// let jets = handaxe_formats::data::load("jets.npz:x=hlf_ungroomed,y=label")?;
/// # Ok::<(), handaxe_formats::Error>(())
/// ```
///
/// # Errors
/// A file, array or column that is not there, content that is malformed, cut short, empty or not finite, labels out of
/// range, parts of different length: each with the file and the place.
pub fn load(reference: &str) -> Result<Dataset, Error> {
    let reference = Reference::parse(reference)?;
    let read = || {
        let mut parts = read(&reference)?.into_iter();
        let Some(mut whole) = parts.next() else { return Err(Error::NoRows) };
        for part in parts {
            whole = whole.join(part)?;
        }
        let targets = whole.answers.finish();
        dataset(whole.inputs, targets)
    };
    read().map_err(|error| error.in_file(&reference.path))
}

/// Reads what `reference` names, in the parts that the file is divided into.
///
/// # Errors
/// As [`load`].
pub fn load_parts(reference: &str) -> Result<Parts, Error> {
    let reference = Reference::parse(reference)?;
    read(&reference).and_then(finish).map_err(|error| error.in_file(&reference.path))
}

/// Reads the inputs that `reference` names, and the targets if there are any: for networks that are only to answer. Without
/// targets are an `.npy` file alone, and an `.npz` file that names none and has no array `y`.
///
/// # Errors
/// As [`load`].
pub fn load_inputs(reference: &str) -> Result<(Vec<Tensor>, Option<Targets>), Error> {
    let parsed = Reference::parse(reference)?;
    let unlabelled = match kind(&parsed).as_deref() {
        Some("npy") => npy::unlabelled(&parsed),
        Some("npz") => npz::unlabelled(&parsed),
        _ => Ok(None),
    };
    if let Some(inputs) = unlabelled.map_err(|error| error.in_file(&parsed.path))? {
        return Ok((inputs, None));
    }
    let data = load(reference)?;
    Ok((data.inputs().to_vec(), Some(data.targets().clone())))
}

/// Reads the arrays of the usual names from an `.npz` archive in memory, such as one built into a program.
///
/// # Errors
/// As [`load`], without the name of a file.
pub fn parts_of_npz(archive: &[u8]) -> Result<Parts, Error> {
    npz::read_from(std::io::Cursor::new(archive), &Reference::default()).and_then(finish)
}

/// Gives train and test part the same classes.
fn finish(parts: Vec<Part>) -> Result<Parts, Error> {
    let mut parts = parts.into_iter();
    let Some(mut train) = parts.next() else { return Err(Error::NoRows) };
    let mut test = parts.next();
    if let Some(test) = &mut test {
        train.answers.agree(&mut test.answers)?;
    }
    let dataset = |part: Part| dataset(part.inputs, part.answers.finish());
    Ok(Parts { train: dataset(train)?, test: test.map(dataset).transpose()? })
}

/// One part, or train and test part.
fn read(reference: &Reference) -> Result<Vec<Part>, Error> {
    match kind(reference).as_deref() {
        Some("npz") => npz::read(reference),
        Some("npy") => npy::read(reference),
        Some("csv") => csv::read(reference),
        _ => Err(Error::UnknownFormat),
    }
}

/// The file's extension in lower case.
fn kind(reference: &Reference) -> Option<String> {
    let extension = reference.path.extension().and_then(|extension| extension.to_str());
    extension.map(str::to_ascii_lowercase)
}

fn dataset(inputs: Vec<Tensor>, targets: Targets) -> Result<Dataset, Error> {
    Dataset::new(inputs, targets).map_err(|error| Error::Data { error })
}

fn open(path: &Path) -> Result<std::fs::File, Error> {
    std::fs::File::open(path).map_err(|error| Error::opening(path, error))
}

impl Part {
    /// Joins arrays `x` and the array `y`, which must be of one length. Names are for the messages.
    fn new(x: Vec<(String, Tensor)>, y: (String, Answers)) -> Result<Self, Error> {
        for (name, input) in &x {
            if input.rows() != y.1.len() {
                return Err(Error::Lengths {
                    x: name.clone(),
                    x_samples: input.rows(),
                    y: y.0,
                    y_samples: y.1.len(),
                });
            }
        }
        Ok(Self { inputs: x.into_iter().map(|(_, input)| input).collect(), answers: y.1 })
    }

    fn join(mut self, mut other: Self) -> Result<Self, Error> {
        self.answers.agree(&mut other.answers)?;
        let pairs = self.inputs.iter().zip(&other.inputs);
        let inputs = pairs.map(|(one, more)| targets::concatenate(one, more));
        Ok(Self {
            inputs: inputs.collect::<Result<_, _>>()?,
            answers: self.answers.append(other.answers)?,
        })
    }
}
