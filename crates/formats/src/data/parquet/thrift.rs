//! A look at Thrift structures (compact protocol) before the decoder's, which takes lists at their word: it skips 2^31 truth values
//! that take no bytes, and as many numbers beyond the end. Without such lists, and maps, which Parquet has not, work is bounded by the bytes.

use std::io::{BufRead, BufReader, ErrorKind, Read, Result, Seek, SeekFrom};

/// Structures in structures that are looked into; Parquet has ten.
const DEEPEST: usize = 32;
/// The field of a page's header that says how many bytes follow it.
const PAGE_SIZE: i64 = 3;

/// Looks at one structure after the other between two places, each but the last followed by its page.
///
/// # Errors
/// `InvalidData` with what no Parquet file has. Whatever else is wrong is left to the decoder to tell.
pub(super) fn check(file: impl Read + Seek, start: u64, length: u64) -> Result<()> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(start))?;
    let mut walk = Walk { reader, left: length };
    while walk.left > 0 {
        match walk.structure(0) {
            Ok(size) => match walk.skip(size) {
                Ok(()) => {}
                Err(_) => break,
            },
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(error),
            Err(_) => break,
        }
    }
    Ok(())
}

/// Where the footer's structure lies: its start and length, if the file has one.
pub(super) fn footer(mut file: impl Read + Seek) -> Result<Option<(u64, u64)>> {
    let end = file.seek(SeekFrom::End(0))?;
    let Some(tail) = end.checked_sub(8) else { return Ok(None) };
    file.seek(SeekFrom::Start(tail))?;
    let mut length = [0; 4];
    file.read_exact(&mut length)?;
    let length = u64::from(u32::from_le_bytes(length));
    Ok(tail.checked_sub(length).map(|start| (start, length)))
}

struct Walk<R> {
    reader: BufReader<R>,
    left: u64,
}

impl<R: Read + Seek> Walk<R> {
    /// The size of the page behind a structure, 0 if it states none.
    fn structure(&mut self, depth: usize) -> Result<u64> {
        if depth > DEEPEST {
            return Err(hostile("structures in each other"));
        }
        let (mut field, mut size) = (0i64, 0);
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(size);
            }
            field = match head >> 4 {
                0 => self.signed()?,
                step => field.saturating_add(i64::from(step)),
            };
            match head & 15 {
                1 | 2 => {}
                kind @ 4..=6 => {
                    let value = self.signed()?;
                    if kind == 5 && field == PAGE_SIZE {
                        size = u64::try_from(value).unwrap_or(0);
                    }
                }
                kind => self.value(kind, depth)?,
            }
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<()> {
        match kind {
            3 => self.skip(1),
            4..=6 => self.signed().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let length = self.varint()?;
                self.skip(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
                if matches!(head & 15, 1 | 2) && count > 0 {
                    return Err(hostile("lists of truth values"));
                }
                // Beyond the end the decoder goes on skipping what has a fixed size.
                if count > self.left {
                    return Err(hostile("lists longer than what is left of it"));
                }
                (0..count).try_for_each(|_| self.value(head & 15, depth + 1))
            }
            12 => self.structure(depth + 1).map(|_| ()),
            _ => Err(hostile("maps or unknown types")),
        }
    }

    fn byte(&mut self) -> Result<u8> {
        let byte = self.reader.fill_buf()?.first().copied();
        let byte = byte.filter(|_| self.left > 0).ok_or(ErrorKind::UnexpectedEof)?;
        self.reader.consume(1);
        self.left -= 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(hostile("numbers of more than 64 bits"))
    }

    /// A number whose lowest bit is its sign.
    fn signed(&mut self) -> Result<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn skip(&mut self, length: u64) -> Result<()> {
        self.left = self.left.checked_sub(length).ok_or(ErrorKind::UnexpectedEof)?;
        self.reader.seek_relative(i64::try_from(length).map_err(|_| ErrorKind::UnexpectedEof)?)
    }
}

fn hostile(what: &str) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, format!("it has {what}, which Parquet has not"))
}
