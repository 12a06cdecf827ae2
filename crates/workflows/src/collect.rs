//! The answers of an offline agent, collected into a journal that the same command resumes.

use crate::WorkflowError;
use crate::design::DesignSpec;
use crate::journal::Outcomes;
use crate::rule::Rule;
use emotome_judges::calibrate::Calibration;
use emotome_judges::collect::{Collected, collect as ask};
use emotome_judges::diagnose::{DiagnoseParams, Finding, Judged, diagnose};
use emotome_judges::journal_sink::JournalSink;
use emotome_judges::ratings::{Panel, RaterNoiseJudge, RaterNoiseParams, RatingScale};
use emotome_judges::readout::{Readout, ReadoutJudge};
use emotome_judges::simulated::{PlantParams, ResponseParams, SimulatedJudge, StaleAnswers};
use emotome_judges::{
    Centring, FeatureJudge, Judge, Metric, MissingValues, Similarities, SimilarityParams,
};
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::{LabelledMatrix, read_matrix};
use emotome_stimuli::digest::sha256_of_file;
use emotome_stimuli::ratings::{Kind, RatingsTable, Scale};
use emotome_stimuli::run::Run;
use emotome_triplets::Trial;
use emotome_triplets::design::Design;
use emotome_triplets::journal::{AgentId, Journal, JournalWriter};
use emotome_triplets::plan::{Plan, PlanParams};
use ndarray::ArrayView2;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Who answers.
#[derive(Debug, Clone)]
pub enum AgentSpec {
    /// By the rows of any table.
    Features {
        /// The table.
        table: PathBuf,
        /// How similar two rows are.
        similarity: SimilarityParams,
        /// How similarities become choices.
        rule: Rule,
    },
    /// By ratings on scales of one kind, as published or redrawn from a panel of raters.
    Ratings(RatingsSpec),
    /// By the names that a model gave to each stimulus, from a file.
    Readout(PathBuf),
    /// By an embedding that is planted.
    Simulated {
        /// The embedding.
        plant: PlantParams,
        /// How it is answered by.
        response: ResponseParams,
        /// What is wrong with the agent.
        fault: Fault,
    },
}

/// An agent that judges by ratings.
#[derive(Debug, Clone)]
pub struct RatingsSpec {
    /// The table of ratings.
    pub table: PathBuf,
    /// The scales; needed where the table has several kinds.
    pub scales: Option<Scales>,
    /// How similar two rows are.
    pub metric: Metric,
    /// What is subtracted first; by default the midpoint of scales that are known to be
    /// dimensions, and nothing otherwise.
    pub centring: Option<Centring>,
    /// What to do about missing ratings.
    pub missing: MissingValues,
    /// How similarities become choices.
    pub rule: Rule,
    /// Raters to redraw; without, the ratings are taken as they are.
    pub noise: Option<Noise>,
}

/// Scales of a table of ratings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scales {
    /// Emotion categories.
    Categories,
    /// Affective dimensions.
    Dimensions,
    /// Every column.
    All,
}

/// Raters to redraw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// Raters per stimulus.
    pub raters: u32,
    /// Standard deviation between raters, for mean ratings.
    pub rater_sd: Option<f64>,
    /// How long a panel stays.
    pub panel: Panel,
}

/// What is wrong with a simulated agent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Nothing.
    None,
    /// It sees one dimension only.
    OneDimensional,
    /// It answers at random.
    Random,
    /// Where a reply cannot be parsed, the answer before is stored; at this rate.
    Stale(f64),
}

/// What to collect, and where to.
#[derive(Debug, Clone)]
pub struct CollectRequest {
    /// Who answers.
    pub agent: AgentSpec,
    /// Its name in the journal.
    pub name: String,
    /// The journal; made if it is not there, resumed if it is.
    pub journal: PathBuf,
    /// The trials.
    pub design: DesignSpec,
    /// Whether answers are diagnosed at the end.
    pub diagnose: bool,
    /// Seed of the answers.
    pub seed: Seed,
}

/// What was collected. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct CollectSummary {
    /// The journal.
    pub journal: PathBuf,
    /// The agent.
    pub agent: String,
    /// Stimuli.
    pub n_items: usize,
    /// Trials of the design.
    pub trials: u64,
    /// What this run did.
    #[serde(flatten)]
    pub counts: Collected,
    /// Where the agent stands now.
    pub standing: Outcomes,
    /// How the temperature was found, if it was not stated.
    pub calibration: Option<Calibration>,
    /// What is doubtful about the similarities.
    pub warnings: Vec<String>,
    /// What the answers say about the agent; `null` if they were not diagnosed.
    pub diagnostics: Option<Vec<Finding>>,
}

/// An agent ready to answer.
struct Ready {
    judge: Box<dyn Judge>,
    design: Design,
    stimuli: StimulusSet,
    /// What the agent's answers depend on beyond its description.
    revision: String,
    calibration: Option<Calibration>,
    warnings: Vec<String>,
}

/// What a collection will take, without doing it.
///
/// # Errors
/// As [`collect`], except those of the journal.
pub fn dry_run(request: &CollectRequest) -> Result<Plan, WorkflowError> {
    Ok(Plan::of(&prepare(request)?.design, &PlanParams::default())?)
}

/// Asks an agent for the trials of a design and stores every answer in a journal, exactly once.
///
/// The same request again asks for what is missing; one with more trials extends the journal. A stop
/// on request keeps what is stored and is told by `counts.interrupted`.
///
/// # Errors
/// [`WorkflowError`] of reading tables, of impossible agents and designs, and of the journal: another
/// design, other stimuli, an agent that changed, another writer, a full disk.
pub fn collect(request: &CollectRequest, run: Run<'_>) -> Result<CollectSummary, WorkflowError> {
    let Ready {
        judge,
        design,
        stimuli,
        revision,
        calibration,
        warnings,
    } = prepare(request)?;
    let mut writer = JournalWriter::open_or_create(&request.journal, &design, &stimuli)?;
    let mut sink = JournalSink::new(&mut writer, &request.name, &revision, &judge.describe())?;
    let agent = sink.agent();
    let counts = ask(
        &*judge,
        |t| design.trial(t),
        request.design.numbers(&design),
        &mut sink,
        run,
    )?;
    let diagnostics = if request.diagnose && !counts.interrupted {
        run.progress.begin("diagnosing", None);
        let judged = judged(&writer, agent)?;
        let params = DiagnoseParams {
            shards: request.design.shard.map_or(1, |(_, count)| count),
            ..DiagnoseParams::default()
        };
        let findings = diagnose(&judged, design.n_stimuli(), &params)?;
        run.progress.end();
        Some(findings)
    } else {
        None
    };
    Ok(CollectSummary {
        journal: request.journal.clone(),
        agent: request.name.clone(),
        n_items: design.n_stimuli(),
        trials: design.len(),
        counts,
        standing: Outcomes::from(&writer.standing(agent)?),
        calibration,
        warnings,
        diagnostics,
    })
}

/// Everything that an agent has settled, choices and the rest.
fn judged(journal: &Journal, agent: AgentId) -> Result<Vec<Judged>, WorkflowError> {
    let mut judged: Vec<Judged> = Vec::new();
    journal.for_each_choice(agent, |stored| {
        judged.push((stored.trial, stored.outcome));
        Ok::<_, WorkflowError>(())
    })?;
    journal.for_each_attempt(agent, |stored| {
        if stored.settles {
            judged.push((stored.trial, stored.outcome));
        }
        Ok::<_, WorkflowError>(())
    })?;
    Ok(judged)
}

fn prepare(request: &CollectRequest) -> Result<Ready, WorkflowError> {
    let seed = request.seed;
    let design = |n_stimuli| request.design.design(n_stimuli);
    let numbered = |n: usize| StimulusSet::from_labels((0..n).map(|i| i.to_string()));
    match &request.agent {
        AgentSpec::Features {
            table,
            similarity,
            rule,
        } => {
            let LabelledMatrix { values, rows, .. } = read_matrix(table)?;
            let stimuli = rows.map_or_else(|| numbered(values.nrows()), Ok)?;
            let (judge, calibration, warnings) =
                by_features(values.view(), *similarity, *rule, seed)?;
            let revision = sha256_of_file(table)?.to_string();
            Ok(Ready {
                judge,
                design: design(stimuli.len())?,
                stimuli,
                revision,
                calibration,
                warnings,
            })
        }
        AgentSpec::Ratings(spec) => {
            let table = spec.read()?;
            let centring = spec.centring.unwrap_or_else(|| default_centring(&table));
            let (judge, calibration, warnings): (Box<dyn Judge>, _, _) = match spec.noise {
                None => {
                    let similarity = SimilarityParams {
                        metric: spec.metric,
                        centring,
                        missing: spec.missing,
                    };
                    by_features(table.values.view(), similarity, spec.rule, seed)?
                }
                Some(noise) => {
                    let Rule::Stated(choice) = spec.rule else {
                        return Err(WorkflowError::CalibratedRaters);
                    };
                    let params = RaterNoiseParams {
                        ratings: spec.rating_scale(noise, &table)?,
                        panel: noise.panel,
                        metric: spec.metric,
                        centring,
                        choice,
                    };
                    (
                        Box::new(RaterNoiseJudge::new(table.values.view(), params, seed)?),
                        None,
                        Vec::new(),
                    )
                }
            };
            let revision = sha256_of_file(&spec.table)?.to_string();
            let scales: Vec<&str> = table.scales.iter().map(|(name, _)| name.as_str()).collect();
            let revision = format!("{revision} {}", serde_json::json!(scales));
            let stimuli = table.stimuli;
            Ok(Ready {
                judge,
                design: design(stimuli.len())?,
                stimuli,
                revision,
                calibration,
                warnings,
            })
        }
        AgentSpec::Readout(path) => {
            let readout = Readout::read(path)?;
            Ok(Ready {
                judge: Box::new(ReadoutJudge::new(&readout, seed)?),
                design: design(readout.stimuli.len())?,
                revision: sha256_of_file(path)?.to_string(),
                stimuli: readout.stimuli,
                calibration: None,
                warnings: Vec::new(),
            })
        }
        AgentSpec::Simulated {
            plant,
            response,
            fault,
        } => {
            let n = plant.n_stimuli;
            let design = design(n)?;
            let planted = || -> Result<SimulatedJudge, WorkflowError> {
                Ok(SimulatedJudge::new(
                    plant.plant(seed)?.view(),
                    *response,
                    seed,
                )?)
            };
            let judge: Box<dyn Judge> = match *fault {
                Fault::None => Box::new(planted()?),
                Fault::OneDimensional => Box::new(SimulatedJudge::one_dimensional(n, seed)?),
                Fault::Random => Box::new(SimulatedJudge::uniform(n, seed)?),
                Fault::Stale(rate) => {
                    let of = design.clone();
                    let at = move |t| -> Trial {
                        of.trial(t)
                            .unwrap_or_else(|| unreachable!("trial {t} precedes one of the design"))
                    };
                    Box::new(StaleAnswers::new(planted()?, at, rate, seed)?)
                }
            };
            let revision = serde_json::json!({"plant": plant, "fault": fault}).to_string();
            Ok(Ready {
                judge,
                design,
                stimuli: numbered(n)?,
                revision,
                calibration: None,
                warnings: Vec::new(),
            })
        }
    }
}

/// A judge, how its temperature was found, and what to know about its table.
type Calibrated = (Box<dyn Judge>, Option<Calibration>, Vec<String>);

fn by_features(
    values: ArrayView2<'_, f64>,
    similarity: SimilarityParams,
    rule: Rule,
    seed: Seed,
) -> Result<Calibrated, WorkflowError> {
    let similarities = Similarities::new(values, similarity)?;
    let warnings = similarities
        .warnings()
        .iter()
        .map(ToString::to_string)
        .collect();
    let (rule, calibration) = rule.find(&similarities, seed)?;
    Ok((
        Box::new(FeatureJudge::new(similarities, rule, seed)?),
        calibration,
        warnings,
    ))
}

/// The lowest and highest value that all scales share, where known.
fn range(table: &RatingsTable) -> Option<(f64, f64)> {
    let of = |scale: &Scale| scale.min.zip(scale.max);
    let first = of(&table.scales.first()?.1)?;
    table
        .scales
        .iter()
        .all(|(_, scale)| of(scale) == Some(first))
        .then_some(first)
}

fn default_centring(table: &RatingsTable) -> Centring {
    match range(table) {
        Some((low, high))
            if table
                .scales
                .iter()
                .all(|(_, scale)| scale.kind == Kind::Dimension) =>
        {
            Centring::ScaleMidpoint(f64::midpoint(low, high))
        }
        _ => Centring::None,
    }
}

impl RatingsSpec {
    fn unclear(&self, what: &str) -> WorkflowError {
        WorkflowError::WhichScales {
            path: self.table.clone(),
            what: what.to_owned(),
        }
    }

    /// The table with only the scales asked for.
    fn read(&self) -> Result<RatingsTable, WorkflowError> {
        let path: &Path = &self.table;
        let (table, _) = RatingsTable::read_known(path)?;
        let kind = match self.scales {
            Some(Scales::Categories) => Kind::Category,
            Some(Scales::Dimensions) => Kind::Dimension,
            Some(Scales::All) => return Ok(table),
            None => {
                let first = table.scales[0].1.kind;
                return if table.scales.iter().all(|(_, scale)| scale.kind == first) {
                    Ok(table)
                } else {
                    Err(self.unclear("it has scales of several kinds, which have no common unit"))
                };
            }
        };
        let chosen = table.of_kind(kind);
        if chosen.scales.is_empty() {
            return Err(self.unclear(
                "no scale is of the kind asked for; the sidecar .json says of which kind each is",
            ));
        }
        Ok(chosen)
    }

    fn rating_scale(
        &self,
        noise: Noise,
        table: &RatingsTable,
    ) -> Result<RatingScale, WorkflowError> {
        let Noise {
            raters, rater_sd, ..
        } = noise;
        let all = |kind| table.scales.iter().all(|(_, scale)| scale.kind == kind);
        match (rater_sd, range(table)) {
            (None, _) if all(Kind::Category) => Ok(RatingScale::Proportions { raters }),
            (Some(rater_sd), Some((low, high))) if all(Kind::Dimension) => {
                Ok(RatingScale::Means { raters, rater_sd, low, high })
            }
            _ => Err(self.unclear(
                "raters can be redrawn for categories (shares of raters), or for dimensions whose sidecar .json gives \
                 min and max, with --rater-sd",
            )),
        }
    }
}
