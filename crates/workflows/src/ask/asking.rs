//! Asking a model, behind servers or in this process, into a journal.

use super::file::{JudgeFile, Server as ServerAsked};
use super::here;
use super::prepare::{Prepared, prepare, unclear};
use super::{AskError, AskRequest, Bounds};
use crate::WorkflowError;
use crate::journal::Outcomes;
use emotome_judges::answer::AskParams;
use emotome_judges::chat::Dialect;
use emotome_judges::dialogue::{Dialogue, Step};
use emotome_judges::judge::JudgeDescription;
use emotome_judges::prompt::affect::Naming;
use emotome_judges::server::{
    Asked, Endpoint, EndpointLimits, PaceParams, Secret, Server, ServerParams, Snapshot,
    UploadPolicy, Work, ask as ask_server,
};
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use emotome_triplets::Nanos;
use emotome_triplets::journal::{Agent, JournalWriter};
use serde::Serialize;
use std::iter::StepBy;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What was asked. Field names are stable.
#[derive(Debug, Serialize)]
pub struct AskSummary {
    /// The journal.
    pub journal: PathBuf,
    /// The agent.
    pub agent: String,
    /// Stimuli.
    pub n_items: usize,
    /// Trials of the design.
    pub trials: u64,
    /// Settled trials that this run reopened.
    pub reopened: u64,
    /// Keys of stimuli that cannot be shown: trials with one of them fail.
    pub unshown: Vec<String>,
    /// Captions that name an emotion.
    pub naming: Option<Naming>,
    /// What this run did.
    pub run: Asked,
    /// Where the agent stands now.
    pub standing: Outcomes,
    /// The currency of costs.
    pub currency: Option<String>,
}

/// Asks a model for the trials of a design and stores every answer in a journal, exactly once.
///
/// The same request again asks for what is missing. `watch` is shown how the run goes. Whatever stops
/// the run early is told by `run.stopped` in the summary; everything answered before is stored.
///
/// # Errors
/// [`WorkflowError`] before anything is sent: a study, judge, template or server that cannot be, a key
/// that cannot be read, a journal of another design or agent.
pub fn ask(
    request: &AskRequest,
    run: Run<'_>,
    watch: impl FnMut(&Snapshot),
) -> Result<AskSummary, WorkflowError> {
    let prepared = prepare(request)?;
    let judge = &request.judge;
    if judge.runs_here() {
        let model = here::open(judge)?;
        let here = here::judge(judge, &prepared, &model)?;
        let file = Path::new(&judge.model).file_name().unwrap_or_default();
        let agent = Agent {
            name: judge.name().to_owned(),
            model: file.to_string_lossy().into_owned(),
            revision: model.sha256().to_string(),
            settings: settings(&here.describe()),
        };
        return record(request, prepared, &agent, run, |work, writer| {
            here::ask(request, &here, work, writer, run, watch)
        });
    }
    let dialogue = dialogue(judge, &prepared)?;
    let server = Arc::new(server(judge, &request.bounds, request.design.seed)?);
    let agent = Agent {
        name: judge.name().to_owned(),
        model: judge.model.clone(),
        revision: String::new(),
        settings: settings(&dialogue.describe()),
    };
    record(request, prepared, &agent, run, |work, writer| {
        Ok(ask_server(&dialogue, &server, work, writer, run, watch)?)
    })
}

pub(crate) fn settings(description: &JudgeDescription) -> String {
    serde_json::to_string(description).expect("a description is plain JSON")
}

/// Enters the agent into the journal and has it asked for what is open.
fn record(
    request: &AskRequest,
    prepared: Prepared,
    agent: &Agent,
    run: Run<'_>,
    ask: impl FnOnce(Work<StepBy<Range<u64>>>, &mut JournalWriter) -> Result<Asked, AskError>,
) -> Result<AskSummary, WorkflowError> {
    let design = request.design.design(prepared.study.stimuli.len())?;
    let mut writer =
        JournalWriter::open_or_create(&request.journal, &design, &prepared.study.stimuli)?;
    let id = writer.register(agent)?;
    let before = writer.standing(id)?;
    let (settled, reopened) = if request.again.any() {
        writer.reopened(id, |outcome, _| request.again.wants(outcome))?
    } else {
        (before.settled, 0)
    };
    tell(&prepared, run);
    let work = Work {
        agent: id,
        settled,
        spent: before.spent.cost,
        numbers: request.design.numbers(&design),
    };
    let asked = ask(work, &mut writer)?;
    let keys = prepared.study.stimuli.keys();
    let unshown = prepared
        .unshown
        .iter()
        .map(|id| keys[id.index()].to_string());
    Ok(AskSummary {
        journal: request.journal.clone(),
        agent: agent.name.clone(),
        n_items: design.n_stimuli(),
        trials: design.len(),
        reopened,
        unshown: unshown.collect(),
        naming: prepared.naming,
        run: asked,
        standing: Outcomes::from(&writer.standing(id)?),
        currency: request
            .judge
            .price
            .as_ref()
            .map(|price| price.currency.clone()),
    })
}

/// The first request of a design.
#[derive(Debug, Serialize)]
pub struct FirstRequest {
    /// Trials of the design.
    pub trials: u64,
    /// Where it goes, below the base address of the server.
    pub path: &'static str,
    /// What is sent.
    pub body: serde_json::Value,
}

/// The first request of the design, exactly as it would be sent.
///
/// # Errors
/// As [`ask`], except those of keys and journal.
pub fn first_request(request: &AskRequest) -> Result<FirstRequest, WorkflowError> {
    let prepared = prepare(request)?;
    let design = request.design.design(prepared.study.stimuli.len())?;
    let dialogue = dialogue(&request.judge, &prepared)?;
    let first = request.design.numbers(&design).find_map(|number| {
        let trial = design.trial(number)?;
        match dialogue.begin(&trial) {
            Step::Ask(requests) => requests.into_iter().next(),
            Step::Done(_) => None,
        }
    });
    let first = first.ok_or_else(|| {
        unclear(
            &request.judge,
            "can be asked for no trial",
            "none of the trials can be shown: see `emotome check`",
        )
    })?;
    Ok(FirstRequest {
        trials: design.len(),
        path: first.path,
        body: serde_json::from_slice(&first.body).unwrap_or_default(),
    })
}

pub(super) fn tell(prepared: &Prepared, run: Run<'_>) {
    if !prepared.unshown.is_empty() {
        run.progress.note(&format!(
            "{} stimuli have nothing to show; trials with one of them are recorded as failed (not-shown)",
            prepared.unshown.len()
        ));
    }
    if let Some(naming) = prepared
        .naming
        .as_ref()
        .filter(|naming| !naming.named.is_empty())
    {
        run.progress.note(&format!(
            "{} of {} captions, of {} stimuli, name an emotion, so the answers may rest on what the caption's writer felt",
            naming.named.len(),
            naming.captions,
            naming.stimuli
        ));
    }
}

/// The kind of its servers.
pub(crate) fn kind(judge: &JudgeFile) -> Result<Dialect, AskError> {
    judge.kind.ok_or_else(|| {
        unclear(
            judge,
            "does not say what kind of server it asks",
            "say --kind vllm, llama-cpp, ollama, openai or hosted, or kind = … in its file; `emotome server check` finds out",
        )
    })
}

/// The dialogue of a judge that is asked by requests.
pub(super) fn dialogue(
    judge: &JudgeFile,
    prepared: &Prepared,
) -> Result<Arc<dyn Dialogue>, AskError> {
    let params = AskParams {
        decoding: judge.decoding,
        pass: judge.pass.clone(),
        seed: judge.seed,
        served_as: judge.served_as.clone(),
        ..AskParams::new(
            &judge.model,
            kind(judge)?,
            prepared.mode,
            prepared.template.clone(),
        )
    };
    Ok(Arc::from(params.check(prepared.shown.clone())?))
}

/// Its servers, asked within bounds.
pub(crate) fn server(judge: &JudgeFile, bounds: &Bounds, seed: Seed) -> Result<Server, AskError> {
    let mut params = ServerParams {
        uploads: UploadPolicy::new(&judge.allow_upload),
        prices: judge.price.as_ref().map(|price| price.of),
        max_trials: bounds.max_trials,
        seed,
        ..ServerParams::default()
    };
    params.max_cost = match bounds.max_cost {
        None => None,
        Some(units) => Some(Nanos::from_units(units).ok_or_else(|| {
            unclear(
                judge,
                &format!("may cost {units}"),
                "give --max-cost as a number of at least 0, below 10^9",
            )
        })?),
    };
    params.client.time_limit = bounds.time_limit.unwrap_or(params.client.time_limit);
    params.retry.tries = bounds.tries.unwrap_or(params.retry.tries);
    params.patience = bounds.patience.unwrap_or(params.patience);
    let endpoints = judge
        .servers
        .iter()
        .map(endpoint)
        .collect::<Result<_, _>>()?;
    Ok(params.check(endpoints)?)
}

/// A server with its key.
pub(super) fn address(asked: &ServerAsked) -> Result<Endpoint, AskError> {
    let endpoint = Endpoint::new(&asked.url, asked.plain_http)?;
    Ok(match (&asked.key_env, &asked.key_file) {
        (Some(name), _) => endpoint.with_key(Secret::from_env(name)?),
        (None, Some(path)) => endpoint.with_key(Secret::from_file(path)?),
        (None, None) => endpoint,
    })
}

fn endpoint(asked: &ServerAsked) -> Result<(Endpoint, EndpointLimits), AskError> {
    let pace = PaceParams::default();
    let most = asked.in_flight.unwrap_or(pace.most);
    let limits = EndpointLimits {
        pace: PaceParams {
            most,
            start: pace.start.min(most),
            ..pace
        },
        requests_per_minute: asked.requests_per_minute,
        tokens_per_minute: asked.tokens_per_minute,
    };
    Ok((address(asked)?, limits))
}
