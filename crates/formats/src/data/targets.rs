//! From arrays and columns to what the network should answer.

use std::collections::BTreeSet;

use handaxe_data::{Targets, Tensor};

use crate::Error;

/// The largest class number: far beyond any classifier for an FPGA, and no danger to memory.
pub(super) const MOST: u32 = 65_535;

/// Targets of one part of a file. Classes stay open until all parts are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answers {
    /// Class numbers, and how many classes there are at least.
    Labels { labels: Vec<u32>, classes: usize },
    /// Class names.
    Names(Vec<String>),
    /// Real values, `(samples, outputs)`.
    Values(Tensor),
}

impl Answers {
    /// Class numbers; two classes at least, for one class leaves nothing to tell apart.
    pub(super) fn labels(labels: Vec<u32>) -> Self {
        let classes = labels.iter().max().map_or(2, |&most| (most as usize + 1).max(2));
        Self::Labels { labels, classes }
    }

    /// Class names from the array or column `place`.
    pub(super) fn names(place: &str, names: Vec<String>) -> Result<Self, Error> {
        let (given, most) = (names.iter().collect::<BTreeSet<_>>().len(), MOST as usize + 1);
        if given > most {
            return Err(Error::TooManyNames { place: place.to_owned(), given, most });
        }
        Ok(Self::Names(names))
    }

    /// One-hot rows of two or more become labels, everything else stays real values.
    pub(super) fn values(values: Tensor) -> Self {
        match one_hot(&values) {
            Some(labels) => Self::Labels { labels, classes: values.row_len() },
            None => Self::Values(values),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Labels { labels, .. } => labels.len(),
            Self::Names(names) => names.len(),
            Self::Values(values) => values.rows(),
        }
    }

    /// Gives two parts of one file the same classes.
    pub(super) fn agree(&mut self, other: &mut Self) -> Result<(), Error> {
        match (&mut *self, &mut *other) {
            (Self::Labels { classes: one, .. }, Self::Labels { classes: two, .. }) => {
                *one = (*one).max(*two);
                *two = *one;
            }
            (Self::Names(one), Self::Names(two)) => {
                let names: BTreeSet<String> = one.iter().chain(two.iter()).cloned().collect();
                let (one, two) = (number(one, &names), number(two, &names));
                (*self, *other) = (one, two);
            }
            (Self::Values(one), Self::Values(two)) if one.shape()[1..] == two.shape()[1..] => {}
            _ => return Err(Error::Parts { train: self.describe(), test: other.describe() }),
        }
        Ok(())
    }

    /// The samples of two parts that agree.
    pub(super) fn append(self, more: Self) -> Result<Self, Error> {
        Ok(match (self, more) {
            (Self::Labels { mut labels, classes }, Self::Labels { labels: more, .. }) => {
                labels.extend(more);
                Self::Labels { labels, classes }
            }
            (Self::Values(one), Self::Values(more)) => Self::Values(concatenate(&one, &more)?),
            (one, more) => {
                return Err(Error::Parts { train: one.describe(), test: more.describe() });
            }
        })
    }

    /// The targets, once all parts agree.
    pub(super) fn finish(self) -> Targets {
        match self {
            Self::Labels { labels, classes } => Targets::Classes { labels, classes },
            Self::Names(names) => number(&names, &names.iter().cloned().collect()).finish(),
            Self::Values(values) => Targets::Values(values),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Labels { classes, .. } => format!("{classes} classes"),
            Self::Names(_) => "named classes".to_owned(),
            Self::Values(values) => format!("{} real values a sample", values.row_len()),
        }
    }
}

/// Class names to numbers, in alphabetical order.
fn number(names: &[String], known: &BTreeSet<String>) -> Answers {
    let known: Vec<&String> = known.iter().collect();
    // Every name is among the known ones, and there are not too many (`Answers::names`).
    let labels = names.iter().map(|name| known.partition_point(|other| *other < name) as u32);
    Answers::Labels { labels: labels.collect(), classes: known.len().max(2) }
}

/// The position of the 1 in each row of zeros, if all rows are such.
fn one_hot(values: &Tensor) -> Option<Vec<u32>> {
    let width = values.row_len();
    if values.shape().len() != 2 || width < 2 || width > MOST as usize + 1 {
        return None;
    }
    let position = |row: &[f32]| {
        let hot = row.iter().position(|&value| value == 1.0)?;
        let cold = row.iter().enumerate().all(|(place, &value)| place == hot || value == 0.0);
        cold.then_some(hot as u32)
    };
    values.values().chunks_exact(width).map(position).collect()
}

/// Two arrays of equal rows, one after the other.
pub(super) fn concatenate(one: &Tensor, more: &Tensor) -> Result<Tensor, Error> {
    if one.shape().get(1..) != more.shape().get(1..) {
        let describe = |tensor: &Tensor| format!("shape {:?}", tensor.shape());
        return Err(Error::Parts { train: describe(one), test: describe(more) });
    }
    let mut shape = one.shape().to_vec();
    shape[0] += more.rows();
    let values = [one.values(), more.values()].concat();
    Tensor::new(shape, values).map_err(|error| Error::Data { error })
}
