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
    Array(#[from] emotome_stimuli::array::ArrayError),
    #[error(transparent)]
    Digest(#[from] emotome_stimuli::digest::DigestError),
    #[error(transparent)]
    Key(#[from] emotome_stimuli::stimulus::KeyError),
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
    /// A list of stimuli cannot be read.
    #[error("{path}: the list of stimuli cannot be read: {source}; give a study folder, or text with a key a line", path = path.display())]
    Stimuli {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
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
    /// Ratings of several kinds cannot be one table of features.
    #[error("{path}: {what}; name the scales to judge by with --scales categories, dimensions or all", path = path.display())]
    WhichScales {
        /// The ratings.
        path: PathBuf,
        /// What was found.
        what: String,
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
    /// Numbers of a table can be rows or keys of the embedding, which are not the same.
    #[error(
        "{choices}: its numbers can be rows of {embedding} or keys of its stimuli, and these differ; import the choices into .npy for rows, or with --keys into .parquet for keys", choices = choices.display(), embedding = embedding.display()
    )]
    RowsOrKeys {
        /// The table of choices.
        choices: PathBuf,
        /// The embedding.
        embedding: PathBuf,
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

impl WorkflowError {
    /// Whether the task was stopped on request, so that it can be resumed.
    #[must_use]
    pub const fn is_interruption(&self) -> bool {
        use emotome_embedding::evaluate::EvaluationError;
        use emotome_embedding::train::FitError;
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
                | Self::Stopped
        )
    }
}
