//! `emotome completions`

use crate::Cli;
use crate::failure::Failure;
use crate::terminal::Session;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "emotome", &mut script);
        session.print(&String::from_utf8_lossy(&script))
    }
}
