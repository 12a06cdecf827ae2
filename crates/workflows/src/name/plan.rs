//! What naming will take, before anything is sent.

use super::prepared::Prepared;
use super::{NameRequest, ShownStimuli};
use crate::WorkflowError;
use emotome_judges::naming::{Ask, Suggestion};
use emotome_language::chat::Role;
use serde::Serialize;
use std::collections::HashMap;

/// The plan of naming dimensions. Field names are stable.
#[derive(Debug, Serialize)]
pub struct NamePlan {
    /// The model that is asked.
    pub judge: String,
    /// What can be shown, and what is left out.
    pub stimuli: ShownStimuli,
    /// Dimensions that are asked about.
    pub dimensions: usize,
    /// Dimensions that are not, counted from 1, and why.
    pub not_asked: Vec<(usize, String)>,
    /// Questions for names.
    pub names: usize,
    /// Questions which of two stimuli a name fits, if every dimension gets one.
    pub tests: usize,
    /// Requests at most, if every reply has to be asked for again.
    pub most_requests: usize,
    /// Characters of the first question for a name and of a test, all messages together.
    pub characters: [usize; 2],
    /// The first question for a name: who speaks, and what is said.
    pub prompt: Vec<(&'static str, String)>,
    /// A test, of a name that stands for any.
    pub test: Vec<(&'static str, String)>,
}

/// Says what naming would take and what would be said, and sends nothing.
///
/// # Errors
/// As [`super::name`], except those of keys and of the folder.
pub fn plan_names(request: &NameRequest) -> Result<NamePlan, WorkflowError> {
    let prepared = Prepared::of(request)?;
    let names = prepared.name_questions();
    let tested = prepared
        .dims
        .iter()
        .zip(&prepared.draws)
        .filter_map(|(&dim, draw)| draw.as_ref().ok().map(|draw| (dim, draw.pairs().len())));
    let tests: usize = tested.clone().map(|(_, pairs)| 2 * pairs).sum();
    let example = Suggestion {
        name: "NAME".to_owned(),
        sentence: None,
    };
    let stand_in: HashMap<usize, Suggestion> =
        tested.map(|(dim, _)| (dim, example.clone())).collect();
    let said = |ask: Option<Ask>| -> Vec<(&'static str, String)> {
        let talk = ask.map(|ask| prepared.talk(ask, &stand_in));
        match talk {
            Some(Ok(talk)) => talk
                .texts()
                .map(|(role, text)| (spoken(role), text))
                .collect(),
            _ => Vec::new(),
        }
    };
    let prompt = said(names.first().copied());
    let test = said(names.first().filter(|_| tests > 0).map(|ask| Ask::Fit {
        dim: ask.dim(),
        pair: 0,
        swapped: false,
    }));
    let characters =
        [&prompt, &test].map(|said| said.iter().map(|(_, text)| text.chars().count()).sum());
    let asked = prepared.dims.iter().zip(&prepared.draws);
    Ok(NamePlan {
        judge: request.judge.name().to_owned(),
        stimuli: prepared.shown.clone(),
        dimensions: prepared.draws.iter().filter(|draw| draw.is_ok()).count(),
        not_asked: asked
            .filter_map(|(dim, draw)| Some((dim + 1, draw.as_ref().err()?.to_string())))
            .collect(),
        most_requests: (names.len() + tests) * (1 + usize::from(prepared.params.reasks)),
        names: names.len(),
        tests,
        characters,
        prompt,
        test,
    })
}

const fn spoken(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}
