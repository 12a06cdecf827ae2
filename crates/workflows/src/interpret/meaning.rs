//! What the dimensions of analysed agents mean, for a report that holds more than that.

use super::material::{AgentEmbedding, Joined, Material, StimuliReport};
use super::page::Beside;
use super::thumbnails::Thumbnails;
use super::{Frames, InterpretParams, Interpretation, Part, page, write_places};
use crate::WorkflowError;
use crate::analysis::Analysis;
use crate::story;
use emotome_figures::report::{Explorer, Section};
use emotome_interpret::pairs::{FEWEST_ITEMS, Pairs};
use emotome_interpret::rating::{Rating, RatingKind};
use emotome_stats::random::Seed;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::ratings::Kind;
use emotome_stimuli::run::Run;
use std::path::Path;

/// What the dimensions mean, and of what.
#[derive(Debug)]
pub struct Meaning {
    material: Material,
    found: Interpretation,
}

impl Meaning {
    /// Interprets the embedding of each analysis: the first with an imposed number of dimensions where there is
    /// one, else the one that validation chose. Nothing for fewer than ten stimuli or without dimensions.
    pub(crate) fn of(
        material: &story::Material,
        analyses: &[Analysis],
        seed: Seed,
        run: Run<'_>,
    ) -> Result<Option<Self>, WorkflowError> {
        let n = material.stimuli.len();
        let agents: Vec<AgentEmbedding> = analyses
            .iter()
            .map(|analysis| match analysis.imposed.first() {
                Some(imposed) => AgentEmbedding {
                    name: format!("{}, {} dimensions", analysis.agent, imposed.dims),
                    names: None,
                    values: imposed.embedding.values().mapv(f64::from),
                    halves: None,
                },
                None => AgentEmbedding {
                    name: analysis.agent.clone(),
                    names: None,
                    values: analysis.embedding.values().mapv(f64::from),
                    halves: None,
                },
            })
            .filter(|agent| agent.values.ncols() > 0)
            .collect();
        if n < FEWEST_ITEMS || agents.is_empty() {
            return Ok(None);
        }
        let usable = agents
            .iter()
            .all(|agent| Pairs::new(agent.values.view(), material.ratings.view()).is_ok());
        let ratings = match usable {
            true => rated(material),
            false => Vec::new(),
        };
        let values = match ratings.is_empty() {
            true => ndarray::Array2::zeros((n, 0)),
            false => material.ratings.clone(),
        };
        let captioned = |i: usize| material.captions[i] != material.stimuli.keys()[i].as_str();
        let captions: Vec<Option<String>> = (0..n)
            .map(|i| captioned(i).then(|| material.captions[i].clone()))
            .collect();
        let flagged: Vec<bool> = material.showable.iter().map(|show| !show).collect();
        let report = StimuliReport {
            given: n,
            used: n,
            ratings_joined: (!ratings.is_empty()).then_some(Joined::Key),
            joined: vec![Joined::Key; agents.len()],
            without_embedding: vec![0; agents.len()],
            without_ratings: vec![0; agents.len()],
            captioned: captions.iter().flatten().count(),
            flagged: flagged.iter().filter(|flag| **flag).count(),
            taken_for: None,
        };
        let raters = material.category_raters;
        let material = Material {
            frames: Frames::None,
            thumbnails: Thumbnails::default(),
            stimuli: material.stimuli.clone(),
            agents,
            ratings,
            values,
            raters,
            captions,
            flagged,
            report,
            left_out: Vec::new(),
        };
        let params = InterpretParams {
            seed: seed.0,
            ..InterpretParams::default()
        };
        let found = Interpretation::find(&material, params, &Part::ALL, run)?;
        Ok(Some(Self { material, found }))
    }

    /// Whether ratings took part.
    pub(crate) fn rated(&self) -> bool {
        !self.found.ratings.is_empty()
    }

    pub(crate) fn sections(&self) -> Vec<Section> {
        page::sections(&self.found, &self.material)
    }

    /// What stands at the end: what reviewers ask, and the methods.
    pub(crate) fn closing(&self, analyses: &[Analysis]) -> [Section; 2] {
        let beside = Beside {
            ceilings: analyses.iter().all(|a| a.ceiling.is_some()),
            reproducibility: analyses.iter().all(|a| a.reproducibility.is_some()),
        };
        page::closing(&self.found, Some(beside))
    }

    pub(crate) fn explorer(&self) -> Explorer {
        page::explorer(&self.found, &self.material)
    }

    pub(crate) fn glossary() -> Vec<(String, String)> {
        page::glossary()
            .into_iter()
            .filter(|(term, _)| !["Dimension", "Chance", "95 % CI"].contains(&term.as_str()))
            .collect()
    }

    /// Writes `interpret.json` and `places.tsv`.
    pub(crate) fn write(&self, out: &Path, overwrite: Overwrite) -> Result<(), WorkflowError> {
        output::write_json(out.join("interpret.json"), overwrite, &self.found)?;
        let places = out.join("places.tsv");
        write_places(&places, &self.material, &self.found, overwrite)
    }
}

/// The ratings, where it is known what each of them measures.
fn rated(material: &story::Material) -> Vec<Rating> {
    let kinds = material.scales.iter().zip(&material.kinds);
    let ratings = kinds.map(|(name, kind)| {
        let kind = match kind {
            Kind::Category => RatingKind::Category,
            Kind::Dimension => RatingKind::Dimension,
            Kind::Unknown => return None,
        };
        Some(Rating {
            name: name.to_lowercase(),
            kind,
        })
    });
    ratings.collect::<Option<Vec<_>>>().unwrap_or_default()
}
