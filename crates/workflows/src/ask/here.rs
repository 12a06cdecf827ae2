//! Asking a model that runs in this process.

use super::file::JudgeFile;
use super::prepare::{Prepared, unclear};
use super::{AskError, AskRequest};
use emotome_judges::answer::{Mode, Orders};
use emotome_judges::local::{LocalJudge, LocalModel, LocalParams, collect};
use emotome_judges::prompt::Shown;
use emotome_judges::server::{Asked, Snapshot, Work};
use emotome_language::chat::ChatOptions;
use emotome_stats::random::Seed;
use emotome_stimuli::run::Run;
use emotome_triplets::journal::JournalWriter;
use std::path::Path;

/// Opens the model of a judge.
pub(crate) fn open(judge: &JudgeFile) -> Result<LocalModel, AskError> {
    let options = ChatOptions {
        variables: judge.pass.chat_template_kwargs.clone(),
        ..ChatOptions::default()
    };
    Ok(LocalModel::open(Path::new(&judge.model), options)?)
}

/// The judge that a file describes, over its model.
pub(super) fn judge<'a>(
    judge: &JudgeFile,
    prepared: &Prepared,
    model: &'a LocalModel,
) -> Result<LocalJudge<'a>, AskError> {
    let orders: Orders = match prepared.mode {
        Mode::Logprob { orders, .. } => orders,
        other => {
            return Err(unclear(
                judge,
                &format!("is asked in mode {}", other.name()),
                "a model in this process answers in mode logprob, or by a readout; for free text and choices start a server of the same file, e.g. llama-server",
            ));
        }
    };
    let Shown::Captions(deck) = &prepared.shown else {
        return Err(unclear(
            judge,
            "is shown pictures or clips",
            "a model in this process reads captions; serve a multimodal model, e.g. with vLLM or llama-server, and give its address",
        ));
    };
    Ok(LocalJudge::new(
        model,
        prepared.template.clone(),
        deck.clone(),
        orders,
        Seed(judge.seed),
    )?)
}

pub(super) fn ask<N: Iterator<Item = u64> + Clone>(
    request: &AskRequest,
    judge: &LocalJudge<'_>,
    work: Work<N>,
    writer: &mut JournalWriter,
    run: Run<'_>,
    watch: impl FnMut(&Snapshot),
) -> Result<Asked, AskError> {
    let params = LocalParams {
        max_trials: request.bounds.max_trials,
        ..LocalParams::default()
    };
    Ok(collect(judge, work, writer, &params, run, watch)?)
}
