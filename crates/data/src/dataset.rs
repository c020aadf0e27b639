use std::sync::Arc;

use crate::source::{Selected, ranges, standardised};
use crate::{Error, Source, Standardiser, Tensor};

/// What the network should answer, one entry a sample.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// Class numbers from 0 to `classes - 1`.
    Classes {
        /// One label a sample.
        labels: Vec<u32>,
        /// Number of classes the network tells apart.
        classes: usize,
    },
    /// Real values, `(samples, outputs)`.
    Values(Tensor),
}

impl Targets {
    /// Labels of `classes` classes.
    ///
    /// # Errors
    /// [`Error::Label`] for a label of `classes` or more.
    pub fn classes(labels: Vec<u32>, classes: usize) -> Result<Self, Error> {
        match labels.iter().position(|&label| label as usize >= classes) {
            Some(sample) => Err(Error::Label { label: labels[sample], sample, classes }),
            None => Ok(Self::Classes { labels, classes }),
        }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes { labels, .. } => labels.len(),
            Self::Values(values) => values.rows(),
        }
    }

    /// True without samples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How wide a network's output must be: the classes, or the real values of one sample.
    pub fn width(&self) -> usize {
        match self {
            Self::Classes { classes, .. } => *classes,
            Self::Values(values) => values.row_len(),
        }
    }

    /// In words, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Classes { labels, classes } => {
                format!("{} labels of {classes} classes", labels.len())
            }
            Self::Values(values) => format!("values of shape {:?}", values.shape()),
        }
    }

    /// The targets of some samples, in the order of `indices`, all of which there must be.
    ///
    /// # Errors
    /// Values that cannot be gathered.
    pub fn gather(&self, indices: &[usize]) -> Result<Self, Error> {
        Ok(match self {
            Self::Classes { labels, classes } => Self::Classes {
                labels: indices.iter().map(|&sample| labels[sample]).collect(),
                classes: *classes,
            },
            Self::Values(values) => Self::Values(values.gather(indices)?),
        })
    }

    /// The same in place of targets `into` that are not needed any more, in their memory where it is large enough.
    ///
    /// # Errors
    /// As [`Targets::gather`].
    pub fn gather_into(&self, indices: &[usize], into: &mut Self) -> Result<(), Error> {
        match (self, into) {
            (Self::Classes { labels, classes }, Self::Classes { labels: into, classes: of })
                if classes == of =>
            {
                into.clear();
                into.extend(indices.iter().map(|&sample| labels[sample]));
            }
            (Self::Values(values), Self::Values(into))
                if into.rows() == indices.len() && into.shape()[1..] == values.shape()[1..] =>
            {
                values.gather_into(indices, into.values_mut())?;
            }
            (_, into) => *into = self.gather(indices)?,
        }
        Ok(())
    }
}

/// Samples: one array an input of the network, and the targets. Never empty, all values finite. The inputs lie in memory
/// or elsewhere (see [`Source`]); parts of a data set share them. The targets are in memory.
#[derive(Debug, Clone)]
pub struct Dataset {
    inputs: Vec<Arc<dyn Source>>,
    targets: Targets,
}

impl Dataset {
    /// Joins `inputs` (samples first) and `targets`.
    ///
    /// # Errors
    /// No input, no sample, parts of different length, or a value that is NaN or infinite.
    pub fn new(inputs: Vec<Tensor>, targets: Targets) -> Result<Self, Error> {
        for (number, input) in inputs.iter().enumerate() {
            finite(&format!("input {number}"), input)?;
        }
        let inputs = inputs.into_iter().map(|input| Arc::new(input) as Arc<dyn Source>);
        Self::from_sources(inputs.collect(), targets)
    }

    /// Joins `inputs`, wherever they lie, and `targets`.
    ///
    /// # Errors
    /// No input, no sample, parts of different length, or a target that is NaN or infinite.
    pub fn from_sources(inputs: Vec<Arc<dyn Source>>, targets: Targets) -> Result<Self, Error> {
        let samples = inputs.first().map_or(0, |input| input.rows());
        if samples == 0 {
            return Err(Error::Empty { what: "the data set".to_owned(), unit: "sample" });
        }
        for (number, input) in inputs.iter().enumerate() {
            let what = format!("input {number}");
            if input.rows() != samples {
                return Err(Error::Samples { what, given: input.rows(), expected: samples });
            }
            if input.row_len() == 0 {
                return Err(Error::Empty { what, unit: "feature" });
            }
        }
        if targets.len() != samples {
            let what = "the target".to_owned();
            return Err(Error::Samples { what, given: targets.len(), expected: samples });
        }
        if let Targets::Values(values) = &targets {
            finite("the target", values)?;
        }
        Ok(Self { inputs, targets })
    }

    /// The arrays, samples first, in the order of the network's inputs.
    pub fn inputs(&self) -> &[Arc<dyn Source>] {
        &self.inputs
    }

    /// The right answers.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Number of samples, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// The same with each input standardised: at once where its rows are in memory, otherwise whenever they are read.
    ///
    /// # Errors
    /// Another number of inputs than of standardisers, or inputs of other features.
    pub fn standardised(&self, by: &[Standardiser]) -> Result<Self, Error> {
        let (given, expected) = (self.inputs.len(), by.len());
        if given != expected {
            return Err(Error::Features { what: "inputs to standardise", given, expected });
        }
        let inputs = self.inputs.iter().zip(by).map(|(input, by)| standardised(input, by));
        Self::from_sources(inputs.collect::<Result<_, _>>()?, self.targets.clone())
    }

    /// The samples at `indices`, in that order, as a data set over the same arrays. Every index must be below
    /// [`Dataset::len`].
    ///
    /// # Errors
    /// [`Error::Empty`] without indices.
    pub fn select(&self, indices: &[usize]) -> Result<Self, Error> {
        let rows: Arc<[usize]> = indices.into();
        let select = |input: &Arc<dyn Source>| -> Arc<dyn Source> {
            Arc::new(Selected::new(input.clone(), rows.clone()))
        };
        Self::from_sources(self.inputs.iter().map(select).collect(), self.targets.gather(indices)?)
    }

    /// The inputs and targets of the samples at `indices`, in that order: a batch. Every index must be below
    /// [`Dataset::len`].
    ///
    /// # Errors
    /// [`Error::Read`] when they cannot be read where they lie.
    pub fn gather(&self, indices: &[usize]) -> Result<(Vec<Tensor>, Targets), Error> {
        let inputs = self.inputs.iter().map(|input| input.gather(indices));
        Ok((inputs.collect::<Result<_, _>>()?, self.targets.gather(indices)?))
    }

    /// The inputs of all samples in order, as [`blocks`].
    ///
    /// # Errors
    /// Each block may be an [`Error::Read`].
    pub fn blocks(&self) -> impl Iterator<Item = Result<Vec<Tensor>, Error>> {
        blocks(&self.inputs)
    }
}

/// The rows of arrays of equal length in order, some at a time, so that data larger than memory can be gone through.
///
/// # Errors
/// Each block may be an [`Error::Read`].
pub fn blocks(inputs: &[Arc<dyn Source>]) -> impl Iterator<Item = Result<Vec<Tensor>, Error>> {
    let widest = inputs.iter().map(|input| input.row_len()).max().unwrap_or(1);
    let read = |rows: std::ops::Range<usize>| {
        inputs.iter().map(|input| input.block(rows.clone())).collect()
    };
    ranges(inputs.first().map_or(0, |input| input.rows()), widest).map(read)
}

fn finite(what: &str, tensor: &Tensor) -> Result<(), Error> {
    let Some(index) = tensor.first_not_finite() else { return Ok(()) };
    let width = tensor.row_len().max(1);
    Err(Error::NotFinite {
        what: what.to_owned(),
        value: tensor.values()[index],
        sample: index / width,
        element: index % width,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_sample_is_broken() {
        let input = Tensor::new(vec![2, 2], vec![0.0, 1.0, f32::NAN, 2.0]).unwrap();
        let error =
            Dataset::new(vec![input], Targets::classes(vec![0, 1], 2).unwrap()).unwrap_err();
        assert!(matches!(error, Error::NotFinite { sample: 1, element: 0, .. }));
        assert_eq!(
            Targets::classes(vec![0, 5], 5).unwrap_err().to_string(),
            "label 5 of sample 1 is out of range: labels go from 0 to 4"
        );
        let empty = Tensor::new(vec![0, 2], vec![]).unwrap();
        let none = Targets::classes(vec![], 2).unwrap();
        assert!(matches!(Dataset::new(vec![empty], none), Err(Error::Empty { .. })));
    }
}
