//! `emotome tripletize`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, Metric, SeedFlag};
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::{Args, ValueEnum};
use emotome_judges::{Centring, ChoiceRule, MissingValues, SimilarityParams};
use emotome_workflows::tripletize::{TripletizeRequest, TripletizeSummary, tripletize};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Missing {
    /// Refuse the table.
    Refuse,
    /// Never judge stimuli with a missing value.
    DropStimuli,
    /// Compare two stimuli over the columns that both have.
    PairwiseComplete,
}

/// Makes odd-one-out choices from a table of features: the most similar pair leaves the odd one.
#[derive(Debug, Args)]
pub(crate) struct Tripletize {
    /// Features: .npy, .csv, .tsv or .txt, a row per stimulus.
    #[arg(long, value_name = "FILE")]
    features: PathBuf,
    /// How similar two rows are.
    #[arg(long, value_enum, default_value = "cosine")]
    metric: Metric,
    /// Number of choices; no triplet comes twice.
    #[arg(long, value_name = "N")]
    n: u64,
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
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Largest difference at which similarities count as equal; ties are broken by a uniform draw.
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    tie_tolerance: f64,
    /// File for the choices: .npy or .txt with the odd one last, .csv, .tsv or .parquet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    seed: SeedFlag,
    #[command(flatten)]
    force: ForceFlag,
}

impl Tripletize {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let centring = match (self.midpoint, self.centre, self.z_score) {
            (Some(midpoint), _, _) => Centring::ScaleMidpoint(midpoint),
            (None, true, _) => Centring::Mean,
            (None, _, true) => Centring::ZScore,
            _ => Centring::None,
        };
        let missing = match self.missing {
            Missing::Refuse => MissingValues::Refuse,
            Missing::DropStimuli => MissingValues::DropStimuli,
            Missing::PairwiseComplete => MissingValues::PairwiseComplete,
        };
        let request = TripletizeRequest {
            features: self.features,
            similarity: SimilarityParams { metric: self.metric.into(), centring, missing },
            rule: match self.temperature {
                Some(temperature) => ChoiceRule::Softmax { temperature },
                None => ChoiceRule::MostSimilarPair { tie_tolerance: self.tie_tolerance },
            },
            trials: self.n,
            seed: self.seed.get(),
            out: self.out,
            overwrite: self.force.get(),
            command: command_line(),
        };
        let summary = tripletize(&request, session.run())?;
        for warning in &summary.warnings {
            eprintln!("emotome: warning: {warning}");
        }
        session.show(&summary, text)
    }
}

fn text(s: &TripletizeSummary) -> String {
    rows([
        ("stimuli", count(s.n_items as u64)),
        ("choices", count(s.n as u64)),
        ("counts", serde_json::to_string(&s.counts).unwrap_or_default()),
        ("file", s.out.display().to_string()),
    ])
}
