//! ARFF, the form of Weka and of OpenML: <https://www.cs.waikato.ac.nz/ml/weka/arff.html>.

use std::collections::HashSet;
use std::io::{BufRead, BufReader};

use super::lines::{Lines, Quoting};
use super::reference::Reference;
use super::table::{Columns, Table};
use super::{Part, open};
use crate::Error;

const QUOTING: Quoting = Quoting { quotes: &['\'', '"'], backslash: true };

/// A column.
struct Attribute {
    name: String,
    kind: Kind,
}

enum Kind {
    Numeric,
    /// One of these.
    Nominal(Vec<String>),
    Text,
}

/// Reads a table, one sample a row. A nominal target's classes are numbered in the order of their declaration.
pub(super) fn read(reference: &Reference, memory: u64) -> Result<Vec<Part>, Error> {
    let mut lines = Lines::new(BufReader::with_capacity(1 << 16, open(&reference.path)?));
    let attributes = header(&mut lines)?;
    let names = attributes.iter().map(|attribute| attribute.name.clone()).collect();
    let columns = Columns::choose(reference, names)?;
    for &column in &columns.x {
        attributes[column].check_feature()?;
    }
    let declared = |column: usize| match &attributes[column].kind {
        // Several columns of a target are numbers, whatever they declare.
        Kind::Nominal(names) if reference.y.len() < 2 => Some(names.clone()),
        _ => None,
    };
    let mut table = Table::new(columns, memory, declared);
    while let Some((line, text)) = lines.next()? {
        match text.as_bytes()[0] {
            b'%' => {}
            b'{' => return Err(Error::Sparse { line }),
            _ => QUOTING.with_fields(line, text, |fields| table.push(line, fields))?,
        }
    }
    Ok(vec![table.finish()?])
}

/// Everything up to `@data`.
fn header(lines: &mut Lines<impl BufRead>) -> Result<Vec<Attribute>, Error> {
    let (mut attributes, mut names) = (Vec::new(), HashSet::new());
    while let Some((line, text)) = lines.next()? {
        if text.starts_with('%') {
            continue;
        }
        let (keyword, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
        match keyword.to_ascii_lowercase().as_str() {
            "@relation" => {}
            "@attribute" => {
                let attribute = Attribute::parse(line, rest.trim_ascii_start())?;
                if !names.insert(attribute.name.clone()) {
                    let what = format!("attribute `{}` is declared twice", attribute.name);
                    return Err(Error::ArffHeader { line, what });
                }
                attributes.push(attribute);
            }
            "@data" => return Ok(attributes),
            _ => {
                let what = "expected @relation, @attribute or @data".to_owned();
                return Err(Error::ArffHeader { line, what });
            }
        }
    }
    Err(Error::NoRows)
}

impl Attribute {
    /// Reads `name type`.
    fn parse(line: u64, text: &str) -> Result<Self, Error> {
        let wrong = |what: String| Error::ArffHeader { line, what };
        let parsed = match text.chars().next() {
            Some(quote) if QUOTING.quotes.contains(&quote) => QUOTING.quoted(quote, &text[1..]),
            _ => text
                .split_once([' ', '\t', '{'])
                .map(|(name, _)| (name.to_owned(), text[name.len()..].trim_ascii_start())),
        };
        let (name, kind) = parsed
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| wrong("expected @attribute NAME TYPE".to_owned()))?;
        let kind = kind.trim_ascii();
        if let Some(values) = kind.strip_prefix('{') {
            let values = values.strip_suffix('}');
            let values =
                values.ok_or_else(|| wrong(format!("the classes of `{name}` lack a }}")))?;
            let values: Vec<String> = QUOTING
                .with_fields(line, values, |fields| Ok(fields.map(str::to_owned).collect()))?;
            return Ok(Self { name, kind: Kind::Nominal(values) });
        }
        let first = kind.split_ascii_whitespace().next().unwrap_or("").to_ascii_lowercase();
        let kind = match first.as_str() {
            "numeric" | "real" | "integer" => Kind::Numeric,
            "string" | "date" => Kind::Text,
            _ => {
                let known = "known are numeric, real, integer, string, date and {a, b, ...}";
                return Err(wrong(format!("`{name}` is of type `{first}`: {known}")));
            }
        };
        Ok(Self { name, kind })
    }

    /// Nominal attributes may be features if all their values are numbers.
    fn check_feature(&self) -> Result<(), Error> {
        let numeric = match &self.kind {
            Kind::Numeric => true,
            Kind::Nominal(values) => values.iter().all(|value| value.parse::<f32>().is_ok()),
            Kind::Text => false,
        };
        if numeric { Ok(()) } else { Err(Error::TextFeatures { array: self.name.clone() }) }
    }
}
