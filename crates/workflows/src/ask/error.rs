//! Why a model cannot be asked.

use emotome_judges::batch::BatchStatus;
use std::path::PathBuf;

/// Why a model cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// A judge file cannot be used.
    #[error("{path}{}: {what}", line_of(*.line), path = path.display())]
    JudgeFile {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1; 0 for the whole file.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Something is missing that cannot be guessed.
    #[error("the judge {judge} {what}; {advice}")]
    Unclear {
        /// The judge.
        judge: String,
        /// What is missing or contradictory.
        what: String,
        /// What to do.
        advice: String,
    },
    /// A template cannot be used.
    #[error(transparent)]
    Template(#[from] emotome_judges::prompt::TemplateError),
    /// Captions cannot be shown.
    #[error(transparent)]
    Captions(#[from] emotome_judges::prompt::CaptionPolicyError),
    /// Files cannot be shown.
    #[error(transparent)]
    Media(#[from] emotome_judges::prompt::MediaFilesError),
    /// Frames cannot be taken so.
    #[error(transparent)]
    Policy(#[from] emotome_media::policy::PolicyError),
    /// Frames cannot be kept.
    #[error(transparent)]
    Cache(#[from] emotome_media::MediaError),
    /// The model cannot be asked so.
    #[error(transparent)]
    Dialogue(#[from] emotome_judges::answer::AskError),
    /// A key cannot be read.
    #[error(transparent)]
    Secret(#[from] emotome_judges::server::SecretError),
    /// An address is refused.
    #[error(transparent)]
    Endpoint(#[from] emotome_judges::server::EndpointError),
    /// Batch files cannot be read or written.
    #[error(transparent)]
    Batch(#[from] emotome_judges::batch::BatchError),
    /// Batches cannot be gone on with.
    #[error(transparent)]
    Jobs(#[from] emotome_judges::batch::JobsError),
    /// Nothing came back of a round.
    #[error(
        "nothing came back of the last {batches} batches, which ended as {}; the service says: {said}; mend that and run the same command again",
        .status.map_or("unknown", BatchStatus::name)
    )]
    Fruitless {
        /// Batches of the round.
        batches: usize,
        /// How the first one ended.
        status: Option<BatchStatus>,
        /// What the service said of the files.
        said: String,
    },
    /// A price is none.
    #[error(transparent)]
    Price(#[from] emotome_judges::server::PriceError),
    /// A server cannot be probed.
    #[error(transparent)]
    Client(#[from] emotome_judges::server::ClientError),
    /// A server tells nothing of itself.
    #[error(transparent)]
    Probe(#[from] emotome_judges::server::probe::ProbeError),
    /// A server cannot be asked so.
    #[error(transparent)]
    Server(#[from] emotome_judges::server::ServerError),
    /// Nothing was asked.
    #[error(transparent)]
    Engine(#[from] emotome_judges::server::AskError),
    /// A model cannot be run in this process.
    #[error(transparent)]
    Model(#[from] emotome_judges::local::LocalModelError),
    /// Servers cannot be asked for a readout so.
    #[error(transparent)]
    ServedReadout(#[from] emotome_judges::readout::ReadoutAskError),
    /// A model in this process cannot be read out so.
    #[error(transparent)]
    Readout(#[from] emotome_judges::local::LocalReadoutError),
    /// A model in this process cannot be asked so.
    #[error(transparent)]
    Local(#[from] emotome_judges::local::LocalJudgeError),
}

fn line_of(line: usize) -> String {
    match line {
        0 => String::new(),
        line => format!(", line {line}"),
    }
}
