//! The model that is asked for names, behind servers or in this process.

use super::{NameRequest, NamingModel};
use crate::WorkflowError;
use crate::ask::prepare::{show, unclear};
use crate::ask::{AskError, JudgeFile, asking, here};
use emotome_judges::dialogue::Fault;
use emotome_judges::judge::JudgeDescription;
use emotome_judges::local::LocalModel;
use emotome_judges::naming::{
    Ask, Heard, LocalNamer, Namer, NamingTemplate, ServedNamer, ServedParams, Turn,
};
use emotome_judges::prompt::Shown;
use emotome_judges::prompt::affect::Naming as NamedEmotions;
use emotome_judges::server::Stop;
use emotome_language::score::ScorerParams;
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusId;
use emotome_stimuli::run::Run;
use emotome_stimuli::study::Study;
use emotome_triplets::Nanos;
use emotome_triplets::journal::Spent;
use std::path::Path;
use std::sync::Arc;

/// What a judge is shown, and in which form it replies.
pub(super) struct Sight<'r> {
    pub(super) judge: &'r JudgeFile,
    pub(super) shown: Shown,
    pub(super) json: bool,
    /// Rows that cannot be shown.
    pub(super) unshown: Vec<StimulusId>,
    pub(super) emotions: Option<NamedEmotions>,
    /// What makes its replies what they are.
    pub(super) description: JudgeDescription,
}

/// A model ready to be asked.
pub(super) enum AnyNamer<'m> {
    Served(Box<ServedNamer>),
    Local(Box<LocalNamer<'m>>),
}

impl Namer for AnyNamer<'_> {
    type Error = AskError;

    fn ask<'t>(
        &mut self,
        turns: &mut dyn Iterator<Item = Turn<'t>>,
        spent: Nanos,
        run: Run<'_>,
        hear: &mut dyn FnMut(Ask, Result<Heard, Fault>) -> bool,
    ) -> Result<Option<Stop>, AskError> {
        match self {
            Self::Served(namer) => Ok(namer.ask(turns, spent, run, hear)?),
            Self::Local(namer) => Ok(namer.ask(turns, spent, run, hear)?),
        }
    }
}

impl<'r> Sight<'r> {
    /// What a judge is shown of a study, and the model itself where it runs here.
    pub(super) fn of(
        request: &NameRequest,
        judge: &'r JudgeFile,
        (study, root): (&Study, &Path),
    ) -> Result<(Self, Option<LocalModel>), WorkflowError> {
        let (shown, unshown, emotions) = show(judge, study, root)?;
        let (model, json, description) = if judge.runs_here() {
            if request.max_tokens.is_some() {
                let what = "runs in this process, where the length of replies is fixed";
                return Err(unclear(judge, what, "leave --max-tokens away").into());
            }
            let model = here::open(judge)?;
            let description = namer_here(judge, &shown, &model)?.describe();
            (Some(model), false, description)
        } else {
            let requests = params(request, judge)?.check(&shown).map_err(unsupported)?;
            (None, requests.json(), requests.describe())
        };
        let sight = Self {
            judge,
            shown,
            json,
            unshown,
            emotions,
            description,
        };
        Ok((sight, model))
    }

    /// The model, ready to be asked; keys are read here.
    pub(super) fn namer<'m>(
        &self,
        request: &NameRequest,
        model: Option<&'m LocalModel>,
    ) -> Result<AnyNamer<'m>, WorkflowError> {
        if let Some(model) = model {
            let namer = namer_here(self.judge, &self.shown, model)?;
            return Ok(AnyNamer::Local(Box::new(namer)));
        }
        let server = asking::server(self.judge, &request.bounds, Seed(request.params.seed))?;
        if matches!(self.shown, Shown::Media(_)) {
            server.may_receive_media().map_err(AskError::from)?;
        }
        let requests = params(request, self.judge)?
            .check(&self.shown)
            .map_err(unsupported)?;
        Ok(AnyNamer::Served(Box::new(ServedNamer {
            requests,
            server: Arc::new(server),
        })))
    }

    /// The model, for the record.
    pub(super) fn record(
        &self,
        model: Option<&LocalModel>,
        template: &NamingTemplate,
        spent: Spent,
    ) -> NamingModel {
        let file = Path::new(&self.judge.model).file_name().unwrap_or_default();
        NamingModel {
            name: self.judge.name().to_owned(),
            model: match model {
                Some(_) => file.to_string_lossy().into_owned(),
                None => self.judge.model.clone(),
            },
            revision: model.map_or_else(String::new, |model| model.sha256().to_string()),
            settings: serde_json::to_value(&self.description).unwrap_or_default(),
            template: template.describe(),
            spent,
            currency: self
                .judge
                .price
                .as_ref()
                .map(|price| price.currency.clone()),
        }
    }
}

fn namer_here<'m>(
    judge: &JudgeFile,
    shown: &Shown,
    model: &'m LocalModel,
) -> Result<LocalNamer<'m>, AskError> {
    let Shown::Captions(deck) = shown else {
        return Err(unclear(
            judge,
            "is shown pictures or clips",
            "a model in this process reads captions; serve a multimodal model, e.g. with vLLM or llama-server, and give its address",
        ));
    };
    Ok(LocalNamer::new(model, deck, ScorerParams::default())?)
}

fn params(request: &NameRequest, judge: &JudgeFile) -> Result<ServedParams, AskError> {
    let params = ServedParams::new(&judge.model, asking::kind(judge)?);
    if judge.model.trim().is_empty() {
        return Err(emotome_judges::answer::AskError::NoModel.into());
    }
    let max_tokens = request.max_tokens.unwrap_or(params.max_tokens);
    Ok(ServedParams {
        decoding: judge.decoding,
        pass: judge.pass.clone(),
        served_as: judge.served_as.clone(),
        json: !request.lines,
        // A model that thinks first does so in both.
        fit_tokens: request.max_tokens.unwrap_or(params.fit_tokens),
        max_tokens,
        ..params
    })
}

fn unsupported(error: emotome_judges::chat::Unsupported) -> AskError {
    emotome_judges::answer::AskError::from(error).into()
}
