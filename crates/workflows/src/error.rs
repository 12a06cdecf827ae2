//! What can go wrong in a task: the errors of all rooms, each with its own words.

use std::path::PathBuf;

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // Each variant carries the error of one room, which documents itself.
pub enum WorkflowError {
    #[error(transparent)]
    Analysis(#[from] crate::analysis::AnalysisError),
    #[error(transparent)]
    Ask(#[from] crate::ask::AskError),
    #[error(transparent)]
    Name(#[from] crate::name::NameError),
    #[error(transparent)]
    Array(#[from] emotome_stimuli::array::ArrayError),
    #[error(transparent)]
    Digest(#[from] emotome_stimuli::digest::DigestError),
    #[error(transparent)]
    Key(#[from] emotome_stimuli::stimulus::KeyError),
    #[error(transparent)]
    Keys(#[from] emotome_stimuli::keys::KeysError),
    #[error(transparent)]
    Calibration(#[from] emotome_judges::calibrate::CalibrationError),
    #[error(transparent)]
    Output(#[from] emotome_stimuli::output::OutputError),
    #[error(transparent)]
    Format(#[from] emotome_triplets::formats::FormatError),
    #[error(transparent)]
    Split(#[from] emotome_triplets::split::SplitError),
    #[error(transparent)]
    Choices(#[from] emotome_triplets::trial::ChoiceError),
    #[error(transparent)]
    Design(#[from] emotome_triplets::design::DesignError),
    #[error(transparent)]
    Similarity(#[from] emotome_judges::similarity::SimilarityError),
    #[error(transparent)]
    Simulation(#[from] emotome_judges::simulated::SimulationError),
    #[error(transparent)]
    ChoiceRule(#[from] emotome_judges::choice::ChoiceRuleError),
    #[error(transparent)]
    Collect(#[from] emotome_judges::collect::CollectError<std::convert::Infallible>),
    #[error(transparent)]
    Readout(#[from] emotome_judges::readout::ReadoutError),
    #[error(transparent)]
    ReadoutJudge(#[from] emotome_judges::readout::ReadoutJudgeError),
    #[error(transparent)]
    Fit(#[from] emotome_embedding::train::FitError),
    #[error(transparent)]
    Evaluation(#[from] emotome_embedding::evaluate::EvaluationError),
    #[error(transparent)]
    Embedding(#[from] emotome_embedding::EmbeddingError),
    #[error(transparent)]
    EmbeddingFile(#[from] emotome_embedding::files::EmbeddingFileError),
    #[error(transparent)]
    Subset(#[from] emotome_triplets::design::subset::SubsetError),
    #[error(transparent)]
    Study(#[from] emotome_stimuli::study::StudyError),
    #[error(transparent)]
    Init(#[from] emotome_stimuli::init::InitError),
    #[error(transparent)]
    Captions(#[from] emotome_stimuli::captions::CaptionsError),
    #[error(transparent)]
    RatingsFile(#[from] emotome_stimuli::ratings::RatingsError),
    #[error(transparent)]
    Fetch(#[from] emotome_stimuli::fetch::FetchError),
    #[error(transparent)]
    Journal(#[from] emotome_triplets::journal::JournalError),
    #[error(transparent)]
    Plan(#[from] emotome_triplets::plan::PlanError),
    #[error(transparent)]
    Rating(#[from] emotome_judges::ratings::RatingError),
    #[error(transparent)]
    CollectIntoJournal(
        #[from] emotome_judges::collect::CollectError<emotome_triplets::journal::JournalError>,
    ),
    #[error(transparent)]
    Diagnose(#[from] emotome_judges::diagnose::DiagnoseError),
    #[error(transparent)]
    Matching(#[from] emotome_stats::matching::MatchingError),
    #[error(transparent)]
    Pairs(#[from] emotome_interpret::pairs::PairsError),
    #[error(transparent)]
    Correlate(#[from] emotome_interpret::correlate::CorrelateError),
    #[error(transparent)]
    Naming(#[from] emotome_interpret::naming::NamingError),
    #[error(transparent)]
    Explain(#[from] emotome_interpret::explained::ExplainError),
    #[error(transparent)]
    Folds(#[from] emotome_interpret::explained::FoldsError),
    #[error(transparent)]
    Map(#[from] emotome_interpret::maps::MapError),
    #[error(transparent)]
    Structure(#[from] emotome_interpret::structure::StructureError),
    #[error(transparent)]
    Graph(#[from] emotome_interpret::graph::GraphError),
    #[error(transparent)]
    Align(#[from] emotome_interpret::align::AlignError),
    #[error(transparent)]
    Chance(#[from] emotome_interpret::chance::ChanceError),
    #[error(transparent)]
    Rsa(Box<crate::rsa::RsaError>),
    #[error(transparent)]
    Store(Box<emotome_brain::store::StoreError>),
    #[error(transparent)]
    BrainImport(Box<emotome_brain::import::ImportError>),
    #[error(transparent)]
    BrainSimulate(Box<emotome_brain::simulate::SimulateError>),
    #[error(transparent)]
    BrainMap(Box<crate::map::MapError>),
    #[error(transparent)]
    Image(Box<emotome_neurofiles::nifti::ImageError>),
    #[error(transparent)]
    Render(#[from] emotome_figures::render::RenderError),
    /// A figure without what it is drawn from.
    #[error("the figure {figure} needs {need}")]
    FigureNeeds {
        /// The figure.
        figure: &'static str,
        /// What is missing.
        need: crate::figure::Need,
    },
    /// Several files of choices where embeddings are scored on one.
    #[error(
        "the figure {figure} scores embeddings on one file of choices, {found} are given; give --triplets FILE once"
    )]
    FigureOfOneFile {
        /// The figure.
        figure: &'static str,
        /// Files given.
        found: usize,
    },
    /// An embedding has nothing of what a figure shows.
    #[error("there is nothing to draw in {figure} of {agent}: {why}")]
    NothingInEmbedding {
        /// The figure.
        figure: &'static str,
        /// Whose embedding.
        agent: String,
        /// What it lacks.
        why: &'static str,
    },
    /// Pictures of stimuli are asked for, and nothing says where their media are.
    #[error("pictures of stimuli come from the media of a study; name its folder (--study DIR)")]
    FramesNeedStudy,
    #[error(transparent)]
    FramePolicy(#[from] emotome_media::policy::PolicyError),
    /// A dimension that no embedding has.
    #[error("dimension {found} is asked for; they are counted from 1, and there are {most}")]
    NoSuchDimension {
        /// The number asked for.
        found: usize,
        /// The most that an embedding has.
        most: usize,
    },
    /// There is nothing of what a figure shows.
    #[error(
        "there is nothing to draw in {figure}: the embeddings and ratings hold none of what it shows (ratings of both kinds need --categories N --dimensions M)"
    )]
    NothingToDraw {
        /// The figure.
        figure: &'static str,
    },
    /// Too few draws for an interval, a p or a fit.
    #[error("{flag} {found} is too few; give at least {fewest}")]
    TooFewDraws {
        /// The flag.
        flag: &'static str,
        /// Its value.
        found: usize,
        /// The fewest that say anything.
        fewest: usize,
    },
    /// Too few stimuli for the published t-SNE recipe.
    #[error(
        "the published recipe of t-SNE, with perplexity 30, needs at least {fewest} stimuli, and {found} stimuli are interpreted; leave out --tsne published"
    )]
    TooFewForRecipe {
        /// The stimuli.
        found: usize,
        /// The fewest.
        fewest: usize,
    },
    /// A list of names cannot be read.
    #[error("{path}: the names cannot be read: {what}", path = path.display())]
    NamesFile {
        /// The list.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// A list of names has another length than there are dimensions.
    #[error("{path}: names {found} dimensions, the embedding has {expected}; give a name a line, in the order of the embedding", path = path.display())]
    NamesCount {
        /// The list.
        path: PathBuf,
        /// Its length.
        found: usize,
        /// The number of dimensions.
        expected: usize,
    },
    /// Names of which nothing says whose dimensions they name.
    #[error("{path}: nothing says whose dimensions these names are of; give --names AGENT=FILE once for each of {}", known.join(", "), path = path.display())]
    WhoseNames {
        /// The file.
        path: PathBuf,
        /// The agents there are.
        known: Vec<String>,
    },
    /// Halves of which nothing says whose choices they are of.
    #[error("{path}: nothing says whose choices these are half of; give --halves AGENT=FILE,FILE at most once for each of {}", known.join(", "), path = path.display())]
    WhoseHalves {
        /// The first half.
        path: PathBuf,
        /// The agents there are.
        known: Vec<String>,
    },
    /// A half has not all stimuli of the whole.
    #[error("{path}: lacks {lacking} of the {of} stimuli that are interpreted (first {first:?}); give an embedding of all of them, fitted to half of the choices", path = path.display())]
    HalfLacks {
        /// The half.
        path: PathBuf,
        /// How many stimuli it lacks.
        lacking: usize,
        /// How many are interpreted.
        of: usize,
        /// The first that it lacks.
        first: Box<str>,
    },
    /// Ratings have not the columns stated.
    #[error("{path}: has {found} columns of ratings, but {categories} categories and {dimensions} dimensions are stated, {} together; correct --categories and --dimensions (a first column of keys that are numbers must be called key)", categories + dimensions, path = path.display())]
    ScalesCount {
        /// The ratings.
        path: PathBuf,
        /// Columns found.
        found: usize,
        /// Categories stated.
        categories: usize,
        /// Affective dimensions stated.
        dimensions: usize,
    },
    /// Nothing says what a column of ratings measures.
    #[error("{path}: {source} (--categories N --dimensions M, the categories first)", path = path.display())]
    Kind {
        /// The ratings.
        path: PathBuf,
        /// Which column.
        source: emotome_interpret::rating::UnknownKind,
    },
    /// A file without keys has another number of rows than there are stimuli.
    #[error("{file}: has {found} rows and names no stimuli, {other} has {expected}: nothing says which belong together; give a file with keys (.npz with stimuli; .tsv or .csv with keys in a first column called key), or one with a row for every stimulus, in the same order", file = file.display(), other = other.display())]
    RowsDiffer {
        /// The file.
        file: PathBuf,
        /// Its rows.
        found: usize,
        /// The file that names the stimuli.
        other: PathBuf,
        /// Its rows.
        expected: usize,
    },
    /// Embeddings and ratings are of different stimuli.
    #[error("the files share {shared} stimuli, at least {fewest} are needed; stimuli are matched by key, and of all files {embedding} (first key {embedding_key:?}) and {other} (first key {other_key:?}) have the fewest in common", embedding = embedding.display(), other = other.display())]
    FewShared {
        /// The embedding that shares least.
        embedding: PathBuf,
        /// Its first key.
        embedding_key: Box<str>,
        /// The ratings, or the embedding that names the stimuli.
        other: PathBuf,
        /// Its first key.
        other_key: Box<str>,
        /// Stimuli that all share.
        shared: usize,
        /// Fewest needed.
        fewest: usize,
    },
    /// A column is named where columns have no names.
    #[error(
        "--odd {column:?} names a column, but the columns of {format} files have no names to choose from; say first, second or third, or read a table with --format table"
    )]
    OddNeedsTable {
        /// The column asked for.
        column: String,
        /// The format.
        format: emotome_triplets::formats::Format,
    },
    /// A split column holds choices out, and so do the flags.
    #[error("{path}: the split column marks {} choices for validation and {} for testing, and other held-out choices are asked for; leave out --validation-share, --test-share, --validation and --test to hold out what is marked, or give --ignore-splits to hold out what is asked for and fit whatever is left, choices for the ceiling and of the full set included", marked.validation, marked.test, path = path.display())]
    HeldOutTwice {
        /// The file of choices.
        path: PathBuf,
        /// What is marked.
        marked: crate::fit::MarkedSplits,
    },
    /// A split column leaves nothing to fit.
    #[error("{path}: the split column marks no choice for training, but {} for validation, {} for testing, {} for the ceiling and {} of the full set; give a file with choices for training, or --ignore-splits to fit these", marked.validation, marked.test, marked.ceiling, marked.full_set, path = path.display())]
    NothingToTrainOn {
        /// The file of choices.
        path: PathBuf,
        /// What is marked.
        marked: crate::fit::MarkedSplits,
    },
    /// A split column leaves nothing to score.
    #[error("{path}: the split column marks no choice for testing, but {} for training, {} for validation, {} for the ceiling and {} of the full set; give a file with choices for testing, or --ignore-splits to score these", marked.train, marked.validation, marked.ceiling, marked.full_set, path = path.display())]
    NothingToScore {
        /// The file of choices.
        path: PathBuf,
        /// What is marked.
        marked: crate::fit::MarkedSplits,
    },
    /// Two files of choices have no triplet in common.
    #[error("{left} and {right} share no triplet, so there is nothing to compare; give choices on the same trials and the same stimuli", left = left.display(), right = right.display())]
    NothingShared {
        /// The first file.
        left: PathBuf,
        /// The second file.
        right: PathBuf,
    },
    /// A journal has several agents, or none, and none was named.
    #[error("{path} has {n} agents; name one of them ({known})", path = path.display(), n = known.len(), known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") })]
    WhichAgent {
        /// The journal.
        path: PathBuf,
        /// The agents there are.
        known: Vec<String>,
    },
    /// A file has choices of several agents and none was named, or one that is not among them.
    #[error("{path}: has choices of {known}; name one of these agents (--agent NAME)", path = path.display(), known = counted(known))]
    WhichOfAgents {
        /// The file of choices.
        path: PathBuf,
        /// The agents there are, and how many choices each has.
        known: Vec<(String, usize)>,
    },
    /// An agent is named where no column says who chose.
    #[error("{path}: has no column that says which agent chose; leave out --agent, or give a file with the column agent (.csv, .tsv) or agent_id (.parquet)", path = path.display())]
    NoAgents {
        /// The file of choices.
        path: PathBuf,
    },
    /// Ratings of several kinds cannot be one table of features.
    #[error("{path}: {what}; name the scales to judge by with --scales categories, dimensions or all", path = path.display())]
    WhichScales {
        /// The ratings.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The user asked to stop a task whose folder keeps what is done.
    #[error("stopped at your request; {out} keeps what is done: run the same command with --resume", out = out.display())]
    Paused {
        /// The folder.
        out: PathBuf,
    },
    /// There is nothing to go on with.
    #[error("{out} holds no interrupted run to resume; run the command without --resume", out = out.display())]
    NothingToResume {
        /// The folder.
        out: PathBuf,
    },
    /// A public file is not where `emotome fetch` puts it.
    #[error("{path} is not there; get it with `emotome fetch {source_id}`, which says how, or name the file (--ratings FILE)", path = path.display())]
    NotFetched {
        /// Where it would be.
        path: PathBuf,
        /// The source that has it.
        source_id: &'static str,
    },
    /// The user asked to stop a task that keeps nothing.
    #[error("stopped at your request; nothing was written: run the same command again")]
    Stopped,
    /// A file's extension does not tell its format.
    #[error("{path}: the extension does not tell the format of the choices; name it with --format ({known})", path = path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The formats there are.
        known: String,
    },
    /// Numbers of a table can be rows or keys of the stimuli, which are not the same.
    #[error(
        "{choices}: its numbers can be rows of {stimuli} or keys of its stimuli, and these differ; import the choices into .npy for rows, or with --keys into .parquet for keys", choices = choices.display(), stimuli = stimuli.display()
    )]
    RowsOrKeys {
        /// The table of choices.
        choices: PathBuf,
        /// The file that lists the stimuli.
        stimuli: PathBuf,
    },
    /// A list of stimuli has another length than stated.
    #[error("{list} lists {found} stimuli, but {stated} are stated; correct --n-items, or name the right list (--stimuli FILE)", list = list.display())]
    StimuliCount {
        /// The list.
        list: PathBuf,
        /// Its length.
        found: usize,
        /// The number stated.
        stated: usize,
    },
    /// Choice probabilities are asked of choices that have none.
    #[error("{path}: has no choice probabilities for these choices; only journals of agents that give them have (features, ratings without redrawn raters, simulated)", path = path.display())]
    NoProbabilities {
        /// The file of choices, or the journal.
        path: PathBuf,
    },
    /// Redrawn raters have a noise of their own.
    #[error(
        "the noise of redrawn raters (--raters) cannot be calibrated: leave out --raters, or the --match- flag"
    )]
    CalibratedRaters,
    /// Soft labels do not stand beside these choices.
    #[error("{path}: {rows} rows of {columns} columns found; soft labels of {choices} choices have a row for each and three columns, the probability that the stimulus of that column is odd (rows without a choice are left out when choices are read)", path = path.display())]
    Targets {
        /// The file of labels.
        path: PathBuf,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// The choices read.
        choices: usize,
    },
    /// Of two files of choices one names its stimuli and one only numbers them.
    #[error("{named} names its stimuli and {numbered} numbers them, so nothing says which are the same; list the keys of the numbers, one a line, in {list}", named = named.display(), numbered = numbered.display(), list = emotome_stimuli::keys::beside(numbered).display())]
    OneNamed {
        /// The file with keys.
        named: PathBuf,
        /// The file without.
        numbered: PathBuf,
    },
    /// Two files that must name the same stimuli do not.
    #[error(
        "{left} and {right} name different stimuli in row {row} (counted from 1): {left_key:?} and {right_key:?}; results are aligned by key, so give files of the same stimuli"
    )]
    StimuliDiffer {
        /// The first file.
        left: PathBuf,
        /// The second file.
        right: PathBuf,
        /// The first row that differs.
        row: usize,
        /// Its key in the first file.
        left_key: String,
        /// Its key in the second file.
        right_key: String,
    },
}

/// The first of the agents and their numbers of choices.
fn counted(known: &[(String, usize)]) -> String {
    const SHOWN: usize = 20;
    let mut said: Vec<_> = known
        .iter()
        .take(SHOWN)
        .map(|(name, n)| format!("{name:?} ({n})"))
        .collect();
    if known.len() > SHOWN {
        said.push(format!("{} more", known.len() - SHOWN));
    }
    said.join(", ")
}

/// Errors of the brain's rooms are boxed: they carry grids, and every result of a task would be as large.
macro_rules! boxed {
    ($($variant:ident($error:ty)),* $(,)?) => {$(
        impl From<$error> for WorkflowError {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        }
    )*};
}

boxed! {
    Rsa(crate::rsa::RsaError),
    Store(emotome_brain::store::StoreError),
    BrainImport(emotome_brain::import::ImportError),
    BrainSimulate(emotome_brain::simulate::SimulateError),
    BrainMap(crate::map::MapError),
    Image(emotome_neurofiles::nifti::ImageError),
}

impl WorkflowError {
    /// Whether the task was stopped on request, so that it can be resumed.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        use crate::rsa::RsaError;
        use emotome_brain::import::ImportError;
        use emotome_brain::inference::InferenceError;
        use emotome_brain::simulate::SimulateError;
        use emotome_brain::store::StoreError;
        use emotome_embedding::evaluate::EvaluationError;
        use emotome_embedding::train::FitError;
        use emotome_interpret::align::AlignError;
        use emotome_interpret::chance::ChanceError;
        use emotome_interpret::correlate::CorrelateError;
        use emotome_interpret::explained::ExplainError;
        use emotome_interpret::graph::GraphError;
        use emotome_interpret::maps::MapError;
        use emotome_interpret::structure::StructureError;
        use emotome_stimuli::fetch::FetchError;
        use emotome_stimuli::init::InitError;
        use emotome_triplets::formats::FormatError;
        use emotome_triplets::journal::JournalError;
        matches!(
            self,
            Self::Fit(FitError::Interrupted { .. })
                | Self::Evaluation(EvaluationError::Interrupted)
                | Self::Format(FormatError::Interrupted)
                | Self::Init(InitError::Interrupted { .. })
                | Self::Fetch(FetchError::Interrupted { .. })
                | Self::Journal(JournalError::Interrupted)
                | Self::Correlate(CorrelateError::Interrupted)
                | Self::Explain(ExplainError::Interrupted)
                | Self::Chance(ChanceError::Correlate(CorrelateError::Interrupted))
                | Self::Graph(GraphError::Interrupted)
                | Self::Structure(StructureError::Interrupted)
                | Self::Align(AlignError::Interrupted)
                | Self::Map(MapError::Interrupted)
                | Self::Paused { .. }
                | Self::Stopped
        ) || match self {
            Self::Store(error) => matches!(**error, StoreError::Interrupted),
            Self::BrainSimulate(error) => matches!(**error, SimulateError::Interrupted),
            Self::BrainImport(error) => {
                matches!(**error, ImportError::Store(StoreError::Interrupted))
            }
            Self::Rsa(error) => matches!(**error, RsaError::Inference(InferenceError::Interrupted)),
            _ => false,
        }
    }
}
