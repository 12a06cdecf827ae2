//! Figures of what embeddings predict, and of the choices they predict.

use super::names::Need;
use super::{FigureRequest, Painted};
use crate::WorkflowError;
use crate::analysis::{matching, predict_full_set};
use crate::choices::{self, ChoiceFile, by_key, judged};
use crate::compare::union;
use crate::evaluate::{choices_on, scored};
use crate::import::same_stimuli;
use crate::interpret::{EmbeddingOf, thirds};
use crate::qc;
use crate::story;
use emotome_embedding::Embedding;
use emotome_embedding::evaluate::ceiling::{Ceilings, ceilings};
use emotome_embedding::evaluate::reproducibility::reproducibility;
use emotome_embedding::evaluate::retained::per_stimulus_pruning;
use emotome_embedding::evaluate::rsm;
use emotome_embedding::evaluate::score::{CHANCE, Scoring};
use emotome_embedding::evaluate::{accuracy, two_way::Resampling};
use emotome_embedding::files::{EmbeddingFile, read_embedding};
use emotome_figures::accuracy::{AccuracyBar, AccuracyBars};
use emotome_figures::curve::Series;
use emotome_figures::heatmap::SimilarityMap;
use emotome_figures::order;
use emotome_figures::retained::Retained;
use emotome_figures::scale::{Unit, count};
use emotome_judges::agree::{AgreeParams, Source};
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::run::Run;
use emotome_triplets::formats::{ChoiceTable, PresentedOrder};
use emotome_triplets::{ChoiceSet, Split};
use std::path::PathBuf;

/// A figure that embeddings and choices give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChoicePicture {
    /// The similarity matrix that an embedding predicts.
    Rsm,
    /// Share of choices predicted, beside chance and ceiling.
    Accuracy,
    /// The same against the weights kept per stimulus.
    Retained,
    /// Similarities predicted against those measured.
    PredictedMeasured,
    /// How well dimensions come back in other fits.
    Reproducibility,
    /// How often agents choose alike.
    Consistency,
}

/// The choices of an agent.
#[derive(Debug, Clone)]
pub struct ChoicesOf {
    /// The agent, e.g. `MLLM`.
    pub agent: String,
    /// The file.
    pub file: ChoiceFile,
}

/// The choices that a figure is drawn from.
#[derive(Debug, Clone, Default)]
pub struct ChoiceInputs {
    /// Choices to predict; of several agents where their agreement is shown.
    pub triplets: Vec<ChoicesOf>,
    /// Repeated triplets, for the noise ceiling.
    pub ceiling: Option<ChoiceFile>,
    /// All triplets of a few stimuli.
    pub full_set: Option<ChoiceFile>,
    /// Score every choice alike, whatever a split column marks.
    pub ignore_splits: bool,
}

impl ChoiceInputs {
    fn all(&self) -> impl Iterator<Item = &ChoiceFile> {
        let triplets = self.triplets.iter().map(|of| &of.file);
        triplets.chain(&self.ceiling).chain(&self.full_set)
    }

    /// The files of choices, and those of their keys.
    ///
    /// # Errors
    /// [`WorkflowError::UnknownFormat`].
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, WorkflowError> {
        let mut files = Vec::new();
        for file in self.all() {
            files.push(file.path.clone());
            // Keys may be those of a study folder; what it holds is not read for them.
            files.extend(file.keys()?.filter(|keys| keys.is_file()));
        }
        Ok(files)
    }
}

/// Shares of what all weights gain over chance that are marked.
const ENOUGH: [f64; 2] = [0.95, 0.99];

impl ChoicePicture {
    /// All of them, in the order of the study.
    pub const ALL: [Self; 6] = [
        Self::Accuracy,
        Self::Consistency,
        Self::Rsm,
        Self::PredictedMeasured,
        Self::Reproducibility,
        Self::Retained,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rsm => "rsm",
            Self::Accuracy => "accuracy",
            Self::Retained => "retained",
            Self::PredictedMeasured => "predicted-measured",
            Self::Reproducibility => "reproducibility",
            Self::Consistency => "consistency",
        }
    }

    /// What it shows, in a few words.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Rsm => "Similarity matrix that an embedding predicts",
            Self::Accuracy => "Share of choices predicted, beside chance and ceiling",
            Self::Retained => "Share of choices predicted with fewer weights per stimulus",
            Self::PredictedMeasured => "Similarities predicted against those measured",
            Self::Reproducibility => {
                "How well the dimensions of the first embedding come back in the others"
            }
            Self::Consistency => "How often agents choose alike on the same triplets",
        }
    }

    pub(super) const fn needs(self) -> &'static [Need] {
        match self {
            Self::Rsm => &[Need::Embedding],
            Self::Accuracy | Self::Retained => &[Need::Embedding, Need::Triplets],
            Self::PredictedMeasured => &[Need::Embedding, Need::FullSet],
            Self::Reproducibility => &[Need::Embeddings],
            Self::Consistency => &[Need::SeveralTriplets],
        }
    }

    pub(super) const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Rsm => &["--embedding", "--stimuli"],
            Self::Accuracy => &[
                "--embedding",
                "--triplets",
                "--format",
                "--ignore-splits",
                "--ceiling",
            ],
            Self::Retained => &["--embedding", "--triplets", "--format", "--ignore-splits"],
            Self::PredictedMeasured => &["--embedding", "--full-set", "--format"],
            Self::Reproducibility => &["--embedding"],
            Self::Consistency => &["--triplets", "--format"],
        }
    }

    /// Draws it, once for each embedding or once for all.
    pub(super) fn draw(
        self,
        request: &FigureRequest,
        run: Run<'_>,
    ) -> Result<Vec<Painted>, WorkflowError> {
        let embeddings = &request.inputs.embeddings;
        let read = embeddings.iter().map(|of| {
            Ok(Read {
                of,
                file: read_embedding(&of.path)?,
            })
        });
        let scene = Scene {
            request,
            read: read.collect::<Result<_, WorkflowError>>()?,
            name: self.name(),
            run,
        };
        let all = |figure| {
            vec![Painted {
                agent: None,
                figure,
            }]
        };
        match self {
            Self::Rsm => scene.each(|one| Ok(Box::new(scene.rsm(one)?))),
            Self::Accuracy => Ok(all(Box::new(scene.accuracy()?))),
            Self::Retained => Ok(all(Box::new(scene.retained()?))),
            Self::PredictedMeasured => {
                scene.each(|one| Ok(Box::new(scene.predicted_measured(one)?)))
            }
            Self::Reproducibility => Ok(all(Box::new(scene.reproducibility()?))),
            Self::Consistency => Ok(all(Box::new(scene.consistency()?))),
        }
    }
}

/// An embedding as read.
struct Read<'a> {
    of: &'a EmbeddingOf,
    file: EmbeddingFile,
}

impl Read<'_> {
    const fn embedding(&self) -> &Embedding {
        &self.file.embedding
    }
}

struct Scene<'a> {
    request: &'a FigureRequest,
    read: Vec<Read<'a>>,
    name: &'static str,
    run: Run<'a>,
}

impl Scene<'_> {
    fn each(
        &self,
        draw: impl Fn(&Read<'_>) -> Result<Box<dyn emotome_figures::Figure>, WorkflowError>,
    ) -> Result<Vec<Painted>, WorkflowError> {
        let painted = self.read.iter().map(|one| {
            Ok(Painted {
                agent: Some(one.of.agent.clone()),
                figure: draw(one)?,
            })
        });
        painted.collect()
    }

    const fn seed(&self) -> Seed {
        Seed(self.request.params.seed)
    }

    /// `what`, with the agent's name where there are several.
    fn title(&self, what: &str, one: &Read<'_>) -> String {
        match self.read.len() {
            1 => what.to_owned(),
            _ => format!("{what}: {}", one.of.agent),
        }
    }

    fn nothing(&self, one: &Read<'_>, why: &'static str) -> WorkflowError {
        WorkflowError::NothingInEmbedding {
            figure: self.name,
            agent: one.of.agent.clone(),
            why,
        }
    }

    /// The one file of choices that all embeddings are scored on.
    fn triplets(&self) -> Result<&ChoiceFile, WorkflowError> {
        match &self.request.choices.triplets[..] {
            [one] => Ok(&one.file),
            several => Err(WorkflowError::FigureOfOneFile {
                figure: self.name,
                found: several.len(),
            }),
        }
    }

    fn rsm(&self, one: &Read<'_>) -> Result<SimilarityMap, WorkflowError> {
        let n = one.embedding().n_stimuli();
        let set = match &one.file.stimuli {
            Some(set) => set.clone(),
            None => StimulusSet::from_labels((0..n).map(|i| i.to_string()))?,
        };
        let seed = self.seed().derive("stimuli of the similarity matrix");
        let thirds = thirds(n, seed);
        let mut drawn = if thirds.len() < n {
            ", drawn by lot"
        } else {
            ""
        };
        let mut items = Vec::with_capacity(self.request.stimuli.len());
        for key in &self.request.stimuli {
            let item = set.id(key)?.index();
            // Named twice is still one stimulus.
            if !items.contains(&item) {
                items.push(item);
            }
        }
        if items.is_empty() {
            items.clone_from(&thirds);
        } else {
            drawn = "";
        }
        if n < 3 || items.len() < 2 {
            return Err(self.nothing(one, "similarities need two stimuli and a third"));
        }
        let scoring = Scoring::default();
        let values = rsm::predicted(one.embedding(), &items, &thirds, &scoring, self.run)?;
        let thirds = match thirds.len() {
            all if all == n => "all other stimuli".to_owned(),
            some => format!("{} other stimuli", count(some as u64)),
        };
        Ok(SimilarityMap {
            title: self.title("Similarities that the embedding predicts", one),
            quantity: format!(
                "probability that a pair stays together in a triplet, mean over {thirds}"
            ),
            order: order::clustered(values.view()),
            values,
            labels: items.iter().map(|&i| set.keys()[i].to_string()).collect(),
            order_note: format!("ordered by average-linkage clustering{drawn}"),
        })
    }

    fn accuracy(&self) -> Result<AccuracyBars, WorkflowError> {
        let file = self.triplets()?;
        let mut marked = false;
        let mut bars = Vec::with_capacity(self.read.len());
        for one in &self.read {
            let on = self.scored(file, one)?;
            marked = on.scored_split.is_some();
            let test = accuracy::held_out(
                one.embedding(),
                &on.choices,
                &Scoring::default(),
                Resampling::default(),
            )?;
            bars.push(AccuracyBar {
                label: format!(
                    "{}, {}\u{a0}dimensions",
                    one.of.agent,
                    one.embedding().n_dims()
                ),
                value: test.accuracy,
                ci95: Some(test.accuracy_ci95),
                n: test.n as u64,
            });
        }
        let ceiling = self.request.choices.ceiling.as_ref();
        let ceiling = ceiling.map(|file| self.ceilings(file)).transpose()?;
        Ok(AccuracyBars {
            title: scored_title(marked).into(),
            quantity: scored_quantity(marked).into(),
            bars,
            chance: CHANCE,
            ceiling: ceiling.map(|c| c.any_order.bracket),
        })
    }

    /// The choices that an embedding is scored on.
    fn scored(
        &self,
        file: &ChoiceFile,
        one: &Read<'_>,
    ) -> Result<crate::evaluate::Scored, WorkflowError> {
        let ignore = self.request.choices.ignore_splits;
        scored(file, ignore, (&one.of.path, &one.file), self.run)
    }

    fn ceilings(&self, file: &ChoiceFile) -> Result<Ceilings, WorkflowError> {
        let table = choices::read(file, None, self.run)?.table;
        choices::tell_of_pooling(&file.path, table.extras.agent.as_ref(), self.run);
        let order_known = table.presented_order == PresentedOrder::Known;
        let repeats = marked(table, Split::Ceiling);
        Ok(ceilings(&repeats, order_known, None)?)
    }

    fn retained(&self) -> Result<Retained, WorkflowError> {
        let file = self.triplets()?;
        let mut held_out = false;
        let mut agents = Vec::with_capacity(self.read.len());
        for one in &self.read {
            if one.embedding().n_dims() == 0 {
                return Err(self.nothing(one, "it has no dimension"));
            }
            let on = self.scored(file, one)?;
            held_out = on.scored_split.is_some();
            let pruning = per_stimulus_pruning(one.embedding(), &on.choices, &Scoring::default())?;
            let points = pruning.accuracy.iter().enumerate();
            agents.push(Series {
                label: one.of.agent.clone(),
                points: points.map(|(k, &y)| (k as f64, y).into()).collect(),
            });
        }
        Ok(Retained {
            title: "Weights that each stimulus needs".into(),
            kept: "largest weights kept per stimulus".into(),
            quantity: scored_quantity(held_out).into(),
            unit: Unit::Percent,
            chance: CHANCE,
            shares: ENOUGH.to_vec(),
            agents,
        })
    }

    fn predicted_measured(
        &self,
        one: &Read<'_>,
    ) -> Result<emotome_figures::scatter::Scatter, WorkflowError> {
        let Some(file) = &self.request.choices.full_set else {
            return Err(WorkflowError::FigureNeeds {
                figure: self.name,
                need: Need::FullSet,
            });
        };
        let table = choices_on(file, (&one.of.path, &one.file), self.run)?;
        let choices = marked(table, Split::FullSet);
        let items = judged(&choices);
        let found = predict_full_set(one.embedding(), &choices, &items, self.seed())?;
        let found = found
            .ok_or_else(|| self.nothing(one, "all pairs are as similar, measured or predicted"))?;
        let title = self.title("Predicted against measured similarity", one);
        Ok(story::scatter(title, &found))
    }

    fn reproducibility(
        &self,
    ) -> Result<emotome_figures::reproducibility::Reproducibility, WorkflowError> {
        let (first, others) = match &self.read[..] {
            [first, others @ ..] if !others.is_empty() => (first, others),
            _ => {
                return Err(WorkflowError::FigureNeeds {
                    figure: self.name,
                    need: Need::Embeddings,
                });
            }
        };
        if first.embedding().n_dims() == 0 {
            return Err(self.nothing(first, "it has no dimension"));
        }
        for other in others {
            if let (Some(left), Some(right)) = (&first.file.stimuli, &other.file.stimuli) {
                same_stimuli((&first.of.path, left), (&other.of.path, right))?;
            }
        }
        let runs: Vec<&Embedding> = others.iter().map(Read::embedding).collect();
        let params = matching(self.seed());
        let found = reproducibility(first.embedding(), &runs, &params, self.run)?;
        Ok(story::reproducible(&first.of.agent, &found))
    }

    fn consistency(&self) -> Result<emotome_figures::agreement::AgreementMatrix, WorkflowError> {
        let files = &self.request.choices.triplets;
        let mut read = Vec::with_capacity(files.len());
        for of in files {
            let found = choices::read(&of.file, None, self.run)?;
            choices::tell_of_pooling(&of.file.path, found.table.extras.agent.as_ref(), self.run);
            read.push((of, found));
        }
        let named = read.iter().find(|(_, found)| found.stimuli.is_some());
        let numbered = read.iter().find(|(_, found)| found.stimuli.is_none());
        if let (Some((named, _)), Some((numbered, _))) = (named, numbered) {
            return Err(WorkflowError::OneNamed {
                named: named.file.path.clone(),
                numbered: numbered.file.path.clone(),
            });
        }
        let mut every = StimulusSet::default();
        for set in read.iter().filter_map(|(_, found)| found.stimuli.as_ref()) {
            every = union(&every, set)?;
        }
        let params = AgreeParams {
            replicates: self.request.params.bootstraps,
            seed: self.request.params.seed,
            ..AgreeParams::default()
        };
        let mut n_stimuli = every.len();
        let mut sources = Vec::with_capacity(read.len());
        for (of, found) in read {
            let ordered = found.table.presented_order == PresentedOrder::Known;
            let raters = found.table.extras.rater;
            let choices = match &found.stimuli {
                Some(set) => by_key(found.table.choices, set, &every)?,
                None => found.table.choices,
            };
            n_stimuli = n_stimuli.max(choices.n_stimuli());
            let mut source = Source::new(of.agent.as_str(), ordered, &params);
            for (row, choice) in choices.choices().iter().enumerate() {
                source.push(*choice, raters.as_ref().map(|raters| raters.codes[row]));
            }
            sources.push(source);
        }
        let found = qc::agreement(sources, n_stimuli, &params);
        match (&found.pairs[..], &files[..]) {
            ([], [left, right, ..]) => Err(WorkflowError::NothingShared {
                left: left.file.path.clone(),
                right: right.file.path.clone(),
            }),
            _ => Ok(qc::matrix(&found)),
        }
    }
}

/// The choices that a split column marks for a purpose; all of them where it marks none for it.
fn marked(table: ChoiceTable, split: Split) -> ChoiceSet {
    match &table.extras.split {
        Some(splits) if splits.contains(&split) => crate::fit::part(&table.choices, splits, split),
        _ => table.choices,
    }
}

const fn scored_title(held_out: bool) -> &'static str {
    match held_out {
        true => "Held-out accuracy",
        false => "Choices predicted",
    }
}

const fn scored_quantity(held_out: bool) -> &'static str {
    match held_out {
        true => "share of held-out choices predicted",
        false => "share of choices predicted",
    }
}
