//! Ratings of stimuli on named scales, with what is known of each scale.

mod ck2017;
mod load;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

pub use ck2017::{CK2017_CATEGORIES, CK2017_DIMENSIONS};
pub(crate) use load::check_key;

use crate::array::{ArrayError, write_tsv};
use crate::finding::{Finding, Findings};
use crate::output::{self, OutputError, Overwrite};
use crate::stimulus::{StimulusKey, StimulusSet};

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
        let (table, _) = findings
            .sound(table)
            .map_err(|(n, first)| RatingsError::Unsound {
                path: path.to_owned(),
                n,
                first,
            })?;
        Ok(table)
    }

    /// The usual number of raters behind a category's value, where all categories state the same.
    #[must_use]
    pub fn category_raters(&self) -> Option<u32> {
        let categories = self.scales.iter().map(|(_, scale)| scale);
        let mut stated = categories
            .filter(|scale| scale.kind == Kind::Category)
            .map(|scale| scale.n_raters);
        let first = stated.next().flatten();
        first.filter(|_| stated.all(|n| n == first))
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
