use std::collections::HashSet;

use handaxe_graph::nearest;

use super::targets::{Answers, MOST, Names};
use crate::Error;

/// One entry of a target column.
pub(super) enum Cell {
    Integer(i128),
    Real(f64),
    Text,
}

impl Cell {
    /// What a field of a text stands for.
    pub(super) fn of(text: &str) -> Self {
        match (text.parse(), text.parse()) {
            (Ok(integer), _) => Self::Integer(integer),
            (_, Ok(real)) => Self::Real(real),
            _ => Self::Text,
        }
    }
}

/// Collects a target column. Whole numbers are class numbers, other numbers real values, anything else class names; which
/// of these it is shows at the end.
pub(super) struct Labels {
    column: String,
    declared: Option<Declared>,
    names: Names,
    /// Every entry as a number, while all are numbers.
    numbers: Option<Vec<f32>>,
    whole: bool,
    /// The first integer that is no class, the first number that is not finite: wrong if the column turns out to be such.
    no_class: Option<Error>,
    not_finite: Option<Error>,
}

/// The classes that a column declares.
struct Declared {
    order: Vec<String>,
    /// The same again: there may be as many classes as rows.
    all: HashSet<String>,
}

impl Labels {
    /// Of the column called `column`; its classes may be declared, in their order.
    pub(super) fn new(column: &str, declared: Option<Vec<String>>) -> Self {
        let column = column.to_owned();
        let (no_class, not_finite) = (None, None);
        let numbers = declared.is_none().then(Vec::new);
        let names = Names::default();
        let declared =
            declared.map(|order| Declared { all: order.iter().cloned().collect(), order });
        Self { column, declared, names, numbers, whole: true, no_class, not_finite }
    }

    /// Takes the entry of the next sample, which reads `text` and stands in `line`.
    pub(super) fn push(&mut self, line: u64, cell: &Cell, text: &str) -> Result<(), Error> {
        if let Some(declared) = &self.declared
            && !declared.all.contains(text)
        {
            return Err(Error::Undeclared {
                line,
                column: self.column.clone(),
                text: excerpt(text),
                nearest: nearest(text, declared.order.iter().map(String::as_str)),
            });
        }
        self.names.push(text);
        let Some(numbers) = &mut self.numbers else { return Ok(()) };
        let column = || self.column.clone();
        match *cell {
            Cell::Integer(integer) => {
                let fits = (0..=i128::from(MOST)).contains(&integer);
                if !fits && self.no_class.is_none() {
                    let place = format!("line {line}, column `{}`", self.column);
                    let (label, most) = (integer.to_string(), MOST);
                    self.no_class = Some(Error::Label { place, label, most });
                }
                numbers.push(integer as f32);
            }
            Cell::Real(real) => {
                if !(real as f32).is_finite() && self.not_finite.is_none() {
                    let text = excerpt(text);
                    self.not_finite = Some(Error::Cell { line, column: column(), text });
                }
                self.whole = false;
                numbers.push(real as f32);
            }
            Cell::Text => self.numbers = None,
        }
        Ok(())
    }

    /// The column as real values, for a target of several columns.
    pub(super) fn values(self) -> Result<Vec<f32>, Error> {
        match (self.numbers, self.not_finite) {
            (None, _) => Err(Error::TextFeatures { array: self.column }),
            (_, Some(error)) => Err(error),
            (Some(numbers), None) => Ok(numbers),
        }
    }

    /// The column as the target.
    pub(super) fn answers(self) -> Result<Answers, Error> {
        if let Some(declared) = self.declared {
            return self.names.declared(&declared.order, &self.column);
        }
        match self.numbers {
            None => self.names.answers(&self.column),
            Some(numbers) if self.whole => match self.no_class {
                Some(error) => Err(error),
                // Whole and in range, so that nothing is lost.
                None => Ok(Answers::labels(numbers.iter().map(|&label| label as u32).collect())),
            },
            Some(_) => Answers::columns(vec![self.values()?]),
        }
    }
}

/// The beginning of a text that may be long.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}
