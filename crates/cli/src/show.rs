//! Numbers and tables as text for people.

use std::fmt::Write;
use std::path::PathBuf;

pub(crate) use emotome_figures::scale::count;

/// Bytes in binary units.
pub(crate) fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB"] {
        if value < 1024.0 {
            return format!("{value:.0} {unit}");
        }
        value /= 1024.0;
    }
    format!("{value:.2} GiB")
}

/// Label and value, aligned.
pub(crate) fn rows<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = rows
        .iter()
        .map(|(label, _)| label.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for (label, value) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{label:<width$}  {value}");
    }
    out
}

/// How many stimuli there are, and how that is known.
pub(crate) fn stimuli(n: usize, inferred: bool) -> String {
    let how = if inferred {
        " (inferred from the file; state --n-items to be sure)"
    } else {
        ""
    };
    format!("{}{how}", count(n as u64))
}

/// The files beside one of choices.
pub(crate) fn beside(
    keys: Option<&PathBuf>,
    probabilities: Option<&PathBuf>,
) -> Vec<(&'static str, String)> {
    [("keys", keys), ("probabilities", probabilities)]
        .into_iter()
        .filter_map(|(what, path)| Some((what, path?.display().to_string())))
        .collect()
}
