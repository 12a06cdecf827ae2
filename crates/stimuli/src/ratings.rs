//! Ratings of stimuli on named scales, with what is known of each scale.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::array::{ArrayError, names_keys, number, write_tsv};
use crate::finding::Severity::{Error, Note, Warning};
use crate::finding::{Finding, Findings};
use crate::output::{self, OutputError, Overwrite};
use crate::stimulus::{StimulusKey, StimulusSet};
use crate::table::Table;

/// What a scale measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Presence of an emotion category, e.g. the share of raters who chose it.
    Category,
    /// Position on an affective dimension, e.g. valence.
    Dimension,
    /// Not said.
    #[default]
    Unknown,
}

/// What is known of a scale.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// What it measures.
    #[serde(default)]
    pub kind: Kind,
    /// The unit of its values, e.g. `share of raters`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
    /// Its lowest possible value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Its highest possible value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The usual number of raters behind a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_raters: Option<u32>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The JSON file beside a ratings table.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sidecar {
    /// What the table holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Where it comes from: citation and DOI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// On what terms it may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The scales, by column name.
    #[serde(default)]
    pub scales: BTreeMap<String, Scale>,
}

/// Ratings of stimuli (rows, by key) on scales (columns, by name).
#[derive(Debug, Clone, PartialEq)]
pub struct RatingsTable {
    /// The name of the table: its file name without extension.
    pub name: String,
    /// The stimuli rated, in row order.
    pub stimuli: StimulusSet,
    /// The scales, in column order.
    pub scales: Vec<(String, Scale)>,
    /// The ratings, stimuli × scales; NaN where there is none.
    pub values: Array2<f64>,
    /// What the table holds.
    pub description: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// On what terms it may be used.
    pub licence: Option<String>,
}

/// Ratings put into the order of other stimuli, and what did not match.
#[derive(Debug, Clone, PartialEq)]
pub struct Aligned {
    /// The ratings, a row per stimulus asked for; all NaN where it was not rated.
    pub table: RatingsTable,
    /// Stimuli asked for that were not rated.
    pub unrated: Vec<StimulusKey>,
    /// Rated stimuli that were not asked for.
    pub unused: Vec<StimulusKey>,
}

/// Why ratings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RatingsError {
    /// The table or its sidecar has faults.
    #[error(
        "{path}: {n} errors in the ratings; the first:\n{first}",
        path = path.display()
    )]
    Unsound {
        /// The table.
        path: PathBuf,
        /// The number of errors.
        n: usize,
        /// The first of them.
        first: Box<Finding>,
    },
    /// The table is not the published one.
    #[error(
        "{path}: column {column} is {found:?}, expected {expected:?}; these are not the 34 category and \
         14 dimension ratings of Cowen & Keltner (2017): read them as a table of your own",
        path = path.display()
    )]
    NotCk2017 {
        /// The table.
        path: PathBuf,
        /// The first column that differs, counted from 1 after the keys.
        column: usize,
        /// Its name.
        found: String,
        /// The name expected.
        expected: String,
    },
    /// The table has no scale of this name.
    #[error("ratings {table:?} have no scale {scale:?}; they have {available}")]
    NoScale {
        /// The table.
        table: String,
        /// The scale asked for.
        scale: String,
        /// The scales there are.
        available: String,
    },
    /// The table cannot be written.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// The sidecar cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// The 34 emotion categories of Cowen & Keltner (2017), in file order.
pub const CK2017_CATEGORIES: [&str; 34] = [
    "Admiration",
    "Adoration",
    "Aesthetic Appreciation",
    "Amusement",
    "Anger",
    "Anxiety",
    "Awe",
    "Awkwardness",
    "Boredom",
    "Calmness",
    "Confusion",
    "Contempt",
    "Craving",
    "Disappointment",
    "Disgust",
    "Empathic Pain",
    "Entrancement",
    "Envy",
    "Excitement",
    "Fear",
    "Guilt",
    "Horror",
    "Interest",
    "Joy",
    "Nostalgia",
    "Pride",
    "Relief",
    "Romance",
    "Sadness",
    "Satisfaction",
    "Sexual Desire",
    "Surprise",
    "Sympathy",
    "Triumph",
];

/// The 14 affective dimensions of Cowen & Keltner (2017), in file order.
pub const CK2017_DIMENSIONS: [&str; 14] = [
    "approach",
    "arousal",
    "attention",
    "certainty",
    "commitment",
    "control",
    "dominance",
    "effort",
    "fairness",
    "identity",
    "obstruction",
    "safety",
    "upswing",
    "valence",
];

impl RatingsTable {
    /// Reads a TSV or CSV table: a header, keys in the first column, a column per scale; and the JSON
    /// sidecar of the same name, without which the scales are of unknown kind and range.
    ///
    /// # Errors
    /// [`RatingsError::Unsound`] counts the faults and shows the first.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, RatingsError> {
        let path = path.as_ref();
        let mut findings = Findings::default();
        let table = Self::load(Path::new(""), path, &mut findings);
        match (table, findings.first_error()) {
            (Some((table, _)), None) => Ok(table),
            (_, first) => Err(RatingsError::Unsound {
                path: path.to_owned(),
                n: findings.count(Error),
                first: Box::new(
                    first
                        .cloned()
                        .unwrap_or_else(|| unreachable!("no table without an error")),
                ),
            }),
        }
    }

    /// Reads the published ratings of 2,185 videos on 34 categories and 14 dimensions
    /// (Cowen & Keltner 2017, PNAS 114, E7900, <https://doi.org/10.1073/pnas.1702247114>).
    ///
    /// Categories are the share of raters who chose the name, 9 to 17 raters per video and most often 12;
    /// dimensions are means of 9 raters on a scale from 1 to 9. The numbers of raters follow from the
    /// values, which are multiples of 1/n.
    ///
    /// # Errors
    /// [`RatingsError::NotCk2017`] if a column is missing, renamed or moved, else as [`Self::read`].
    pub fn read_ck2017(path: impl AsRef<Path>) -> Result<Self, RatingsError> {
        let path = path.as_ref();
        let mut table = Self::read(path)?;
        let expected = CK2017_CATEGORIES.iter().chain(&CK2017_DIMENSIONS);
        let width = CK2017_CATEGORIES.len() + CK2017_DIMENSIONS.len();
        let found = table.scales.iter().map(|(name, _)| name.as_str());
        let padded = found
            .chain(std::iter::repeat(""))
            .zip(expected.copied().chain([""]));
        if let Some((column, (found, expected))) = (1..).zip(padded).find(|(_, (a, b))| a != b) {
            return Err(RatingsError::NotCk2017 {
                path: path.to_owned(),
                column,
                found: found.to_owned(),
                expected: if column > width {
                    "no further column"
                } else {
                    expected
                }
                .to_owned(),
            });
        }
        for (column, (_, scale)) in table.scales.iter_mut().enumerate() {
            *scale = if column < CK2017_CATEGORIES.len() {
                Scale {
                    kind: Kind::Category,
                    units: Some("share of raters who chose the category".into()),
                    min: Some(0.0),
                    max: Some(1.0),
                    n_raters: Some(12),
                    description: Some("9 to 17 raters per video, most often 12".into()),
                }
            } else {
                Scale {
                    kind: Kind::Dimension,
                    units: Some("mean rating".into()),
                    min: Some(1.0),
                    max: Some(9.0),
                    n_raters: Some(9),
                    description: None,
                }
            };
        }
        table.description =
            Some("Ratings of 2,185 short videos on 34 emotion categories and 14 dimensions".into());
        table.source = Some(
            "Cowen & Keltner (2017), PNAS 114, E7900, https://doi.org/10.1073/pnas.1702247114"
                .into(),
        );
        table.licence = Some("research use; cite, do not relicense".into());
        Ok(table)
    }

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

    /// The number of stimuli without a rating, for each scale.
    #[must_use]
    pub fn missing(&self) -> Vec<usize> {
        self.values
            .columns()
            .into_iter()
            .map(|column| column.iter().filter(|v| v.is_nan()).count())
            .collect()
    }

    /// The column of a scale.
    ///
    /// # Errors
    /// [`RatingsError::NoScale`] lists the scales there are.
    pub fn column(&self, scale: &str) -> Result<usize, RatingsError> {
        self.scales
            .iter()
            .position(|(name, _)| name == scale)
            .ok_or_else(|| RatingsError::NoScale {
                table: self.name.clone(),
                scale: scale.to_owned(),
                available: self
                    .scales
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            })
    }

    /// The ratings on scales of one kind.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Self {
        let columns: Vec<usize> = (0..self.scales.len())
            .filter(|&i| self.scales[i].1.kind == kind)
            .collect();
        Self {
            scales: columns.iter().map(|&i| self.scales[i].clone()).collect(),
            values: self.values.select(ndarray::Axis(1), &columns),
            ..self.clone()
        }
    }

    /// The ratings in the order of other stimuli, matched by key.
    #[must_use]
    pub fn align(&self, stimuli: &StimulusSet) -> Aligned {
        let mut values = Array2::from_elem((stimuli.len(), self.scales.len()), f64::NAN);
        let mut unrated = Vec::new();
        for (key, mut row) in stimuli.keys().iter().zip(values.rows_mut()) {
            match self.stimuli.get(key.as_str()) {
                Some(id) => row.assign(&self.values.row(id.index())),
                None => unrated.push(key.clone()),
            }
        }
        let unused = self
            .stimuli
            .keys()
            .iter()
            .filter(|key| stimuli.get(key.as_str()).is_none())
            .cloned()
            .collect();
        Aligned {
            table: Self {
                stimuli: stimuli.clone(),
                values,
                ..self.clone()
            },
            unrated,
            unused,
        }
    }

    /// Writes `folder/NAME.tsv` and its sidecar `folder/NAME.json`.
    ///
    /// # Errors
    /// [`RatingsError`] when a file exists and `overwrite` forbids it, or cannot be written.
    pub fn write(
        &self,
        folder: impl AsRef<Path>,
        overwrite: Overwrite,
    ) -> Result<(), RatingsError> {
        let path = folder.as_ref().join(format!("{}.tsv", self.name));
        let names: Vec<&str> = self.scales.iter().map(|(name, _)| name.as_str()).collect();
        write_tsv(&path, overwrite, &self.stimuli, &names, self.values.view())?;
        let sidecar = Sidecar {
            description: self.description.clone(),
            source: self.source.clone(),
            licence: self.licence.clone(),
            scales: self.scales.iter().cloned().collect(),
        };
        Ok(output::write_json(
            path.with_extension("json"),
            overwrite,
            &sidecar,
        )?)
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
    for scale in sidecar
        .scales
        .keys()
        .filter(|scale| !scales.iter().any(|(name, _)| name == *scale))
    {
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
    for (column, (scale, _)) in scales.iter().enumerate() {
        if scale.is_empty() || scales[..column].iter().any(|(other, _)| other == scale) {
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
