//! `emotome evaluate`

use crate::failure::Failure;
use crate::flags::{SeedFlag, TripletsFlags};
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::{Args, ValueEnum};
use emotome_embedding::evaluate::score::{Scoring, Similarity, TieRule};
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_workflows::evaluate::{EvaluateRequest, EvaluateSummary, evaluate};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Ties {
    /// m-way ties credited 1/m.
    Fair,
    /// As the published SPoSE code.
    SposeFirst,
    /// As the published VICE code.
    ViceStrict,
    /// As the published object-dimensions code.
    ArgmaxFirst,
    /// A random one of the tied pairs.
    Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Interval {
    /// Items and trials both random.
    TwoWay,
    /// Bootstrap over items; conservative.
    Pigeonhole,
    /// Bootstrap over trials as if independent.
    Trials,
    /// Standard error over items, as published.
    PublishedItemwise,
}

/// Scores an embedding on choices that it was not fitted to.
#[derive(Debug, Args)]
pub(crate) struct Evaluate {
    /// Embedding: .npz, .npy, .txt, .csv or .tsv, a row per stimulus.
    #[arg(long, value_name = "FILE")]
    embedding: PathBuf,
    #[command(flatten)]
    triplets: TripletsFlags,
    /// Score all choices alike, whatever a split column marks: by default only those marked for testing are
    /// scored.
    #[arg(long)]
    ignore_splits: bool,
    /// Similarity is the negative Euclidean distance instead of the dot product.
    #[arg(long)]
    euclidean: bool,
    /// Share of trials that were answered by guessing.
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    lapse: f64,
    /// Credit for ties; the published rules are for comparison.
    #[arg(long, value_enum, default_value = "fair")]
    ties: Ties,
    /// How intervals are found.
    #[arg(long, value_enum, default_value = "two-way")]
    interval: Interval,
    /// Resamples of a bootstrap.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    replicates: usize,
    #[command(flatten)]
    seed: SeedFlag,
}

impl Evaluate {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let (replicates, seed) = (self.replicates, self.seed.get().0);
        let request = EvaluateRequest {
            embedding: self.embedding,
            triplets: self.triplets.file(None),
            ignore_splits: self.ignore_splits,
            scoring: Scoring {
                similarity: if self.euclidean {
                    Similarity::NegativeEuclidean
                } else {
                    Similarity::Dot
                },
                lapse: self.lapse,
                ties: match self.ties {
                    Ties::Fair => TieRule::Fair,
                    Ties::SposeFirst => TieRule::SposeFirst,
                    Ties::ViceStrict => TieRule::ViceStrict,
                    Ties::ArgmaxFirst => TieRule::ArgmaxFirst,
                    Ties::Random => TieRule::Random { seed },
                },
                ..Scoring::default()
            },
            resampling: match self.interval {
                Interval::TwoWay => Resampling::TwoWay,
                Interval::Pigeonhole => Resampling::Pigeonhole { replicates, seed },
                Interval::Trials => Resampling::Trials { replicates, seed },
                Interval::PublishedItemwise => Resampling::PublishedItemwise,
            },
        };
        session.show(&evaluate(&request, session.run())?, text)
    }
}

fn text(s: &EvaluateSummary) -> String {
    let a = &s.accuracy;
    rows([
        (
            "embedding",
            format!("{} stimuli × {} dimensions", s.n_items, s.dims),
        ),
        (
            "choices",
            s.scored_split.map_or_else(
                || count(a.n as u64),
                |split| format!("{}, those marked {split}", count(a.n as u64)),
            ),
        ),
        (
            "accuracy",
            format!(
                "{:.2} % [{:.2}, {:.2}] (guessing 33.33 %)",
                100.0 * a.accuracy,
                100.0 * a.accuracy_ci95.low,
                100.0 * a.accuracy_ci95.high
            ),
        ),
        (
            "NLL",
            format!(
                "{:.4} [{:.4}, {:.4}] nats (guessing 1.0986)",
                a.nll, a.nll_ci95.low, a.nll_ci95.high
            ),
        ),
        (
            "ties",
            format!("{:.3} % of the choices", 100.0 * a.tie_rate),
        ),
    ])
}
