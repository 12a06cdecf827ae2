//! `emotome journal`

use crate::failure::Failure;
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::{Args, Subcommand};
use emotome_workflows::journal::{
    AgentSummary, JournalSummary, MergeSummary, Outcomes, VerifySummary, merge, show, verify,
};
use std::path::PathBuf;

/// Looks into journals, also while they are being written, and merges those of shards.
#[derive(Debug, Args)]
pub(crate) struct JournalCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Count trials by agent and outcome.
    Show {
        /// The journal.
        #[arg(value_name = "FILE")]
        journal: PathBuf,
    },
    /// Bring the shards of one design together.
    Merge {
        /// Journals of shards; they stay as they are.
        #[arg(value_name = "SHARD", required = true)]
        shards: Vec<PathBuf>,
        /// Journal to merge into; made if it is not there.
        #[arg(long, value_name = "FILE")]
        into: PathBuf,
    },
    /// Check every row against the design, the sums beside it, and its checksum; status 1 if anything is wrong.
    Verify {
        /// The journal.
        #[arg(value_name = "FILE")]
        journal: PathBuf,
    },
}

impl JournalCommand {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        match self.action {
            Action::Show { journal } => session.show(&show(&journal)?, contents),
            Action::Merge { shards, into } => {
                session.show(&merge(&into, &shards, session.run())?, merged)
            }
            Action::Verify { journal } => {
                let summary = verify(&journal, session.run())?;
                session.show(&summary, verdict)?;
                if summary.sound {
                    Ok(())
                } else {
                    Err(Failure::Findings)
                }
            }
        }
    }
}

fn contents(s: &JournalSummary) -> String {
    let mut out = vec![
        ("journal", s.journal.display().to_string()),
        ("stimuli", count(s.design.n_stimuli as u64)),
        (
            "trials",
            format!("{} of the design, for each agent", count(s.trials)),
        ),
    ];
    out.extend(s.agents.iter().map(agent));
    rows(out)
}

fn merged(s: &MergeSummary) -> String {
    let mut out = vec![("journal", s.journal.display().to_string())];
    for shard in &s.shards {
        let m = &shard.merged;
        out.push((
            "merged",
            format!(
                "{}: {} choices and {} attempts without one; {} and {} were there already",
                shard.journal.display(),
                count(m.choices),
                count(m.attempts),
                count(m.already_there),
                count(m.attempts_already_there)
            ),
        ));
    }
    out.extend(s.agents.iter().map(agent));
    rows(out)
}

fn agent(s: &AgentSummary) -> (&'static str, String) {
    let text = format!(
        "{} ({}): {}",
        s.agent.name,
        s.agent.model,
        outcomes(&s.outcomes)
    );
    ("agent", text)
}

/// Counts of outcomes in words; what did not happen is not named.
pub(super) fn outcomes(o: &Outcomes) -> String {
    let [a, b, c] = o.by_position.map(count);
    let mut text = format!(
        "{} choices (first {a}, second {b}, third {c})",
        count(o.choices)
    );
    for (n, name) in [
        (o.invalid, "invalid"),
        (o.ambiguous, "ambiguous"),
        (o.refused, "refused"),
        (o.timed_out, "timed out"),
        (o.failed, "failed"),
    ] {
        if n > 0 {
            text += &format!(", {} {name}", count(n));
        }
    }
    text
}

fn verdict(s: &VerifySummary) -> String {
    let v = &s.verification;
    let mut out = vec![
        ("journal", s.journal.display().to_string()),
        ("choices", count(v.choices)),
        ("attempts without", count(v.attempts)),
        ("replies", count(v.replies)),
        (
            "verdict",
            if s.sound {
                "sound".to_owned()
            } else {
                format!("{} problems", count(v.problem_count))
            },
        ),
    ];
    out.extend(
        v.problems
            .iter()
            .map(|problem| ("problem", problem.to_string())),
    );
    rows(out)
}
