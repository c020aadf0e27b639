use std::io::Read;
use std::path::Path;

use crate::Error;

/// The content of a file, unless it is larger than any honest one (`/dev/zero` never ends).
pub(crate) fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let file = std::fs::File::open(path).map_err(|error| Error::opening(path, error))?;
    let mut bytes = Vec::new();
    let read = file.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| Error::from(error).in_file(path))?;
    if bytes.len() as u64 > most {
        return Err(Error::FileTooLarge { most }.in_file(path));
    }
    Ok(bytes)
}
