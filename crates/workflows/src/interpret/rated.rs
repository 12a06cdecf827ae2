//! Ratings as they are read, and what their columns measure.

use crate::WorkflowError;
use emotome_interpret::rating::{Rating, RatingKind};
use emotome_stimuli::StimulusSet;
use emotome_stimuli::array::{LabelledMatrix, read_matrix};
use emotome_stimuli::ratings::RatingsTable;
use ndarray::Array2;
use std::path::Path;

/// Which columns of the ratings are categories and which affective dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scales {
    /// As the sidecar says, or the names of the published table.
    Known,
    /// The first columns are categories, all others affective dimensions.
    Counted {
        /// The number of categories.
        categories: usize,
        /// The number of affective dimensions.
        dimensions: usize,
    },
}

/// Ratings, and what their columns measure.
pub(super) struct Rated {
    /// The stimuli of the rows, where the file names them.
    pub(super) stimuli: Option<StimulusSet>,
    pub(super) values: Array2<f64>,
    pub(super) kinds: Vec<Rating>,
    pub(super) raters: Option<u32>,
    pub(super) taken_for: Option<&'static str>,
}

impl Rated {
    pub(super) fn read(path: &Path, scales: Scales) -> Result<Self, WorkflowError> {
        match scales {
            Scales::Known => Self::known(path),
            Scales::Counted {
                categories,
                dimensions,
            } => Self::counted(path, categories, dimensions),
        }
    }

    /// A table whose sidecar, or whose names, say what the columns measure.
    fn known(path: &Path) -> Result<Self, WorkflowError> {
        let (table, taken_for) = RatingsTable::read_known(path)?;
        let kinds = table.scales.iter().map(|(name, scale)| {
            Rating::new(name.to_lowercase(), scale.kind).map_err(|source| WorkflowError::Kind {
                path: path.to_owned(),
                source,
            })
        });
        let kinds = kinds.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            raters: table.category_raters(),
            stimuli: Some(table.stimuli),
            values: table.values,
            kinds,
            taken_for,
        })
    }

    /// Any matrix whose first columns are categories and whose others are affective dimensions.
    fn counted(path: &Path, categories: usize, dimensions: usize) -> Result<Self, WorkflowError> {
        let LabelledMatrix {
            values,
            rows,
            columns,
        } = read_matrix(path)?;
        let found = values.ncols();
        if categories.checked_add(dimensions) != Some(found) {
            return Err(WorkflowError::ScalesCount {
                path: path.to_owned(),
                found,
                categories,
                dimensions,
            });
        }
        let rating = |column: usize| {
            let (kind, word, place) = match column {
                k if k < categories => (RatingKind::Category, "category", k),
                k => (RatingKind::Dimension, "dimension", k - categories),
            };
            let named = columns.as_ref().map(|names| names[column].to_lowercase());
            Rating {
                name: named.unwrap_or_else(|| format!("{word} {}", place + 1)),
                kind,
            }
        };
        Ok(Self {
            kinds: (0..found).map(rating).collect(),
            stimuli: rows,
            values,
            raters: None,
            taken_for: None,
        })
    }
}
