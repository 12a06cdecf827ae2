//! `emotome compare`

use crate::failure::Failure;
use crate::flags::parse_format;
use crate::show::{count, rows};
use crate::terminal::Session;
use clap::{ArgGroup, Args};
use emotome_embedding::evaluate::score::{Scoring, Similarity};
use emotome_embedding::evaluate::two_way::Resampling;
use emotome_triplets::formats::Format;
use emotome_workflows::choices::ChoiceFile;
use emotome_workflows::compare::{
    ChoicesSummary, EmbeddingsRequest, EmbeddingsSummary, compare_choices, compare_embeddings,
};
use std::path::PathBuf;

/// Compares two agents on the triplets they share, or two embeddings of the same stimuli.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).multiple(true).args(["triplets", "embedding"]))]
pub(crate) struct Compare {
    /// Choices: of the first agent, or, with --embedding, those on which both embeddings are scored.
    #[arg(long, value_name = "FILE")]
    triplets: Option<PathBuf>,
    /// First embedding: .npz, .npy, .txt, .csv or .tsv, a row per stimulus.
    #[arg(long, value_name = "FILE")]
    embedding: Option<PathBuf>,
    /// What to compare with: choices of another agent, or another embedding.
    #[arg(long = "with", value_name = "FILE")]
    other: PathBuf,
    /// Format of the choices, where the extension does not tell it.
    #[arg(long, value_name = "NAME", value_parser = parse_format)]
    format: Option<Format>,
    /// Format of the other choices. [default: as --format]
    #[arg(long, value_name = "NAME", value_parser = parse_format, conflicts_with = "embedding")]
    with_format: Option<Format>,
    /// What the numbers of the choices stand for: a study folder, or text with a key a line.
    /// [default: STEM.stimuli.txt beside the choices, if it is there]
    #[arg(long, value_name = "FILE")]
    stimuli: Option<PathBuf>,
    /// What the numbers of the other choices stand for. [default: likewise]
    #[arg(long, value_name = "FILE", conflicts_with = "embedding")]
    with_stimuli: Option<PathBuf>,
    /// Score all choices alike, whatever a split column marks: by default only those marked for testing are
    /// scored.
    #[arg(long, requires = "embedding")]
    ignore_splits: bool,
    /// Similarity is the negative Euclidean distance instead of the dot product.
    #[arg(long, requires = "embedding")]
    euclidean: bool,
}

impl Compare {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let file = |path, format, stimuli| ChoiceFile {
            format,
            stimuli,
            ..ChoiceFile::new(path)
        };
        match (self.embedding, self.triplets) {
            (Some(first), triplets) => {
                let similarity = if self.euclidean {
                    Similarity::NegativeEuclidean
                } else {
                    Similarity::Dot
                };
                let request = EmbeddingsRequest {
                    first,
                    second: self.other,
                    triplets: triplets.map(|path| file(path, self.format, self.stimuli)),
                    ignore_splits: self.ignore_splits,
                    scoring: Scoring {
                        similarity,
                        ..Scoring::default()
                    },
                    resampling: Resampling::default(),
                };
                session.show(&compare_embeddings(&request, session.run())?, of_embeddings)
            }
            (None, Some(triplets)) => {
                let format = self.with_format.or(self.format);
                let other = file(self.other, format, self.with_stimuli);
                let ours = file(triplets, self.format, self.stimuli);
                let summary = compare_choices(&ours, &other, session.run())?;
                session.show(&summary, of_choices)
            }
            (None, None) => Err(Failure::Error(
                "give --triplets FILE or --embedding FILE".to_owned(),
            )),
        }
    }
}

fn of_choices(s: &ChoicesSummary) -> String {
    let a = &s.agreement;
    rows([
        (
            "choices",
            format!("{} and {}", count(s.n[0] as u64), count(s.n[1] as u64)),
        ),
        ("shared triplets", count(a.triplets)),
        (
            "agreement",
            format!(
                "{:.1} % [{:.1}, {:.1}] (guessing 33.3 %)",
                100.0 * a.raw,
                100.0 * a.raw_ci95.low,
                100.0 * a.raw_ci95.high
            ),
        ),
        (
            "above chance",
            format!(
                "{:.1} % of the way from guessing to identical",
                100.0 * a.chance_corrected
            ),
        ),
        ("κ", format!("{:.3}", a.kappa)),
    ])
}

fn of_embeddings(s: &EmbeddingsSummary) -> String {
    let mut out = vec![
        ("stimuli", count(s.n_items as u64)),
        ("dimensions", format!("{} and {}", s.dims[0], s.dims[1])),
    ];
    if let Some(scores) = &s.scores {
        let d = &scores.difference;
        let [a, b] = [&scores.first, &scores.second];
        out.push(("choices", count(d.n as u64)));
        out.push((
            "accuracy",
            format!(
                "{:.2} % − {:.2} % = {:+.2} points [{:+.2}, {:+.2}], p = {:.2e}",
                100.0 * a.accuracy,
                100.0 * b.accuracy,
                100.0 * d.accuracy_difference,
                100.0 * d.accuracy_difference_ci95.low,
                100.0 * d.accuracy_difference_ci95.high,
                d.accuracy_p
            ),
        ));
        out.push((
            "NLL",
            format!(
                "{:.4} − {:.4} = {:+.4} [{:+.4}, {:+.4}] nats, p = {:.2e}",
                a.nll,
                b.nll,
                d.nll_difference,
                d.nll_difference_ci95.low,
                d.nll_difference_ci95.high,
                d.nll_p
            ),
        ));
    }
    out.push((
        "mean r",
        format!(
            "{:.3} over {} matched dimensions",
            s.mean_r,
            s.matches.len()
        ),
    ));
    let pairs = s
        .matches
        .iter()
        .map(|m| format!("{}–{} {:.2}", m.first, m.second, m.r));
    out.push(("matches", pairs.collect::<Vec<_>>().join(", ")));
    rows(out)
}
