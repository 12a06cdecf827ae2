//! Reading a ratings table and its sidecar so that every fault is found.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use ndarray::Array2;

use super::{RatingsTable, Scale, Sidecar};
use crate::array::{names_keys, number};
use crate::finding::Findings;
use crate::finding::Severity::{Error, Note, Warning};
use crate::stimulus::{StimulusKey, StimulusSet};
use crate::table::Table;

impl RatingsTable {
    /// Reads `root/name` and its sidecar; faults become findings. Also returns the line of each row.
    pub(crate) fn load(
        root: &Path,
        name: &Path,
        findings: &mut Findings,
    ) -> Option<(Self, Vec<u64>)> {
        let table = Table::read(root, name, findings)?;
        let sidecar_name = name.with_extension("json");
        let sidecar = load_sidecar(root, &sidecar_name, findings);
        if !names_keys(&table.header[0]) {
            findings.add(
                (Error, "no-key-column"),
                (name, Some(1)),
                format!("the first column is called {:?}", table.header[0]),
                "a first column \"key\" that holds the keys of the stimuli",
                "name it key, or add the keys",
            );
            return None;
        }
        if table.header.len() < 2 {
            findings.add(
                (Error, "no-scales"),
                (name, Some(1)),
                "the table has keys and no scale",
                "a column per scale",
                "add the ratings",
            );
            return None;
        }
        let scales: Vec<(String, Scale)> = table.header[1..]
            .iter()
            .map(|scale| {
                (
                    scale.clone(),
                    sidecar
                        .as_ref()
                        .and_then(|s| s.scales.get(scale))
                        .cloned()
                        .unwrap_or_default(),
                )
            })
            .collect();
        if let Some(sidecar) = &sidecar {
            check_columns(sidecar, &scales, (name, &sidecar_name), findings);
        }
        check_names(&scales, name, findings);
        let (mut keys, mut lines, mut values) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = HashMap::new();
        for (line, cells) in &table.rows {
            if !check_key(&cells[0], (name, *line), &mut seen, findings) {
                continue;
            }
            keys.push(cells[0].clone());
            lines.push(*line);
            for (cell, (scale, about)) in cells[1..].iter().zip(&scales) {
                let value = number(cell).unwrap_or_else(|| {
                    findings.add(
                        (Error, "not-a-number"),
                        (name, Some(*line)),
                        format!("{cell:?} as rating of {:?} on {scale:?}", cells[0]),
                        "a number, or n/a where there is none",
                        "correct the cell",
                    );
                    f64::NAN
                });
                values.push(value);
                let (low, high) = (
                    about.min.unwrap_or(f64::NEG_INFINITY),
                    about.max.unwrap_or(f64::INFINITY),
                );
                // Comparisons with NaN are false, so that a missing value is within every scale.
                if value < low || value > high || value.is_infinite() {
                    findings.add(
                        (Error, "out-of-scale"),
                        (name, Some(*line)),
                        format!("{value} as rating of {:?} on {scale:?}", cells[0]),
                        format!("a value from {low} to {high}"),
                        format!(
                            "correct the cell, or the scale in {}",
                            sidecar_name.display()
                        ),
                    );
                }
            }
        }
        // Keys were checked one by one.
        let stimuli = StimulusSet::from_labels(keys).ok()?;
        if stimuli.is_empty() {
            findings.add(
                (Error, "no-ratings"),
                (name, None),
                "no stimulus is rated",
                "a line per stimulus",
                "add the ratings, or delete the table",
            );
        }
        let values = Array2::from_shape_vec((stimuli.len(), scales.len()), values).ok()?;
        let Sidecar {
            description,
            source,
            licence,
            ..
        } = sidecar.unwrap_or_default();
        let name_text = name
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let ratings = Self {
            name: name_text,
            stimuli,
            scales,
            values,
            description,
            source,
            licence,
        };
        for ((scale, _), count) in ratings
            .scales
            .iter()
            .zip(ratings.missing())
            .filter(|(_, count)| *count > 0)
        {
            findings.add(
                (Note, "missing-ratings"),
                (name, None),
                format!(
                    "{count} of {} stimuli have no rating on {scale:?}",
                    ratings.stimuli.len()
                ),
                "a rating of every stimulus, or an analysis that allows for gaps",
                "fill the gaps, or choose how to treat NaN where the scale is used",
            );
        }
        Some((ratings, lines))
    }
}

/// Checks a key and notes its line; false if it cannot stand.
pub(crate) fn check_key(
    key: &str,
    (name, line): (&Path, u64),
    lines: &mut HashMap<String, u64>,
    findings: &mut Findings,
) -> bool {
    if let Err(error) = StimulusKey::new(key) {
        findings.add(
            (Error, "bad-key"),
            (name, Some(line)),
            error.to_string(),
            "a plain label such as \"0412.mp4\"",
            "rename the stimulus in every table",
        );
        return false;
    }
    if let Some(first) = lines.insert(key.to_owned(), line) {
        findings.add(
            (Error, "duplicate-key"),
            (name, Some(line)),
            format!("key {key:?} stands here and on line {first}"),
            "a line per stimulus",
            "remove or rename one",
        );
        lines.insert(key.to_owned(), first);
        return false;
    }
    true
}

fn load_sidecar(root: &Path, name: &Path, findings: &mut Findings) -> Option<Sidecar> {
    let text = match std::fs::read_to_string(root.join(name)) {
        Ok(text) => text,
        Err(error) => {
            findings.add(
                (Warning, "sidecar-missing"),
                (name, None),
                format!("the sidecar cannot be read: {error}"),
                "a JSON file that gives each scale's kind, units, min, max and n_raters",
                "write it; without it values are not checked and kinds are unknown",
            );
            return None;
        }
    };
    match serde_json::from_str(&text) {
        Ok(sidecar) => Some(sidecar),
        Err(error) => {
            findings.add(
                (Error, "bad-sidecar"),
                (name, Some(error.line() as u64)),
                error.to_string(),
                "description, source, licence and scales {name: {kind, units, min, max, n_raters, description}}",
                "correct the sidecar",
            );
            None
        }
    }
}

fn check_columns(
    sidecar: &Sidecar,
    scales: &[(String, Scale)],
    (name, sidecar_name): (&Path, &Path),
    findings: &mut Findings,
) {
    for (scale, _) in scales
        .iter()
        .filter(|(scale, _)| !sidecar.scales.contains_key(scale))
    {
        findings.add(
            (Warning, "scale-undescribed"),
            (sidecar_name, None),
            format!("scale {scale:?} of {} is not described", name.display()),
            "kind, units, min, max and n_raters of every scale",
            "add it under \"scales\"",
        );
    }
    let names: HashSet<&String> = scales.iter().map(|(name, _)| name).collect();
    for scale in sidecar.scales.keys().filter(|scale| !names.contains(scale)) {
        findings.add(
            (Warning, "scale-absent"),
            (sidecar_name, None),
            format!("scale {scale:?} is described and not in {}", name.display()),
            "the scales of the table",
            "remove it, or check its spelling",
        );
    }
}

fn check_names(scales: &[(String, Scale)], name: &Path, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for (column, (scale, _)) in scales.iter().enumerate() {
        if scale.is_empty() || !seen.insert(scale) {
            findings.add(
                (Error, "scale-name"),
                (name, Some(1)),
                format!(
                    "column {} is called {scale:?}, like another or like nothing",
                    column + 2
                ),
                "a name of its own for every scale",
                "rename the column",
            );
        }
    }
}
