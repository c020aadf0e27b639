//! From arrays and columns to what the network should answer.

use std::collections::{BTreeSet, HashMap};

use handaxe_data::{Targets, Tensor};

use crate::Error;

/// The largest class number: far beyond any classifier for an FPGA, and no danger to memory.
pub(super) const MOST: u32 = 65_535;

/// Targets of one part of a file. Classes stay open until all parts are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answers {
    /// Class numbers, and how many classes there are at least.
    Labels { labels: Vec<u32>, classes: usize },
    /// The class name of each sample.
    Names(Names),
    /// Real values, `(samples, outputs)`.
    Values(Tensor),
}

impl Answers {
    /// Class numbers; two classes at least, for one class leaves nothing to tell apart.
    pub(super) fn labels(labels: Vec<u32>) -> Self {
        let classes = labels.iter().max().map_or(2, |&most| (most as usize + 1).max(2));
        Self::Labels { labels, classes }
    }

    /// One-hot rows of two or more become labels, everything else stays real values.
    pub(super) fn values(values: Tensor) -> Self {
        match one_hot(&values) {
            Some(labels) => Self::Labels { labels, classes: values.row_len() },
            None => Self::Values(values),
        }
    }

    /// Columns of equal length side by side, as [`Answers::values`].
    pub(super) fn columns(columns: Vec<Vec<f32>>) -> Result<Self, Error> {
        let rows = columns.first().map_or(0, Vec::len);
        let values = (0..rows).flat_map(|row| columns.iter().map(move |column| column[row]));
        let values = Tensor::new(vec![rows, columns.len()], values.collect());
        Ok(Self::values(values.map_err(|error| Error::Data { error })?))
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Labels { labels, .. } => labels.len(),
            Self::Names(names) => names.codes.len(),
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
                let known: BTreeSet<&String> = one.known.keys().chain(two.known.keys()).collect();
                let known: Vec<&String> = known.into_iter().collect();
                let (one, two) = (one.number(known.iter().copied()), two.number(known.into_iter()));
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
            Self::Names(names) => {
                let mut known: Vec<&String> = names.known.keys().collect();
                known.sort_unstable();
                names.number(known.into_iter()).finish()
            }
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

/// Class names, sample by sample.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Names {
    /// The place at which each name first came.
    known: HashMap<String, u32>,
    codes: Vec<u32>,
    /// True once more names came than classes can be told apart.
    too_many: bool,
}

impl Names {
    /// The name of the next sample.
    pub(super) fn push(&mut self, name: &str) {
        let code = match self.known.get(name) {
            Some(&code) => code,
            None if self.known.len() > MOST as usize => {
                self.too_many = true;
                return;
            }
            None => {
                let code = self.known.len() as u32;
                self.known.insert(name.to_owned(), code);
                code
            }
        };
        self.codes.push(code);
    }

    /// The names of the array or column `place` as targets.
    pub(super) fn answers(self, place: &str) -> Result<Answers, Error> {
        if self.too_many {
            let most = MOST as usize + 1;
            return Err(Error::TooManyNames { place: place.to_owned(), most });
        }
        Ok(Answers::Names(self))
    }

    /// Class numbers in the order of `declared`, in which all of these names are.
    pub(super) fn declared(self, declared: &[String], place: &str) -> Result<Answers, Error> {
        let most = MOST as usize + 1;
        if declared.len() > most {
            return Err(Error::TooManyNames { place: place.to_owned(), most });
        }
        Ok(self.number(declared.iter()))
    }

    /// Class numbers in the order of all `known` names, these among them.
    fn number<'a>(&self, known: impl ExactSizeIterator<Item = &'a String>) -> Answers {
        let (mut numbers, classes) = (vec![0; self.known.len()], known.len().max(2));
        for (number, name) in known.enumerate() {
            if let Some(&code) = self.known.get(name) {
                numbers[code as usize] = number as u32;
            }
        }
        let labels = self.codes.iter().map(|&code| numbers[code as usize]).collect();
        Answers::Labels { labels, classes }
    }
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
fn concatenate(one: &Tensor, more: &Tensor) -> Result<Tensor, Error> {
    if one.shape().get(1..) != more.shape().get(1..) {
        let describe = |tensor: &Tensor| format!("shape {:?}", tensor.shape());
        return Err(Error::Parts { train: describe(one), test: describe(more) });
    }
    let mut shape = one.shape().to_vec();
    shape[0] += more.rows();
    let values = [one.values(), more.values()].concat();
    Tensor::new(shape, values).map_err(|error| Error::Data { error })
}
