//! What can go wrong in a task: the errors of all rooms, each with its own words.

use std::path::PathBuf;

/// Why a task failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // Each variant carries the error of one room, which documents itself.
pub enum WorkflowError {
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
    /// A file's extension does not tell its format.
    #[error("{path}: the extension does not tell the format of the choices; name it with --format ({known})", path = path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The formats there are.
        known: String,
    },
    /// Two files that must name the same stimuli do not.
    #[error("{left} and {right} name different stimuli in row {row} (counted from 1): {left_key:?} and {right_key:?}; results are aligned by key, so give files of the same stimuli")]
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
        matches!(
            self,
            Self::Fit(FitError::Interrupted { .. }) | Self::Evaluation(EvaluationError::Interrupted)
        )
    }
}
