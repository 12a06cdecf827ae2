//! What the dimensions of embeddings mean: from bare files to numbers, figures and a page.
//!
//! `interpret.json` holds every number of the page. Its names are stable:
//!
//! | name | holds |
//! |---|---|
//! | `stimuli` | [`StimuliReport`]: what was joined, how, and what was left out |
//! | `ratings[]` | [`Rating`]: name and kind of every column of the ratings |
//! | `agents[]` | [`AgentMeaning`]: one entry for each embedding |
//! | `agents[].ratings` | [`RatingsMeaning`]: correlations with intervals and nulls, names, classes |
//! | `agents[].explained` | [`Explained`](emotome_interpret::explained::Explained): unique and shared variance |
//! | `agents[].structure` | [`SpaceStructure`]: verdict, classification, circularity, clusters, blends, dimensionality |
//! | `agents[].graph` | [`DimensionGraph`]: which dimensions go together, communities, their null |
//! | `between` | [`Between`]: every two agents compared, and which dimensions and communities they share |
//! | `agents[].reliability` | [`Reliability`]: how far each dimension repeats, where halves are given |
//! | `agents[].maps` | [`Maps`]: how good the maps are; places stand in `places.tsv` |

mod agent;
mod between;
mod given;
mod graph;
mod halves;
mod maps;
mod material;
mod meaning;
mod page;
mod picture;
mod rated;
mod structure;
mod thumbnails;

pub use agent::{AgentMeaning, DimensionName, Naming, RatingsMeaning};
pub use between::{Between, PairComparison, Unsupervised};
pub use given::NamesOf;
pub use graph::{Community, DimensionGraph, SweepSummary};
pub use halves::{HalvesOf, Reliability};
pub(crate) use maps::thirds;
pub use maps::{MapOf, Maps, TsneRecipe};
pub use material::{EmbeddingOf, Joined, StimuliReport};
pub use meaning::Meaning;
pub use picture::{Picture, Selection};
pub use rated::Scales;
pub use structure::{LabelCounts, RaterSplit, SpaceStructure};
pub use thumbnails::Unpictured;

use crate::WorkflowError;
use crate::figure::Painted;
use crate::publish::write_figures;
use emotome_interpret::correlate::CorrelateParams;
use emotome_interpret::explained::ExplainParams;
use emotome_interpret::rating::Rating;
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::write_tsv;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use material::{LEFT_OUT, Material};
use ndarray::Array2;
use serde::Serialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How interpretation is done.
///
/// | parameter | default | why |
/// |---|---|---|
/// | `bootstraps` | 1000 | percentiles of a 95 % interval settle to about a tenth of its width |
/// | `permutations` | 1000 | p down to .001 |
/// | `folds` | 10 | custom; each fold predicts a tenth of the stimuli from the others |
/// | `tsne` | standard | |
/// | `seed` | 1 | |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct InterpretParams {
    /// Resamples of the stimuli.
    pub bootstraps: usize,
    /// Permutations of the stimuli.
    pub permutations: usize,
    /// Folds of cross-validation.
    pub folds: usize,
    /// How t-SNE maps are made.
    pub tsne: TsneRecipe,
    /// Seed of everything random.
    pub seed: u64,
}

/// Fewest resamples: the ends of a 95 % interval are then single draws.
const FEWEST_BOOTSTRAPS: usize = 40;
/// Fewest permutations: p of .05 can be reached.
const FEWEST_PERMUTATIONS: usize = 19;
/// Resamples below which the page says that intervals are rough.
const ROUGH: usize = 200;

impl Default for InterpretParams {
    fn default() -> Self {
        Self {
            bootstraps: 1000,
            permutations: 1000,
            folds: 10,
            tsne: TsneRecipe::Standard,
            seed: 1,
        }
    }
}

impl InterpretParams {
    /// Refuses so few draws that no interval or p could be told from noise.
    fn check(&self) -> Result<(), WorkflowError> {
        for (flag, found, fewest) in [
            ("--bootstraps", self.bootstraps, FEWEST_BOOTSTRAPS),
            ("--permutations", self.permutations, FEWEST_PERMUTATIONS),
            ("--folds", self.folds, 2),
        ] {
            if found < fewest {
                return Err(WorkflowError::TooFewDraws {
                    flag,
                    found,
                    fewest,
                });
            }
        }
        Ok(())
    }

    fn correlate(&self, seed: Seed) -> CorrelateParams {
        CorrelateParams {
            bootstraps: self.bootstraps,
            permutations: self.permutations,
            seed: seed.0,
            ..CorrelateParams::default()
        }
    }

    fn explain(&self, seed: Seed) -> ExplainParams {
        ExplainParams {
            bootstraps: self.bootstraps,
            permutations: self.permutations,
            seed: seed.0,
            ..ExplainParams::default()
        }
    }
}

/// A part of interpretation, so that a single figure takes only what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Correlations with ratings, names and classes.
    Ratings,
    /// Shares of variance.
    Explained,
    /// Tests of structure.
    Structure,
    /// Maps.
    Maps,
    /// Graphs of dimensions.
    Graph,
    /// Agents compared.
    Between,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 6] = [
        Self::Ratings,
        Self::Explained,
        Self::Structure,
        Self::Maps,
        Self::Graph,
        Self::Between,
    ];
}

/// What is interpreted.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// The embeddings, one for each agent; at least one.
    pub embeddings: Vec<EmbeddingOf>,
    /// What the rows of embeddings without keys stand for, in order: text with a key a line, or a study.
    pub keys: Option<PathBuf>,
    /// Names that dimensions were given.
    pub names: Vec<NamesOf>,
    /// Embeddings of either half of agents' choices: how far each repeats.
    pub halves: Vec<HalvesOf>,
    /// The ratings; without them only what embeddings alone can tell is found.
    pub ratings: Option<PathBuf>,
    /// What their columns measure.
    pub scales: Scales,
    /// The usual number of raters behind the share of a category; known of some tables.
    pub raters: Option<u32>,
    /// Captions of the stimuli; those of the study where no file is named.
    pub captions: Option<PathBuf>,
    /// The study, for captions, flags and media of its stimuli.
    pub study: Option<PathBuf>,
    /// Whether stimuli are shown as pictures.
    pub frames: Frames,
}

/// Whether stimuli are shown as pictures, taken from the media of the study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Frames {
    /// By captions alone; of flagged stimuli nothing is shown.
    #[default]
    None,
    /// By the frame in the middle; flagged stimuli are hatched boxes and are not decoded.
    FlaggedHidden,
    /// By the frame in the middle; flagged stimuli are mosaics of six pixels' width.
    FlaggedBlurred,
}

/// What to interpret, and where the results go.
#[derive(Debug, Clone)]
pub struct InterpretRequest {
    /// The files.
    pub inputs: Inputs,
    /// How it is done.
    pub params: InterpretParams,
    /// The folder.
    pub out: PathBuf,
    /// Whether one that holds something may be replaced.
    pub overwrite: Overwrite,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What was found. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct Interpretation {
    /// The version of these names.
    pub format: u32,
    /// What was joined, and what was left out.
    pub stimuli: StimuliReport,
    /// The columns of the ratings.
    pub ratings: Vec<Rating>,
    /// The agents, as given.
    pub agents: Vec<AgentMeaning>,
    /// How they compare; `null` with one alone.
    pub between: Option<Between>,
    /// How it was done.
    pub params: InterpretParams,
}

/// What was found, and where it stands.
#[derive(Debug, Clone, Serialize)]
pub struct Interpreted {
    /// The page.
    pub page: PathBuf,
    /// What the reader must beware of.
    pub cautions: Vec<String>,
    /// Stimuli that are shown without the picture that was asked for, and why.
    pub without_picture: Vec<Unpictured>,
    /// Seconds it took.
    pub seconds: f64,
    /// Everything that was found.
    #[serde(flatten)]
    pub found: Interpretation,
}

impl Interpretation {
    /// Finds what a figure shows, and draws it; `select` says what of it. With the stimuli that it shows
    /// without a picture, where pictures are asked for.
    ///
    /// # Errors
    /// [`WorkflowError`] of reading, of every part, of `select`, and of taking pictures.
    pub(crate) fn picture(
        inputs: &Inputs,
        params: InterpretParams,
        picture: Picture,
        select: impl Fn(&StimulusSet, &Self) -> Result<Selection, WorkflowError>,
        run: Run<'_>,
    ) -> Result<(Self, Vec<Painted>, Vec<Unpictured>), WorkflowError> {
        let mut material = Material::of(inputs, run)?;
        let found = Self::find(&material, params, picture.parts(), run)?;
        let selection = select(&material.stimuli, &found)?;
        if picture == Picture::Exemplars {
            material.take_pictures(inputs, &found, &selection, run)?;
        }
        let drawn = picture.draw(&found, &material, &selection);
        Ok((found, drawn, material.thumbnails.missing))
    }

    /// Stimuli with all ratings; those used without ratings.
    fn rated_stimuli(&self) -> usize {
        let pairs = self.agents.iter().find_map(|agent| agent.pairs.as_ref());
        pairs.map_or(self.stimuli.used, |pairs| pairs.used)
    }

    /// Finds what was asked for about embeddings and ratings.
    ///
    /// # Errors
    /// [`WorkflowError`] of the room that the part belongs to.
    fn find(
        material: &Material,
        params: InterpretParams,
        parts: &[Part],
        run: Run<'_>,
    ) -> Result<Self, WorkflowError> {
        params.check()?;
        let agents = material.agents.iter();
        let agents: Result<Vec<AgentMeaning>, _> = agents
            .map(|agent| AgentMeaning::find(agent, material, &params, parts, run))
            .collect();
        let agents = agents?;
        let between = match parts.contains(&Part::Between) {
            true => Between::find(material, &agents, &params, run)?,
            false => None,
        };
        Ok(Self {
            format: 1,
            stimuli: material.report.clone(),
            ratings: material.ratings.clone(),
            agents,
            between,
            params,
        })
    }
}

/// Interprets embeddings and writes `interpret.html`, `interpret.json`, `places.tsv` (the maps),
/// `left_out.tsv` where something was left out, and `figures/`.
///
/// # Errors
/// [`WorkflowError`] of reading, of every part, and of writing.
pub fn interpret(request: &InterpretRequest, run: Run<'_>) -> Result<Interpreted, WorkflowError> {
    let start = Instant::now();
    let mut material = Material::of(&request.inputs, run)?;
    output::folder(&request.out, request.overwrite)?;
    let found = Interpretation::find(&material, request.params, &Part::ALL, run)?;
    material.take_pictures(&request.inputs, &found, &Selection::default(), run)?;
    let captions = request.inputs.captions.is_some() || request.inputs.study.is_some();
    let mut cautions = cautions(&found, captions);
    let missing = &material.thumbnails.missing;
    if !missing.is_empty() {
        cautions.push(format!(
            "{} stimuli at the ends of dimensions are shown without a picture: {}.",
            missing.len(),
            missing[0].reason
        ));
    }
    let mut params = json!(request.params);
    params["frames"] = json!(request.inputs.frames);
    let seed = Some(request.params.seed);
    let mut provenance = Provenance::new(request.command.clone(), seed, params);
    for input in request.inputs.files() {
        provenance.add_input(input)?;
    }
    let report = page::tell(&found, &material, &cautions, &provenance);
    let to = |name: &str| request.out.join(name);
    output::write_json(to("interpret.json"), request.overwrite, &found)?;
    provenance.write_beside(to("provenance"), request.overwrite)?;
    write_places(&to("places.tsv"), &material, &found, request.overwrite)?;
    write_left_out(&to(LEFT_OUT), &material, request.overwrite)?;
    output::write(
        to("interpret.html"),
        request.overwrite,
        report.html().as_bytes(),
    )?;
    write_figures(&to("figures"), &report, request.overwrite)?;
    Ok(Interpreted {
        page: to("interpret.html"),
        cautions,
        without_picture: material.thumbnails.missing,
        seconds: start.elapsed().as_secs_f64(),
        found,
    })
}

impl Inputs {
    /// The files that results depend on, of a study those that hold keys, captions and flags.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let embeddings = self.embeddings.iter().map(|of| of.path.clone());
        let names = self.names.iter().map(|of| of.path.clone());
        let halves = self.halves.iter().flat_map(|of| of.paths.clone());
        let kinds = self
            .ratings
            .as_ref()
            .map(|path| path.with_extension("json"));
        let others = [&self.ratings, &self.captions, &self.keys];
        let others = others.into_iter().flatten().cloned().chain(kinds);
        let studies = [&self.study, &self.keys].into_iter().flatten();
        let studies = studies.flat_map(|folder| {
            ["study.toml", "stimuli.tsv", "captions.tsv"].map(|name| folder.join(name))
        });
        let beside = others.chain(studies).filter(|path| path.is_file());
        embeddings.chain(names).chain(halves).chain(beside)
    }
}

/// What the reader must beware of, whatever the numbers say.
fn cautions(found: &Interpretation, captions: bool) -> Vec<String> {
    let mut cautions = Vec::new();
    let stimuli = &found.stimuli;
    let agents = found.agents.iter().zip(&stimuli.joined);
    let agents =
        agents.map(|(agent, joined)| (format!("The embedding of {}", agent.agent), *joined));
    let ratings = stimuli
        .ratings_joined
        .map(|joined| ("The table of ratings".to_owned(), joined));
    let unnamed = agents
        .chain(ratings)
        .filter(|(_, joined)| *joined == Joined::Row);
    cautions.extend(unnamed.map(|(what, _)| {
        format!("{what} names no stimuli: its rows are taken to be those of the other files, in the same order.")
    }));
    if found.params.bootstraps < ROUGH || found.params.permutations < ROUGH {
        cautions.push(format!(
            "{} resamples and {} permutations are few: intervals and p-values are rough.",
            found.params.bootstraps, found.params.permutations
        ));
    }
    if let Some(table) = stimuli.taken_for {
        cautions.push(format!(
            "The ratings have the columns of {table} and are taken for these: which are categories and which affective dimensions was not stated."
        ));
    }
    if stimuli.used < stimuli.given {
        cautions.push(format!(
            "{} of {} stimuli are interpreted; the others are listed in {LEFT_OUT}.",
            stimuli.used, stimuli.given
        ));
    }
    if captions && stimuli.captioned < stimuli.used {
        cautions.push(format!(
            "{} of {} stimuli have no caption and are shown by key; captions are matched by key.",
            stimuli.used - stimuli.captioned,
            stimuli.used
        ));
    }
    if stimuli.flagged > 0 {
        cautions.push(format!(
            "{} stimuli are flagged as sensitive: their captions and pictures are not shown, even where they weigh most.",
            stimuli.flagged
        ));
    }
    if let Some(pairs) = found.agents.first().and_then(|agent| agent.pairs.as_ref())
        && pairs.used < pairs.given
    {
        cautions.push(format!(
            "{} stimuli lack some rating and are left out wherever ratings take part.",
            pairs.given - pairs.used
        ));
    }
    cautions
}

/// Writes where each stimulus lies in the maps of each agent.
fn write_places(
    path: &Path,
    material: &Material,
    found: &Interpretation,
    overwrite: Overwrite,
) -> Result<(), WorkflowError> {
    let mut names = Vec::new();
    let mut columns: Vec<Vec<f64>> = Vec::new();
    for agent in &found.agents {
        let Some(maps) = &agent.maps else { continue };
        for (name, map) in [("tsne", &maps.tsne), ("umap", &maps.umap)] {
            for (axis, letter) in ["x", "y"].into_iter().enumerate() {
                names.push(format!("{}_{name}_{letter}", agent.agent));
                columns.push(map.places.iter().map(|place| place[axis]).collect());
            }
        }
    }
    if !names.is_empty() {
        let n = material.stimuli.len();
        let values = Array2::from_shape_fn((n, names.len()), |(i, k)| columns[k][i]);
        write_tsv(path, overwrite, &material.stimuli, &names, values.view())?;
    }
    Ok(())
}

/// Lists the stimuli that were left out, and why.
fn write_left_out(
    path: &Path,
    material: &Material,
    overwrite: Overwrite,
) -> Result<(), WorkflowError> {
    if material.left_out.is_empty() {
        return Ok(());
    }
    let mut text = String::from("stimulus\treason\n");
    for out in &material.left_out {
        text += &format!("{}\t{}\n", out.key, out.reason.replace(['\t', '\n'], " "));
    }
    Ok(output::write(path, overwrite, text.as_bytes())?)
}
