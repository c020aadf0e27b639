use std::io::{BufReader, Read};

use csv::StringRecord;
use handaxe_data::Tensor;
use handaxe_graph::nearest;

use super::reference::Reference;
use super::targets::{Answers, MOST};
use super::{Part, open};
use crate::Error;

/// Reads a table of numbers, one sample a line.
pub(super) fn read(reference: &Reference) -> Result<Vec<Part>, Error> {
    if reference.y_test.is_some() {
        return Err(Error::Reference { text: "x_test= or y_test=".to_owned() });
    }
    let file = BufReader::new(open(&reference.path)?);
    let mut table = Table::read(reference, file)?;
    let shape = vec![table.lines.len(), table.columns.x.len()];
    let features = Tensor::new(shape, std::mem::take(&mut table.features));
    let features = features.map_err(|error| Error::Data { error })?;
    let answers = table.answers()?;
    Ok(vec![Part { inputs: vec![features], answers }])
}

/// Which columns are taken, and what all are called.
struct Columns {
    names: Vec<String>,
    x: Vec<usize>,
    y: usize,
}

struct Table {
    columns: Columns,
    /// Row-major, `(samples, columns.x)`.
    features: Vec<f32>,
    labels: Vec<String>,
    /// Line of each sample, for messages.
    lines: Vec<u64>,
}

impl Table {
    fn read(reference: &Reference, source: impl Read) -> Result<Self, Error> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(source);
        let mut record = StringRecord::new();
        let mut next = |record: &mut StringRecord| {
            reader.read_record(record).map_err(|error| Error::Csv { error })
        };
        if !next(&mut record)? {
            return Err(Error::NoRows);
        }
        let header = is_header(&record);
        let columns = Columns::choose(reference, &record, header)?;
        let mut table = Self { columns, features: vec![], labels: vec![], lines: vec![] };
        if !header {
            table.push(&record)?;
        }
        while next(&mut record)? {
            table.push(&record)?;
        }
        if table.lines.is_empty() { Err(Error::NoRows) } else { Ok(table) }
    }

    fn push(&mut self, record: &StringRecord) -> Result<(), Error> {
        let line = record.position().map_or(0, csv::Position::line);
        let expected = self.columns.names.len();
        if record.len() != expected {
            return Err(Error::Ragged { line, given: record.len(), expected });
        }
        for &column in &self.columns.x {
            self.features.push(self.number(line, column, &record[column])?);
        }
        let label = &record[self.columns.y];
        if label.is_empty() {
            let column = self.columns.names[self.columns.y].clone();
            return Err(Error::NoLabel { line, column });
        }
        self.labels.push(label.to_owned());
        self.lines.push(line);
        Ok(())
    }

    fn number(&self, line: u64, column: usize, text: &str) -> Result<f32, Error> {
        let number = text.parse::<f32>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| Error::Cell {
            line,
            column: self.columns.names[column].clone(),
            text: text.chars().take(40).collect(),
        })
    }

    /// Whole numbers are class numbers, other numbers real values, anything else class names.
    fn answers(self) -> Result<Answers, Error> {
        let place = self.columns.y;
        if self.labels.iter().all(|label| label.parse::<i128>().is_ok()) {
            let numbers = self.labels.iter().zip(&self.lines).map(|(label, line)| {
                label.parse().ok().filter(|&label| label <= MOST).ok_or_else(|| Error::Label {
                    place: format!("line {line}, column `{}`", self.columns.names[place]),
                    label: label.clone(),
                    most: MOST,
                })
            });
            return Ok(Answers::labels(numbers.collect::<Result<_, _>>()?));
        }
        if self.labels.iter().all(|label| label.parse::<f32>().is_ok()) {
            let numbers = self.labels.iter().zip(&self.lines);
            let values = numbers.map(|(label, &line)| self.number(line, place, label));
            let values = Tensor::new(vec![self.labels.len(), 1], values.collect::<Result<_, _>>()?);
            return Ok(Answers::Values(values.map_err(|error| Error::Data { error })?));
        }
        Answers::names(&self.columns.names[place], self.labels)
    }
}

/// A first line without a number before its last field can only be names.
fn is_header(record: &StringRecord) -> bool {
    let features = record.iter().take(record.len().saturating_sub(1).max(1));
    features.into_iter().all(|field| field.parse::<f64>().is_err())
}

impl Columns {
    fn choose(reference: &Reference, first: &StringRecord, header: bool) -> Result<Self, Error> {
        let names: Vec<String> = first
            .iter()
            .enumerate()
            .map(|(place, name)| if header { name.to_owned() } else { place.to_string() })
            .collect();
        if names.len() < 2 {
            return Err(Error::TooFewColumns { given: names.len() });
        }
        let find = |wanted: &String| {
            names.iter().position(|name| name == wanted).ok_or_else(|| Error::UnknownColumn {
                name: wanted.clone(),
                nearest: nearest(wanted, names.iter().map(String::as_str)),
                known: names.join(", "),
            })
        };
        let y = reference.y.as_ref().map_or(Ok(names.len() - 1), find)?;
        let x = match reference.x.as_slice() {
            [] => (0..names.len()).filter(|&column| column != y).collect(),
            chosen => chosen.iter().map(find).collect::<Result<_, _>>()?,
        };
        Ok(Self { names, x, y })
    }
}
