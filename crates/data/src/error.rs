#![expect(missing_docs, reason = "each message names its fields")]

/// What can be wrong with arrays and data sets.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The shape and the number of values disagree.
    #[error("shape {shape:?} needs {expected} values, {given} were given")]
    Length { shape: Vec<usize>, expected: String, given: usize },

    /// An array without samples, or without a batch axis.
    #[error("{what} is empty: at least one {unit} is needed")]
    Empty { what: String, unit: &'static str },

    /// NaN or infinity in the data.
    #[error(
        "{what} holds {value} at sample {sample} (element {element}): clean or drop such samples first"
    )]
    NotFinite { what: String, value: f32, sample: usize, element: usize },

    /// Rows that are not in memory and cannot be read where they lie.
    #[error("{what} cannot be read any more: {kind}")]
    Read { what: String, kind: std::io::ErrorKind },

    /// Inputs and targets of different length.
    #[error("{what} has {given} samples, the first input has {expected}: they must agree")]
    Samples { what: String, given: usize, expected: usize },

    /// A class label beyond the number of classes.
    #[error("label {label} of sample {sample} is out of range: labels go from 0 to {}", classes - 1)]
    Label { label: u32, sample: usize, classes: usize },

    /// A share of the data that leaves one part empty.
    #[error("a share of {share} splits {samples} samples into {first} and {second}: both need one")]
    Split { share: f64, samples: usize, first: usize, second: usize },

    /// A number of folds that cannot be made.
    #[error("{folds} folds of {samples} samples: choose from 2 to the number of samples")]
    Folds { folds: usize, samples: usize },

    /// An array whose last axis does not fit.
    #[error("{what}: {given} were given, {expected} were expected")]
    Features { what: &'static str, given: usize, expected: usize },

    /// Outputs and targets that a metric cannot compare.
    #[error("{metric} cannot judge outputs of shape {outputs:?} against {targets}")]
    Metric { metric: &'static str, outputs: Vec<usize>, targets: String },

    /// A metric's name that nothing answers to.
    #[error("unknown metric `{name}`: known are accuracy, auc, mse, mae")]
    UnknownMetric { name: String },
}
