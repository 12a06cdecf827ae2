//! `emotome check`

use crate::failure::Failure;
use crate::flags::ForceFlag;
use crate::terminal::Session;
use clap::Args;
use emotome_stimuli::finding::Severity;
use emotome_workflows::study::{CheckRequest, check};
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
    /// Do not decode clips and pictures: quicker, but black, frozen and damaged ones are not found.
    #[arg(long)]
    no_decode: bool,
    /// Write what was measured of each clip and picture to this TSV file.
    #[arg(long, value_name = "FILE", conflicts_with = "no_decode")]
    media_table: Option<PathBuf>,
    #[command(flatten)]
    force: ForceFlag,
}

impl Check {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let request = CheckRequest {
            study: self.study,
            decode: !self.no_decode,
            table: self.media_table,
            overwrite: self.force.get(),
        };
        let report = session
            .in_pool(|| check(&request, session.run()))
            .map_err(|error| Failure::Error(error.to_string()))?;
        session.show(&report.to_json(), |_| report.findings.render(self.limit))?;
        if report.findings.count(Severity::Error) > 0 {
            Err(Failure::Findings)
        } else {
            Ok(())
        }
    }
}
