//! What was presented when: the table of samples.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use emotome_stimuli::StimulusKey;

use super::error::StoreError;

const HEADER: &str = "sample\tstimulus\tlabel\tsession\trun\torder\trepeat\tkept\treason\tsame_as";

/// One response of the brain: to which stimulus, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The stimulus.
    pub stimulus: StimulusKey,
    /// What the source calls it.
    pub label: String,
    /// Session, as the source numbers it.
    pub session: u32,
    /// Run; runs of different sessions have different numbers.
    pub run: u32,
    /// Place within the run, from 1.
    pub order: u32,
    /// Presentation of this stimulus, from 1.
    pub repeat: u32,
    /// Why the sample takes no part in analyses unless asked for; none if it does.
    pub left_out: Option<String>,
    /// An earlier stimulus that shows the same under another key.
    pub same_as: Option<StimulusKey>,
}

impl Sample {
    /// Whether the sample takes part in analyses.
    pub fn kept(&self) -> bool {
        self.left_out.is_none()
    }
}

/// Numbers presentations of each stimulus in the order of the samples.
pub(super) fn number_repeats(samples: &mut [Sample]) {
    let mut seen = HashMap::new();
    for sample in samples {
        let count = seen.entry(sample.stimulus.clone()).or_insert(0);
        *count += 1;
        sample.repeat = *count;
    }
}

/// Folds of whole runs: the distinct runs in ascending order, `runs_per_fold` to a fold, the rest in the last
/// of `folds`.
///
/// Horikawa et al. (2020), doi:10.1016/j.isci.2020.101060: 61 runs, 10 to a fold, 6 folds, the last of 11.
///
/// ```
/// use emotome_brain::store::run_folds;
/// let runs: Vec<u32> = (1..=61).flat_map(|run| [run; 36]).collect();
/// let folds = run_folds(&runs, 10, 6);
/// let size = |fold| folds.iter().filter(|&&f| f == fold).count();
/// assert_eq!([0, 1, 2, 3, 4, 5].map(size), [360, 360, 360, 360, 360, 396]);
/// ```
pub fn run_folds(runs: &[u32], runs_per_fold: usize, folds: usize) -> Vec<usize> {
    let mut distinct = runs.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let fold = |run: &u32| {
        let rank = distinct.partition_point(|other| other < run);
        (rank / runs_per_fold.max(1)).min(folds.max(1) - 1)
    };
    runs.iter().map(fold).collect()
}

pub(super) fn to_tsv(samples: &[Sample]) -> String {
    let mut text = format!("{HEADER}\n");
    for (at, s) in samples.iter().enumerate() {
        let _ = writeln!(
            text,
            "{at}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            s.stimulus,
            s.label,
            s.session,
            s.run,
            s.order,
            s.repeat,
            u8::from(s.kept()),
            s.left_out.as_deref().unwrap_or("n/a"),
            s.same_as.as_ref().map_or("n/a", StimulusKey::as_str),
        );
    }
    text
}

pub(super) fn from_tsv(path: &Path, text: &str) -> Result<Vec<Sample>, StoreError> {
    let mut samples: Vec<Sample> = Vec::new();
    for (at, line) in lines(path, text, HEADER)? {
        let wrong = |what: String| StoreError::Line {
            path: path.to_owned(),
            line: at,
            what,
        };
        let cells: Vec<&str> = line.split('\t').collect();
        let &[
            index,
            stimulus,
            label,
            session,
            run,
            order,
            repeat,
            kept,
            reason,
            same_as,
        ] = cells.as_slice()
        else {
            return Err(wrong(format!("{} cells, expected 10", cells.len())));
        };
        if index.parse() != Ok(samples.len()) {
            return Err(wrong(format!(
                "sample {index:?}, expected {}",
                samples.len()
            )));
        }
        let number = |name: &str, cell: &str| {
            cell.parse()
                .map_err(|_| wrong(format!("{name} {cell:?}, expected a whole number")))
        };
        let left_out = match (kept, reason) {
            ("1", "n/a") => None,
            ("0", reason) if reason != "n/a" => Some(reason.to_owned()),
            _ => {
                return Err(wrong(format!(
                    "kept {kept:?} with reason {reason:?}; expected 1 with n/a, or 0 with a reason"
                )));
            }
        };
        samples.push(Sample {
            stimulus: StimulusKey::new(stimulus)?,
            label: label.to_owned(),
            session: number("session", session)?,
            run: number("run", run)?,
            order: number("order", order)?,
            repeat: number("repeat", repeat)?,
            left_out,
            same_as: match same_as {
                "n/a" => None,
                key => Some(StimulusKey::new(key)?),
            },
        });
    }
    Ok(samples)
}

/// The lines of a table below its header, numbered from 1 in the file.
pub(super) fn lines<'a>(
    path: &Path,
    text: &'a str,
    header: &str,
) -> Result<impl Iterator<Item = (usize, &'a str)>, StoreError> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    match lines.next() {
        Some((_, found)) if found == header => Ok(lines),
        found => Err(StoreError::Line {
            path: path.to_owned(),
            line: 1,
            what: format!(
                "header {:?}, expected {header:?}",
                found.map_or("", |(_, line)| line)
            ),
        }),
    }
}
