//! From a file of unknown convention to choices that can be trusted.

use crate::WorkflowError;
use crate::choices::{all_words, format_of, not_a_number};
use crate::write::{Beside, Output, losses, refuse_existing, refuse_existing_choices};
use emotome_embedding::EmbeddingError;
use emotome_embedding::files::{EmbeddingFile, read_embedding};
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use emotome_stimuli::{StimulusId, StimulusSet, keys};
use emotome_triplets::convention::{Base, Convention, Detection, OddColumn, Reference};
use emotome_triplets::formats::{
    self, Format, ItemTokens, LeftOut, OddBy, PresentedOrder, ReadOptions, Stimuli, TableColumns,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Where a file has its odd one, as the user states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatedOdd {
    /// In one of the three item columns.
    Item(OddColumn),
    /// In a column of this name: its place, or, if it is one of the item columns, itself.
    Named(String),
}

/// Which stimuli there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StimuliFrom {
    /// As many as the file calls for, or as the reference has; reported as inferred.
    Infer,
    /// This many.
    Count(usize),
    /// Those of a study folder, or of a text with one key a line.
    List(PathBuf),
}

/// What to import and what is stated of it; what is not stated is the format's own convention.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The file.
    pub file: PathBuf,
    /// Its format; by the extension if not given.
    pub format: Option<Format>,
    /// Where its odd one is.
    pub odd: Option<StatedOdd>,
    /// From which number its ids count.
    pub base: Option<Base>,
    /// The names of the item columns of a table.
    pub items: Option<[String; 3]>,
    /// Whether a table names stimuli by key.
    pub keys: bool,
    /// Which stimuli there are.
    pub stimuli: StimuliFrom,
    /// An embedding of the stimuli that tells odd ones from others.
    pub reference: Option<PathBuf>,
    /// Whether rows that cannot be read are left out and listed.
    pub leave_out_bad_rows: bool,
    /// The file of choices; its extension names the format. Without one nothing is written.
    pub out: Option<PathBuf>,
    /// Whether it may be replaced.
    pub overwrite: Overwrite,
    /// The command, for the provenance.
    pub command: Vec<String>,
}

/// What was imported. Field names are stable.
#[derive(Debug, Clone, Serialize)]
pub struct ImportSummary {
    /// Choices written.
    pub n: usize,
    /// Stimuli.
    pub n_items: usize,
    /// Whether their number was inferred from the file.
    pub n_items_inferred: bool,
    /// Stimuli that stand in some choice.
    pub n_items_seen: usize,
    /// The format read.
    pub format: &'static str,
    /// The convention under which it was read.
    pub convention: Convention,
    /// Whether a table was read by key: stated, or because it has no numbers.
    pub keys: bool,
    /// Whether the presented order is known.
    pub presented_order_known: bool,
    /// Rows that hold a trial.
    pub rows: u64,
    /// Blank lines.
    pub blank_lines: u64,
    /// Comment lines.
    pub comment_lines: u64,
    /// Columns that were not read.
    pub ignored_columns: Vec<String>,
    /// Rows left out.
    pub left_out: usize,
    /// Of these, trials that ended without a choice.
    pub without_choice: usize,
    /// The list of rows left out, if there are any.
    pub left_out_file: Option<PathBuf>,
    /// What the written format cannot hold.
    pub lost: Vec<&'static str>,
    /// What is doubtful about the file and cannot be tested.
    pub warnings: Vec<String>,
    /// What the data say about their convention.
    pub detection: Detection,
    /// The file of choices; `null` if none was asked for.
    pub out: Option<PathBuf>,
    /// The keys of its stimuli, if these have keys and the file written holds numbers.
    pub stimuli: Option<PathBuf>,
}

/// Reads choices, tests on the data which column is odd and from where ids count, refuses stated
/// conventions that they contradict, and writes choices, rows left out, and provenance.
///
/// # Errors
/// [`WorkflowError::Format`] for files that cannot be read or contradict what is stated of them;
/// [`WorkflowError`] of reading stimuli and reference, and of writing.
pub fn import(request: &ImportRequest, run: Run<'_>) -> Result<ImportSummary, WorkflowError> {
    let format = request
        .format
        .map_or_else(|| format_of(&request.file), Ok)?;
    let to = request.out.as_deref().map(format_of).transpose()?;
    let left_out_file = request
        .out
        .as_ref()
        .map(|out| out.with_extension("left_out.tsv"));
    if let Some(out) = &request.out {
        refuse_existing_choices(out, false, request.overwrite)?;
        refuse_existing(request.overwrite, left_out_file.clone())?;
    }
    let listed = match &request.stimuli {
        StimuliFrom::List(path) => Some(keys::read(path)?),
        _ => None,
    };
    let reference = request.reference.as_ref().map(read_embedding).transpose()?;
    let stimuli = match (&listed, &request.stimuli, &reference) {
        (Some(set), ..) => Stimuli::Set(set),
        (_, StimuliFrom::Count(n), _) => Stimuli::Count(*n),
        // Keys that only the file knows cannot be rows of the reference.
        (
            _,
            _,
            Some(EmbeddingFile {
                stimuli: Some(set), ..
            }),
        ) => Stimuli::Set(set),
        (_, _, Some(file)) => Stimuli::Count(file.embedding.n_stimuli()),
        _ => Stimuli::Infer,
    };
    if let Some(file) = &reference {
        check_reference(request, file, listed.as_ref(), stimuli)?;
    }
    let options = read_options(request, format, stimuli)?;
    let similarity = |a: StimulusId, b: StimulusId| {
        reference.as_ref().map_or(f64::NAN, |file| {
            let (a, b) = (file.embedding.row(a.index()), file.embedding.row(b.index()));
            a.iter()
                .zip(b)
                .map(|(&x, &y)| f64::from(x) * f64::from(y))
                .sum()
        })
    };
    let asked = if reference.is_some() {
        Reference::Similarity(&similarity)
    } else {
        Reference::Itself
    };
    let read = |tokens| {
        let mut options = options.clone();
        options.columns.tokens = tokens;
        formats::import(&request.file, format, &options, asked, run)
    };
    let stated = read(options.columns.tokens);
    let no_numbers = match &stated {
        Ok((imported, _)) => imported.table.choices.is_empty(),
        Err(error) => not_a_number(error),
    };
    let (read_by_key, read) = if format == Format::Table && !request.keys && no_numbers {
        match (read(ItemTokens::Keys), &listed) {
            // With a list, every key can be looked up; without, one key among numbers is a slip.
            (by_key, Some(_)) => (true, by_key),
            (Ok((imported, detection)), None)
                if imported.stimuli.as_ref().is_some_and(all_words) =>
            {
                (true, Ok((imported, detection)))
            }
            (_, None) => (false, stated),
        }
    } else {
        (request.keys && format == Format::Table, stated)
    };
    let (imported, detection) = read?;
    if imported.table.choices.is_empty() {
        return Err(formats::FormatError::Empty {
            path: request.file.clone(),
        }
        .into());
    }
    let output = request.out.as_deref().zip(to).map(|(out, to)| Output {
        out,
        to,
        stimuli: imported.stimuli.as_ref().or(listed.as_ref()),
        by_key: imported.stimuli.is_some(),
        overwrite: request.overwrite,
    });
    let beside = match &output {
        Some(output) => output.write(&imported.table, None)?,
        None => Beside::default(),
    };
    let left_out_file = left_out_file.filter(|_| !imported.left_out.is_empty());
    if let Some(path) = &left_out_file {
        write_left_out(path, &imported.left_out, request.overwrite)?;
    }
    let summary = ImportSummary {
        n: imported.table.choices.len(),
        n_items: imported.table.choices.n_stimuli(),
        n_items_inferred: imported.n_inferred,
        n_items_seen: imported.n_seen,
        format: format.name(),
        convention: imported.convention,
        keys: read_by_key,
        presented_order_known: imported.table.presented_order == PresentedOrder::Known,
        rows: imported.rows,
        blank_lines: imported.blank_lines,
        comment_lines: imported.comment_lines,
        ignored_columns: imported.ignored_columns,
        left_out: imported.left_out.len(),
        without_choice: imported
            .left_out
            .iter()
            .filter(|row| row.reason.is_no_choice())
            .count(),
        left_out_file,
        lost: to.map_or_else(Vec::new, |to| losses(&imported.table, to)),
        warnings: warnings(request, &imported.convention, &detection),
        detection,
        out: request.out.clone(),
        stimuli: beside.stimuli,
    };
    if let Some(output) = output {
        let parameters = serde_json::json!(summary);
        let mut provenance = Provenance::new(request.command.clone(), None, parameters);
        provenance.add_input(&request.file)?;
        if let Some(path) = &request.reference {
            provenance.add_input(path)?;
        }
        if let StimuliFrom::List(path) = &request.stimuli
            && path.is_file()
        {
            provenance.add_input(path)?;
        }
        output.provenance(&provenance)?;
    }
    Ok(summary)
}

/// Where choices stand in a study: `STUDY/choices/STEM.parquet`.
#[must_use]
pub fn in_study(study: &Path, file: &Path) -> PathBuf {
    let stem = file.file_stem().unwrap_or_default();
    study.join("choices").join(stem).with_extension("parquet")
}

fn warnings(request: &ImportRequest, read_as: &Convention, detection: &Detection) -> Vec<String> {
    let (low, high) = detection.id_range;
    let open = request.base.is_none() && detection.base.is_none();
    let unshown = open && read_as.base == Base::Zero && low == 1;
    let warning = format!(
        "ids run from 1 to {high} and were taken to count from 0, so that no row shows the first stimulus; if the file \
         counts from 1, say --base 1 (a reference, --reference, could tell)"
    );
    unshown.then_some(warning).into_iter().collect()
}

fn read_options<'a>(
    request: &ImportRequest,
    format: Format,
    stimuli: Stimuli<'a>,
) -> Result<ReadOptions<'a>, WorkflowError> {
    let own = format.convention();
    let mut columns = TableColumns::default();
    if let Some(items) = &request.items {
        columns.items.clone_from(items);
    }
    if request.keys {
        columns.tokens = ItemTokens::Keys;
    }
    let is_table = format == Format::Table;
    let (mut odd, mut order) = (own.odd, None);
    match &request.odd {
        None => {}
        Some(StatedOdd::Item(column)) if is_table => {
            let place = [OddColumn::First, OddColumn::Second, OddColumn::Third];
            let at = place
                .iter()
                .position(|place| place == column)
                .unwrap_or_default();
            columns.odd = OddBy::Item(columns.items[at].clone());
            // A column that always has the odd one says nothing of where it was shown.
            order = Some(PresentedOrder::LostOddLast);
        }
        Some(StatedOdd::Item(column)) => odd = *column,
        Some(StatedOdd::Named(name)) if is_table && columns.items.contains(name) => {
            columns.odd = OddBy::Item(name.clone());
            order = Some(PresentedOrder::LostOddLast);
        }
        Some(StatedOdd::Named(name)) if is_table => columns.odd = OddBy::Place(name.clone()),
        Some(StatedOdd::Named(column)) => {
            return Err(WorkflowError::OddNeedsTable {
                column: column.clone(),
                format,
            });
        }
    }
    Ok(ReadOptions {
        convention: Some(Convention {
            odd,
            base: request.base.unwrap_or(own.base),
        }),
        leave_out_bad_rows: request.leave_out_bad_rows,
        presented_order: order,
        columns,
        ..ReadOptions::new(stimuli)
    })
}

fn check_reference(
    request: &ImportRequest,
    file: &EmbeddingFile,
    listed: Option<&StimulusSet>,
    stimuli: Stimuli<'_>,
) -> Result<(), WorkflowError> {
    let n = match stimuli {
        Stimuli::Set(set) => set.len(),
        Stimuli::Count(n) => n,
        Stimuli::Infer => file.embedding.n_stimuli(),
    };
    if n != file.embedding.n_stimuli() {
        return Err(EmbeddingError::StimulusCount {
            embedding: file.embedding.n_stimuli(),
            choices: n,
        }
        .into());
    }
    if let (Some(left), Some(right), StimuliFrom::List(path), Some(reference)) =
        (listed, &file.stimuli, &request.stimuli, &request.reference)
    {
        same_stimuli((path, left), (reference, right))?;
    }
    Ok(())
}

/// Refuses two lists of stimuli that differ, naming the first row that does.
pub(crate) fn same_stimuli(
    (left, ours): (&Path, &StimulusSet),
    (right, theirs): (&Path, &StimulusSet),
) -> Result<(), WorkflowError> {
    let key = |set: &StimulusSet, row| {
        set.keys()
            .get(row)
            .map_or_else(String::new, ToString::to_string)
    };
    match (0..ours.len().max(theirs.len()))
        .find(|&row| ours.keys().get(row) != theirs.keys().get(row))
    {
        None => Ok(()),
        Some(row) => Err(WorkflowError::StimuliDiffer {
            left: left.into(),
            right: right.into(),
            row: row + 1,
            left_key: key(ours, row),
            right_key: key(theirs, row),
        }),
    }
}

fn write_left_out(
    path: &Path,
    rows: &[LeftOut],
    overwrite: Overwrite,
) -> Result<(), WorkflowError> {
    use std::fmt::Write;
    let mut text = String::from("line\treason\n");
    for row in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}\t{}", row.line, row.reason);
    }
    Ok(output::write(path, overwrite, text.as_bytes())?)
}
