//! Tables: columns by name, one sample a row.

use handaxe_graph::nearest;

use super::Part;
use super::labels::{Cell, Labels, excerpt};
use super::reference::Reference;
use super::store::Store;
use super::targets::Answers;
use crate::Error;

/// Which columns of a table are taken, and what all are called.
pub(super) struct Columns {
    pub(super) names: Vec<String>,
    pub(super) x: Vec<usize>,
    pub(super) y: Vec<usize>,
}

impl Columns {
    /// What `reference` takes of a table with these columns: by default the last as target, all others as features.
    pub(super) fn choose(reference: &Reference, names: Vec<String>) -> Result<Self, Error> {
        if reference.y_test.is_some() {
            return Err(Reference::refuse("x_test= or y_test="));
        }
        if names.len() < 2 {
            return Err(Error::TooFewColumns { given: names.len() });
        }
        let find = |wanted: &String| {
            names.iter().position(|name| name == wanted).ok_or_else(|| Error::UnknownColumn {
                name: wanted.clone(),
                nearest: nearest(wanted, names.iter().map(String::as_str)),
                known: known(&names),
            })
        };
        let y = match reference.y.as_slice() {
            [] => vec![names.len() - 1],
            chosen => chosen.iter().map(find).collect::<Result<_, _>>()?,
        };
        let x: Vec<usize> = match reference.x.as_slice() {
            [] => (0..names.len()).filter(|column| !y.contains(column)).collect(),
            chosen => chosen.iter().map(find).collect::<Result<_, _>>()?,
        };
        if x.is_empty() {
            return Err(Error::TooFewColumns { given: names.len() });
        }
        Ok(Self { names, x, y })
    }
}

/// All names, as far as they can be shown.
fn known(names: &[String]) -> String {
    const SHOWN: usize = 100;
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    names[..names.len().min(SHOWN)].join(", ") + more
}

/// Takes a text table row by row.
pub(super) struct Table {
    names: Vec<String>,
    /// For each column, its place among the features and among the targets.
    roles: Vec<(Option<usize>, Option<usize>)>,
    row: Vec<f32>,
    features: Store,
    labels: Vec<Labels>,
}

impl Table {
    /// For the columns chosen. `declared` says which classes a column declares.
    pub(super) fn new(
        columns: Columns,
        memory: u64,
        mut declared: impl FnMut(usize) -> Option<Vec<String>>,
    ) -> Self {
        let Columns { names, x, y } = columns;
        let mut roles = vec![(None, None); names.len()];
        x.iter().enumerate().for_each(|(place, &column)| roles[column].0 = Some(place));
        y.iter().enumerate().for_each(|(place, &column)| roles[column].1 = Some(place));
        let labels = y.iter().map(|&column| Labels::new(&names[column], declared(column)));
        let (labels, row) = (labels.collect(), vec![0.0; x.len()]);
        Self { names, roles, row, features: Store::new(memory), labels }
    }

    /// Takes the row in `line`.
    pub(super) fn push(
        &mut self,
        line: u64,
        fields: &mut dyn Iterator<Item = &str>,
    ) -> Result<(), Error> {
        let expected = self.names.len();
        for column in 0..expected {
            let Some(text) = fields.next() else {
                return Err(Error::Ragged { line, given: column, expected });
            };
            self.take(line, column, text)?;
        }
        match fields.count() {
            0 => self.features.push(&self.row),
            more => Err(Error::Ragged { line, given: expected + more, expected }),
        }
    }

    fn take(&mut self, line: u64, column: usize, text: &str) -> Result<(), Error> {
        let (feature, target) = self.roles[column];
        let missing = matches!(text, "" | "?");
        if missing && (feature.is_some() || target.is_some()) {
            return Err(Error::Missing { line, column: self.names[column].clone() });
        }
        if let Some(place) = feature {
            let number = text.parse().ok().filter(|number: &f32| number.is_finite());
            self.row[place] = number.ok_or_else(|| Error::Cell {
                line,
                column: self.names[column].clone(),
                text: excerpt(text),
            })?;
        }
        match target {
            Some(place) => self.labels[place].push(line, &Cell::of(text), text),
            None => Ok(()),
        }
    }

    /// The data set, once all rows were taken.
    pub(super) fn finish(self) -> Result<Part, Error> {
        part(self.features, self.row.len(), self.labels)
    }
}

/// Joins features of `width` columns and the target's columns.
pub(super) fn part(features: Store, width: usize, mut labels: Vec<Labels>) -> Result<Part, Error> {
    let rows = features.count() / width.max(1);
    if rows == 0 {
        return Err(Error::NoRows);
    }
    let features = features.finish("x", &[rows, width], false)?;
    let answers = match (labels.pop(), labels.is_empty()) {
        (Some(only), true) => only.answers()?,
        (last, _) => {
            let columns = labels.into_iter().chain(last).map(Labels::values);
            Answers::columns(columns.collect::<Result<_, _>>()?)?
        }
    };
    Ok(Part { inputs: vec![features], answers })
}
