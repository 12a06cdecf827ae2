//! `emotome batch`

use super::ask::ModelFlags;
use super::journal::outcomes;
use crate::failure::Failure;
use crate::flags::{DesignFlags, SeedFlag};
use crate::show::{bytes, count, rows};
use crate::terminal::Session;
use clap::Args;
use emotome_workflows::ask::{BatchRequest, BatchSummary, batch};
use std::path::PathBuf;

/// Asks a model through files of requests (OpenAI Batch, `vllm run-batch`), a round at a time.
///
/// Writes what is missing to files; run these, and give all outputs so far to the same command: answers go
/// to the journal, and what is still missing into the next round.
#[derive(Debug, Args)]
pub(crate) struct BatchCommand {
    /// A judge file.
    #[arg(long, value_name = "JUDGE.toml")]
    judge: String,
    /// Journal; made if it is not there.
    #[arg(long, value_name = "FILE")]
    journal: PathBuf,
    /// Folder of the request files.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Output files so far, files of errors included.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    outputs: Vec<PathBuf>,
    /// Name of the agent in the journal. [default: that of the judge]
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    #[command(flatten)]
    design: DesignFlags,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    model: ModelFlags,
}

impl BatchCommand {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let design = self.design.spec(None, self.seed.get());
        let judge = self.model.judge(&self.judge, self.agent.as_deref())?;
        let request = BatchRequest {
            ask: self.model.request(judge, self.journal, design)?,
            outputs: self.outputs,
            folder: self.out,
        };
        session.show(&batch(&request, session.run())?, text)
    }
}

fn text(s: &BatchSummary) -> String {
    let read = &s.outputs;
    let mut out = vec![
        ("journal", s.journal.display().to_string()),
        ("agent", s.agent.clone()),
        (
            "read",
            format!(
                "{} lines: {} replies, {} of them errors; {} to repeat, {} duplicates, {} unknown, {} torn",
                count(read.lines),
                count(read.replies),
                count(read.errors),
                count(read.to_repeat),
                count(read.duplicates),
                count(read.unknown),
                count(read.torn)
            ),
        ),
        ("stored", format!("{} answers", count(s.answered))),
        (
            "written",
            format!("{} requests in {} files", count(s.requests), s.shards.len()),
        ),
    ];
    for shard in &s.shards {
        let path = s.folder.join(&shard.file);
        out.push((
            "",
            format!(
                "{}: {} requests, {}",
                path.display(),
                count(shard.lines),
                bytes(shard.bytes)
            ),
        ));
    }
    out.push((
        "in all",
        format!(
            "{} of {} trials: {}",
            count(s.standing.settled),
            count(s.trials),
            outcomes(&s.standing)
        ),
    ));
    rows(out)
}
