//! Batches at a service: rounds of files that go up, are waited for and come down.

use super::AskError;
use super::asking::{address, dialogue};
use super::batch::{BatchRequest, BatchSummary, round};
use super::prepare::{prepare, unclear};
use crate::WorkflowError;
use emotome_judges::batch::{Batch, Job, Jobs, JobsError, Service};
use emotome_judges::server::{Caller, ClientParams, RetryParams, UploadPolicy};
use emotome_stimuli::run::Run;
use serde::Serialize;
use std::time::Duration;

/// A file of 200 MB may take this long.
const TIME_LIMIT: Duration = Duration::from_secs(3_600);

/// Which batches to begin and fetch.
#[derive(Debug, Clone)]
pub struct SubmitRequest {
    /// Whom to ask for what, and where files are; its `outputs` are read beside those that are fetched.
    pub batch: BatchRequest,
    /// What to do.
    pub how: Submission,
}

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submission {
    /// Say how far batches are, and change nothing else.
    Look,
    /// Fetch what is done, begin what can be begun, and come back.
    Once,
    /// Go on until every trial is answered, and look so often.
    UntilDone(Duration),
}

/// How far batches are. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct SubmitSummary {
    /// The last round, unless batches were only looked at.
    #[serde(flatten)]
    pub round: Option<BatchSummary>,
    /// Answers stored by this call.
    pub stored: u64,
    /// All batches so far.
    pub batches: Vec<Job>,
    /// How many of them are under way.
    pub under_way: usize,
}

/// Sends files of missing requests to a service that runs them as batches, and stores what came of those
/// that have ended. The same call again goes on from there, also after a kill; ids of files and batches are
/// kept in `batches.json` beside the files.
///
/// A new round is begun when all batches of earlier ones have ended, so that nothing is asked for twice:
/// it holds the requests without a reply, because a batch failed, expired or was cancelled, or because a
/// dialogue goes on.
///
/// # Errors
/// [`WorkflowError`] as of [`super::batch`], and of services that do not do what they are asked.
pub fn submit(request: &SubmitRequest, run: Run<'_>) -> Result<SubmitSummary, WorkflowError> {
    let judge = &request.batch.ask.judge;
    let [server] = judge.servers.as_slice() else {
        let what = format!("names {} servers", judge.servers.len());
        return Err(unclear(judge, &what, "name one, to which batches are sent").into());
    };
    let endpoint = address(server)?;
    let prepared = prepare(&request.batch.ask)?;
    let dialogue = dialogue(judge, &prepared)?;
    if dialogue.shows_media() {
        UploadPolicy::new(&judge.allow_upload)
            .check(&endpoint)
            .map_err(AskError::from)?;
    }
    let params = ClientParams {
        time_limit: request.batch.ask.bounds.time_limit.unwrap_or(TIME_LIMIT),
        ..ClientParams::default()
    };
    let mut retry = RetryParams::default();
    retry.tries = request.batch.ask.bounds.tries.unwrap_or(retry.tries).max(1);
    let caller = Caller::new(endpoint, params).map_err(AskError::from)?;
    let service = Service::new(&caller, retry, run.interrupt);
    let agent = Batch::new(&*dialogue).agent();
    let folder = &request.batch.folder;
    let mut jobs = Jobs::open(folder, &service.address(), agent).map_err(AskError::from)?;
    let mut summary = SubmitSummary {
        round: None,
        stored: 0,
        batches: Vec::new(),
        under_way: 0,
    };
    let mut own = false;
    if request.how == Submission::Look {
        jobs.look(&service).map_err(AskError::from)?;
    } else {
        loop {
            let here = jobs.outputs().len();
            jobs.advance(&service).map_err(AskError::from)?;
            let ended = jobs.have_ended();
            if ended && own {
                fruitful(&jobs)?;
            }
            // With a bound on trials one round is all.
            let write = ended && !(own && request.batch.ask.bounds.max_trials.is_some());
            let mut missing = 0;
            if summary.round.is_none() || ended || jobs.outputs().len() > here {
                let mut batch = request.batch.clone();
                batch.outputs.extend(jobs.outputs());
                let done = round(&batch, write, run)?;
                (summary.stored, missing) = (summary.stored + done.answered, done.requests);
                if missing > 0 {
                    jobs.add(&done.shards).map_err(AskError::from)?;
                    jobs.advance(&service).map_err(AskError::from)?;
                    own = true;
                }
                summary.round = Some(done);
            }
            match request.how {
                Submission::UntilDone(pause) if !ended || missing > 0 => {
                    if !jobs.have_ended() {
                        let paused = service.pause(pause).map_err(JobsError::from);
                        paused.map_err(AskError::from)?;
                    }
                }
                _ => break,
            }
        }
    }
    summary.batches = jobs.all().to_vec();
    summary.under_way = jobs.all().iter().filter(|job| !job.fetched).count();
    Ok(summary)
}

/// Refuses to send a round again of which nothing at all came back.
fn fruitful(jobs: &Jobs) -> Result<(), AskError> {
    let round = |job: &Job| {
        job.shard
            .file
            .rsplit_once('-')
            .map(|(round, _)| round.to_owned())
    };
    let last = jobs.all().last().and_then(round);
    let last: Vec<&Job> = jobs.all().iter().filter(|job| round(job) == last).collect();
    if last.iter().any(|job| !job.outputs.is_empty()) {
        return Ok(());
    }
    let said = last.iter().flat_map(|job| &job.said).next();
    Err(AskError::Fruitless {
        batches: last.len(),
        status: last.first().and_then(|job| job.status),
        said: said.map_or_else(|| "nothing about why".to_owned(), Clone::clone),
    })
}
