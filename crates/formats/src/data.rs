//! Data sets from files.
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
//! | `train-images-idx3-ubyte.gz:y=train-labels-idx1-ubyte.gz` | the file itself | a file beside it |
//! | `a.npy:y=b.npy,x_test=c.npy,y_test=d.npy` | `a.npy`, test part `c.npy` | `b.npy`, test part `d.npy` |
//! | `table.csv` | every column but the last | the last column |
//! | `table.csv:y=kind,x=pt,x=eta` | columns `pt`, `eta` | column `kind` |
//! | `table.csv:y=is_q,y=is_g` | every column but these | rows of both, one-hot or real values |
//!
//! [`FORMATS`] lists the kinds of files. What they have in common:
//!
//! - **Labels.** Integers, booleans and text are class labels, rows of one 1 among 0 are one-hot labels, and everything else
//!   real values. Text is numbered in alphabetical order; the classes of a nominal attribute in the order of its declaration.
//! - **Columns.** Tables (`.csv`, `.arff`, `.parquet`) give one input, a feature a column, in the order of the `x=`. The columns
//!   of a table without a header are called `0`, `1`, ...; a first line without a number before its last field is a header.
//! - **Missing values**, NaN and infinity are errors that name the place.
//! - **Memory.** An input of more than [`IN_MEMORY`] bytes stays on disk, and its rows are read when they are needed: where they
//!   lie, if they lie there as they are (`.npy`, IDX, `.npz` without compression), and else in a temporary file (in the folder
//!   `TMPDIR`) that is gone with the data set. Targets are held in memory.
//! - **Hostile files.** A header is believed as far as content stands behind it; a line has at most 16 MiB; what would be more
//!   than 64 MiB and 200 times its compressed size is refused.

mod arff;
mod array;
mod csv;
mod element;
mod files;
mod format;
mod idx;
mod labels;
mod lines;
mod npy;
mod npz;
#[cfg(feature = "parquet")]
mod parquet;
mod reference;
mod store;
mod stored;
mod table;
mod targets;

use std::path::Path;
use std::sync::Arc;

use handaxe_data::{Dataset, Source, Targets};

use crate::Error;
pub use format::{FORMATS, Format};
use reference::Reference;
use store::Store;
use targets::Answers;

/// Bytes, as `f32`, up to which an input is held in memory by default: 1 GiB.
pub const IN_MEMORY: u64 = 1 << 30;

/// Rows that are copied at once where parts are joined.
const COPIED: usize = 4096;

/// A data set, and the part of it that is set aside for the last test if the file makes the division.
#[derive(Debug, Clone)]
pub struct Parts {
    /// All samples, or those to train on.
    pub train: Dataset,
    /// The samples that only the final figures may come from.
    pub test: Option<Dataset>,
}

/// One part as read, before both parts agree on their classes.
struct Part {
    inputs: Vec<Arc<dyn Source>>,
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
        let mut parts = format::read(&reference, IN_MEMORY)?.into_iter();
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
    load_parts_within(reference, IN_MEMORY)
}

/// As [`load_parts`], where an input may take `memory` bytes of memory; a larger one stays on disk.
///
/// # Errors
/// As [`load`].
pub fn load_parts_within(reference: &str, memory: u64) -> Result<Parts, Error> {
    let reference = Reference::parse(reference)?;
    format::read(&reference, memory)
        .and_then(finish)
        .map_err(|error| error.in_file(&reference.path))
}

/// Inputs, and targets where there are any.
pub type Given = (Vec<Arc<dyn Source>>, Option<Targets>);

/// Reads the inputs that `reference` names, and the targets if there are any: for networks that are only to answer. Without
/// targets are an `.npy` file alone, and an `.npz` file that names none and has no array `y`.
///
/// # Errors
/// As [`load`].
pub fn load_inputs(reference: &str) -> Result<Given, Error> {
    let parsed = Reference::parse(reference)?;
    let unlabelled = match format::of(&parsed)?.name {
        npy::NAME => npy::unlabelled(&parsed, IN_MEMORY),
        npz::NAME => npz::unlabelled(&parsed, IN_MEMORY),
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
    let source = std::io::Cursor::new(archive);
    npz::read_from(source, &Reference::default(), u64::MAX, None).and_then(finish)
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

fn dataset(inputs: Vec<Arc<dyn Source>>, targets: Targets) -> Result<Dataset, Error> {
    Dataset::from_sources(inputs, targets).map_err(|error| Error::Data { error })
}

fn open(path: &Path) -> Result<std::fs::File, Error> {
    std::fs::File::open(path).map_err(|error| Error::opening(path, error))
}

impl Part {
    /// Joins arrays `x` and the array `y`, which must be of one length. Names are for the messages.
    fn new(x: Vec<(String, Arc<dyn Source>)>, y: (String, Answers)) -> Result<Self, Error> {
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
        let inputs = pairs.map(|(one, more)| concatenate(&**one, &**more));
        Ok(Self {
            inputs: inputs.collect::<Result<_, _>>()?,
            answers: self.answers.append(other.answers)?,
        })
    }
}

/// The rows of two arrays of equal rows, one after the other.
fn concatenate(one: &dyn Source, more: &dyn Source) -> Result<Arc<dyn Source>, Error> {
    if one.shape()[1..] != more.shape()[1..] {
        let describe = |source: &dyn Source| format!("shape {:?}", source.shape());
        return Err(Error::Parts { train: describe(one), test: describe(more) });
    }
    let mut store = Store::new(IN_MEMORY);
    for source in [one, more] {
        for first in (0..source.rows()).step_by(COPIED) {
            let block = source.block(first..(first + COPIED).min(source.rows()));
            store.push(block.map_err(|error| Error::Data { error })?.values())?;
        }
    }
    let shape = [&[one.rows() + more.rows()], &one.shape()[1..]].concat();
    store.finish("x", &shape, false)
}
