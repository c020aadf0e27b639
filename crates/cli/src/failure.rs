use std::process::ExitCode;

use crate::output;

/// Why the command ends without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage or bad input: exit code 2.
    Input(String),
    /// It ran, but the asked budget, sparsity or accuracy was not met: exit code 3.
    NotMet(String),
    /// Anything else: exit code 1.
    Other(String),
}

impl Failure {
    /// Nothing was said of precision, reuse factor or strategy.
    pub(crate) fn not_built() -> Self {
        let how = "give --config, --precision, --reuse-factor or --strategy";
        Self::Input(format!("how the network is built is not known: {how}"))
    }

    /// Prints the message for people and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let (code, message) = match self {
            Self::Input(message) => (2, message),
            Self::NotMet(message) => (3, message),
            Self::Other(message) => (1, message),
        };
        output::note(&format!("error: {message}"));
        ExitCode::from(code)
    }
}

impl From<handaxe::Error> for Failure {
    fn from(error: handaxe::Error) -> Self {
        let message = error.to_string();
        if error.is_input() { Self::Input(message) } else { Self::Other(message) }
    }
}
