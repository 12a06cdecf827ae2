//! `emotome journal`

use super::ask::spent;
use crate::failure::Failure;
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::{Args, Subcommand, ValueEnum};
use emotome_judges::printable::visible;
use emotome_workflows::journal::{
    AgentSummary, JournalSummary, MergeSummary, Outcomes, VerifySummary, merge, show, verify,
};
use emotome_workflows::replies::{RepliesRequest, RepliesSummary, State, replies, tsv as table};
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
    /// Show replies as they came, with what was made of them.
    Replies {
        /// The journal.
        #[arg(value_name = "FILE")]
        journal: PathBuf,
        /// One agent. [default: all]
        #[arg(long, value_name = "NAME")]
        agent: Option<String>,
        /// Trials in one state. [default: all]
        #[arg(long, value_enum)]
        state: Option<StateName>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: usize,
        /// A table, a line a reply.
        #[arg(long)]
        tsv: bool,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateName {
    Choice,
    Invalid,
    Ambiguous,
    Refused,
    TimedOut,
    Failed,
    /// Asked again by the next run.
    Open,
}

impl JournalCommand {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        match self.action {
            Action::Show { journal } => session.show(&show(&journal)?, contents),
            Action::Replies {
                journal,
                agent,
                state,
                limit,
                tsv,
            } => {
                let state = state.map(|state| match state {
                    StateName::Choice => State::Choice,
                    StateName::Invalid => State::Invalid,
                    StateName::Ambiguous => State::Ambiguous,
                    StateName::Refused => State::Refused,
                    StateName::TimedOut => State::TimedOut,
                    StateName::Failed => State::Failed,
                    StateName::Open => State::Open,
                });
                let found = replies(&RepliesRequest {
                    journal,
                    agent,
                    state,
                    limit,
                })?;
                session.show(&found, |found| if tsv { table(found) } else { read(found) })
            }
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

fn read(s: &RepliesSummary) -> String {
    let mut out = String::new();
    for r in &s.replies {
        let number = |n: Option<u32>| n.map_or_else(|| "unknown".to_owned(), |n| count(n.into()));
        let what = match (r.place, r.cause) {
            (Some(place), _) => format!("chose {} ({place})", r.shown[usize::from(place) - 1]),
            (None, Some(cause)) => format!("{}: {}", r.outcome, cause.name()),
            (None, None) => r.outcome.to_owned(),
        };
        let open = if r.settles { "" } else { ", open" };
        let cost = r
            .cost()
            .map_or_else(|| "unknown".to_owned(), |cost| cost.to_string());
        out += &format!(
            "trial {} of {} ({}): {what}{open}; requests {}, tokens in {}, out {}, cost {cost}\n",
            r.trial,
            r.agent,
            r.shown.join(", "),
            number(r.requests),
            number(r.usage.prompt_tokens),
            number(r.usage.completion_tokens),
        );
        match &r.reply {
            None => out += "  no reply was kept\n",
            Some(reply) => {
                for line in visible(reply).lines() {
                    out += &format!("  | {line}\n");
                }
            }
        }
    }
    out += match (s.replies.is_empty(), s.more) {
        (true, _) => "there is no such reply\n",
        (_, true) => "there are more: raise --limit to see them\n",
        _ => "",
    };
    out
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
    let mut text = format!(
        "{} ({}): {}",
        s.agent.name,
        s.agent.model,
        outcomes(&s.outcomes)
    );
    if s.spent.requests > 0 {
        text += &format!("; {}", spent(&s.spent, None));
    }
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
