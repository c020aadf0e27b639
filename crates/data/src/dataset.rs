use crate::{Error, Tensor};

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

    fn gather(&self, indices: &[usize]) -> Self {
        match self {
            Self::Classes { labels, classes } => Self::Classes {
                labels: indices.iter().map(|&sample| labels[sample]).collect(),
                classes: *classes,
            },
            Self::Values(values) => Self::Values(values.gather(indices)),
        }
    }
}

/// Samples: one array an input of the network, and the targets. Never empty, all values finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    inputs: Vec<Tensor>,
    targets: Targets,
}

impl Dataset {
    /// Joins `inputs` (samples first) and `targets`.
    ///
    /// # Errors
    /// No input, no sample, parts of different length, or a value that is NaN or infinite.
    pub fn new(inputs: Vec<Tensor>, targets: Targets) -> Result<Self, Error> {
        let samples = inputs.first().map_or(0, Tensor::rows);
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
            finite(&what, input)?;
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
    pub fn inputs(&self) -> &[Tensor] {
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

    /// The same targets with other inputs, standardised ones for instance.
    ///
    /// # Errors
    /// As [`Dataset::new`].
    pub fn with_inputs(self, inputs: Vec<Tensor>) -> Result<Self, Error> {
        Self::new(inputs, self.targets)
    }

    /// The samples at `indices`, in that order. Every index must be below [`Dataset::len`].
    pub fn gather(&self, indices: &[usize]) -> Self {
        Self {
            inputs: self.inputs.iter().map(|input| input.gather(indices)).collect(),
            targets: self.targets.gather(indices),
        }
    }
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
