//! What was shown when, from a table of events.

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::error::ImportError;

/// One sample of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What the source says was shown; none for rest and the like.
    pub label: Option<String>,
    /// Session.
    pub session: u32,
    /// Run, numbered throughout.
    pub run: u32,
    /// Place within the run, from 1.
    pub order: u32,
}

/// Which columns of a table of events are read.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `label` | `stim_file` | what was shown; `n/a` and empty: nothing |
/// | `session` | `session` | optional: 1 throughout if there is none |
/// | `run` | `run` | optional where each file of responses has its own events |
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventColumns {
    /// What was shown.
    pub label: String,
    /// The session.
    pub session: String,
    /// The run.
    pub run: String,
}

impl Default for EventColumns {
    fn default() -> Self {
        Self {
            label: "stim_file".into(),
            session: "session".into(),
            run: "run".into(),
        }
    }
}

/// Names of a column that says what was shown, the likeliest first.
const LABELS: [&str; 7] = [
    "stim_file",
    "stimulus",
    "key",
    "stimulus_name",
    "label",
    "stim",
    "trial_type",
];

impl EventColumns {
    /// The usual columns, with the one of a table that says what was shown: `stim_file`, else `stimulus`, `key`,
    /// `stimulus_name`, `label`, `stim` or `trial_type`, else the only one there is.
    ///
    /// # Errors
    /// [`ImportError::NoLabel`] with the columns there are.
    pub fn of(path: &Path) -> Result<Self, ImportError> {
        let mut header = String::new();
        std::fs::File::open(path)
            .and_then(|file| std::io::BufReader::new(file.take(1 << 20)).read_line(&mut header))
            .map_err(|source| ImportError::Io {
                path: path.to_owned(),
                source,
            })?;
        let columns = cells(header.trim_start_matches('\u{feff}'), separator(path));
        let named = LABELS
            .into_iter()
            .find_map(|name| columns.iter().find(|cell| cell.eq_ignore_ascii_case(name)));
        match (named, columns.as_slice()) {
            (Some(name), _) | (None, [name]) if !name.is_empty() => Ok(Self {
                label: name.clone(),
                ..Self::default()
            }),
            _ => Err(ImportError::NoLabel {
                path: path.to_owned(),
                found: columns.join(", "),
            }),
        }
    }
}

fn separator(path: &Path) -> char {
    let csv = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    if csv { ',' } else { '\t' }
}

fn cells(line: &str, separator: char) -> Vec<String> {
    let bare = |cell: &str| cell.trim().trim_matches('"').to_owned();
    line.split(separator).map(bare).collect()
}

/// Reads a table of events (TSV, or CSV where the file is called so), a line for each sample in order.
///
/// Without a column of runs all samples are of `run`; the place within a run is counted.
///
/// # Errors
/// [`ImportError::NoColumn`] with the columns there are, [`ImportError::Cell`] with the line.
pub fn read_events(
    path: &Path,
    columns: &EventColumns,
    run: Option<u32>,
) -> Result<Vec<Event>, ImportError> {
    let text = std::fs::read_to_string(path).map_err(|source| ImportError::Io {
        path: path.to_owned(),
        source,
    })?;
    let separator = separator(path);
    let mut lines = text
        .trim_start_matches('\u{feff}')
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    let header = lines.next().map_or("", |(_, line)| line);
    let names = cells(header, separator);
    let find = |name: &str| names.iter().position(|known| known == name);
    let missing = |name: &str| ImportError::NoColumn {
        path: path.to_owned(),
        wanted: name.to_owned(),
        found: names.join(", "),
    };
    let label = find(&columns.label).ok_or_else(|| missing(&columns.label))?;
    let (session_at, run_at) = (find(&columns.session), find(&columns.run));
    if run_at.is_none() && run.is_none() {
        return Err(missing(&columns.run));
    }
    let mut events = Vec::new();
    let mut seen: HashMap<u32, u32> = HashMap::new();
    for (at, line) in lines {
        let cells = cells(line, separator);
        let wrong = |what: String| ImportError::Cell {
            path: path.to_owned(),
            line: at + 1,
            what,
        };
        if cells.len() != names.len() {
            return Err(wrong(format!(
                "{} cells under {} columns",
                cells.len(),
                names.len()
            )));
        }
        let number = |column: Option<usize>, other: u32| match column {
            None => Ok(other),
            // BIDS numbers runs and sessions in text: run-01.
            Some(column) => cells[column]
                .rsplit('-')
                .next()
                .and_then(|n| n.parse().ok())
                .ok_or_else(|| {
                    wrong(format!(
                        "{} {:?}, expected a number",
                        names[column], cells[column]
                    ))
                }),
        };
        let run = number(run_at, run.unwrap_or(1))?;
        let order = seen.entry(run).or_insert(0);
        *order += 1;
        let shown = &cells[label];
        events.push(Event {
            label: (!matches!(shown.as_str(), "" | "n/a" | "NaN" | "nan")).then(|| shown.clone()),
            session: number(session_at, 1)?,
            run,
            order: *order,
        });
    }
    Ok(events)
}

/// The events of files of responses, each with its number of samples: from one table for all, or one for each file.
pub(super) fn of_files(
    files: &[(&Path, usize)],
    tables: &[PathBuf],
    columns: &EventColumns,
    recognised: &mut Vec<String>,
) -> Result<Vec<Event>, ImportError> {
    let check = |path: &Path, responses: usize, of: &Path, events: usize| {
        if responses == events {
            return Ok(());
        }
        Err(ImportError::Count {
            path: path.to_owned(),
            responses,
            of: of.to_owned(),
            events,
        })
    };
    let &[(first, _), ..] = files else {
        return Err(ImportError::NoSource { what: "responses" });
    };
    match tables {
        [] => Err(ImportError::NoSource { what: "events" }),
        [one] => {
            let events = read_events(one, columns, None)?;
            let responses = files.iter().map(|(_, count)| count).sum();
            check(first, responses, one, events.len())?;
            Ok(events)
        }
        several if several.len() == files.len() => {
            let mut events = Vec::new();
            for (at, (table, (path, count))) in several.iter().zip(files).enumerate() {
                let own = read_events(table, columns, Some(at as u32 + 1))?;
                check(path, *count, table, own.len())?;
                events.extend(own);
            }
            recognised.push(format!(
                "{} tables of events: where they have no column {:?}, each is a run of its own, in the order given",
                several.len(),
                columns.run
            ));
            Ok(events)
        }
        several => Err(ImportError::Tables {
            files: files.len(),
            tables: several.len(),
        }),
    }
}
