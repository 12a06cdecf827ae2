//! `emotome batch`

use super::ask::ModelFlags;
use super::journal::outcomes;
use crate::failure::Failure;
use crate::flags::{DesignFlags, SeedFlag};
use crate::show::{bytes, count, rows};
use crate::terminal::Session;
use clap::Args;
use emotome_workflows::ask::{
    BatchRequest, BatchSummary, Submission, SubmitRequest, SubmitSummary, batch, submit,
};
use std::path::PathBuf;
use std::time::Duration;

/// Asks a model through files of requests (OpenAI Batch, `vllm run-batch`), a round at a time.
///
/// Writes what is missing to files; run these, and give all outputs so far to the same command: answers go
/// to the journal, and what is still missing into the next round. With --submit the files go to the Batch
/// interface of the judge's server, and come back from it, without further commands.
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
    /// Send the files to the Batch interface of the judge's server, and fetch what has ended.
    #[arg(long)]
    submit: bool,
    /// Go on until every trial is answered.
    #[arg(long, requires = "submit")]
    wait: bool,
    /// Seconds between two looks at batches under way.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60.0,
        requires = "wait"
    )]
    poll: f64,
    /// Say how far batches are, and change nothing else.
    #[arg(long, conflicts_with_all = ["submit", "outputs"])]
    status: bool,
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
        let how = match (self.submit, self.wait, self.status) {
            (false, _, false) => {
                return session.show(&batch(&request, session.run())?, |s| rows(text(s)));
            }
            (_, _, true) => Submission::Look,
            (_, false, _) => Submission::Once,
            (_, true, _) => {
                let pause = Duration::try_from_secs_f64(self.poll)
                    .map_err(|error| Failure::Error(format!("--poll: {error}")))?;
                Submission::UntilDone(pause)
            }
        };
        let request = SubmitRequest {
            batch: request,
            how,
        };
        match submit(&request, session.run()) {
            Err(error) if session.run().interrupt.requested() => {
                Err(Failure::Interrupted(error.to_string()))
            }
            submitted => session.show(&submitted?, submission),
        }
    }
}

fn submission(s: &SubmitSummary) -> String {
    let mut out = s.round.as_ref().map_or_else(Vec::new, text);
    for job in &s.batches {
        let state = match (job.status, job.begun) {
            (Some(status), _) => status.name(),
            (None, true) => "asked for, not yet known",
            (None, false) => "not begun",
        };
        let n = job.requests;
        out.push((
            "batch",
            format!(
                "{}: {state}; {} of {} requests done, {} errors; {}",
                job.shard.file,
                count(n.completed),
                count(job.shard.lines),
                count(n.failed),
                job.batch.as_deref().unwrap_or("no id yet")
            ),
        ));
        out.extend(job.said.iter().map(|said| ("it said", said.clone())));
    }
    out.push(("under way", count(s.under_way as u64)));
    rows(out)
}

fn text(s: &BatchSummary) -> Vec<(&'static str, String)> {
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
    out
}
