//! `emotome check`

use crate::failure::Failure;
use crate::terminal::Session;
use clap::Args;
use emotome_stimuli::check::check;
use emotome_stimuli::finding::Severity;
use std::path::PathBuf;

/// Checks a study folder: what is wrong, where, what was expected, how to mend it.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Folder of the study.
    #[arg(value_name = "DIR", default_value = ".")]
    study: PathBuf,
    /// Findings of one kind to show.
    #[arg(long, value_name = "N", default_value_t = 10)]
    limit: usize,
}

impl Check {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let findings = check(&self.study, session.run());
        session.show(&findings.to_json(), |_| findings.render(self.limit))?;
        if findings.count(Severity::Error) > 0 {
            Err(Failure::Findings)
        } else {
            Ok(())
        }
    }
}
