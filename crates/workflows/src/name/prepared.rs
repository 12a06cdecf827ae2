//! Everything that is known before a model is asked: what is shown, what is drawn, what is said.

use super::judge::Sight;
use super::material::Material;
use super::{JoinedBy, NameError, NameRequest, ShownStimuli};
use crate::WorkflowError;
use crate::ask::JudgeFile;
use crate::ask::prepare::unclear;
use emotome_embedding::Embedding;
use emotome_judges::local::LocalModel;
use emotome_judges::naming::{
    Ask, Draw, NamingParams, NamingTemplate, Question, Suggestion, Talk, Unnamed,
};
use emotome_judges::prompt::MediaError;
use emotome_stimuli::StimulusId;
use emotome_stimuli::run::Run;
use std::collections::HashMap;
use std::path::PathBuf;

/// Everything that is known before a model is asked.
pub(super) struct Prepared<'r> {
    pub(super) request: &'r NameRequest,
    pub(super) material: Material,
    pub(super) params: NamingParams,
    pub(super) templates: [NamingTemplate; 2],
    /// The dimensions asked for, from 0.
    pub(super) dims: Vec<usize>,
    pub(super) draws: Vec<Result<Draw, Unnamed>>,
    /// Sensitive stimuli among the heaviest of each dimension.
    pub(super) hidden: Vec<usize>,
    pub(super) shown: ShownStimuli,
    pub(super) sights: Vec<Sight<'r>>,
    pub(super) models: Vec<Option<LocalModel>>,
}

impl<'r> Prepared<'r> {
    pub(super) fn of(request: &'r NameRequest) -> Result<Self, WorkflowError> {
        let params = request.params.check().map_err(NameError::from)?;
        let template = |path: &Option<PathBuf>, question| match path {
            Some(path) => NamingTemplate::read(path, question),
            None => NamingTemplate::preset(question),
        };
        let templates = [
            template(&request.template, Question::Name).map_err(NameError::from)?,
            template(&request.test_template, Question::Fit).map_err(NameError::from)?,
        ];
        let judges = || {
            [Some(&request.judge), request.test_judge.as_ref()]
                .into_iter()
                .flatten()
        };
        if request.bounds.max_cost.is_some() && judges().all(JudgeFile::runs_here) {
            let what = "runs in this process and costs nothing";
            return Err(unclear(&request.judge, what, "leave --max-cost away").into());
        }
        let material = Material::of(request)?;
        let embedding = &material.file.embedding;
        let dims = dimensions(request, embedding)?;
        let (mut sights, mut models) = (Vec::new(), Vec::new());
        for judge in judges() {
            let (sight, model) = Sight::of(request, judge, (&material.study, &material.root))?;
            sights.push(sight);
            models.push(model);
        }
        let n = embedding.n_stimuli();
        let mut nothing = vec![false; n];
        sights
            .iter()
            .flat_map(|sight| &sight.unshown)
            .for_each(|id| nothing[id.index()] = true);
        let flagged =
            |row: usize| !request.sensitive && !material.study.records[row].sensitive.is_empty();
        let usable: Vec<StimulusId> = (0..n)
            .filter(|&row| !nothing[row] && !flagged(row))
            .map(|row| StimulusId(row as u32))
            .collect();
        let shown = ShownStimuli {
            joined: material.joined,
            shown: usable.len(),
            unknown: material.unknown,
            nothing_to_show: nothing.iter().filter(|nothing| **nothing).count(),
            sensitive: (0..n).filter(|&row| !nothing[row] && flagged(row)).count(),
            sensitive_shown: request.sensitive,
        };
        let of_dim = |dim: usize, ids: &[StimulusId]| -> Vec<(StimulusId, f32)> {
            ids.iter()
                .map(|id| (*id, embedding.values()[[id.index(), dim]]))
                .collect()
        };
        let draws = dims
            .iter()
            .map(|&dim| Draw::new(dim, &of_dim(dim, &usable), &params))
            .collect();
        let all: Vec<StimulusId> = (0..n)
            .filter(|&row| !nothing[row])
            .map(|row| StimulusId(row as u32))
            .collect();
        let hidden = dims
            .iter()
            .map(|&dim| {
                let mut heaviest = of_dim(dim, &all);
                heaviest.sort_by(|a, b| b.1.total_cmp(&a.1));
                let candidates = heaviest.iter().take(params.pool + params.test_pairs);
                candidates.filter(|(id, _)| flagged(id.index())).count()
            })
            .collect();
        Ok(Self {
            params,
            templates,
            dims,
            draws,
            hidden,
            shown,
            sights,
            models,
            material,
            request,
        })
    }

    /// Which of the models says what stimuli a name fits.
    pub(super) fn tester(&self) -> usize {
        self.sights.len() - 1
    }

    pub(super) fn name_questions(&self) -> Vec<Ask> {
        let asked = self
            .dims
            .iter()
            .zip(&self.draws)
            .filter(|(_, draw)| draw.is_ok());
        asked
            .flat_map(|(&dim, _)| {
                (0..self.params.repeats).map(move |repeat| Ask::Name { dim, repeat })
            })
            .collect()
    }

    pub(super) fn draw(&self, dim: usize) -> Option<&Draw> {
        let at = self.dims.binary_search(&dim).ok()?;
        self.draws[at].as_ref().ok()
    }

    /// What is said first about a question; `names` has a name for each dimension that is tested.
    pub(super) fn talk(
        &self,
        ask: Ask,
        names: &HashMap<usize, Suggestion>,
    ) -> Result<Talk<'_>, MediaError> {
        let none = |what: &str| MediaError {
            stimulus: StimulusId(0),
            what: what.to_owned(),
        };
        let draw = self
            .draw(ask.dim())
            .ok_or_else(|| none("its dimension is not named"))?;
        match ask {
            Ask::Name { repeat, .. } => {
                let sight = &self.sights[0];
                Talk::name(
                    &self.templates[0],
                    sight.json,
                    &sight.shown,
                    &draw.examples(repeat, &self.params),
                )
            }
            Ask::Fit { dim, pair, swapped } => {
                let sight = &self.sights[self.tester()];
                let mut pair = *draw
                    .pairs()
                    .get(pair)
                    .ok_or_else(|| none("there is no such pair"))?;
                if swapped {
                    pair.reverse();
                }
                let name = names
                    .get(&dim)
                    .ok_or_else(|| none("its dimension has no name"))?;
                Talk::fit(
                    &self.templates[1],
                    sight.json,
                    &sight.shown,
                    &name.name,
                    pair,
                )
            }
        }
    }

    pub(super) fn key(&self, id: StimulusId) -> String {
        self.material.study.stimuli.keys()[id.index()].to_string()
    }

    /// Tells what a user should know before anything is sent.
    pub(super) fn tell(&self, run: Run<'_>) {
        let shown = &self.shown;
        let n = self.material.file.embedding.n_stimuli();
        if shown.nothing_to_show > 0 || shown.sensitive > 0 {
            run.progress.note(&format!(
                "{} of {n} stimuli can be examples; {} have nothing to show, {} are flagged as sensitive and left out",
                shown.shown, shown.nothing_to_show, shown.sensitive
            ));
        }
        if self.request.study.is_none() {
            run.progress.note("without --study nothing says which stimuli are sensitive: any may be shown to the model");
        }
        if shown.joined == JoinedBy::PublishedList {
            run.progress.note("captions name labels and the embedding files; the published list of the videos joins them");
        }
        for (dim, draw) in self.dims.iter().zip(&self.draws) {
            if let Err(why) = draw {
                run.progress
                    .note(&format!("dimension {} is not named: {why}", dim + 1));
            }
        }
        let emotions = self.sights[0]
            .emotions
            .as_ref()
            .filter(|found| !found.named.is_empty());
        if let Some(found) = emotions {
            run.progress.note(&format!(
                "{} of {} captions name an emotion, so names may rest on what the caption's writer felt",
                found.named.len(),
                found.captions
            ));
        }
    }
}

fn dimensions(request: &NameRequest, embedding: &Embedding) -> Result<Vec<usize>, NameError> {
    let d = embedding.n_dims();
    if let Some(&found) = request.dims.iter().find(|dim| !(1..=d).contains(*dim)) {
        return Err(NameError::NoSuchDimension {
            embedding: request.embedding.clone(),
            found,
            dims: d,
        });
    }
    let mut dims: Vec<usize> = match request.dims.as_slice() {
        [] => (0..d).collect(),
        some => some.iter().map(|dim| dim - 1).collect(),
    };
    dims.sort_unstable();
    dims.dedup();
    Ok(dims)
}
