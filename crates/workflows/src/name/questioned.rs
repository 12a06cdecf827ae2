//! A model that is being asked, with the file of its replies.

use super::NameError;
use super::judge::AnyNamer;
use super::prepared::Prepared;
use crate::WorkflowError;
use crate::ask::asking;
use crate::ask::part::{Part, PartError};
use emotome_judges::naming::{Ask, Heard, Interview, InterviewError, Suggestion};
use emotome_judges::server::Stop;
use emotome_stats::random::Seed;
use emotome_stimuli::output::OutputError;
use emotome_stimuli::run::Run;
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;

/// The replies of the model that names, and of another one that tests names, in the folder of the results.
pub(super) const REPLIES: [&str; 2] = ["replies.jsonl", "test_replies.jsonl"];

/// One model under interview, with the file of its replies.
pub(super) struct Questioned<'m> {
    pub(super) interview: Interview,
    namer: AnyNamer<'m>,
    part: Part,
    path: PathBuf,
    pub(super) kept: usize,
    pub(super) asked: usize,
}

impl<'m> Questioned<'m> {
    /// Opens the file of replies; whether it held some is told by `kept`.
    pub(super) fn open(prepared: &'m Prepared<'_>, which: usize) -> Result<Self, WorkflowError> {
        let (request, sight) = (prepared.request, &prepared.sights[which]);
        let namer = sight.namer(request, prepared.models[which].as_ref())?;
        let path = request.out.join(REPLIES[which]);
        let made = json!({
            "judge": sight.judge.model,
            "settings": asking::settings(&sight.description),
            "seed": request.params.seed,
        });
        let (part, rows) =
            Part::open::<Heard>(&path, &made.to_string()).map_err(|error| match error {
                PartError::Output(error) => WorkflowError::from(error),
                PartError::Busy => NameError::Busy { path: path.clone() }.into(),
                PartError::Other => NameError::OtherReplies { path: path.clone() }.into(),
            })?;
        Ok(Self {
            kept: rows.len(),
            interview: Interview::new(prepared.params.reasks, Seed(prepared.params.seed), rows),
            namer,
            part,
            path,
            asked: 0,
        })
    }

    pub(super) fn ask(
        &mut self,
        prepared: &Prepared<'_>,
        asks: &[Ask],
        names: &HashMap<usize, Suggestion>,
        run: Run<'_>,
    ) -> Result<Option<Stop>, WorkflowError> {
        let Self {
            interview,
            namer,
            part,
            asked,
            ..
        } = self;
        let mut keep = |heard: &Heard| {
            *asked += 1;
            part.append(heard)
        };
        let ended = interview.ask(
            asks,
            &|ask| prepared.talk(ask, names),
            namer,
            &mut keep,
            run,
        );
        let stop = match ended {
            Ok(stop) => stop,
            Err(InterviewError::Namer(error)) => return Err(error.into()),
            Err(InterviewError::Keep(source)) => return Err(self.failed(source).into()),
            Err(other) => return Err(self.failed(std::io::Error::other(other.to_string())).into()),
        };
        self.part.end().map_err(|source| self.failed(source))?;
        Ok(stop)
    }

    fn failed(&self, source: std::io::Error) -> OutputError {
        OutputError::Io {
            path: self.path.clone(),
            source,
        }
    }
}
