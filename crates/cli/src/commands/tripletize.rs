//! `emotome tripletize`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, SeedFlag, SimilarityFlags, calibration};
use crate::show::{beside, count, rows};
use crate::terminal::Session;
use clap::Args;
use emotome_judges::{Centring, SimilarityParams};
use emotome_workflows::tripletize::{TripletizeRequest, TripletizeSummary, tripletize};
use std::path::PathBuf;

/// Makes odd-one-out choices from a table of features: the most similar pair leaves the odd one.
#[derive(Debug, Args)]
pub(crate) struct Tripletize {
    /// Features: .npy, .csv, .tsv or .txt, a row per stimulus.
    #[arg(long, value_name = "FILE")]
    features: PathBuf,
    /// Number of choices; no triplet comes twice.
    #[arg(long, value_name = "N")]
    n: u64,
    #[command(flatten)]
    similarity: SimilarityFlags,
    /// Write the probabilities from which choices were drawn beside them, to be fitted as soft labels.
    #[arg(long, requires = "noise")]
    probabilities: bool,
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
        let request = TripletizeRequest {
            features: self.features,
            similarity: SimilarityParams {
                metric: self.similarity.metric(),
                centring: self.similarity.centring().unwrap_or(Centring::None),
                missing: self.similarity.missing(),
            },
            rule: self.similarity.rule(),
            probabilities: self.probabilities,
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
    let mut out = vec![
        ("stimuli", count(s.n_items as u64)),
        ("choices", count(s.n as u64)),
        (
            "ties",
            format!("{}, each decided by a draw", count(s.counts.tied)),
        ),
        (
            "left out",
            format!(
                "{} triplets without a choice",
                count(s.counts.judged - s.counts.chosen)
            ),
        ),
        ("file", s.out.display().to_string()),
    ];
    out.extend(
        s.calibration
            .iter()
            .map(|found| ("calibrated", calibration(found))),
    );
    out.extend(beside(s.stimuli.as_ref(), s.probabilities.as_ref()));
    rows(out)
}
