//! IDX, the form of MNIST's files: two zeros, element type, number of axes, the axes, the elements; all big-endian.

use std::io::{BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::array::{Array, Form, Head};
use super::element::{Kind, Layout};
use super::reference::Reference;
use super::{Part, files, open};
use crate::Error;

/// Reads one array a file, compressed by gzip or not: the reference's own is the first input.
pub(super) fn read(reference: &Reference, memory: u64) -> Result<Vec<Part>, Error> {
    files::read(reference, memory, array)
}

fn array(path: &Path) -> Result<Array<Box<dyn Read>>, Error> {
    let file = open(path)?;
    let bytes = file.metadata()?.len();
    let packed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let name = path.display().to_string();
    let mut source: Box<dyn Read> = match packed {
        true => Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file)))),
        false => Box::new(BufReader::new(file)),
    };
    let (head, start) = header(name, &mut source)?;
    Ok(match packed {
        true => Array { head, source, there: u64::MAX, form: Form::Packed { bytes } },
        false => {
            let form = Form::Plain { path: path.to_owned(), start };
            Array { head, source, there: bytes.saturating_sub(start), form }
        }
    })
}

/// Reads the header of the array called `name`; also how many bytes it took.
fn header(name: String, source: &mut impl Read) -> Result<(Head, u64), Error> {
    let mut read = |bytes: &mut [u8]| {
        source.read_exact(bytes).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Error::IdxHeader { array: name.clone(), what: "its header is cut short".to_owned() }
            }
            _ => Error::Unreadable { array: name.clone(), error },
        })
    };
    let mut start = [0; 4];
    read(&mut start)?;
    let [0, 0, kind, axes] = start else {
        let what = "it does not begin with two zeros".to_owned();
        return Err(Error::IdxHeader { array: name, what });
    };
    let kind = match kind {
        0x08 => Kind::U8,
        0x09 => Kind::I8,
        0x0b => Kind::I16,
        0x0c => Kind::I32,
        0x0d => Kind::F32,
        0x0e => Kind::F64,
        _ => {
            let what = format!("its element type is 0x{kind:02x}: known are 08, 09 and 0b to 0e");
            return Err(Error::IdxHeader { array: name, what });
        }
    };
    let mut shape = Vec::with_capacity(usize::from(axes));
    for _ in 0..axes {
        let mut axis = [0; 4];
        read(&mut axis)?;
        shape.push(u32::from_be_bytes(axis) as usize);
    }
    let layout = Layout { kind, big_endian: true, fortran: false, shape };
    Ok((Head { name, layout }, 4 + 4 * u64::from(axes)))
}
