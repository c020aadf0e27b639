#![expect(missing_docs, reason = "each message names its fields")]

/// What can be wrong with training.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error(transparent)]
    Graph(#[from] handaxe_graph::Error),

    #[error(transparent)]
    Data(#[from] handaxe_data::Error),

    /// An operation of candle failed; without the backtrace that candle's errors carry.
    #[error("{message}")]
    Candle { message: String },

    #[error("layer `{layer}` ({kind}): {message}")]
    Layer { layer: String, kind: &'static str, message: String },

    #[error("layer `{layer}` has no weight `{weight}`: the model is broken")]
    MissingWeight { layer: String, weight: &'static str },

    #[error(
        "the model has {given} outputs, but one set of class labels: give their targets as values side by side, or name one output with `Model::set_outputs`"
    )]
    Outputs { given: usize },

    #[error(
        "the network ends with `{layer}` ({activation}), which does not suit the {loss} loss: that needs {right} at the end"
    )]
    LastLayer { layer: String, activation: &'static str, loss: &'static str, right: String },

    #[error(
        "the targets hold {given}, but `{layer}` ({activation}) gives {least} to {most} only: end the network without that activation, or scale the targets"
    )]
    Range { layer: String, activation: &'static str, given: f32, least: f32, most: f32 },

    #[error("the targets hold {given}: the {loss} loss needs values from 0 to 1, or two classes")]
    Probability { loss: &'static str, given: f32 },

    #[error("the {part} data hold {given} inputs, the model has {expected}")]
    InputCount { part: &'static str, given: usize, expected: usize },

    #[error(
        "input {input} of the {part} data has samples of shape {given:?}, layer `{layer}` takes {expected:?}: \
         {}",
        input_fix(given, expected)
    )]
    InputShape {
        part: &'static str,
        input: usize,
        layer: String,
        given: Vec<usize>,
        expected: Vec<usize>,
    },

    #[error(
        "the model answers with shape {output:?}, the {part} targets are {targets} wide: {}",
        output_fix(output)
    )]
    OutputShape { part: &'static str, output: Vec<usize>, targets: usize },

    #[error("the {loss} loss needs {needs} as targets, the data hold {given}")]
    Targets { loss: &'static str, needs: &'static str, given: &'static str },

    #[error(
        "the {loss} loss does not say how its gradient moves: implement `Loss::bend`, or rank by something else than curvature"
    )]
    NoCurvature { loss: &'static str },

    #[error("the model to restore differs from the one in training {place}")]
    OtherGraph { place: String },

    #[error("the mask of layer `{layer}` covers {given} weights, its kernel has {expected}")]
    MaskLength { layer: String, given: usize, expected: usize },

    #[error("{what} must be {right}, not {given}")]
    Setting { what: &'static str, right: &'static str, given: f64 },

    #[error("unknown {what} `{given}`: known are {known}")]
    UnknownName { what: &'static str, given: String, known: String },

    #[error(
        "training diverged in epoch {epoch}: {what} is {value}; lower the learning rate (now {learning_rate}) or standardise the inputs"
    )]
    Diverged { epoch: usize, what: &'static str, value: f64, learning_rate: f64 },

    #[error("part {place} of the network, `{token}`: {right}")]
    Spec { place: usize, token: String, right: String },
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Candle { message: plain(&error) }
    }
}

/// What candle says without the backtrace.
pub(crate) fn plain(error: &candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => plain(inner),
        candle_core::Error::Context { inner, context } => format!("{context}: {}", plain(inner)),
        other => other.to_string(),
    }
}

fn input_fix(given: &[usize], expected: &[usize]) -> String {
    if given.iter().product::<usize>() == expected.iter().product::<usize>() {
        format!("give the model an input of shape {given:?} and put a `reshape` after it")
    } else {
        "these data belong to another network".to_owned()
    }
}

fn output_fix(output: &[usize]) -> &'static str {
    match output {
        [_] => "give the last layer as many units as there are classes or values",
        _ => "put `flatten` before the first dense layer",
    }
}
