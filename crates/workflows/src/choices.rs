//! Choices from bare files, and the stimuli they are about.

pub(crate) mod stored;

use crate::WorkflowError;
use emotome_stimuli::run::Run;
use emotome_stimuli::stimulus::KeyError;
use emotome_stimuli::{StimulusId, StimulusSet, keys};
use emotome_triplets::formats::{
    ChoiceTable, Format, FormatError, Imported, ItemTokens, Labels, ReadOptions, RowError, Stimuli,
    TableColumns,
};
use emotome_triplets::journal::Journal;
use emotome_triplets::{Choice, ChoiceSet, Triplet};
use std::path::{Path, PathBuf};

/// A file of choices, or a journal, and how to read it.
#[derive(Debug, Clone)]
pub struct ChoiceFile {
    /// The file.
    pub path: PathBuf,
    /// Its format; if not given, a journal by its first bytes, anything else by its extension.
    pub format: Option<Format>,
    /// The number of stimuli; inferred, and reported as inferred, if not given.
    pub n_stimuli: Option<usize>,
    /// The stimuli that its numbers stand for, in order: a study folder, or text with one key a line. By
    /// default `STEM.stimuli.txt`, if it is there.
    pub stimuli: Option<PathBuf>,
}

/// The format that an extension stands for: `.txt`, `.npy` and `.npz` hold the odd one last, `.csv` and
/// `.tsv` a table, `.parquet` canonical records.
///
/// # Errors
/// [`WorkflowError::UnknownFormat`] for any other extension.
pub fn format_of(path: &Path) -> Result<Format, WorkflowError> {
    let extension = path
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("txt" | "npy" | "npz") => Ok(Format::LastOdd),
        Some("csv" | "tsv") => Ok(Format::Table),
        Some("parquet") => Ok(Format::Parquet),
        _ => Err(WorkflowError::UnknownFormat {
            path: path.into(),
            known: Format::ALL.map(Format::name).join(", "),
        }),
    }
}

impl ChoiceFile {
    /// A file whose extension and content say everything.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            format: None,
            n_stimuli: None,
            stimuli: None,
        }
    }

    /// Where the keys of its stimuli are, apart from the file itself.
    ///
    /// # Errors
    /// [`WorkflowError::UnknownFormat`].
    pub fn keys(&self) -> Result<Option<PathBuf>, WorkflowError> {
        if self.is_journal() {
            return Ok(self.stimuli.clone());
        }
        let beside = keys::beside(&self.path);
        // Canonical records say themselves what their numbers stand for.
        let beside = (self.format()? != Format::Parquet && beside.is_file()).then_some(beside);
        Ok(self.stimuli.clone().or(beside))
    }

    fn is_journal(&self) -> bool {
        self.format.is_none() && Journal::is_at(&self.path)
    }

    fn format(&self) -> Result<Format, WorkflowError> {
        self.format.map_or_else(|| format_of(&self.path), Ok)
    }
}

/// Choices and the stimuli they are about.
#[derive(Debug, Clone)]
pub struct Choices {
    /// The choices with what else is known of them.
    pub table: ChoiceTable,
    /// The stimuli, where the file, or a list beside it, names them.
    pub stimuli: Option<StimulusSet>,
    /// Whether the number of stimuli was inferred from the file.
    pub n_inferred: bool,
}

/// Reads choices, of a journal those of all its agents; rows that cannot be read are refused by line.
///
/// The result names its stimuli where the file, or a list beside it, does. With a `target`, the file and
/// stimuli that choices are to be about, ids are rows of the target: choices that name their stimuli
/// are joined by key, numbers without names are taken as its rows.
///
/// # Errors
/// [`WorkflowError::UnknownFormat`] and those of [`Format::read`] and [`Journal::open`];
/// [`WorkflowError::StimuliCount`] where the list has another length than stated;
/// [`WorkflowError::RowsOrKeys`] for numbers of a table that may be either, [`WorkflowError::Key`] for a
/// key that the target lacks.
pub fn read(
    file: &ChoiceFile,
    target: Option<(&Path, &StimulusSet)>,
    run: Run<'_>,
) -> Result<Choices, WorkflowError> {
    let own = match file.keys()? {
        None => None,
        Some(path) => Some((keys::read(&path)?, path)),
    };
    let known = match (&own, target) {
        (Some((set, path)), _) => Some((path.as_path(), set)),
        (None, target) => target,
    };
    if let (Some((list, set)), Some(stated)) = (known, file.n_stimuli)
        && set.len() != stated
    {
        return Err(WorkflowError::StimuliCount {
            list: list.into(),
            found: set.len(),
            stated,
        });
    }
    let mut found = if file.is_journal() {
        journal(file, known.map(|(_, set)| set), run)?
    } else {
        let imported = if file.format()? == Format::Table {
            table(file, known, run)?
        } else {
            let stimuli = match (known, file.n_stimuli) {
                (Some((_, set)), _) => Stimuli::Set(set),
                (None, Some(n)) => Stimuli::Count(n),
                (None, None) => Stimuli::Infer,
            };
            (file.format()?).read(&file.path, &ReadOptions::new(stimuli), run)?
        };
        Choices {
            table: imported.table,
            stimuli: imported.stimuli,
            n_inferred: imported.n_inferred,
        }
    };
    if let Some((set, _)) = own {
        match target {
            Some((_, target)) if *target != set => {
                let choices = std::mem::replace(&mut found.table.choices, ChoiceSet::empty(0));
                found.table.choices = by_key(choices, &set, target)?;
            }
            _ => found.stimuli = Some(set),
        }
    }
    Ok(found)
}

/// The choices of all agents of a journal, joined by key to known stimuli.
fn journal(
    file: &ChoiceFile,
    known: Option<&StimulusSet>,
    run: Run<'_>,
) -> Result<Choices, WorkflowError> {
    let journal = Journal::open(&file.path)?;
    let set = journal.stimuli()?;
    if let (None, Some(stated)) = (known, file.n_stimuli)
        && set.len() != stated
    {
        return Err(WorkflowError::StimuliCount {
            list: file.path.clone(),
            found: set.len(),
            stated,
        });
    }
    let (mut table, _) = stored::table(&journal, &stored::all_agents(&journal)?, &[], run)?;
    if table.choices.is_empty() {
        return Err(FormatError::Empty {
            path: file.path.clone(),
        }
        .into());
    }
    let stimuli = match known {
        Some(known) if *known != set => {
            let choices = std::mem::replace(&mut table.choices, ChoiceSet::empty(0));
            table.choices = by_key(choices, &set, known)?;
            None
        }
        Some(_) => None,
        None => Some(set),
    };
    Ok(Choices {
        table,
        stimuli,
        n_inferred: false,
    })
}

/// The agent of a name, or the only one, and the rows of its choices; `None` where no column says who chose.
///
/// # Errors
/// [`WorkflowError::WhichOfAgents`] for several agents none of which is named, and for an unknown name.
pub(crate) fn one_agent(
    path: &Path,
    labels: Option<&Labels>,
    named: Option<&str>,
) -> Result<Option<(String, Vec<usize>)>, WorkflowError> {
    let Some(Labels { names, codes }) = labels else {
        return Ok(None);
    };
    let agent = match named {
        Some(named) => names.iter().position(|name| name == named),
        None => (names.len() == 1).then_some(0),
    };
    let Some(agent) = agent else {
        let mut counts = vec![0; names.len()];
        for &code in codes {
            counts[code as usize] += 1;
        }
        return Err(WorkflowError::WhichOfAgents {
            path: path.into(),
            known: names.iter().cloned().zip(counts).collect(),
        });
    };
    let rows = (0..codes.len()).filter(|&row| codes[row] as usize == agent);
    Ok(Some((names[agent].clone(), rows.collect())))
}

/// Says so where choices of several agents are taken together.
pub(crate) fn tell_of_pooling(path: &Path, labels: Option<&Labels>, run: Run<'_>) {
    if let Some(Labels { names, .. }) = labels
        && names.len() > 1
    {
        let shown: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
        run.progress.note(&format!(
            "{}: choices of {} agents are taken together, of {}{}; give a file of one agent to keep them apart",
            path.display(),
            names.len(),
            shown.join(", "),
            if names.len() > shown.len() { " and others" } else { "" },
        ));
    }
}

/// The stimuli that appear in some choices, ascending.
pub(crate) fn judged(choices: &ChoiceSet) -> Vec<usize> {
    let mut seen = vec![false; choices.n_stimuli()];
    for id in choices.choices().iter().flat_map(|c| c.triplet.items()) {
        seen[id.index()] = true;
    }
    (0..seen.len()).filter(|&i| seen[i]).collect()
}

/// Choices among the stimuli of one set as choices among those of another, matched by key.
///
/// # Errors
/// [`WorkflowError::Key`] for the first key that the other set lacks.
pub(crate) fn by_key(
    choices: ChoiceSet,
    from: &StimulusSet,
    to: &StimulusSet,
) -> Result<ChoiceSet, WorkflowError> {
    let places: Vec<Option<StimulusId>> =
        from.keys().iter().map(|key| to.get(key.as_str())).collect();
    let place =
        |id: StimulusId| places[id.index()].map_or_else(|| to.id(from.key(id).as_str()), Ok);
    let moved = choices.into_choices().into_iter().map(|choice| {
        let [a, b, c] = choice.triplet.items().map(place);
        // Distinct keys have distinct places.
        let triplet = Triplet::new([a?, b?, c?]).unwrap_or(choice.triplet);
        Ok(Choice { triplet, ..choice })
    });
    let moved = moved.collect::<Result<Vec<_>, KeyError>>()?;
    Ok(ChoiceSet::new(to.len(), moved)?)
}

/// A table does not say whether it names stimuli by number or by key: the reading that makes sense of
/// every row is right, and two that do must agree.
fn table(
    file: &ChoiceFile,
    known: Option<(&Path, &StimulusSet)>,
    run: Run<'_>,
) -> Result<Imported, WorkflowError> {
    let read = |tokens| {
        let stimuli = match (known, file.n_stimuli) {
            (Some((_, set)), _) => Stimuli::Set(set),
            (None, Some(n)) => Stimuli::Count(n),
            (None, None) => Stimuli::Infer,
        };
        let options = ReadOptions {
            columns: TableColumns {
                tokens,
                ..TableColumns::default()
            },
            ..ReadOptions::new(stimuli)
        };
        Format::Table.read(&file.path, &options, run)
    };
    let by_number = read(ItemTokens::Ids);
    let Some((list, set)) = known else {
        // One key among numbers is a slip; a table of keys has no numbers at all.
        let by_key = (file.n_stimuli.is_none() && by_number.as_ref().is_err_and(not_a_number))
            .then(|| read(ItemTokens::Keys).ok())
            .flatten()
            .filter(|imported| imported.stimuli.as_ref().is_some_and(all_words));
        return Ok(by_key.map_or(by_number, Ok)?);
    };
    if by_number.is_ok() && all_words(set) {
        return Ok(by_number?);
    }
    match (by_number, read(ItemTokens::Keys)) {
        (Ok(numbers), Ok(keys)) if numbers.table.choices != keys.table.choices => {
            Err(WorkflowError::RowsOrKeys {
                choices: file.path.clone(),
                stimuli: list.into(),
            })
        }
        (Ok(found), _) | (Err(_), Ok(found)) => Ok(found),
        (Err(number), Err(key)) => Err(if not_a_number(&number) { key } else { number }.into()),
    }
}

/// Whether a row could not be read because it has words where numbers are expected.
pub(crate) const fn not_a_number(error: &FormatError) -> bool {
    matches!(
        error,
        FormatError::Row {
            source: RowError::NotAnInteger { .. },
            ..
        }
    )
}

/// Whether no key looks like a number.
pub(crate) fn all_words(set: &StimulusSet) -> bool {
    !set.keys()
        .iter()
        .any(|key| key.as_str().parse::<i64>().is_ok())
}

/// Whether keys are the numbers of their rows, as files without names are written.
pub(crate) fn is_numbered(set: &StimulusSet) -> bool {
    (0..set.len())
        .zip(set.keys())
        .all(|(row, key)| key.as_str() == row.to_string())
}
