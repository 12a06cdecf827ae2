//! One module per command: its flags, and the library call they are for.

mod completions;
mod demo;
mod evaluate;
mod fit;
mod simulate;
mod tripletize;

use crate::failure::Failure;
use crate::terminal::Session;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Run everything on stimuli and choices that come with the program.
    Demo(demo::Demo),
    /// Fit an embedding to choices.
    Fit(Box<fit::Fit>),
    /// Score an embedding on held-out choices.
    Evaluate(evaluate::Evaluate),
    /// Make choices from a table of features.
    Tripletize(tripletize::Tripletize),
    /// Plant an embedding and simulate choices of an agent that has it.
    Simulate(simulate::Simulate),
    /// Print completions for a shell.
    Completions(completions::Completions),
}

impl Command {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Demo(command) => command.run(session),
            Self::Fit(command) => command.run(session),
            Self::Evaluate(command) => command.run(session),
            Self::Tripletize(command) => command.run(session),
            Self::Simulate(command) => command.run(session),
            Self::Completions(command) => command.run(session),
        }
    }
}

/// The command line as given, for provenance.
fn command_line() -> Vec<String> {
    std::env::args().collect()
}
