//! `emotome export`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, parse_format};
use crate::show::{beside, count, rows, stimuli};
use crate::terminal::Session;
use clap::{ArgGroup, Args};
use emotome_triplets::Split;
use emotome_triplets::formats::Format;
use emotome_workflows::choices::ChoiceFile;
use emotome_workflows::export::{ExportFrom, ExportRequest, ExportSummary, export};
use std::path::PathBuf;

/// Writes choices of a file or of a journal in another format.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("from").required(true).args(["triplets", "journal"]))]
pub(crate) struct Export {
    /// Choices in a file.
    #[arg(long, value_name = "FILE")]
    triplets: Option<PathBuf>,
    /// Format of that file, where the extension does not tell it.
    #[arg(long, value_name = "NAME", value_parser = parse_format, requires = "triplets")]
    format: Option<Format>,
    /// Number of stimuli of that file. [default: inferred from the file, and reported]
    #[arg(long, value_name = "N", requires = "triplets")]
    n_items: Option<usize>,
    /// What the numbers of that file stand for: a study folder, or text with a key a line.
    /// [default: STEM.stimuli.txt beside it, if it is there]
    #[arg(long, value_name = "FILE", requires = "triplets")]
    stimuli: Option<PathBuf>,
    /// Choices in a journal.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Agent whose choices are written; may be left out where the journal has only one.
    #[arg(long, value_name = "NAME", requires = "journal")]
    agent: Option<String>,
    /// Splits to write: train, validation, test, ceiling, fullset. [default: all]
    #[arg(long, value_name = "SPLIT", value_delimiter = ',', value_parser = parse_split, requires = "journal")]
    split: Vec<Split>,
    /// File to write: .npy or .txt with the odd one last, .csv, .tsv or .parquet.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Format to write, where the extension does not tell it.
    #[arg(long, value_name = "NAME", value_parser = parse_format)]
    to_format: Option<Format>,
    /// Name stimuli of a table by key instead of by number.
    #[arg(long)]
    keys: bool,
    /// Write the probabilities of the choices beside them, to be fitted as soft labels.
    #[arg(long)]
    probabilities: bool,
    #[command(flatten)]
    force: ForceFlag,
}

fn parse_split(name: &str) -> Result<Split, String> {
    Split::from_name(name).ok_or_else(|| {
        format!(
            "expected one of {}",
            Split::ALL.map(|s| s.to_string()).join(", ")
        )
    })
}

impl Export {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let from = match (self.triplets, self.journal) {
            (Some(path), _) => ExportFrom::File(ChoiceFile {
                path,
                format: self.format,
                n_stimuli: self.n_items,
                stimuli: self.stimuli,
            }),
            (None, Some(path)) => ExportFrom::Journal {
                path,
                agent: self.agent,
                splits: self.split,
            },
            (None, None) => {
                return Err(Failure::Error(
                    "give --triplets FILE or --journal FILE".to_owned(),
                ));
            }
        };
        let request = ExportRequest {
            from,
            out: self.out,
            to: self.to_format,
            keys: self.keys,
            probabilities: self.probabilities,
            overwrite: self.force.get(),
            command: command_line(),
        };
        session.show(&export(&request, session.run())?, text)
    }
}

fn text(s: &ExportSummary) -> String {
    let mut out = vec![
        ("choices", count(s.n as u64)),
        ("stimuli", stimuli(s.n_items, s.n_items_inferred)),
    ];
    out.extend(s.agent.iter().map(|agent| ("agent", agent.clone())));
    out.extend(s.lost.iter().map(|what| {
        (
            "not written",
            format!("{what}; .csv, .tsv and .parquet keep it"),
        )
    }));
    out.extend(beside(s.stimuli.as_ref(), s.probabilities.as_ref()));
    out.push(("file", format!("{} ({})", s.out.display(), s.format)));
    rows(out)
}
