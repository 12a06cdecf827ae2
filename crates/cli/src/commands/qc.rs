//! `emotome qc`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, SeedFlag};
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::Args;
use emotome_judges::agree::AgreeParams;
use emotome_judges::diagnose::{DiagnoseParams, Severity};
use emotome_workflows::qc::{QcRequest, QcSummary, qc};
use std::path::PathBuf;

/// Examines what agents answered and writes a page: places, orders, repeats, missing choices, drift, time and
/// cost, and how agents agree with each other and with people.
#[derive(Debug, Args)]
pub(crate) struct Qc {
    /// The journal; it may still be written to.
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// Agents to look at; may be given several times. [default: all]
    #[arg(long = "agent", value_name = "NAME")]
    agents: Vec<String>,
    /// The study, for flags and ratings of its stimuli.
    #[arg(long, value_name = "DIR")]
    study: Option<PathBuf>,
    /// Choices of people to compare with, matched by key: a file, or FILE/AGENT for one agent of a file; may be
    /// given several times.
    #[arg(long = "human", value_name = "FILE")]
    humans: Vec<PathBuf>,
    /// Collectors that worked side by side on every K-th trial.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    shards: u64,
    /// Folder for qc.html, qc.json and the figures.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
}

impl Qc {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let seed = self.seed.get().0;
        let request = QcRequest {
            journal: self.journal,
            agents: self.agents,
            study: self.study,
            humans: self.humans,
            params: DiagnoseParams {
                shards: self.shards,
                seed,
                ..DiagnoseParams::default()
            },
            agree: AgreeParams {
                seed,
                ..AgreeParams::default()
            },
            out: self.out,
            overwrite: self.force.get(),
            command: command_line(),
        };
        session.show(&qc(&request, session.run())?, text)
    }
}

fn text(s: &QcSummary) -> String {
    let mut out = vec![("page", s.page.display().to_string())];
    for caution in &s.cautions {
        out.push(("beware", caution.clone()));
    }
    for agent in &s.agents {
        let t = &agent.trials;
        out.push((
            "agent",
            format!(
                "{}: {}; {} of {} trials asked have a choice",
                agent.agent.name,
                severity(agent.verdict),
                count(t.chosen),
                count(t.recorded)
            ),
        ));
        for named in &agent.findings {
            let finding = &named.finding;
            if finding.severity >= Severity::Warning {
                let said = &finding.explanation;
                out.push((
                    severity(finding.severity),
                    format!("{}: {said}", finding.name),
                ));
            }
        }
    }
    for pair in s.consistency.iter().flat_map(|c| &c.pairs) {
        out.push((
            "agreement",
            format!(
                "{} and {}: {:.1} % of {} triplets [{:.1}, {:.1}], κ {:.3}",
                pair.first,
                pair.second,
                100.0 * pair.raw,
                count(pair.triplets),
                100.0 * pair.raw_ci95.low,
                100.0 * pair.raw_ci95.high,
                pair.kappa
            ),
        ));
    }
    rows(out)
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Untested => "untested",
        Severity::Fine => "fine",
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Serious => "serious",
    }
}
