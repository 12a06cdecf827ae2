//! Flags that several commands share, each defined once.

use crate::failure::Failure;
use crate::show::count;
use clap::{Args, ValueEnum};
use emotome_brain::model::Metric as Distance;
use emotome_brain::store::{Over, Scale, Scope, Standardisation};
use emotome_judges::calibrate::{Calibration, CalibrationTarget};
use emotome_judges::{Centring, ChoiceRule, MissingValues};
use emotome_stats::random::Seed;
use emotome_stimuli::output::Overwrite;
use emotome_triplets::design::{Balance, CeilingParams};
use emotome_triplets::formats::Format;
use emotome_workflows::choices::ChoiceFile;
use emotome_workflows::design::DesignSpec;
use emotome_workflows::interpret::{
    EmbeddingOf, Frames, HalvesOf, Inputs, NamesOf, Scales, TsneRecipe,
};
use emotome_workflows::rsa::{Control, Holds, ModelOf};
use emotome_workflows::rule::Rule;
use std::path::{Path, PathBuf};

/// The heading of flags that every command has.
const EVERYWHERE: &str = "Every command";

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// Print one JSON object on stdout; everything else goes to stderr.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Threads to use; results do not depend on it. [default: all cores]
    #[arg(long, global = true, help_heading = EVERYWHERE, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Show no progress.
    #[arg(long, short, global = true, help_heading = EVERYWHERE)]
    pub(crate) quiet: bool,
}

/// Seed of everything random.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct SeedFlag {
    /// Seed of everything random; recorded with the result.
    #[arg(long, value_name = "N", default_value_t = 1, global = true)]
    seed: u64,
}

impl SeedFlag {
    pub(crate) const fn get(self) -> Seed {
        Seed(self.seed)
    }
}

/// What to do about results that exist.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ForceFlag {
    /// Replace results that exist.
    #[arg(long, global = true)]
    force: bool,
}

impl ForceFlag {
    pub(crate) const fn get(self) -> Overwrite {
        Overwrite::from_force(self.force)
    }
}

/// Going on with what an interrupted run left.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ResumeFlag {
    /// Go on with what an interrupted run left in the folder.
    #[arg(long, global = true)]
    pub(crate) resume: bool,
}

/// A file of choices.
#[derive(Debug, Clone, Args)]
pub(crate) struct TripletsFlags {
    /// Choices: .txt or .npy with the odd one last, .csv or .tsv with named columns, .parquet, or a journal.
    #[arg(long, value_name = "FILE")]
    pub(crate) triplets: PathBuf,
    /// Format of the choices, where the extension does not tell it.
    #[arg(long, value_name = "NAME", value_parser = parse_format)]
    pub(crate) format: Option<Format>,
    /// What the numbers of the choices stand for, in order: a study folder, or text with a key a line.
    /// [default: STEM.stimuli.txt beside the choices, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) stimuli: Option<PathBuf>,
}

impl TripletsFlags {
    pub(crate) fn file(&self, n_stimuli: Option<usize>) -> ChoiceFile {
        ChoiceFile {
            path: self.triplets.clone(),
            format: self.format,
            n_stimuli,
            stimuli: self.stimuli.clone(),
        }
    }
}

/// Ratings of stimuli, and what else is known of them.
#[derive(Debug, Clone, Args)]
pub(crate) struct MeaningFlags {
    /// What the rows of embeddings without keys stand for, in order: text with a key a line, or a study folder.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Names of the dimensions: names.json of `emotome name`, or text with a name a line; NAME= says whose, where
    /// there are several embeddings. [default: by the ratings]
    #[arg(long, value_name = "[NAME=]FILE")]
    names: Vec<String>,
    /// Embeddings fitted to either half of the choices (`emotome fit --half 1`, `--half 2`), to correct comparisons
    /// for how far each agent repeats; NAME= says whose, where there are several embeddings.
    #[arg(long, value_name = "[NAME=]FILE,FILE", value_parser = parse_halves)]
    halves: Vec<HalvesOf>,
    /// Ratings of the stimuli, a scale per column: .csv or .tsv with keys in the first column, or any matrix with
    /// --categories and --dimensions.
    #[arg(long, value_name = "FILE")]
    ratings: Option<PathBuf>,
    /// How many columns of the ratings are emotion categories; they come first. [default: as the sidecar of the
    /// ratings says, or known by their names]
    #[arg(long, value_name = "N", requires = "dimensions")]
    categories: Option<usize>,
    /// How many columns of the ratings, after the categories, are affective dimensions.
    #[arg(long, value_name = "M", requires = "categories")]
    dimensions: Option<usize>,
    /// The usual number of raters behind the share of a category, so that labels can come from half of them.
    /// [default: as the sidecar says, or known by the names]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    raters: Option<u32>,
    /// Captions of the stimuli, shown beside keys. [default: those of the study]
    #[arg(long, value_name = "FILE")]
    captions: Option<PathBuf>,
    /// The study of the stimuli, for captions and for flags: what is flagged as sensitive is not shown.
    #[arg(long, value_name = "DIR")]
    study: Option<PathBuf>,
    /// Show stimuli as the frame in the middle of their clip, from the media of the study; flagged ones as hatched
    /// boxes.
    #[arg(long, requires = "study")]
    with_frames: bool,
    /// Show flagged stimuli as mosaics of six pixels' width instead.
    #[arg(long, requires = "with_frames")]
    blur_flagged: bool,
}

impl MeaningFlags {
    /// Which flags are given, for [`refuse_idle`].
    pub(crate) const fn given(&self) -> [(&'static str, bool); 10] {
        [
            ("--keys", self.keys.is_some()),
            ("--names", !self.names.is_empty()),
            ("--halves", !self.halves.is_empty()),
            ("--ratings", self.ratings.is_some()),
            ("--categories", self.categories.is_some()),
            ("--raters", self.raters.is_some()),
            ("--captions", self.captions.is_some()),
            ("--with-frames", self.with_frames),
            ("--blur-flagged", self.blur_flagged),
            ("--study", self.study.is_some()),
        ]
    }

    pub(crate) fn inputs(self, embeddings: &[String]) -> Result<Inputs, Failure> {
        let embeddings = named(embeddings, "embeddings", "--embedding")?;
        Ok(Inputs {
            embeddings: embeddings
                .into_iter()
                .map(|(agent, path)| EmbeddingOf { agent, path })
                .collect(),
            keys: self.keys,
            names: self
                .names
                .iter()
                .map(|text| {
                    let (name, path) = split_name(text);
                    NamesOf {
                        agent: name.map(str::to_owned),
                        path: path.into(),
                    }
                })
                .collect(),
            halves: self.halves,
            ratings: self.ratings,
            scales: match (self.categories, self.dimensions) {
                (Some(categories), Some(dimensions)) => Scales::Counted {
                    categories,
                    dimensions,
                },
                _ => Scales::Known,
            },
            raters: self.raters,
            captions: self.captions,
            study: self.study,
            frames: match (self.with_frames, self.blur_flagged) {
                (false, _) => Frames::None,
                (true, false) => Frames::FlaggedHidden,
                (true, true) => Frames::FlaggedBlurred,
            },
        })
    }
}

/// How t-SNE maps are made.
#[derive(Debug, Args)]
pub(crate) struct TsneFlag {
    /// How t-SNE maps are made.
    #[arg(long, value_enum, value_name = "RECIPE", default_value = "standard")]
    tsne: TsneName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TsneName {
    /// Euclidean distances of weights, perplexity 30, start from principal components.
    Standard,
    /// As the published maps: predicted dissimilarities, perplexities 5 and 30, start by metric stress.
    Published,
}

impl TsneFlag {
    /// Whether it is other than by default.
    pub(crate) fn is_given(&self) -> bool {
        self.tsne != TsneName::Standard
    }

    pub(crate) fn get(&self) -> TsneRecipe {
        match self.tsne {
            TsneName::Standard => TsneRecipe::Standard,
            TsneName::Published => TsneRecipe::Published,
        }
    }
}

/// `NAME=FILE,FILE`, or `FILE,FILE`.
fn parse_halves(text: &str) -> Result<HalvesOf, String> {
    let (agent, paths) = split_name(text);
    let paths: Vec<PathBuf> = paths.split(',').map(PathBuf::from).collect();
    let paths = <[PathBuf; 2]>::try_from(paths)
        .map_err(|found| format!("{} files found, expected 2 between a comma", found.len()))?;
    Ok(HalvesOf {
        agent: agent.map(str::to_owned),
        paths,
    })
}

/// `NAME=FILE`, or `FILE`; a file whose own name holds the sign is meant as it is.
fn split_name(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !Path::new(text).exists() => (Some(name), path),
        _ => (None, text),
    }
}

/// Files by `NAME=FILE`, or `FILE` for the name that it has, each name once.
pub(crate) fn named(
    given: &[String],
    what: &str,
    flag: &str,
) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut files: Vec<(String, PathBuf)> = Vec::with_capacity(given.len());
    for text in given {
        let (name, path) = split_name(text);
        let path = PathBuf::from(path);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let name = name.unwrap_or(&stem).to_owned();
        if files.iter().any(|(other, _)| *other == name) {
            return Err(Failure::Error(format!(
                "two {what} are called {name:?}; name them: {flag} NAME=FILE"
            )));
        }
        files.push((name, path));
    }
    Ok(files)
}

/// As many numbers as a flag has, between commas.
pub(crate) fn parse_numbers<const N: usize>(text: &str) -> Result<[f64; N], String> {
    let numbers: Result<Vec<f64>, _> = text
        .split(',')
        .map(|number| number.trim().parse())
        .collect();
    let numbers =
        numbers.map_err(|error| format!("{error}; expected {N} numbers between commas"))?;
    numbers.try_into().map_err(|found: Vec<f64>| {
        format!("{} numbers found, expected {N} between commas", found.len())
    })
}

/// A format by its name.
pub(crate) fn parse_format(name: &str) -> Result<Format, String> {
    Format::ALL
        .into_iter()
        .find(|f| f.name() == name)
        .ok_or_else(|| {
            format!(
                "expected one of {}",
                Format::ALL.map(Format::name).join(", ")
            )
        })
}

/// How similar two rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Metric {
    /// Cosine of the angle between rows.
    Cosine,
    /// Pearson's r of the rows.
    Correlation,
    /// Dot product.
    Dot,
    /// Negative Euclidean distance.
    Euclidean,
}

impl From<Metric> for emotome_judges::Metric {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::Cosine => Self::Cosine,
            Metric::Correlation => Self::Correlation,
            Metric::Dot => Self::Dot,
            Metric::Euclidean => Self::Euclidean,
        }
    }
}

/// Similarity of two rows of a table, and how it becomes a choice.
#[derive(Debug, Clone, Args)]
pub(crate) struct SimilarityFlags {
    /// How similar two rows are.
    #[arg(long, value_enum, default_value = "cosine")]
    metric: Metric,
    /// Subtract the neutral point of the rating scale first, e.g. 5 for a 1–9 scale.
    #[arg(long, value_name = "X", conflicts_with_all = ["centre", "z_score"])]
    midpoint: Option<f64>,
    /// Subtract each column's mean first.
    #[arg(long)]
    centre: bool,
    /// Subtract each column's mean and divide by its standard deviation first.
    #[arg(long, conflicts_with = "centre")]
    z_score: bool,
    /// What to do about missing values.
    #[arg(long, value_enum, default_value = "refuse")]
    missing: Missing,
    /// Choose with probability softmax(similarity / T) instead of always the most similar pair.
    #[arg(long, value_name = "T", group = "noise")]
    temperature: Option<f64>,
    /// As --temperature, with the T at which two answers to a triplet agree with this probability.
    #[arg(long, value_name = "P", group = "noise")]
    match_agreement: Option<f64>,
    /// As --temperature, with the T at which the answer is the noise-free one with this probability.
    #[arg(long, value_name = "P", group = "noise")]
    match_accuracy: Option<f64>,
    /// As --temperature, with the T at which answers have this entropy, in nats below 1.0986.
    #[arg(long, value_name = "H", group = "noise")]
    match_entropy: Option<f64>,
    /// Largest difference at which similarities count as equal; ties are broken by a uniform draw.
    #[arg(
        long,
        value_name = "X",
        default_value_t = 0.0,
        conflicts_with = "noise"
    )]
    tie_tolerance: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Missing {
    /// Refuse the table.
    Refuse,
    /// Never judge stimuli with a missing value.
    DropStimuli,
    /// Compare two stimuli over the columns that both have.
    PairwiseComplete,
}

impl SimilarityFlags {
    pub(crate) fn metric(&self) -> emotome_judges::Metric {
        self.metric.into()
    }

    /// What is subtracted first, if the user says so.
    pub(crate) const fn centring(&self) -> Option<Centring> {
        match (self.midpoint, self.centre, self.z_score) {
            (Some(midpoint), _, _) => Some(Centring::ScaleMidpoint(midpoint)),
            (None, true, _) => Some(Centring::Mean),
            (None, _, true) => Some(Centring::ZScore),
            _ => None,
        }
    }

    /// Whether choices are drawn rather than determined.
    pub(crate) const fn is_noisy(&self) -> bool {
        self.temperature.is_some()
            || self.match_agreement.is_some()
            || self.match_accuracy.is_some()
            || self.match_entropy.is_some()
    }

    pub(crate) const fn missing(&self) -> MissingValues {
        match self.missing {
            Missing::Refuse => MissingValues::Refuse,
            Missing::DropStimuli => MissingValues::DropStimuli,
            Missing::PairwiseComplete => MissingValues::PairwiseComplete,
        }
    }

    pub(crate) fn rule(&self) -> Rule {
        let targets = [
            self.match_agreement.map(CalibrationTarget::RetestAgreement),
            self.match_accuracy.map(CalibrationTarget::Accuracy),
            self.match_entropy.map(CalibrationTarget::Entropy),
        ];
        if let Some(target) = targets.into_iter().flatten().next() {
            return Rule::Calibrated(target);
        }
        Rule::Stated(match self.temperature {
            Some(temperature) => ChoiceRule::Softmax { temperature },
            None => ChoiceRule::MostSimilarPair {
                tie_tolerance: self.tie_tolerance,
            },
        })
    }
}

/// Which trials a design has.
#[derive(Debug, Clone, Args)]
pub(crate) struct DesignFlags {
    /// Trials of the main arm. [default: 10 × n·d·log2 n, or all triplets if these are fewer]
    #[arg(long, value_name = "M")]
    pub(crate) trials: Option<u64>,
    /// What the design balances beyond drawing without replacement.
    #[arg(long, value_enum, default_value = "pairs")]
    balance: BalanceName,
    /// Share of the triplets held out for choosing λ and the dimensions.
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    pub(crate) validation: f64,
    /// Share of the triplets held out for the score at the end.
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    pub(crate) test: f64,
    /// Repeat K triplets for the noise ceiling: S times in one order and A times through all orders.
    #[arg(long, value_name = "K,S,A", value_parser = parse_ceiling)]
    ceiling: Option<CeilingParams>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BalanceName {
    /// Nothing: a simple random sample.
    None,
    /// Every stimulus equally often.
    Items,
    /// Every pair equally often.
    Pairs,
}

fn parse_ceiling(text: &str) -> Result<CeilingParams, String> {
    let expected = || "expected K,S,A, e.g. 1000,10,12".to_owned();
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let [triplets, same_order, all_orders] = parts[..] else {
        return Err(expected());
    };
    Ok(CeilingParams {
        triplets: triplets.parse().map_err(|_| expected())?,
        same_order: same_order.parse().map_err(|_| expected())?,
        all_orders: all_orders.parse().map_err(|_| expected())?,
    })
}

impl DesignFlags {
    /// The design for any number of stimuli, or a shard of it.
    pub(crate) const fn spec(&self, shard: Option<(u64, u64)>, seed: Seed) -> DesignSpec {
        DesignSpec {
            trials: self.trials,
            balance: self.balance(),
            validation: self.validation,
            test: self.test,
            ceiling: self.ceiling(),
            shard,
            seed,
        }
    }

    pub(crate) const fn balance(&self) -> Balance {
        match self.balance {
            BalanceName::None => Balance::None,
            BalanceName::Items => Balance::Items,
            BalanceName::Pairs => Balance::Pairs,
        }
    }

    pub(crate) const fn ceiling(&self) -> Option<CeilingParams> {
        self.ceiling
    }
}

/// How a temperature was found, in words.
pub(crate) fn calibration(found: &Calibration) -> String {
    format!(
        "temperature {:.4}: reaches {:.4} ± {:.4} on {} random triplets",
        found.temperature,
        found.achieved,
        found.standard_error,
        count(found.triplets as u64)
    )
}

/// Refuses flags that were given and have no meaning here: nothing is dropped silently.
pub(crate) fn refuse_idle(
    given: &[(&str, bool)],
    meaning: impl Fn(&str) -> bool,
    here: &str,
) -> Result<(), Failure> {
    match given.iter().find(|(flag, given)| *given && !meaning(flag)) {
        Some((flag, _)) => Err(Failure::Error(format!(
            "{flag} has no meaning with {here}; leave it out, or see --help for what it belongs to"
        ))),
        None => Ok(()),
    }
}

/// The metric of a name.
pub(crate) fn metric(name: &str) -> Result<Distance, String> {
    match name {
        "correlation" => Ok(Distance::Correlation),
        "cosine" => Ok(Distance::Cosine),
        "sqeuclidean" => Ok(Distance::SquaredEuclidean),
        "euclidean" => Ok(Distance::Euclidean),
        _ => Err(format!(
            "{name:?} is no distance; give correlation, cosine, sqeuclidean or euclidean"
        )),
    }
}

/// The models that brains are compared with.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelFlags {
    /// A model with a row of features per stimulus (an embedding, ratings, layers of a network): .npz, .npy, .csv,
    /// .tsv or .txt. NAME= says what tables and maps call it. May be given several times. [default NAME: the file's]
    #[arg(long = "model", value_name = "[NAME=]FILE")]
    features: Vec<String>,
    /// How rows of --model are compared; the same for all, so that none gains by its metric.
    #[arg(long, value_name = "NAME", value_parser = metric, default_value = "correlation")]
    model_distance: Distance,
    /// A model that is an embedding of choices: two stimuli are as similar as it predicts that they are chosen as the
    /// pair.
    #[arg(long, value_name = "[NAME=]FILE")]
    choice_model: Vec<String>,
    /// A model of dissimilarities, stimuli × stimuli.
    #[arg(long, value_name = "[NAME=]FILE")]
    rdm_model: Vec<String>,
    /// A model of similarities, stimuli × stimuli.
    #[arg(long, value_name = "[NAME=]FILE")]
    rsm_model: Vec<String>,
}

impl ModelFlags {
    pub(crate) fn models(&self) -> Result<Vec<ModelOf>, Failure> {
        let kinds = [
            (
                &self.features,
                "--model",
                Holds::Features(self.model_distance),
            ),
            (
                &self.choice_model,
                "--choice-model",
                Holds::ChoiceProbabilities,
            ),
            (&self.rdm_model, "--rdm-model", Holds::Dissimilarities),
            (&self.rsm_model, "--rsm-model", Holds::Similarities),
        ];
        let mut models = Vec::new();
        for (given, flag, holds) in kinds {
            let files = named(given, "models", flag)?.into_iter();
            models.extend(files.map(|(name, path)| ModelOf {
                name,
                path,
                holds,
                control: None,
            }));
        }
        Ok(models)
    }
}

/// Controls: what a good model must beat.
#[derive(Debug, Clone, Args)]
pub(crate) struct ControlFlags {
    /// A control of each model, or of the one named, compared like a model: typicality (only how far each stimulus is
    /// from all others), shuffled (its stimuli in another order), random-weights (its features through random weights).
    /// May be given several times.
    #[arg(long, value_name = "KIND[=MODEL]")]
    control: Vec<String>,
}

impl ControlFlags {
    /// The models and the controls of them.
    pub(crate) fn with(
        &self,
        mut models: Vec<ModelOf>,
        seed: u64,
    ) -> Result<Vec<ModelOf>, Failure> {
        let given = models.len();
        for text in &self.control {
            let (kind, only) = match text.split_once('=') {
                Some((kind, name)) => (kind, Some(name)),
                None => (text.as_str(), None),
            };
            let control = match kind {
                "typicality" => Control::Typicality,
                "shuffled" => Control::Shuffled { seed },
                "random-weights" => Control::RandomWeights { seed },
                _ => {
                    return Err(Failure::Error(format!(
                        "--control {text}: {kind:?} is no control; give typicality, shuffled or random-weights"
                    )));
                }
            };
            let known = models[..given].iter();
            let of: Vec<ModelOf> = known
                .filter(|of| only.is_none_or(|only| of.name == only))
                .cloned()
                .collect();
            if of.is_empty() {
                return Err(Failure::Error(format!(
                    "--control {text}: there is no model {:?}",
                    only.unwrap_or_default()
                )));
            }
            models.extend(of.into_iter().map(|of| ModelOf {
                name: control.name(&of.name),
                control: Some(control),
                ..of
            }));
        }
        Ok(models)
    }
}

/// How responses are standardised.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct StandardiseFlags {
    /// Samples over which each voxel is standardised.
    #[arg(long, value_enum, default_value_t = ScopeName::None)]
    standardise: ScopeName,
    /// Subtract means only, do not divide by standard deviations.
    #[arg(long)]
    centre_only: bool,
    /// Delta degrees of freedom of the standard deviation.
    #[arg(long, value_name = "N", default_value_t = 1)]
    ddof: usize,
    /// Take means and deviations from the samples that take part in analyses alone, not from those kept apart too.
    #[arg(long)]
    over_kept: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScopeName {
    /// Responses stay as they are.
    None,
    /// All samples at once.
    Global,
    /// Those of each session.
    Session,
    /// Those of each run.
    Run,
}

impl StandardiseFlags {
    pub(crate) const fn get(self) -> Standardisation {
        Standardisation {
            scope: match self.standardise {
                ScopeName::None => Scope::None,
                ScopeName::Global => Scope::Global,
                ScopeName::Session => Scope::Session,
                ScopeName::Run => Scope::Run,
            },
            scale: if self.centre_only {
                Scale::Centre
            } else {
                Scale::Zscore
            },
            ddof: self.ddof,
            over: if self.over_kept {
                Over::Kept
            } else {
                Over::All
            },
        }
    }
}
