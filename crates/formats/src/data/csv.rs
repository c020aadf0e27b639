//! Comma-separated values, with a line of names or without.

use std::io::BufReader;

use super::lines::{Lines, Quoting};
use super::reference::Reference;
use super::table::{Columns, Table};
use super::{Part, open};
use crate::Error;

const QUOTING: Quoting = Quoting { quotes: &['"'], backslash: false };

/// Reads a table of numbers, one sample a line.
pub(super) fn read(reference: &Reference, memory: u64) -> Result<Vec<Part>, Error> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, open(&reference.path)?));
    let Some((line, text)) = lines.next()? else { return Err(Error::NoRows) };
    let first: Vec<String> =
        QUOTING.with_fields(line, text, |fields| Ok(fields.map(str::to_owned).collect()))?;
    let header = is_header(&first);
    let names = match header {
        true => first.clone(),
        false => (0..first.len()).map(|place| place.to_string()).collect(),
    };
    let mut table = Table::new(Columns::choose(reference, names)?, memory, |_| None);
    if !header {
        table.push(line, &mut first.iter().map(String::as_str))?;
    }
    while let Some((line, text)) = lines.next()? {
        QUOTING.with_fields(line, text, |fields| table.push(line, fields))?;
    }
    Ok(vec![table.finish()?])
}

/// A first line without a number before its last field can only be names.
fn is_header(first: &[String]) -> bool {
    let features = &first[..(first.len() - 1).max(1)];
    features.iter().all(|field| field.parse::<f64>().is_err())
}
