//! `emotome demo`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, SeedFlag};
use crate::terminal::Session;
use clap::Args;
use emotome_workflows::demo::{DemoRequest, demo};
use std::path::PathBuf;

/// Runs the whole behavioural half on stimuli and choices that come with the program.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Study folder to make.
    #[arg(long, value_name = "DIR", default_value = "emotome-demo")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
}

impl Demo {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let request = DemoRequest {
            out: self.out,
            overwrite: self.force.get(),
            seed: self.seed.get(),
            command: command_line(),
        };
        session.show(&demo(&request, session.run())?, |s| {
            format!("done in {:.0} s\nstudy   {}\nreport  {} — open it in a browser", s.seconds, s.study.display(), s.report.display())
        })
    }
}
