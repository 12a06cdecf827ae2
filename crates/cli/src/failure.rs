//! How a command fails: one message on stderr and an exit status that scripts can tell apart.

use std::process::ExitCode;

/// Why a command did not finish.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad input, or a failed task: status 1.
    Error(String),
    /// The input was checked and found wanting; the findings have been shown: status 1.
    Findings,
    /// The user asked to stop; work done is saved: status 130.
    Interrupted(String),
}

impl Failure {
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Error(message) => {
                eprintln!("emotome: error: {message}");
                ExitCode::from(1)
            }
            Self::Findings => ExitCode::from(1),
            Self::Interrupted(message) => {
                eprintln!("emotome: {message}");
                ExitCode::from(130)
            }
        }
    }
}

impl From<emotome_workflows::WorkflowError> for Failure {
    fn from(error: emotome_workflows::WorkflowError) -> Self {
        if error.is_interruption() {
            Self::Interrupted(error.to_string())
        } else {
            Self::Error(error.to_string())
        }
    }
}
