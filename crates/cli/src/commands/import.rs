//! `emotome import`

use super::command_line;
use crate::failure::Failure;
use crate::flags::{ForceFlag, parse_format};
use crate::show::{beside, count, rows, stimuli};
use crate::terminal::Session;
use clap::Args;
use emotome_triplets::convention::{Base, OddColumn};
use emotome_triplets::formats::Format;
use emotome_workflows::import::{
    ImportRequest, ImportSummary, StatedOdd, StimuliFrom, import, in_study,
};
use std::path::PathBuf;

/// Reads choices of any convention, tests on the data which column is odd, and writes them.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Choices as they came.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Format of the file, where the extension does not tell it.
    #[arg(long, value_name = "NAME", value_parser = parse_format)]
    format: Option<Format>,
    /// Which column is odd: first, second, third, or the name of a column of a table.
    /// [default: as the format has it]
    #[arg(long, value_name = "COLUMN", value_parser = parse_odd)]
    odd: Option<StatedOdd>,
    /// Number of the first stimulus. [default: as the format has it]
    #[arg(long, value_name = "0|1", value_parser = parse_base)]
    base: Option<Base>,
    /// Names of the item columns of a table. [default: a,b,c]
    #[arg(long, value_name = "A,B,C", value_parser = parse_items)]
    columns: Option<[String; 3]>,
    /// The table names stimuli by key instead of by number.
    #[arg(long)]
    keys: bool,
    /// Number of stimuli. [default: that of the reference, or inferred from the file and reported]
    #[arg(long, value_name = "N", conflicts_with = "stimuli")]
    n_items: Option<usize>,
    /// Stimuli: a study folder, or text with one key a line.
    #[arg(long, value_name = "FILE")]
    stimuli: Option<PathBuf>,
    /// Study folder: its stimuli, and its folder `choices` for the result.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["stimuli", "n_items"])]
    study: Option<PathBuf>,
    /// Embedding of these stimuli that tells how well each convention fits.
    #[arg(long, value_name = "EMBEDDING")]
    reference: Option<PathBuf>,
    /// Leave out rows that cannot be read, and list them.
    #[arg(long)]
    leave_out_bad_rows: bool,
    /// File for the choices: .npy or .txt with the odd one last, .csv, .tsv or .parquet.
    /// [default: STUDY/choices/STEM.parquet with --study]
    #[arg(long, value_name = "FILE", required_unless_present_any = ["study", "dry_run"])]
    out: Option<PathBuf>,
    /// Read and test the file, and write nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    force: ForceFlag,
}

fn parse_odd(name: &str) -> Result<StatedOdd, String> {
    Ok(match name {
        "first" => StatedOdd::Item(OddColumn::First),
        "second" => StatedOdd::Item(OddColumn::Second),
        "third" | "last" => StatedOdd::Item(OddColumn::Third),
        "" => return Err("expected first, second, third or the name of a column".to_owned()),
        other => StatedOdd::Named(other.to_owned()),
    })
}

fn parse_base(text: &str) -> Result<Base, String> {
    match text {
        "0" => Ok(Base::Zero),
        "1" => Ok(Base::One),
        _ => Err("expected 0 or 1".to_owned()),
    }
}

fn parse_items(text: &str) -> Result<[String; 3], String> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    names
        .try_into()
        .map_err(|found: Vec<String>| format!("{} names found, expected three", found.len()))
}

impl Import {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let out = self
            .out
            .or_else(|| Some(in_study(self.study.as_ref()?, &self.file)));
        let request = ImportRequest {
            file: self.file,
            format: self.format,
            odd: self.odd,
            base: self.base,
            items: self.columns,
            keys: self.keys,
            stimuli: match (self.stimuli.or(self.study), self.n_items) {
                (Some(path), _) => StimuliFrom::List(path),
                (None, Some(n)) => StimuliFrom::Count(n),
                (None, None) => StimuliFrom::Infer,
            },
            reference: self.reference,
            leave_out_bad_rows: self.leave_out_bad_rows,
            out: out.filter(|_| !self.dry_run),
            overwrite: self.force.get(),
            command: command_line(),
        };
        let summary = import(&request, session.run())?;
        for warning in &summary.warnings {
            eprintln!("emotome: warning: {warning}");
        }
        session.show(&summary, text)
    }
}

fn text(s: &ImportSummary) -> String {
    let mut out = vec![
        (
            "choices",
            format!("{} of {} rows", count(s.n as u64), count(s.rows)),
        ),
        (
            "stimuli",
            format!(
                "{}, {} of them shown",
                stimuli(s.n_items, s.n_items_inferred),
                count(s.n_items_seen as u64)
            ),
        ),
        (
            "read as",
            format!(
                "{}, {}{}",
                s.format,
                s.convention,
                if s.keys { ", stimuli by key" } else { "" }
            ),
        ),
    ];
    for (k, score) in s.detection.scores.iter().enumerate() {
        let ci = score.accuracy_ci95;
        out.push((
            if k == 0 { "test" } else { "" },
            format!(
                "{}: odd one as expected in {:.1} % [{:.1}, {:.1}] of {} rows (guessing 33.3 %)",
                score.convention,
                100.0 * score.accuracy,
                100.0 * ci.low,
                100.0 * ci.high,
                count(score.rows)
            ),
        ));
    }
    out.extend(
        s.detection
            .undecided
            .iter()
            .map(|why| ("undecided", why.clone())),
    );
    if !s.presented_order_known {
        out.push((
            "order",
            "the file does not say in which order stimuli were shown".to_owned(),
        ));
    }
    if s.left_out > 0 {
        let list = s.left_out_file.as_ref();
        out.push((
            "left out",
            format!(
                "{} rows, {} of them without a choice{}",
                count(s.left_out as u64),
                count(s.without_choice as u64),
                list.map_or_else(String::new, |path| format!(": {}", path.display()))
            ),
        ));
    }
    if !s.ignored_columns.is_empty() {
        out.push((
            "not read",
            format!("columns {}", s.ignored_columns.join(", ")),
        ));
    }
    out.extend(s.lost.iter().map(|what| {
        (
            "not written",
            format!("{what}; .csv, .tsv and .parquet keep it"),
        )
    }));
    out.extend(beside(s.stimuli.as_ref(), None));
    out.push((
        "file",
        s.out.as_ref().map_or_else(
            || "none: a dry run".to_owned(),
            |out| out.display().to_string(),
        ),
    ));
    rows(out)
}
